"""Runs kevlar-jit in a pseudo-terminal: host-terminal.py COMMAND... < steps (JSON), prints what happened (JSON).

A step is ["expect", text], ["type", text], ["size", rows, columns], ["signal", number] or
["pause", seconds]. Every wait has a limit.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

LIMIT = 40
steps = json.load(sys.stdin)
master, slave = pty.openpty()
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(master)
    os.execvp(sys.argv[1], sys.argv[1:])

seen = b''
searched = 0

def more(limit):
    global seen
    if not select.select([master], [], [], limit)[0]:
        return
    seen += os.read(master, 65536)

def expect(text):
    global searched
    end = time.time() + LIMIT
    while text not in seen[searched:]:
        if time.time() > end:
            os.kill(pid, signal.SIGKILL)
            sys.exit('did not see %r in %r' % (text, seen))
        more(0.2)
    searched = seen.index(text, searched) + len(text)

for kind, *args in steps:
    if kind == 'expect':
        expect(args[0].encode())
    elif kind == 'type':
        os.write(master, args[0].encode())
    elif kind == 'size':
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', args[0], args[1], 0, 0))
    elif kind == 'signal':
        os.kill(pid, args[0])
    elif kind == 'pause':
        until = time.time() + args[0]
        while time.time() < until:
            more(0.1)

end = time.time() + LIMIT
while True:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    if time.time() > end:
        os.kill(pid, signal.SIGKILL)
        sys.exit('still running: %r' % seen)
    more(0.1)
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
print(json.dumps({'code': code, 'restored': termios.tcgetattr(slave) == before}))
