"""multiprocessing: fork, spawn and forkserver; queues, pools, pipes, shared memory, managers."""
import multiprocessing as mp
import multiprocessing.shared_memory as shm
import os
import sys
import time


def square(n):
    return n * n


def producer(q, start):
    for i in range(start, start + 100):
        q.put(i)


def add(value, times):
    for _ in range(times):
        with value.get_lock():
            value.value += 1


def echo(pipe):
    while (item := pipe.recv()) != "end":
        pipe.send((item, len(item)))
    pipe.close()


def fill(name):
    block = shm.SharedMemory(name)
    block.buf[:5] = b"child"
    block.close()


def sleep_forever():
    time.sleep(1000)


def boom(n):
    raise RuntimeError(f"boom {n}")


def scene(method):
    # What is spawned starts Python and imports this file again.
    count = 2 if method == "fork" else 1
    ctx = mp.get_context(method)
    print("==", method)
    q = ctx.Queue()
    children = [ctx.Process(target=producer, args=(q, n * 100)) for n in range(count)]
    for p in children:
        p.start()
    print(sorted(q.get(timeout=600) for _ in range(count * 100)) == list(range(count * 100)))
    for p in children:
        p.join()
    print([p.exitcode for p in children], q.empty())
    with ctx.Pool(count) as pool:
        print(pool.map(square, range(20)))
        print(sorted(pool.imap_unordered(square, range(10), 3)))
        print(pool.apply_async(square, (12,)).get(600))
        try:
            pool.map(boom, [1])
        except RuntimeError as e:
            print(e)
    if method != "fork":
        return
    value = ctx.Value("i", 0)
    children = [ctx.Process(target=add, args=(value, 200)) for _ in range(3)]
    for p in children:
        p.start()
    for p in children:
        p.join()
    print(value.value)
    here, there = ctx.Pipe()
    p = ctx.Process(target=echo, args=(there,))
    p.start()
    for item in (b"x" * 10, "y" * 70_000, [1, 2]):
        here.send(item)
        back, n = here.recv()
        print(back == item, n)
    here.send("end")
    p.join()
    block = shm.SharedMemory(create=True, size=5000)
    p = ctx.Process(target=fill, args=(block.name,))
    p.start()
    p.join()
    print(bytes(block.buf[:8]), p.exitcode, len(block.buf) >= 5000)
    block.close()
    block.unlink()
    print(os.path.exists("/dev/shm/" + block.name))
    p = ctx.Process(target=sleep_forever)
    p.start()
    print(p.is_alive())
    p.terminate()
    p.join()
    print(p.exitcode, p.is_alive())
    with ctx.Manager() as manager:
        d = manager.dict(a=1)
        d["b"] = [1, 2]
        print(dict(d))
    e, s, b = ctx.Event(), ctx.Semaphore(2), ctx.Barrier(1)
    print(e.wait(0.01), s.acquire(), s.acquire(), s.acquire(block=False), b.wait(), ctx.RLock())


if __name__ == "__main__":
    print(mp.get_all_start_methods(), mp.get_start_method())
    for method in sys.argv[1:] or ["fork", "spawn"]:
        scene(method)
