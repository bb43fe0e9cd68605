# Keyed digests.
printf abc > d3; seq 2500 > dn; k=000102030405060708090a0b0c0d0e0f k32=$k$k iv=cafebabefacedbaddecaf888
openssl list -mac-algorithms | sort
for d in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-512 blake2s256 sm3; do openssl dgst -$d -hmac secret d3 dn; done
openssl mac -digest sha384 -macopt hexkey:$k32$k32$k32$k32$k -in dn HMAC
for c in aes-128-cbc aes-256-cbc camellia-192-cbc des-ede3-cbc aria-128-cbc sm4-cbc; do
  case $c in *256*) key=$k32;; *192*|des*) key=${k}0123456789abcdef;; *) key=$k;; esac
  openssl mac -cipher $c -macopt hexkey:$key -in dn CMAC 2>/dev/null; echo "$c $?"
done
for c in aes-128-gcm aes-192-gcm aes-256-gcm; do
  case $c in *256*) key=$k32;; *192*) key=${k}0123456789abcdef;; *) key=$k;; esac
  for f in d3 dn; do openssl mac -cipher $c -macopt hexkey:$key -macopt hexiv:$iv -in $f GMAC; done
done
for m in KMAC-128 KMAC-256; do openssl mac -macopt hexkey:$k32 -macopt custom:label -macopt size:50 -in dn $m; done
for m in BLAKE2BMAC BLAKE2SMAC POLY1305; do openssl mac -macopt hexkey:$k32 -in dn $m; done
for n in 8 16; do openssl mac -macopt hexkey:$k -macopt size:$n -in dn SIPHASH; done
openssl mac -macopt hexkey:$k -in dn GMAC 2>/dev/null; echo "no cipher $?"
