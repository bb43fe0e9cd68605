"""zlib, gzip, bz2, lzma, zip and tar files; decimal beside them."""
import bz2
import decimal
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

with open("/usr/lib/python3.13/argparse.py", "rb") as f:
    data = f.read()[:20_000] + bytes(i * i >> 3 & 255 for i in range(8_000))
for level in (0, 1, 6, 9):
    packed = zlib.compress(data, level)
    print("zlib", level, len(packed), zlib.crc32(packed), zlib.decompress(packed) == data)
for strategy in range(5):
    c = zlib.compressobj(6, zlib.DEFLATED, -12, 5, strategy)
    packed = c.compress(data[:10_000]) + c.flush(zlib.Z_FULL_FLUSH) + c.compress(data[10_000:]) + c.flush()
    print("raw", strategy, len(packed), zlib.crc32(packed), zlib.decompress(packed, -12) == data)
packed = gzip.compress(data, mtime=1)
print("gzip", len(packed), zlib.crc32(packed), gzip.decompress(packed) == data)
for level in (1, 9):
    packed = bz2.compress(data, level)
    print("bz2", level, len(packed), zlib.crc32(packed), bz2.decompress(packed) == data)
for preset, check in ((0, lzma.CHECK_CRC32), (3, lzma.CHECK_SHA256), (6, lzma.CHECK_CRC64)):
    packed = lzma.compress(data, preset=preset, check=check)
    print("xz", preset, len(packed), zlib.crc32(packed), lzma.decompress(packed) == data)
filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 1}]
packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
print("x86", len(packed), zlib.crc32(packed), lzma.decompress(packed, lzma.FORMAT_RAW, filters=filters) == data)
try:
    zlib.decompress(b"x" + packed)
except zlib.error as e:
    print(e)

out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        z.writestr(zipfile.ZipInfo(f"file{kind}"), data, kind)
with zipfile.ZipFile(out) as z:
    print(z.testzip(), [(i.filename, i.compress_size, i.CRC) for i in z.infolist()])
for mode in ("gz", "bz2", "xz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{mode}") as t:
        t.add("/etc/passwd", "passwd")
        t.add("/usr/lib/python3.13/json", "json", filter=lambda m: None if "pycache" in m.name else m)
    out.seek(0)
    with tarfile.open(fileobj=out) as t:
        print(mode, [(m.name, m.size, oct(m.mode)) for m in t])

context = decimal.getcontext()
context.prec = 60
two = decimal.Decimal(2)
print(two.sqrt(), two.ln(), two.exp(), two ** decimal.Decimal("0.1"))
print(decimal.Decimal(1) / 7, decimal.Decimal(2) ** 3000, sorted(k.__name__ for k, v in context.flags.items() if v))
