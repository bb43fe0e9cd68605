/* TCFLSH and TCXONC on both sides of a pseudo-terminal: each side has buffers of its own. Compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;

static void open_pair(int raw) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  struct termios t;
  tcgetattr(slave, &t);
  if (raw) cfmakeraw(&t);
  tcsetattr(slave, TCSANOW, &t);
  fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
  fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
}

static void close_pair(void) {
  close(slave);
  close(master);
}

/* The host's kernel moves what is written by a worker of its own. */
static void settle(void) { usleep(50000); }

static void show(const char *who, int fd) {
  char text[100];
  long n = read(fd, text, sizeof text);
  printf(" %s %ld", who, n);
  for (long i = 0; i < n; i++) printf(text[i] < 32 ? "\\x%02x" : "%c", text[i]);
}

static long count(int fd) {
  static char text[40000];
  long total = 0, n;
  while (settle(), (n = read(fd, text, sizeof text)) > 0) total += n;
  return total;
}

static void flush(int which, int by_master) {
  open_pair(1);
  write(slave, "up", 2);
  write(master, "down", 4);
  settle();
  errno = 0;
  int r = ioctl(by_master ? master : slave, TCFLSH, which);
  printf("flush %d by the %s: %d %d", which, by_master ? "master" : "slave", r, errno);
  show("master", master);
  show("slave", slave);
  printf("\n");
  close_pair();
}

/* More than the line discipline holds: the rest waits before it. */
static void flush_full(int which, int by_master) {
  static char text[6000];
  open_pair(1);
  memset(text, 'x', sizeof text);
  printf("%ld", (long)write(slave, text, sizeof text));
  printf(" %ld", (long)write(master, text, sizeof text));
  settle();
  ioctl(by_master ? master : slave, TCFLSH, which);
  printf(" flushed %d by the %s:", which, by_master ? "master" : "slave");
  printf(" %ld", count(master));
  printf(" %ld\n", count(slave));
  close_pair();
}

static void suspend(int by_master) {
  open_pair(1);
  int fd = by_master ? master : slave, other = by_master ? slave : master;
  for (int action = 0; action <= 4; action++) {
    errno = 0;
    int r = ioctl(fd, TCXONC, action);
    printf("%s action %d: %d %d", by_master ? "master" : "slave", action, r, errno);
    errno = 0;
    long n = write(fd, "w", 1);
    struct pollfd p = {fd, POLLOUT, 0};
    settle();
    poll(&p, 1, 0);
    printf(" write %ld %d poll %d", n, errno, p.revents & POLLOUT);
    show("other", other);
    printf("\n");
  }
  close_pair();
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int which = 0; which <= 3; which++) {
    flush(which, 0);
    flush(which, 1);
  }
  for (int which = 0; which <= 1; which++) {
    flush_full(which, 0);
    flush_full(which, 1);
  }
  suspend(0);
  suspend(1);
  open_pair(0);
  write(slave, "before", 6);
  settle();
  write(master, "typed\x03", 6);
  settle();
  show("interrupted", master);
  printf("\n");
  close_pair();
  return 0;
}
