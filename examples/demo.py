"""What `npm start` runs in the guest: CPython from the bundled image, translated to JavaScript."""

import ctypes
import hashlib
import math
import os
import sqlite3
import ssl
import sys
import zlib

print("Python", sys.version)
print("files in /:", " ".join(sorted(os.listdir("/"))))
print("squares:", [n * n for n in range(10) if n % 3])


class Greeter:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"hello from {self.name}"


print(Greeter(os.uname().sysname + " " + os.uname().machine))

with open("/tmp/note", "w") as f:
    f.write("written and read back\n")
with open("/tmp/note") as f:
    print(f.read(), end="")

print("math:", math.lgamma(10.5), math.isqrt(10**40))
print("hashlib:", hashlib.sha256(b"kevlar").hexdigest())
print("ssl:", ssl.OPENSSL_VERSION, "with", len(ssl.create_default_context().get_ciphers()), "ciphers")
print("zlib:", zlib.ZLIB_RUNTIME_VERSION, len(zlib.compress(b"kevlar" * 1000)), "bytes of 6000")

with sqlite3.connect("/tmp/demo.db") as db:
    db.execute("create table squares as with n(i) as (values (1) union all select i + 1 from n where i < 9) select i * i as s from n")
    print("sqlite3:", sqlite3.sqlite_version, "sum of squares:", db.execute("select sum(s) from squares").fetchone()[0])

numbers = (ctypes.c_int * 5)(3, 1, 4, 1, 5)
Compare = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.POINTER(ctypes.c_int)] * 2)
ctypes.CDLL(None).qsort(numbers, 5, 4, Compare(lambda a, b: a[0] - b[0]))
print("ctypes:", numbers[:], "sorted by musl’s qsort, which called Python")

with open("/proc/uptime") as f:
    print(f"engine: {os.environ.get('ENGINE', 'unknown')}, {f.read().split()[0]} s since the machine started")
