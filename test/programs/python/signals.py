"""signal: handlers, masks, waiting, timers, wake-up descriptors, interrupted calls."""
import faulthandler
import os
import select
import signal
import sys
import threading
import time

got = []
for s in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGRTMIN + 1):
    signal.signal(s, lambda n, frame: got.append(n))
    os.kill(os.getpid(), s)
print(got)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGRTMIN + 1])
for _ in range(3):
    signal.raise_signal(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGRTMIN + 1)
print(len(got), signal.sigpending() == {signal.SIGUSR1, signal.SIGRTMIN + 1})
print(signal.sigwait([signal.SIGUSR1]), signal.sigwaitinfo([signal.SIGRTMIN + 1]).si_code)
print(signal.sigtimedwait([signal.SIGUSR1], 0.02))
signal.pthread_sigmask(signal.SIG_SETMASK, [])
print(got[4:])

signal.signal(signal.SIGALRM, lambda n, f: got.append("alarm"))
got.clear()
start = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
while got.count("alarm") < 3:
    signal.pause()
signal.setitimer(signal.ITIMER_REAL, 0)
print(time.monotonic() - start >= 0.06, signal.getitimer(signal.ITIMER_REAL))
signal.alarm(1)
start = time.monotonic()
time.sleep(1.2)
print(time.monotonic() - start >= 1.2, signal.alarm(5), signal.alarm(0))
signal.signal(signal.SIGVTALRM, lambda n, f: got.append("virtual"))
signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)
while "virtual" not in got:
    pass
print(got[-1])

r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
os.kill(os.getpid(), signal.SIGUSR2)
print(select.select([r], [], [], 600)[0] == [r], os.read(r, 10))
signal.set_wakeup_fd(-1)


class Interrupted(Exception):
    pass


def interrupt(n, frame):
    raise Interrupted


signal.signal(signal.SIGALRM, interrupt)
for call in (lambda: os.read(r, 1), lambda: time.sleep(100), lambda: select.select([r], [], []), lambda: threading.Lock().acquire() and threading.Event().wait(100)):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        call()
    except Interrupted:
        print("interrupted")


def tick(n, frame):
    os.write(w, b"written by the handler")


signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.02)
print(os.read(r, 100))

main = threading.get_ident()
t = threading.Thread(target=lambda: (time.sleep(0.02), signal.pthread_kill(main, signal.SIGUSR1)))
got.clear()
t.start()
while not got:
    time.sleep(0.01)
t.join()
print(got)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
for s in (signal.SIGKILL, 0, 100):
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError) as e:
        print(e)
print(sorted(s for s in signal.valid_signals())[-1], signal.strsignal(11), signal.siginterrupt(signal.SIGUSR1, False))
signal.signal(signal.SIGCHLD, lambda n, f: got.append("child"))
got.clear()
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
print(os.waitid(os.P_PID, pid, os.WEXITED).si_status, got)
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.dup2(w, 2)
    faulthandler.enable(all_threads=False)
    os.close(w)
    signal.raise_signal(signal.SIGSEGV)
os.close(w)
with os.fdopen(r) as f:
    print(f.readline(), end="")
print(os.waitpid(pid, 0)[1] & 127)
