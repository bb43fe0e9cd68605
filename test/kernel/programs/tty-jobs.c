/* Sessions, foreground groups and hang-ups on a pseudo-terminal. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int report[2];

static void say(const char *what, long r) {
  char text[200];
  int n = snprintf(text, sizeof text, "%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  write(report[1], text, n);
}

static void on_signal(int sig) {
  char text[40];
  write(report[1], text, snprintf(text, sizeof text, "signal %d\n", sig));
}

static void state(const char *who, int pid, int options) {
  int status;
  int r = waitpid(pid, &status, options);
  if (r != pid) say(who, r);
  else if (WIFSTOPPED(status)) say(who, 1000 + WSTOPSIG(status));
  else if (WIFSIGNALED(status)) say(who, 2000 + WTERMSIG(status));
  else say(who, 3000 + WEXITSTATUS(status));
}

/* A child in its own group; the parent knows the group exists. */
static int job(void) {
  int pid = fork();
  setpgid(pid, pid);
  return pid;
}

static void leader(const char *name, int master) {
  int fd = open("/dev/tty", O_RDWR);
  say("/dev/tty without terminal", fd);
  int tty = open(name, O_RDWR);
  close(master);
  say("foreground is mine", tcgetpgrp(tty) == getpgrp());
  say("session is mine", tcgetsid(tty) == getsid(0));
  fd = open("/dev/tty", O_RDWR);
  say("/dev/tty", fd >= 0);
  say("setctty again", ioctl(tty, TIOCSCTTY, 0));
  char buf[100];
  /* A background reader, then continued in the foreground. */
  int pid = job();
  if (pid == 0) {
    say("child read", read(fd, buf, 100));
    _exit(5);
  }
  state("background read", pid, WUNTRACED);
  say("to foreground", tcsetpgrp(tty, pid));
  kill(-pid, SIGCONT);
  state("finished", pid, WUNTRACED);
  /* The leader is in the background now. */
  signal(SIGTTOU, SIG_IGN);
  say("back", tcsetpgrp(tty, getpgrp()));
  /* Writes, with and without TOSTOP, and settings. */
  pid = job();
  if (pid == 0) {
    signal(SIGTTOU, SIG_DFL);
    say("write", write(fd, "quiet", 5));
    struct termios t;
    tcgetattr(fd, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(fd, TCSANOW, &t);
    say("set", 0);
    kill(getpid(), SIGSTOP);
    signal(SIGTTOU, SIG_IGN);
    say("ignored", write(fd, "ignored", 7));
    signal(SIGTTOU, SIG_DFL);
    write(fd, "stopped", 7);
    say("written", 0);
    kill(getpid(), SIGSTOP);
    signal(SIGTTIN, SIG_IGN);
    say("read ignored", read(fd, buf, 10));
    _exit(6);
  }
  state("settings", pid, WUNTRACED);
  tcsetpgrp(tty, pid);
  kill(-pid, SIGCONT);
  state("set", pid, WUNTRACED);
  tcsetpgrp(tty, getpgrp());
  kill(-pid, SIGCONT);
  state("background write", pid, WUNTRACED);
  tcsetpgrp(tty, pid);
  kill(-pid, SIGCONT);
  state("foreground write", pid, WUNTRACED);
  tcsetpgrp(tty, getpgrp());
  kill(-pid, SIGCONT);
  state("end", pid, WUNTRACED);
  /* Errors of tcsetpgrp. */
  int pfd[2];
  pipe(pfd);
  say("not a tty", tcsetpgrp(pfd[0], getpgrp()));
  say("no such group", tcsetpgrp(tty, 0x3ffff0));
  say("negative", tcsetpgrp(tty, -1));
  say("other session", tcsetpgrp(tty, getppid()));
  /* Signals typed at the foreground group. */
  pid = job();
  if (pid == 0) {
    signal(SIGINT, on_signal);
    signal(SIGWINCH, on_signal);
    tcsetpgrp(tty, getpid());
    write(fd, "ready", 5);
    for (;;) pause();
  }
  state("stopped by ^Z", pid, WUNTRACED);
  tcsetpgrp(tty, getpgrp());
  kill(-pid, SIGKILL);
  state("killed", pid, 0);
  say("steal", ioctl(tty, TIOCSCTTY, 1));
  /* The terminal hangs up. */
  signal(SIGHUP, on_signal);
  signal(SIGCONT, on_signal);
  write(fd, "done", 4);
  pause();
  struct pollfd p = {tty, POLLIN | POLLOUT, 0};
  poll(&p, 1, 0);
  say("events", p.revents);
  say("read", read(tty, buf, 10));
  say("write", write(tty, buf, 10));
  say("ioctl", tcgetpgrp(tty));
  say("open", open("/dev/tty", O_RDWR));
  _exit(7);
}

/* Reads up to `text`; what came with it is kept for the next call. */
static void expect(int master, const char *text) {
  static char buf[4000];
  static int n, seen;
  for (;;) {
    char *at = strstr(buf + seen, text);
    if (at) {
      seen = at - buf + strlen(text);
      return;
    }
    int r = read(master, buf + n, sizeof buf - 1 - n);
    if (r <= 0) break;
    n += r;
  }
  printf("did not see %s\n", text);
}

int main(void) {
  pipe(report);
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  char *name = ptsname(master);
  int pid = fork();
  if (pid == 0) {
    close(report[0]);
    setsid();
    leader(name, master);
  }
  close(report[1]);
  write(master, "line\n", 5);
  expect(master, "quiet");
  expect(master, "ready");
  write(master, "\003", 1);
  usleep(20000);
  struct winsize ws = {10, 20, 0, 0};
  ioctl(master, TIOCSWINSZ, &ws);
  ioctl(master, TIOCSWINSZ, &ws);
  usleep(20000);
  int group;
  printf("master sees group %d\n", ioctl(master, TIOCGPGRP, &group) == 0 && group != pid && group > 0);
  write(master, "\032", 1);
  expect(master, "done");
  usleep(20000);
  close(master);
  char buf[4000];
  int n = 0, r, status;
  while ((r = read(report[0], buf + n, sizeof buf - n)) > 0) n += r;
  fwrite(buf, 1, n, stdout);
  waitpid(pid, &status, 0);
  printf("leader %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  /* The slave goes away, and comes back. */
  master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  unlockpt(master);
  r = read(master, buf, 10);
  printf("never opened %d %s\n", r, strerror(errno));
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  write(slave, "last", 4);
  close(slave);
  usleep(10000);
  struct pollfd p = {master, POLLIN, 0};
  poll(&p, 1, 0);
  printf("events %x\n", p.revents);
  printf("data %d\n", (int)read(master, buf, 10));
  r = read(master, buf, 10);
  printf("closed %d %s\n", r, strerror(errno));
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  r = read(master, buf, 10);
  printf("opened again %d %s\n", r, strerror(errno));
  return 0;
}
