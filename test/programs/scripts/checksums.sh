for t in md5sum sha1sum sha256sum sha512sum sha3sum cksum; do echo abc | $t; done
: > empty; md5sum empty; sha256sum empty; seq 20000 > n; sha256sum n; md5sum < n; sha512sum n; seq 1000 | sha1sum
echo abc > f; sha256sum f > f.sum; sha256sum -c f.sum; echo x >> f; sha256sum -c f.sum 2>/dev/null; echo $?
head -c 1000000 /dev/zero | md5sum; head -c 1000000 /dev/zero | tr '\0' 'x' | sha1sum; crc32 f 2>/dev/null; sum f; sum -s f
