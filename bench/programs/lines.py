"""Short programs of the kinds that Python is used for, steady state: lines.py REPEATS SCALE [NAME...]

Each line is "NAME CHECKSUM MILLISECONDS": after a run that is not timed, the fastest of REPEATS, timed inside the
program. SCALE 1 takes 10 to 50 ms a line natively.
"""

import hashlib
import json
import random
import re
import sys
import time
import zlib


def fib(scale):
    def f(n):
        return n if n < 2 else f(n - 1) + f(n - 2)

    return [f(20) for _ in range(scaled(4, scale))][0]


def loop(scale):
    x = 1
    for i in range(scaled(400_000, scale)):
        x = (x * 31 + i) & 0xFFFFFFFF
    return x


def floats(scale):
    s = 0.0
    for i in range(1, scaled(300_000, scale)):
        s += 1.0 / (i * i) ** 0.5
    return s.hex()


def dicts(scale):
    d = {}
    for i in range(scaled(150_000, scale)):
        d[str(i)] = i
    return sum(d.values()) + len(d)


def sort(scale):
    rng = random.Random(7)
    values = [rng.random() for _ in range(scaled(100_000, scale))]
    values.sort()
    return values[len(values) // 2].hex()


def jsons(scale):
    rows = [{"id": i, "tags": ["a", "b", None], "text": "y" * 10, "f": i / 7} for i in range(scaled(5_000, scale))]
    text = json.dumps(rows)
    return len(text) + sum(r["id"] for r in json.loads(text))


def regex(scale):
    found = re.findall(r"(\w+)@(\w+)\.org", "me@example.org or not " * scaled(5_000, scale))
    return len(found)


def sha(scale):
    return hashlib.sha256(b"k" * scaled(4_000_000, scale)).hexdigest()[:16]


def deflate(scale):
    data = bytes(range(256)) * scaled(4_000, scale)
    packed = zlib.compress(data)
    return len(packed) + zlib.crc32(zlib.decompress(packed))


def big(scale):
    return (3 ** scaled(20_000, scale)) % (7 ** scaled(8_000, scale)) % 1_000_000_007


def scaled(n, scale):
    return max(1, round(n * scale))


LINES = {
    "fib": fib,
    "loop": loop,
    "float": floats,
    "dict": dicts,
    "sort": sort,
    "json": jsons,
    "re": regex,
    "sha": sha,
    "zlib": deflate,
    "big": big,
}


def main():
    repeats, scale = int(sys.argv[1]), float(sys.argv[2])
    for name in sys.argv[3:] or LINES:
        result = LINES[name](scale)
        best = float("inf")
        for _ in range(repeats):
            start = time.perf_counter()
            again = LINES[name](scale)
            best = min(best, time.perf_counter() - start)
            assert again == result, name
        print(name, result, f"{best * 1000:.3f}", flush=True)


main()
