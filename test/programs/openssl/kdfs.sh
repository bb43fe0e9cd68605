# Key derivation.
openssl list -kdf-algorithms | sort
k='-kdfopt hexkey:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'
for d in SHA1 SHA256 SHA512 SHA3-256 SM3; do openssl kdf -keylen 70 -kdfopt digest:$d -kdfopt pass:password -kdfopt salt:saltsaltsaltsalt -kdfopt iter:40 PBKDF2; openssl kdf -keylen 50 -kdfopt digest:$d $k -kdfopt salt:salt -kdfopt info:label HKDF; done
openssl kdf -keylen 64 -kdfopt pass:password -kdfopt salt:NaCl -kdfopt n:64 -kdfopt r:8 -kdfopt p:2 SCRYPT
openssl kdf -keylen 32 -kdfopt pass: -kdfopt salt: -kdfopt n:16 -kdfopt r:1 -kdfopt p:1 SCRYPT
openssl kdf -keylen 40 -kdfopt digest:SHA256 $k -kdfopt info:label SSKDF; openssl kdf -keylen 40 -kdfopt mac:KMAC128 -kdfopt maclen:20 $k -kdfopt salt:salt SSKDF
openssl kdf -keylen 40 -kdfopt digest:SHA256 -kdfopt secret:secret -kdfopt seed:seed TLS1-PRF; openssl kdf -keylen 40 -kdfopt digest:MD5-SHA1 -kdfopt secret:secret -kdfopt seed:seed TLS1-PRF
openssl kdf -keylen 16 -kdfopt digest:SHA256 $k -kdfopt hexxcghash:0011223344556677889900112233445566778899001122334455667788990011 -kdfopt hexsession_id:00112233 -kdfopt type:A SSHKDF
openssl kdf -keylen 14 -kdfopt digest:SHA1 $k -kdfopt cekalg:id-aes128-wrap X942KDF-ASN1; openssl kdf -keylen 40 -kdfopt digest:SHA224 $k -kdfopt info:label X963KDF
openssl kdf -keylen 40 -kdfopt mac:HMAC -kdfopt digest:SHA256 $k -kdfopt salt:salt -kdfopt info:info KBKDF
openssl kdf -keylen 16 -kdfopt mode:COUNTER -kdfopt mac:CMAC -kdfopt cipher:AES-256-CBC $k -kdfopt salt:salt KBKDF
openssl kdf -keylen 16 -kdfopt cipher:AES-128-CBC -kdfopt hexkey:000102030405060708090a0b0c0d0e0f -kdfopt constant:seedseed KRB5KDF
openssl kdf -keylen 24 -kdfopt digest:SHA256 -kdfopt pass:password -kdfopt salt:saltsalt -kdfopt iter:20 -kdfopt id:1 PKCS12KDF
openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt mode:EXTRACT_ONLY $k TLS13-KDF
for a in -1 -apr1; do openssl passwd $a -salt saltsalt password; done; for a in -5 -6; do openssl passwd $a -salt 'rounds=1000$saltsalt' password; done; openssl passwd -aixmd5 -salt salt password
openssl kdf -keylen 16 -kdfopt pass:x PBKDF2 2>/dev/null; echo $?; openssl kdf -keylen 8 NOKDF 2>/dev/null; echo $?
for n in 0 1 16 1000; do openssl rand $n | wc -c; done; openssl rand -hex 20 | wc -c; openssl rand -base64 33 | wc -c
a=$(openssl rand -hex 16) b=$(openssl rand -hex 16); [ $a = $b ] || echo different
