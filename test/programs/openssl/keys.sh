# Keys of /keys, made when the root was: signatures that hold no random numbers byte for byte, others verified here.
seq 500 > data; seq 501 > other; sha256sum < data | cut -c-64 > hash; head -c 32 data > short
for k in /keys/*.pem; do echo $k; openssl pkey -in $k -noout -text -check 2>&1; openssl pkey -in $k -pubout -out $(basename $k .pem).pub; cat $(basename $k .pem).pub; done
for d in md5 sha1 sha256 sha512 sha3-384; do openssl dgst -$d -sign /keys/rsa.pem -out s data; sha256sum s; openssl dgst -$d -verify rsa.pub -signature s data; openssl dgst -$d -verify rsa.pub -signature s other 2>/dev/null; echo $?; done
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify rsa.pub -signature /keys/rsa-pss.sig /keys/data
for salt in 0 digest max; do openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:$salt -sign /keys/rsa.pem -out s data; [ $salt = 0 ] && sha256sum s; wc -c < s; openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify rsa.pub -signature s data; openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify rsa.pub -signature s other 2>/dev/null; echo $?; done
for p in pkcs1 oaep; do openssl pkeyutl -decrypt -inkey /keys/rsa.pem -pkeyopt rsa_padding_mode:$p -in /keys/rsa-$p.enc; openssl pkeyutl -encrypt -pubin -inkey rsa.pub -pkeyopt rsa_padding_mode:$p -in short -out e; wc -c < e; openssl pkeyutl -decrypt -inkey /keys/rsa.pem -pkeyopt rsa_padding_mode:$p -in e | cmp - short; echo $?; done
openssl pkeyutl -decrypt -inkey /keys/rsa.pem -pkeyopt rsa_padding_mode:oaep -in s 2>/dev/null; echo $?
for c in p256 p384 p521 secp256k1; do openssl dgst -sha256 -verify $c.pub -signature /keys/$c.sig /keys/data; openssl dgst -sha384 -sign /keys/$c.pem -out s data; openssl dgst -sha384 -verify $c.pub -signature s data; openssl dgst -sha384 -verify $c.pub -signature s other; echo $?; done
for c in ed25519 ed448; do openssl pkeyutl -sign -rawin -inkey /keys/$c.pem -in data -out s; sha256sum s; openssl pkeyutl -verify -rawin -pubin -inkey $c.pub -sigfile s -in data; openssl pkeyutl -verify -rawin -pubin -inkey $c.pub -sigfile s -in other; echo $?; done
for c in x25519 x448 p256 p384 ffdhe2048; do openssl pkeyutl -derive -inkey /keys/$c.pem -peerkey /keys/$c-peer.pub | sha256sum; done
openssl pkeyutl -derive -inkey /keys/x25519.pem -peerkey p256.pub 2>/dev/null; echo $?
for a in x25519 ed448 'EC -pkeyopt ec_paramgen_curve:P-256' 'DH -pkeyopt group:ffdhe2048'; do openssl genpkey -algorithm $a -out n.pem && openssl pkey -in n.pem -check -noout; done
openssl pkey -in /keys/p256.pem -aes256 -passout pass:secret -out enc.pem; head -n 1 enc.pem; openssl pkey -in enc.pem -passin pass:secret | cmp - /keys/p256.pem; openssl pkey -in enc.pem -passin pass:wrong 2>/dev/null; echo $?
openssl prime -hex FFFFFFFFFFFFFFC5 FFFFFFFFFFFFFFC7; openssl prime $(openssl prime -generate -bits 128) | sed 's/.*is/is/'; openssl asn1parse -in rsa.pub
