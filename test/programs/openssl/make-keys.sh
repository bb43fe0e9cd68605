# Makes /keys, natively and once: what it makes is random, and the same for every engine.
set -e
mkdir /keys; cd /keys; seq 100 > data
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
for c in P-256 P-384 P-521 secp256k1; do
  name=$(echo $c | tr -d - | tr P p)
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$c -out $name.pem
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$c | openssl pkey -pubout -out $name-peer.pub
  openssl dgst -sha256 -sign $name.pem -out $name.sig data
done
for a in ed25519 ed448; do openssl genpkey -algorithm $a -out $a.pem; done
for a in x25519 x448; do
  openssl genpkey -algorithm $a -out $a.pem; openssl genpkey -algorithm $a | openssl pkey -pubout -out $a-peer.pub
done
openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048 -out ffdhe2048.pem
openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048 | openssl pkey -pubout -out ffdhe2048-peer.pub
head -c 32 data > short
for p in pkcs1 oaep; do openssl pkeyutl -encrypt -inkey rsa.pem -pkeyopt rsa_padding_mode:$p -in short -out rsa-$p.enc; done
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign rsa.pem -out rsa-pss.sig data
