"""subprocess: pipelines, descriptors, signals, time-outs, sessions; os.fork, os.exec, posix_spawn."""
import os
import signal
import subprocess
import sys
import time

run = subprocess.run
print(run("echo $((6*7)); exit 3", shell=True, capture_output=True, text=True))
a = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["grep", "7"], stdin=a.stdout, stdout=subprocess.PIPE)
c = subprocess.Popen(["wc", "-l"], stdin=b.stdout, stdout=subprocess.PIPE)
a.stdout.close()
b.stdout.close()
print(c.communicate()[0], a.wait(), b.wait())
text = "line\n" * 50_000
print(len(run(["cat"], input=text, capture_output=True, text=True).stdout))
r = run(["sh", "-c", "cat; echo error >&2"], input=b"in", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
print(r.stdout)
yes = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
print(yes.stdout.readline())
yes.stdout.close()
print(signal.Signals(-yes.wait()).name)
try:
    run(["sleep", "100"], timeout=0.2)
except subprocess.TimeoutExpired as e:
    print(e)
for command in (["/missing"], ["/etc/passwd"]):
    try:
        run(command)
    except OSError as e:
        print(e)
try:
    run(["false"], check=True)
except subprocess.CalledProcessError as e:
    print(e)
p = subprocess.Popen(["sleep", "100"], start_new_session=True)
print(os.getsid(p.pid) == p.pid, p.poll())
p.send_signal(signal.SIGSTOP)
print(os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1]))
p.send_signal(signal.SIGCONT)
os.waitpid(p.pid, os.WCONTINUED)
p.kill()
print(p.wait())
r, w = os.pipe()
p = subprocess.Popen(["sh", "-c", f"echo through {w} >&{w}"], pass_fds=[w])
os.close(w)
print(os.read(r, 100) == b"through %d\n" % w, p.wait())
print(run(["sh", "-c", "echo $A; pwd; umask; id -u"], env={"A": "1"}, cwd="/usr", umask=0o27, user=1000, group=1000,
          capture_output=True).stdout)
print(run(["cat"], stdin=open("/etc/hostname"), stdout=subprocess.DEVNULL).returncode)
print(run(["sh", "-c", "ulimit -n; trap"], capture_output=True, restore_signals=True).stdout.split()[1:])
print(subprocess.getstatusoutput("echo out; echo err >&2; exit 5"))

pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned; exit 7"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/tmp/spawned", os.O_WRONLY | os.O_CREAT, 0o600)])
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open("/tmp/spawned").read())
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    os.execlp("sh", "sh", "-c", "kill -USR1 $$")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pidfd = os.pidfd_open((p := subprocess.Popen(["sleep", "100"])).pid)
signal.pidfd_send_signal(pidfd, signal.SIGTERM)
print(os.waitid(os.P_PIDFD, pidfd, os.WEXITED).si_status)
p.wait()
children = [subprocess.Popen(["sh", "-c", f"exit {n}"]) for n in range(20)]
print([c.wait() for c in children])
with os.popen("tr a-z A-Z > /tmp/upper", "w") as f:
    f.write("shout")
print(open("/tmp/upper").read(), os.system("exit 4") >> 8, os.times().children_user >= 0)
