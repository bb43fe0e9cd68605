"""Terminals: openpty, termios, pty.spawn, and CPython's own REPL on one."""
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
import tty
import fcntl

master, slave = pty.openpty()
print(os.isatty(slave), os.ttyname(slave).startswith("/dev/pts/"), termios.tcgetattr(slave)[:4])
os.write(master, b"typed\n")
print(os.read(slave, 100), os.read(master, 100))
os.write(master, b"wrong\x15right\x7f\x7fT\n")
print(os.read(slave, 100), os.read(master, 200))
os.write(slave, b"a\nb\tc\n")
print(os.read(master, 100))
tty.setraw(slave)
os.write(master, b"raw\x03\r")
print(os.read(slave, 100), select.select([master], [], [], 0)[0])
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))
print(os.get_terminal_size(master), termios.tcgetwinsize(slave))
os.close(slave)
try:
    os.read(master, 1)
except OSError as e:
    print(e)


class Session:
    """A program on a terminal of its own; what it writes is read up to what is expected."""

    def __init__(self, *argv, **env):
        self.text = b""
        sys.stdout.flush()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, **env})

    def expect(self, what, seconds=600):
        end = time.monotonic() + seconds
        while what not in self.text:
            if not select.select([self.fd], [], [], end - time.monotonic())[0]:
                print("never came:", what, self.text)
                os.kill(self.pid, signal.SIGKILL)
                break
            try:
                data = os.read(self.fd, 1000)
            except OSError:
                data = b""
            if not data:
                break
            self.text += data
        upto = self.text.find(what) + len(what)
        seen, self.text = self.text[:upto], self.text[upto:]
        return seen

    def send(self, data):
        os.write(self.fd, data)

    def end(self):
        self.expect(b"\0never\0")
        print(self.text)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


repl = Session(sys.executable, "-q", "-i", TERM="dumb", PYTHON_BASIC_REPL="1")
repl.expect(b">>> ")
for line in (b"6 * 7", b"import sys, os; print(sys.stdin.isatty(), os.getpgrp() == os.tcgetpgrp(0))", b"[\x7f'edited'", b"1/0", b"'\xc3\xa4'.upper()"):
    repl.send(line + b"\n")
    print(repl.expect(b">>> "))
repl.send(b"import time; print('go'); time.sleep(100)\n")
print(repl.expect(b"\ngo\r\n"))
time.sleep(1)
repl.send(b"\x03")
print(repl.expect(b">>> "))
repl.send(b"for i in range(2):\n")
print(repl.expect(b"... "))
repl.send(b"    print(i)\n")
print(repl.expect(b"... "))
repl.send(b"\n")
print(repl.expect(b">>> "))
repl.send(b"\x04")
print(repl.end())

# The shell reads lines in a mode of its own, without echo of the terminal's: each line waits for its prompt.
shell = Session("sh", "-i", PS1="% ", TERM="dumb")
shell.expect(b"% ")
shell.send(b"echo $((2+3))\n")
print(shell.expect(b"\n5\r\n"), shell.expect(b"% "))
shell.send(b"sh -c 'echo go; exec sleep 100'\n")
print(shell.expect(b"\ngo\r\n"))
time.sleep(1)
shell.send(b"\x1a")
print(shell.expect(b"Stopped") != b"", shell.expect(b"% ") != b"")
shell.send(b"fg\n")
print(shell.expect(b"fg\r\n"), shell.expect(b"sleep 100") != b"")
time.sleep(1)
shell.send(b"\x03")
shell.expect(b"% ")
shell.send(b"exit 6\n")
shell.expect(b"\0never\0")
print(os.waitstatus_to_exitcode(os.waitpid(shell.pid, 0)[1]))

pid = os.fork()
if pid == 0:
    sys.stdin.close()
    os.close(0)
    os.open("/dev/null", os.O_RDONLY)
    os._exit(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "test -t 0 && echo terminal; exit 3"])))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
