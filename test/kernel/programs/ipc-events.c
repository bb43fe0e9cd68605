/* epoll, eventfd, signalfd and timerfd. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static void wait_n(int ep, int max, int timeout) {
  struct epoll_event e[10];
  int n = epoll_wait(ep, e, max, timeout);
  printf("  wait %d:", n);
  for (int i = 0; i < n; i++) printf(" %x/%lx", e[i].events, (long)e[i].data.u64);
  printf("\n");
  fflush(stdout);
}

static int ctl(int ep, int op, int fd, unsigned events, uint64_t data) {
  struct epoll_event e = {.events = events, .data.u64 = data};
  return epoll_ctl(ep, op, fd, &e);
}

static void epoll(void) {
  int p[2], q[2];
  pipe(p);
  pipe(q);
  int ep = epoll_create1(EPOLL_CLOEXEC);
  char buf[100];
  show("create 0", epoll_create(0));
  show("add", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 0x123456789abcdef0));
  show("add again", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
  show("mod missing", ctl(ep, EPOLL_CTL_MOD, q[0], EPOLLIN, 1));
  show("del missing", ctl(ep, EPOLL_CTL_DEL, q[0], EPOLLIN, 1));
  show("add self", ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 1));
  show("bad fd", ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 1));
  show("not epoll", ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN, 1));
  show("bad op", ctl(ep, 9, p[0], EPOLLIN, 1));
  int file = open("/proc/self/exe", O_RDONLY);
  show("add file", ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN, 1));
  int null = open("/dev/null", O_RDONLY);
  show("add null", ctl(ep, EPOLL_CTL_ADD, null, EPOLLIN, 1));
  wait_n(ep, 10, 0);
  show("max 0", epoll_wait(ep, 0, 0, 0));
  write(p[1], "ab", 2);
  wait_n(ep, 10, 0);
  wait_n(ep, 10, 0);
  show("fault", epoll_wait(ep, (void *)8, 1, 0));
  read(p[0], buf, 10);
  wait_n(ep, 10, 0);
  /* Edge. */
  printf("edge\n");
  ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2);
  write(p[1], "ab", 2);
  wait_n(ep, 10, 0);
  wait_n(ep, 10, 0);
  write(p[1], "c", 1);
  wait_n(ep, 10, 0);
  read(p[0], buf, 1);
  wait_n(ep, 10, 0);
  ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 3);
  wait_n(ep, 10, 0);
  wait_n(ep, 10, 0);
  /* One shot. */
  printf("oneshot\n");
  ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4);
  wait_n(ep, 10, 0);
  wait_n(ep, 10, 0);
  write(p[1], "c", 1);
  wait_n(ep, 10, 0);
  ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 5);
  wait_n(ep, 10, 0);
  read(p[0], buf, 100);
  /* Several, in turn. */
  printf("several\n");
  ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 6);
  ctl(ep, EPOLL_CTL_ADD, q[0], EPOLLIN, 7);
  ctl(ep, EPOLL_CTL_ADD, q[1], EPOLLOUT, 8);
  write(p[1], "x", 1);
  write(q[1], "x", 1);
  for (int i = 0; i < 4; i++) wait_n(ep, 1, 0);
  ctl(ep, EPOLL_CTL_DEL, q[1], 0, 0);
  wait_n(ep, 10, 0);
  /* A duplicate keeps the item alive after close. */
  printf("dup\n");
  int d = dup(q[0]);
  close(q[0]);
  wait_n(ep, 10, 0);
  close(d);
  wait_n(ep, 10, 0);
  /* Hang-up. */
  close(p[1]);
  wait_n(ep, 10, 0);
  read(p[0], buf, 100);
  wait_n(ep, 10, 0);
  close(p[0]);
  wait_n(ep, 10, 0);
  /* Nested. */
  printf("nested\n");
  pipe(p);
  int outer = epoll_create1(0);
  show("nest", ctl(outer, EPOLL_CTL_ADD, ep, EPOLLIN, 9));
  show("loop", ctl(ep, EPOLL_CTL_ADD, outer, EPOLLIN, 9));
  show("exclusive nest", ctl(outer, EPOLL_CTL_ADD, ep, EPOLLIN | EPOLLEXCLUSIVE, 9));
  show("exclusive", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 10));
  show("exclusive mod", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 10));
  wait_n(outer, 10, 0);
  if (fork() == 0) {
    usleep(20000);
    write(p[1], "x", 1);
    _exit(0);
  }
  wait_n(outer, 10, 5000);
  wait_n(ep, 10, 0);
  wait(0);
  struct pollfd pf = {outer, POLLIN, 0};
  printf("poll %d %x\n", poll(&pf, 1, 0), pf.revents);
  read(p[0], buf, 10);
  printf("poll %d\n", poll(&pf, 1, 0));
  show("read epoll", read(ep, buf, 10));
  close(outer);
  close(ep);
}

static void events(void) {
  uint64_t v = 5;
  int e = eventfd(3, EFD_NONBLOCK);
  struct pollfd pf = {e, POLLIN | POLLOUT, 0};
  poll(&pf, 1, 0);
  printf("poll %x\n", pf.revents);
  show("short", read(e, &v, 4));
  show("read", read(e, &v, 100));
  printf("%lu\n", v);
  show("empty", read(e, &v, 8));
  v = -1;
  show("max", write(e, &v, 8));
  v = -2;
  show("almost", write(e, &v, 8));
  poll(&pf, 1, 0);
  printf("poll %x\n", pf.revents);
  v = 1;
  show("full", write(e, &v, 8));
  v = 0;
  show("zero", write(e, &v, 8));
  show("read", read(e, &v, 8));
  printf("%lx\n", v);
  close(e);
  e = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  read(e, &v, 8);
  printf("%lu\n", v);
  show("second", read(e, &v, 8));
  show("third", read(e, &v, 8));
  show("flags", eventfd(0, 0x10));
  close(e);
  e = eventfd(0, 0);
  if (fork() == 0) {
    usleep(20000);
    v = 7;
    write(e, &v, 8);
    _exit(0);
  }
  show("blocked", read(e, &v, 8));
  printf("%lu\n", v);
  wait(0);
}

static void signals(void) {
  sigset_t set;
  struct signalfd_siginfo info[3];
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  show("none", read(fd, info, sizeof info));
  show("short", read(fd, info, 100));
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 42});
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 43});
  struct pollfd pf = {fd, POLLIN, 0};
  poll(&pf, 1, 0);
  printf("poll %x\n", pf.revents);
  long n = read(fd, info, sizeof info);
  for (int i = 0; i < n / (long)sizeof info[0]; i++) {
    printf("sig %d code %d mine %d value %d\n", info[i].ssi_signo, info[i].ssi_code, info[i].ssi_pid == getpid(), info[i].ssi_int);
  }
  show("none left", read(fd, info, sizeof info));
  int ep = epoll_create1(0);
  ctl(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
  wait_n(ep, 1, 0);
  if (fork() == 0) _exit(3);
  wait_n(ep, 1, 5000);
  read(fd, info, sizeof info);
  printf("sig %d status %d code %d\n", info[0].ssi_signo, info[0].ssi_status, info[0].ssi_code);
  wait(0);
  sigdelset(&set, SIGUSR1);
  show("change", signalfd(fd, &set, 0) == fd);
  raise(SIGUSR1);
  show("not wanted", read(fd, info, sizeof info));
  show("wrong fd", signalfd(ep, &set, 0));
  close(fd);
}

static void timers(void) {
  struct itimerspec t = {{0, 10000000}, {0, 10000000}}, old;
  uint64_t v;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  show("unarmed", read(fd, &v, 8));
  show("set", timerfd_settime(fd, 0, &t, &old));
  printf("old %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
  show("early", read(fd, &v, 8));
  usleep(55000);
  show("read", read(fd, &v, 8));
  printf("ticks %d\n", v >= 4 && v < 60);
  timerfd_gettime(fd, &old);
  printf("get %ld %d\n", old.it_interval.tv_nsec, old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000);
  t = (struct itimerspec){0};
  timerfd_settime(fd, 0, &t, 0);
  usleep(15000);
  show("disarmed", read(fd, &v, 8));
  t.it_value.tv_nsec = 1000000000;
  show("bad", timerfd_settime(fd, 0, &t, 0));
  show("bad clock", timerfd_create(2, 0));
  show("bad flags", timerfd_create(0, 1));
  show("not a timer", timerfd_gettime(0, &t));
  int rt = timerfd_create(CLOCK_REALTIME, 0);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t = (struct itimerspec){{0, 0}, {now.tv_sec, now.tv_nsec + 20000000}};
  if (t.it_value.tv_nsec >= 1000000000) t.it_value.tv_sec++, t.it_value.tv_nsec -= 1000000000;
  timerfd_settime(rt, TFD_TIMER_ABSTIME, &t, 0);
  show("absolute", read(rt, &v, 8));
  printf("%lu\n", v);
  t.it_value.tv_sec = 1;
  timerfd_settime(rt, TFD_TIMER_ABSTIME, &t, 0);
  show("past", read(rt, &v, 8));
}

int main(void) {
  epoll();
  events();
  signals();
  timers();
  return 0;
}
