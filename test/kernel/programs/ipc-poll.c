/* poll, ppoll, select and pselect6: readiness, timeouts, signals, errors. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void on_alarm(int sig) { printf("signal %d\n", sig); }

/* A child writes after a while. */
static void later(int fd) {
  if (fork() == 0) {
    usleep(20000);
    write(fd, "x", 1);
    _exit(0);
  }
}

int main(void) {
  int p[2], q[2];
  char c;
  pipe(p);
  pipe(q);
  signal(SIGPIPE, SIG_IGN);

  struct pollfd f[4] = {{p[0], POLLIN, 9}, {-1, POLLIN, 9}, {77, POLLIN, 9}, {p[1], 0, 9}};
  show("poll", poll(f, 4, 0));
  printf("%x %x %x %x\n", f[0].revents, f[1].revents, f[2].revents, f[3].revents);
  f[2].fd = -77;
  double start = now();
  show("poll timeout", poll(f, 4, 50));
  printf("waited %d\n", now() - start >= 49 && now() - start < 2000);
  later(p[1]);
  f[1] = (struct pollfd){q[0], POLLIN | POLLPRI, 0};
  show("poll wakes", poll(f, 2, 5000));
  printf("%x %x\n", f[0].revents, f[1].revents);
  read(p[0], &c, 1);
  wait(0);

  /* HUP alone wakes. */
  int h[2];
  pipe(h);
  if (fork() == 0) {
    close(h[0]);
    usleep(20000);
    _exit(0);
  }
  close(h[1]);
  struct pollfd hup = {h[0], 0, 0};
  show("poll hup", poll(&hup, 1, 5000));
  printf("%x\n", hup.revents);
  wait(0);
  close(h[0]);

  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 100;
  setrlimit(RLIMIT_NOFILE, &limit);
  show("poll too many", syscall(SYS_poll, f, 101, 0));
  show("poll fault", syscall(SYS_poll, 0, 1, 0));
  show("poll none", poll(0, 0, 1));

  /* Signals. */
  struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &sa, 0);
  ualarm(20000, 0);
  show("poll interrupted", poll(f, 1, 5000));
  sigset_t block, old, none;
  sigemptyset(&none);
  sigemptyset(&block);
  sigaddset(&block, SIGALRM);
  sigprocmask(SIG_BLOCK, &block, &old);
  ualarm(10000, 0);
  usleep(30000);
  struct timespec t = {5, 0};
  show("ppoll unblocks", ppoll(f, 1, &t, &none));
  sigprocmask(SIG_SETMASK, 0, &block);
  printf("blocked again %d\n", sigismember(&block, SIGALRM));
  t = (struct timespec){0, 1000000000};
  show("ppoll bad time", ppoll(f, 1, &t, 0));
  t = (struct timespec){0, 10000000};
  show("ppoll time", syscall(SYS_ppoll, f, 1, &t, 0, 8));
  printf("left %ld %ld\n", (long)t.tv_sec, t.tv_nsec);
  show("ppoll sigset size", syscall(SYS_ppoll, f, 1, &t, &none, 4));

  /* select */
  fd_set r, w, e;
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_ZERO(&e);
  FD_SET(p[0], &r);
  FD_SET(q[0], &r);
  FD_SET(p[1], &w);
  FD_SET(p[0], &e);
  struct timeval tv = {0, 0};
  show("select", select(20, &r, &w, &e, &tv));
  printf("%d %d %d %d\n", FD_ISSET(p[0], &r), FD_ISSET(q[0], &r), FD_ISSET(p[1], &w), FD_ISSET(p[0], &e));
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  tv = (struct timeval){0, 30000};
  show("select timeout", select(20, &r, 0, 0, &tv));
  printf("%d left %ld %ld\n", FD_ISSET(p[0], &r), (long)tv.tv_sec, (long)tv.tv_usec);
  FD_SET(p[0], &r);
  later(p[1]);
  tv = (struct timeval){9, 0};
  show("select wakes", select(20, &r, 0, 0, &tv));
  printf("%d left %d\n", FD_ISSET(p[0], &r), tv.tv_sec == 8);
  wait(0);
  FD_SET(60, &r);
  show("select bad fd", select(64, &r, 0, 0, 0));
  show("select n", select(-1, 0, 0, 0, 0));
  tv = (struct timeval){-1, 0};
  show("select negative", syscall(SYS_select, 0, 0, 0, 0, &tv));
  close(p[1]);
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  read(p[0], &c, 1);
  show("select eof", select(20, &r, 0, 0, 0));
  close(q[0]);
  FD_ZERO(&w);
  FD_SET(q[1], &w);
  show("select broken", select(20, 0, &w, 0, 0));
  int file = open("/", O_RDONLY);
  FD_ZERO(&r);
  FD_SET(file, &r);
  show("select directory", select(20, &r, 0, 0, 0));
  ualarm(1000, 0);
  usleep(5000);
  struct timespec ts = {5, 0};
  FD_ZERO(&r);
  FD_SET(p[1], &r);
  show("pselect pending", pselect(0, 0, 0, 0, &ts, &none));
  return 0;
}
