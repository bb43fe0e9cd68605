"""Reads ELF files in plain Python, and compares their tables on disk with those in this process's memory."""

import ctypes
import importlib
import struct
import sys

SHT_RELA, SHT_RELR, SHT_GNU_HASH = 4, 19, 0x6FFFFFF6
PT_GNU_RELRO = 0x6474E552
WORD = struct.Struct("<Q")
NAMES = {SHT_RELA: "RELA", SHT_RELR: "RELR", SHT_GNU_HASH: ".gnu.hash"}


class Elf:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        assert self.data[:6] == b"\x7fELF\x02\x01", path
        (shoff,) = struct.unpack_from("<Q", self.data, 40)
        size, count = struct.unpack_from("<HH", self.data, 58)
        self.sections = [
            struct.unpack_from("<IIQQQQIIQQ", self.data, shoff + i * size) for i in range(count)
        ]

    def tables(self):
        """(kind, address, bytes on disk) of what a loader reads."""
        for _, kind, _, address, offset, size, *_ in self.sections:
            if kind in NAMES and address:
                yield NAMES[kind], address, self.data[offset : offset + size]

    def relocated(self):
        """Addresses of the words that RELATIVE relocations change, with what is added to the base."""
        for name, _, table in self.tables():
            if name == "RELA":
                for at, info, addend in struct.iter_unpack("<QQq", table):
                    if info & 0xFFFFFFFF == 8:
                        yield at, addend
            elif name == "RELR":
                yield from ((at, None) for at in unpack_relr(table))


def unpack_relr(table):
    at = 0
    for (entry,) in struct.iter_unpack("<Q", table):
        if entry & 1 == 0:
            yield entry
            at = entry + 8
        else:
            yield from (at + 8 * i for i in range(63) if entry >> (i + 1) & 1)
            at += 8 * 63


def loaded():
    """Base address of each library here."""
    found = {}
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            if len(fields) == 6 and fields[2] == "00000000" and ".so" in fields[5]:
                found.setdefault(fields[5], int(fields[0].split("-")[0], 16))
    return found


def check(path, base):
    elf = Elf(path)
    total = 0
    for name, address, disk in elf.tables():
        assert ctypes.string_at(base + address, len(disk)) == disk, (path, name)
        print("ok", path, name, len(disk))
        total += 1
    parts = segments(elf.data)
    load = next(s for s in parts if s[0] == 1)
    bias = base - (load[3] & -4096)
    words = 0
    # What is writable may have been changed since: only RELRO is compared.
    for kind, _, offset, start, _, _, size, _ in parts:
        if kind != PT_GNU_RELRO:
            continue
        memory = ctypes.string_at(bias + start, size)
        for at, addend in elf.relocated():
            if not start <= at <= start + size - 8:
                continue
            if addend is None:
                addend = WORD.unpack_from(elf.data, offset + at - start)[0]
            assert WORD.unpack_from(memory, at - start)[0] == bias + addend, (path, hex(at))
            words += 1
    print("ok", path, "relocated words", words, "tables", total)


def segments(data):
    (offset,) = struct.unpack_from("<Q", data, 32)
    (count,) = struct.unpack_from("<H", data, 56)
    return [struct.unpack_from("<IIQQQQQQ", data, offset + 56 * i) for i in range(count)]


for module in ("math", "_ssl", "_hashlib", "zlib", "_sqlite3", "_ctypes"):
    importlib.import_module(module)
for library in sys.argv[1:]:
    ctypes.CDLL(library)
for path, base in sorted(loaded().items()):
    check(path, base)
print("ok, all")
