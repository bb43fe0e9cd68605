# Connections on the loopback interface: authenticated ciphers and key agreements together.
openssl req -x509 -key /keys/rsa.pem -subj /CN=server -days 30 -out s.crt 2>/dev/null
seq 3000 > data
talk() { # PORT SERVER-OPTIONS CLIENT-OPTIONS
  openssl s_server -accept 127.0.0.1:$1 -key /keys/rsa.pem -cert s.crt -quiet -naccept 1 $2 < data > got 2> serr & server=$!
  i=0; until grep -qi ":$(printf %04x $1) " /proc/net/tcp; do i=$((i + 1)); [ $i = 200 ] && echo 'no server'; [ $i -lt 200 ] || break; sleep 0.1; done
  (echo question; sleep 0.2) | openssl s_client -connect 127.0.0.1:$1 -CAfile s.crt $3 > out 2> cerr; echo "client $?"
  wait $server; echo "server $?"
  grep -E 'Cipher is|^Server Temp Key|Verify return code: ' out | sort -u; grep -c '^[0-9]*$' out; cat got
}
p=45000
for c in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_CCM_SHA256; do p=$((p + 1)); talk $p "-tls1_3 -ciphersuites $c" "-ciphersuites $c"; done
for c in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-SHA384 DHE-RSA-CHACHA20-POLY1305 AES128-SHA256 AES256-CCM8; do p=$((p + 1)); talk $p "-tls1_2 -cipher $c" "-cipher $c"; done
for g in P-256 P-384 X448 ffdhe2048; do p=$((p + 1)); talk $p "-groups $g" "-groups $g"; done
