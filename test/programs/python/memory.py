"""mmap: anonymous, shared with a child, of files; resizing, faults."""
import mmap
import os
import resource
import signal
import sys

with mmap.mmap(-1, 3 * mmap.PAGESIZE) as m:
    m.write(b"hello")
    m[4096:4100] = b"page"
    print(m.tell(), m[:8], m.find(b"page"), m.rfind(b"\0page"), len(m))
    m.move(100, 0, 5)
    print(m[98:107])
    m.madvise(mmap.MADV_DONTNEED)
    m.resize(8 * mmap.PAGESIZE)
    print(len(m), m[0:5])
shared = mmap.mmap(-1, 4096, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
private = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    shared[:5] = private[:5] = b"child"
    os._exit(0)
os.waitpid(pid, 0)
print(shared[:5], private[:5])

PATH = "/root/mapped"
with open(PATH, "w+b") as f:
    f.write(bytes(range(256)) * 40)
    f.flush()
    with mmap.mmap(f.fileno(), 0) as m, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as copy:
        m[0:3] = b"abc"
        copy[3:6] = b"xyz"
        m.flush()
        os.pwrite(f.fileno(), b"!", 10)
        print(os.pread(f.fileno(), 8, 0), copy[:8], m[10:11], copy[10:11])
    with mmap.mmap(f.fileno(), 4096, offset=4096, prot=mmap.PROT_READ) as m:
        print(m[:4], m.size())
        try:
            m[0] = 1
        except TypeError as e:
            print(e)
    with mmap.mmap(f.fileno(), 0) as m:
        m.resize(20_000)
        print(len(m), os.fstat(f.fileno()).st_size, m[10_238:10_242])
        m.resize(100)
        print(os.fstat(f.fileno()).st_size)
for arguments in ((-1, 0), (-1, -1)):
    try:
        mmap.mmap(*arguments)
    except (OSError, ValueError, OverflowError) as e:
        print(type(e).__name__, e)


def in_child(action):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        action()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(signal.Signals(-code).name if code < 0 else code)


def beyond_end():
    with open(PATH, "r+b") as f:
        m = mmap.mmap(f.fileno(), 0)
        os.ftruncate(f.fileno(), 0)
        m[0]


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
    try:
        bytearray(200 << 20)
    except MemoryError:
        os._exit(9)


in_child(beyond_end)
in_child(limited)
in_child(lambda: __import__("ctypes").string_at(0))
print(len(bytearray(50 << 20)), mmap.ALLOCATIONGRANULARITY)
