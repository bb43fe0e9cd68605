# A certificate authority with fixed dates and serial numbers, so that RSA certificates are the same bytes.
cat > cnf <<'C'
[ca]
default_ca=d
[d]
new_certs_dir=.
database=index
serial=serial
default_md=sha256
policy=p
x509_extensions=e
[p]
commonName=supplied
[e]
basicConstraints=CA:true
subjectKeyIdentifier=hash
[leaf]
basicConstraints=CA:false
subjectAltName=DNS:leaf.test,IP:127.0.0.1
authorityKeyIdentifier=keyid
[req]
distinguished_name=n
[n]
C
: > index; echo 1000 > serial
when='-startdate 20200101000000Z -enddate 20491231235959Z'
openssl req -config cnf -new -key /keys/rsa.pem -subj /CN=root -out root.csr; openssl req -in root.csr -noout -text -verify
openssl ca -config cnf -batch -notext -selfsign $when -keyfile /keys/rsa.pem -in root.csr -out root.crt 2>/dev/null; cat root.crt
openssl req -config cnf -new -key /keys/ed25519.pem -subj /CN=leaf -out leaf.csr
openssl ca -config cnf -batch -notext $when -extensions leaf -keyfile /keys/rsa.pem -cert root.crt -in leaf.csr -out leaf.crt 2>/dev/null; cat index leaf.crt
openssl x509 -in leaf.crt -noout -text -fingerprint -sha256; openssl verify -CAfile root.crt leaf.crt root.crt; openssl verify leaf.crt 2>&1; echo $?
openssl verify -CAfile root.crt -verify_hostname leaf.test leaf.crt; openssl verify -CAfile root.crt -verify_hostname other.test leaf.crt 2>&1; echo $?
openssl verify -CAfile root.crt -attime 1500000000 leaf.crt 2>&1; echo $?
for k in rsa p256 p384 ed25519 ed448; do openssl req -config cnf -x509 -key /keys/$k.pem -subj /CN=$k -days 30 -out $k.crt; openssl verify -CAfile $k.crt $k.crt; openssl x509 -in $k.crt -noout -subject -issuer -pubkey; done
openssl crl2pkcs7 -nocrl -certfile root.crt -certfile leaf.crt -out c.p7; openssl pkcs7 -in c.p7 -print_certs -noout
openssl pkcs12 -export -inkey /keys/rsa.pem -in root.crt -passout pass:x -out c.p12; openssl pkcs12 -in c.p12 -passin pass:x -nodes -nokeys | sed -n '/BEGIN/,/END/p' | cmp - root.crt; openssl pkcs12 -in c.p12 -passin pass:y 2>/dev/null; echo $?
seq 300 > data; openssl cms -sign -binary -in data -signer root.crt -inkey /keys/rsa.pem -outform DER -nodetach -out s.cms; openssl cms -verify -inform DER -in s.cms -CAfile root.crt -purpose any | tr -d '\r' | md5sum
for c in aes-128-gcm aes-256-cbc des3; do openssl cms -encrypt -binary -$c -in data -outform DER -out e.cms root.crt; echo $?; openssl cms -decrypt -inform DER -in e.cms -inkey /keys/rsa.pem | md5sum; done
openssl ca -config cnf -revoke leaf.crt -keyfile /keys/rsa.pem -cert root.crt 2>/dev/null; echo $?; openssl ca -config cnf -gencrl -keyfile /keys/rsa.pem -cert root.crt -crl_lastupdate 20200101000000Z -crl_nextupdate 20491231235959Z -out crl 2>/dev/null; openssl crl -in crl -noout -issuer -lastupdate -nextupdate
openssl verify -CAfile root.crt -CRLfile crl -crl_check leaf.crt 2>&1; echo $?
