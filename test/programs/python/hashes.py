"""hashlib over libcrypto and CPython's own code, HMAC and key derivation."""
import _hashlib
import hashlib
import hmac
import zlib

data = bytes(i * 7 & 255 for i in range(100_003))
for name in sorted(hashlib.algorithms_available):
    h = hashlib.new(name)
    for start in range(0, len(data), 9973):
        h.update(data[start : start + 9973])
    length = (32,) if name.startswith("shake") else ()
    print(name, h.digest_size, h.block_size, h.hexdigest(*length))
    own = getattr(hashlib, name, None)
    if own is not None:
        assert own(data).hexdigest(*length) == h.hexdigest(*length)
for name in ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256"):
    print("hmac", name, hmac.new(b"key", data, name).hexdigest())
print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 300).hex())
print(hashlib.scrypt(b"password", salt=b"salt", n=64, r=8, p=2, dklen=32).hex())
print(hashlib.blake2b(data, key=b"k", salt=b"s", person=b"p", digest_size=20).hexdigest())
print(_hashlib.get_fips_mode(), zlib.crc32(data), zlib.adler32(data))
with open("/usr/lib/libcrypto.so.3", "rb") as f:
    print(hashlib.file_digest(f, "sha256").hexdigest())
