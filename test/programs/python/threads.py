"""Threads: locks, conditions, queues, pools, thread-local data, stacks."""
import concurrent.futures
import queue
import sys
import threading
import time

sys.setswitchinterval(0.0005)
total = 0
lock = threading.Lock()


def add(n):
    global total
    for _ in range(n):
        with lock:
            total += 1


threads = [threading.Thread(target=add, args=(400,)) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(total)

jobs, results = queue.Queue(3), queue.PriorityQueue()


def worker():
    while (item := jobs.get()) is not None:
        results.put((item * item, item))
        jobs.task_done()


workers = [threading.Thread(target=worker) for _ in range(4)]
for w in workers:
    w.start()
for i in range(50):
    jobs.put(i)
jobs.join()
for _ in workers:
    jobs.put(None)
for w in workers:
    w.join()
print([results.get()[1] for _ in range(50)] == list(range(50)), results.empty())

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: sum(range(n)), range(0, 2000, 250))))
    futures = [pool.submit(divmod, 7, n) for n in (2, 0)]
    print([type(f.exception()).__name__ for f in futures])

barrier = threading.Barrier(5)
order = []
local = threading.local()


def meet(n):
    local.n = n
    barrier.wait(600)
    with lock:
        order.append(local.n)


threads = [threading.Thread(target=meet, args=(n,)) for n in range(5)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(sorted(order), hasattr(local, "n"), barrier.broken)

condition = threading.Condition()
turn = 0
log = []


def in_turn(me):
    global turn
    for _ in range(20):
        with condition:
            condition.wait_for(lambda: turn % 3 == me)
            log.append(me)
            turn += 1
            condition.notify_all()


threads = [threading.Thread(target=in_turn, args=(n,)) for n in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("".join(map(str, log)))

start = time.monotonic()
event, semaphore = threading.Event(), threading.BoundedSemaphore(2)
print(event.wait(0.05), lock.acquire(timeout=0.01), lock.acquire(timeout=0.05), time.monotonic() - start >= 0.1)
lock.release()
timer = threading.Timer(0.02, event.set)
timer.start()
print(event.wait(600), semaphore.acquire(), semaphore.acquire(), semaphore.acquire(blocking=False))


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


threading.stack_size(4 << 20)
sys.setrecursionlimit(20_000)
deep = []
t = threading.Thread(target=lambda: deep.append(depth(10_000)))
t.start()
t.join()
print(deep, threading.active_count())


def fail():
    raise ValueError("in a thread")


threading.excepthook = lambda args: print("hook:", args.exc_type.__name__, args.exc_value)
t = threading.Thread(target=fail)
t.start()
t.join()
