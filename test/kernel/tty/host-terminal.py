"""Runs kevlar-jit as a job in a pseudo-terminal: host-terminal.py COMMAND... < steps (JSON), prints what happened (JSON).

A step is ["expect", text], ["type", text], ["size", rows, columns], ["signal", number], ["pause", seconds],
["settings", "raw" or "before"], ["stopped"] or ["continue"]. Every wait has a limit.

The session's leader is a small shell: it gives the terminal to the job, takes it back when the job stops, and
continues the job when it is told to.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

LIMIT = 40

def shell(slave, orders, reports):
    """Tells "P pid", "S" (stopped), "E status"; "c" is the order to continue."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(slave, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.closerange(3, 100)
        os.execvp(sys.argv[1], sys.argv[1:])
    os.write(reports, b'P %d\n' % job)
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(slave, os.getpid())
        if not os.WIFSTOPPED(status):
            os.write(reports, b'E %d\n' % status)
            os._exit(0)
        os.write(reports, b'S\n')
        os.read(orders, 1)
        os.tcsetpgrp(slave, job)
        os.killpg(job, signal.SIGCONT)

steps = json.load(sys.stdin)
master, slave = pty.openpty()
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0))
before = termios.tcgetattr(slave)
orders_out, orders_in = os.pipe()
reports_out, reports_in = os.pipe()
leader = os.fork()
if leader == 0:
    os.close(master)
    shell(slave, orders_out, reports_in)

seen = b''
searched = 0
reports = b''

def more(limit):
    global seen, reports
    ready = select.select([master, reports_out], [], [], limit)[0]
    if master in ready:
        seen += os.read(master, 65536)
    if reports_out in ready:
        reports += os.read(reports_out, 100)

def fail(text):
    os.kill(job, signal.SIGKILL)
    os.kill(leader, signal.SIGKILL)
    sys.exit('%s: %r' % (text, seen))

def wait(what, condition):
    end = time.time() + LIMIT
    while not condition():
        if time.time() > end:
            fail('no ' + what)
        more(0.1)

def report(letter):
    global reports
    wait(letter, lambda: b'\n' in reports)
    line, reports = reports.split(b'\n', 1)
    if line[:1] != letter.encode():
        fail('%r instead of %s' % (line, letter))
    return int(line[2:] or 0)

def settings(which):
    now = termios.tcgetattr(slave)
    if which == 'before':
        return now == before
    return now[3] & (termios.ICANON | termios.ECHO) == 0

job = leader
job = report('P')
for kind, *args in steps:
    if kind == 'expect':
        text = args[0].encode()
        wait(args[0], lambda: text in seen[searched:])
        searched = seen.index(text, searched) + len(text)
    elif kind == 'type':
        os.write(master, args[0].encode())
    elif kind == 'size':
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', args[0], args[1], 0, 0))
    elif kind == 'signal':
        os.kill(job, args[0])
    elif kind == 'settings':
        wait('%s settings' % args[0], lambda: settings(args[0]))
    elif kind == 'stopped':
        report('S')
    elif kind == 'continue':
        os.write(orders_in, b'c')
    elif kind == 'pause':
        until = time.time() + args[0]
        while time.time() < until:
            more(0.1)

status = report('E')
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
print(json.dumps({'code': code, 'restored': settings('before')}))
