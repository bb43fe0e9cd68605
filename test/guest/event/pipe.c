/* pipe(7), fifo(7), pty(7). */
#include "../contract.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static int revents(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT};
  poll(&p, 1, 0);
  return p.revents;
}

static void say_read(int fd, int room) {
  char text[256] = "";
  long n = read(fd, text, room);
  if (n < 0) { SAY("read: errno %d", errno); return; }
  for (int i = 0; i < n; i++)
    if ((unsigned char)text[i] < 32) text[i] = '0' + text[i] % 10;
  SAY("read: %ld %s", n, text);
}

CONTRACT(pipe_atomic_writes) {
  int p[2];
  static char data[70000];
  MUST(pipe2(p, O_NONBLOCK));
  VALUE(write(p[1], data, 70000));
  VALUE(write(p[1], data, 1));
  SAY("revents %x", revents(p[1]));
  VALUE(read(p[0], data, 4095));
  VALUE(write(p[1], data, 1));
  VALUE(read(p[0], data, 1));
  SAY("revents %x", revents(p[1]));
  VALUE(write(p[1], data, 4097));
  VALUE(write(p[1], data, 4096));
  VALUE(read(p[0], data, 8192));
  VALUE(write(p[1], data, 4096));
  VALUE(write(p[1], data, 5000));
}

CONTRACT(pipe_packets) {
  int p[2];
  MUST(pipe2(p, O_DIRECT | O_NONBLOCK));
  SAY("flags %o", fcntl(p[1], F_GETFL));
  VALUE(write(p[1], "first", 5));
  VALUE(write(p[1], "second", 6));
  say_read(p[0], 3);
  say_read(p[0], 20);
  say_read(p[0], 20);
  static char data[10000];
  VALUE(write(p[1], data, 10000));
  VALUE(read(p[0], data, 10000));
  VALUE(read(p[0], data, 10000));
  VALUE(read(p[0], data, 10000));
  int n = 0;
  while (write(p[1], "x", 1) == 1) n++;
  SAY("%d packets", n);
  CHECK(fcntl(p[1], F_SETFL, O_NONBLOCK));
  read(p[0], data, 1);
  write(p[1], "a", 1);
  VALUE(write(p[1], "b", 1));
}

static volatile sig_atomic_t signals;
static void count(int sig) { signals++; }

CONTRACT(pipe_without_readers) {
  int p[2];
  signal(SIGPIPE, count);
  MUST(pipe(p));
  close(p[0]);
  SAY("revents %x", revents(p[1]));
  CHECK(write(p[1], "x", 1));
  CHECK(write(p[1], "", 0));
  SAY("signals %d", signals);
  signal(SIGPIPE, SIG_IGN);
  CHECK(write(p[1], "x", 1));
  MUST(pipe(p));
  write(p[1], "rest", 4);
  close(p[1]);
  SAY("revents %x", revents(p[0]));
  say_read(p[0], 10);
  say_read(p[0], 10);
  SAY("revents %x", revents(p[0]));
}

CONTRACT(pipe_blocked_write_is_cut) {
  int p[2], status;
  MUST(pipe(p));
  pid_t child = fork();
  if (child == 0) {
    static char data[100000];
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    long n = write(p[1], data, sizeof data);
    _exit(n == 65536 ? 3 : n == 69632 ? 4 : 5);
  }
  close(p[1]);
  usleep(20000);
  static char page[4096];
  read(p[0], page, sizeof page);
  usleep(20000);
  close(p[0]);
  waitpid(child, &status, 0);
  say_status("writer", status);
}

CONTRACT(pipe_forms) {
  int p[2];
  struct stat st;
  CHECK(pipe(0));
  CHECK(pipe2(p, O_APPEND));
  MUST(pipe2(p, O_CLOEXEC));
  SAY("%d %o %o", fcntl(p[0], F_GETFD), fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL));
  fstat(p[0], &st);
  SAY("mode %o size %ld nlink %d", st.st_mode, (long)st.st_size, (int)st.st_nlink);
  char path[64], byte;
  sprintf(path, "/proc/self/fd/%d", p[0]);
  write(p[1], "ab", 2);
  int again = CHECK(open(path, O_RDONLY));
  VALUE(read(again, &byte, 1));
  int w = CHECK(open(path, O_WRONLY));
  VALUE(write(w, "c", 1));
  say_read(p[0], 10);
}

CONTRACT(fifo_opens) {
  MUST(mkfifo("f", 0644));
  CHECK(open("f", O_WRONLY | O_NONBLOCK));
  int r = CHECK(open("f", O_RDONLY | O_NONBLOCK));
  SAY("revents %x", revents(r));
  say_read(r, 1);
  int w = CHECK(open("f", O_WRONLY | O_NONBLOCK));
  say_read(r, 1);
  write(w, "hello", 5);
  close(w);
  SAY("revents %x", revents(r));
  say_read(r, 10);
  SAY("revents %x", revents(r));
  close(r);
  int both = CHECK(open("f", O_RDWR));
  write(both, "x", 1);
  say_read(both, 10);
  close(both);
  if (fork() == 0) { int fd = open("f", O_WRONLY); write(fd, "met", 3); _exit(0); }
  r = CHECK(open("f", O_RDONLY));
  say_read(r, 10);
  CHECK(lseek(r, 0, SEEK_SET));
  CHECK(ftruncate(r, 0));
  CHECK(mkfifo("f", 0644));
  CHECK(open("f", O_RDONLY | O_NONBLOCK | O_TRUNC));
}

/* What one end writes reaches the other a little later. */
static void settle(int fd) {
  poll(&(struct pollfd){fd, POLLIN}, 1, 1000);
  usleep(3000);
}

static int terminal(int *slave) {
  int m = MUST(posix_openpt(O_RDWR | O_NOCTTY));
  MUST(grantpt(m));
  MUST(unlockpt(m));
  *slave = MUST(open(ptsname(m), O_RDWR | O_NOCTTY));
  return m;
}

CONTRACT(pty_lines) {
  int s, m = terminal(&s), n;
  SAY("terminals: %d %d", isatty(m), isatty(s));
  write(m, "ab\x7f" "c\n", 5);
  say_read(s, 100);
  settle(m);
  say_read(m, 100);
  write(m, "one\ntwo\n", 8);
  settle(s);
  ioctl(s, FIONREAD, &n);
  SAY("%d", n);
  say_read(s, 2);
  say_read(s, 100);
  say_read(s, 100);
  write(m, "\x04", 1);
  say_read(s, 100);
  write(m, "killed\x15kept\n", 12);
  settle(s);
  say_read(s, 100);
}

CONTRACT(pty_raw) {
  int s, m = terminal(&s);
  struct termios t;
  MUST(tcgetattr(s, &t));
  SAY("%x %x %x %x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
  cfmakeraw(&t);
  t.c_cc[VMIN] = 0, t.c_cc[VTIME] = 0;
  CHECK(tcsetattr(s, TCSANOW, &t));
  say_read(s, 10);
  write(m, "a\r\x03", 3);
  settle(s);
  say_read(s, 10);
  t.c_cc[VTIME] = 1;
  tcsetattr(s, TCSADRAIN, &t);
  say_read(s, 10);
  t.c_cc[VMIN] = 3;
  tcsetattr(s, TCSAFLUSH, &t);
  write(m, "abcde", 5);
  settle(s);
  say_read(s, 10);
  write(s, "x\n", 2);
  settle(m);
  say_read(m, 10);
}

CONTRACT(pty_window_size) {
  int s, m = terminal(&s);
  struct winsize w = {0};
  ioctl(s, TIOCGWINSZ, &w);
  SAY("%d %d", w.ws_row, w.ws_col);
  w.ws_row = 40, w.ws_col = 100;
  CHECK(ioctl(m, TIOCSWINSZ, &w));
  w.ws_row = 0;
  ioctl(s, TIOCGWINSZ, &w);
  SAY("%d %d", w.ws_row, w.ws_col);
}

CONTRACT(pty_hangups) {
  int s, m = terminal(&s);
  signal(SIGHUP, SIG_IGN);
  write(s, "last", 4);
  settle(m);
  close(s);
  SAY("revents %x", revents(m));
  say_read(m, 10);
  say_read(m, 10);
  s = CHECK(open(ptsname(m), O_RDWR | O_NOCTTY));
  SAY("revents %x", revents(m));
  char name[64];
  strcpy(name, ptsname(m));
  close(m);
  SAY("revents %x", revents(s));
  say_read(s, 10);
  CHECK(write(s, "x", 1));
  CHECK(open(name, O_RDWR | O_NOCTTY));
  struct winsize w;
  CHECK(ioctl(s, TIOCGWINSZ, &w));
}

CONTRACT(pty_locked) {
  int m = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY)), n, lock = 1;
  CHECK(ioctl(m, TIOCGPTN, &n));
  char name[32];
  sprintf(name, "/dev/pts/%d", n);
  CHECK(open(name, O_RDWR | O_NOCTTY));
  CHECK(unlockpt(m));
  CHECK(open(name, O_RDWR | O_NOCTTY));
  CHECK(ioctl(m, TIOCSPTLCK, &lock));
  CHECK(open(name, O_RDWR | O_NOCTTY));
}

CONTRACT(pty_signals_the_foreground) {
  int s, m = terminal(&s), status, ready[2];
  char byte;
  close(s);
  MUST(pipe(ready));
  pid_t child = fork();
  if (child == 0) {
    setsid();
    s = open(ptsname(m), O_RDWR);
    signal(SIGINT, SIG_DFL);
    SAY("foreground: %d, session: %d", tcgetpgrp(s) == getpid(), tcgetsid(s) == getpid());
    write(ready[1], "r", 1);
    pause();
    _exit(0);
  }
  read(ready[0], &byte, 1);
  write(m, "\x03", 1);
  waitpid(child, &status, 0);
  say_status("interrupted", status);
  child = fork();
  if (child == 0) {
    setsid();
    s = open(ptsname(m), O_RDWR);
    close(m);
    write(ready[1], "r", 1);
    pause();
    _exit(0);
  }
  read(ready[0], &byte, 1);
  close(m);
  waitpid(child, &status, 0);
  say_status("hung up", status);
}
