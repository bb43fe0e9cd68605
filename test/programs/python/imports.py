"""Every extension module of the image, and what it offers."""
import importlib
import os
import sysconfig
import zlib

folder = os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")
for file in sorted(os.listdir(folder)):
    name = file.split(".")[0]
    module = importlib.import_module(name)
    names = sorted(n for n in dir(module) if not n.startswith("__"))
    constants = sorted((n, v) for n, v in vars(module).items() if type(v) in (int, str, float) and n[0] != "_")
    print(name, len(names), f"{zlib.crc32(repr(names).encode()):08x} {zlib.crc32(repr(constants).encode()):08x}")
