"""ctypes: calls into musl, callbacks, structures, errno."""
import ctypes
import math
from ctypes import (CFUNCTYPE, POINTER, Structure, Union, addressof, byref, c_char_p, c_double, c_float, c_int, c_int8,
                    c_long, c_longdouble, c_short, c_size_t, c_uint64, c_void_p, cast, create_string_buffer, sizeof)

libc = ctypes.CDLL(None, use_errno=True)
Compare = CFUNCTYPE(c_int, POINTER(c_int), POINTER(c_int))
calls = 0


@Compare
def compare(a, b):
    global calls
    calls += 1
    return a[0] - b[0]


numbers = (c_int * 200)(*(i * 7919 % 1009 for i in range(200)))
libc.qsort(numbers, len(numbers), sizeof(c_int), compare)
print(list(numbers) == sorted(numbers), calls > 200, numbers[0], numbers[-1])
libc.bsearch.restype = POINTER(c_int)
print(libc.bsearch(byref(c_int(numbers[50])), numbers, 200, 4, compare)[0] == numbers[50])


class Pair(Structure):
    _fields_ = [("quot", c_int), ("rem", c_int)]


class LongPair(Structure):
    _fields_ = [("quot", c_long), ("rem", c_long)]


class Bits(Structure):
    _fields_ = [("a", c_int, 3), ("b", c_int, 5), ("c", c_short, 9), ("d", c_int8)]


class Either(Union):
    _fields_ = [("f", c_double), ("i", c_uint64)]


libc.div.restype, libc.ldiv.restype = Pair, LongPair
libc.ldiv.argtypes = [c_long, c_long]
d, ld = libc.div(-17, 5), libc.ldiv(-(2**40), 7)
print(d.quot, d.rem, ld.quot, ld.rem)
bits = Bits(-1, 7, 100, -3)
print(bits.a, bits.b, bits.c, bits.d, sizeof(Bits), bytes(bits).hex(), hex(Either(math.pi).i))

buffer = create_string_buffer(200)
n = libc.snprintf(buffer, c_size_t(200), b"%d %s %.17g %c %lld %Lg", 42, b"text", c_double(0.1), b"x", c_long(-(2**62)), c_longdouble(1.5))
print(n, buffer.value)
libc.sscanf(b"12 3.5", b"%d %lf", byref(i := c_int()), byref(f := c_double()))
print(i.value, f.value)

libm = libc
for name, kind in (("pow", c_double), ("powf", c_float), ("powl", c_longdouble)):
    function = getattr(libm, name)
    function.restype, function.argtypes = kind, [kind, kind]
    print(name, function(2, 0.5))

print(libc.open(b"/missing", 0), ctypes.get_errno())
libc.strtol.restype = c_long
end = c_char_p()
print(libc.strtol(b"0x1fz", byref(end), 16), end.value)
many = CFUNCTYPE(c_double, *[c_double, c_int] * 6)(lambda *a: sum(a))
print(many(*[1.5, 2] * 6))
big = CFUNCTYPE(c_double, c_longdouble, c_float, c_long)(lambda a, b, c: a + b + c)
print(big(0.25, 0.5, 1))
memory = libc.malloc
memory.restype, libc.free.argtypes = c_void_p, [c_void_p]
p = memory(100)
ctypes.memset(p, 0x41, 99)
print(ctypes.string_at(p, 5), cast(p, POINTER(c_int))[3])
libc.free(p)
print(ctypes.pythonapi.PyLong_AsLong(ctypes.py_object(77)))


@CFUNCTYPE(c_int, c_int)
def nested(n):
    return 1 if n == 0 else n * nested(n - 1)


print(nested(10), addressof(numbers) % 4)
for _ in range(300):
    CFUNCTYPE(c_int)(lambda: 5)()
