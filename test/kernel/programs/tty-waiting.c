/* A read of a terminal that waits while the foreground changes, and one that was stopped. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int master, tty;

static void say(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

/* A child in the foreground that waits for input. */
static pid_t reader(void) {
  char c[10];
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    tcsetpgrp(tty, getpid());
    signal(SIGTTOU, SIG_DFL);
    long n = read(tty, c, sizeof c);
    _exit(n < 0 ? 100 + errno : n);
  }
  setpgid(pid, pid);
  tcsetpgrp(tty, pid);
  usleep(50000);
  return pid;
}

static void state(const char *what, pid_t pid, int options) {
  int s = 0;
  usleep(50000);
  pid_t r = waitpid(pid, &s, options);
  if (r == 0) printf("%s: waits\n", what);
  else if (WIFSTOPPED(s)) printf("%s: stopped by %d\n", what, WSTOPSIG(s));
  else if (WIFSIGNALED(s)) printf("%s: ended by %d\n", what, WTERMSIG(s));
  else printf("%s: exit %d\n", what, WEXITSTATUS(s));
  fflush(stdout);
}

static void cases(void) {
  pid_t pid = reader();
  state("reader", pid, WNOHANG | WUNTRACED);
  say("take the foreground", tcsetpgrp(tty, getpgrp()));
  state("still", pid, WNOHANG | WUNTRACED);
  write(master, "xy\n", 3);
  state("input while in the background", pid, WUNTRACED);
  tcsetpgrp(tty, pid);
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  tcsetpgrp(tty, getpgrp());
  tcflush(tty, TCIFLUSH);

  pid = reader();
  kill(pid, SIGTSTP);
  state("^Z", pid, WUNTRACED);
  tcsetpgrp(tty, getpgrp());
  kill(pid, SIGCONT);
  state("continued in the background", pid, WUNTRACED);
  tcsetpgrp(tty, pid);
  kill(pid, SIGCONT);
  state("continued in the foreground", pid, WNOHANG | WUNTRACED);
  write(master, "z\n", 2);
  state("input", pid, WUNTRACED);
  tcsetpgrp(tty, getpgrp());

  pid = reader();
  signal(SIGTTIN, SIG_IGN);
  tcsetpgrp(tty, getpgrp());
  kill(pid, SIGSTOP);
  state("stopped", pid, WUNTRACED);
  kill(pid, SIGCONT);
  state("continued", pid, WUNTRACED);
  kill(pid, SIGKILL);
  state("end", pid, 0);
  signal(SIGTTIN, SIG_DFL);
}

int main(void) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  char *name = ptsname(master);
  pid_t pid = fork();
  if (pid == 0) {
    struct termios t;
    setsid();
    signal(SIGTTOU, SIG_IGN);
    tty = open(name, O_RDWR);
    cases();
    tcgetattr(tty, &t);
    t.c_lflag &= ~ICANON;
    tcsetattr(tty, TCSANOW, &t);
    cases();
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 255;
    tcsetattr(tty, TCSANOW, &t);
    cases();
    _exit(0);
  }
  waitpid(pid, 0, 0);
  return 0;
}
