# Every digest, over an empty file, less than a block, and many blocks with a tail.
: > d0; printf abc > d3; seq 2500 > dn
all='-provider default -provider legacy'
openssl list -digest-commands | xargs
openssl list $all -digest-algorithms > list; sort list
for d in $(openssl list -digest-commands) md4 whirlpool md5-sha1 ripemd; do openssl dgst $all -$d d0 d3 dn; echo "$d $?"; done
for d in RSA-SHA1-2 RSA-SM3 RSA-SHA512/256 nothing; do openssl dgst -$d d3 2>&1 | grep -v :error: ; echo "$d $?"; done
for n in 1 55 56 63 64 65 111 112 127 128 129 135 136 137 255; do head -c $n dn > t$n; done
for d in md5 sha1 sha256 sha512 sha3-256 blake2b512 sm3; do openssl dgst -$d -r t*; done
openssl dgst -shake256 -xoflen 200 d3; openssl dgst -sha256 -c d3; openssl dgst -sha512 -binary dn | base64
openssl sha256 < dn; openssl md5 -r d0 d3
