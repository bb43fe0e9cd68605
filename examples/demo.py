"""What `npm start` runs in the bundled image: CPython, translated from x86-64 to JavaScript."""

import os
import sys


class Greeter:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"Hello from {self.name}!"


print(Greeter("an x86-64 CPython inside JavaScript"))
print("sys.version:", sys.version)
print("os.uname():", " ".join(os.uname()))
print("os.listdir('/'):", sorted(os.listdir("/")))
print("squares:", [n * n for n in range(12)])

path = "/tmp/kevlar-jit-demo.txt"
with open(path, "w") as out:
    out.write("written by the guest, and read back\n")
with open(path) as back:
    print(f"{path}:", back.read().strip())
