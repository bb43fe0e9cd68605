"""What `npm start` runs in the guest: CPython from the bundled image, translated to JavaScript."""

import os
import sys

print(sys.version)
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
