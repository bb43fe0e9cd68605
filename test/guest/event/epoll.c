/* epoll(7), poll(2), select(2). */
#include "../contract.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

static int add(int ep, int fd, unsigned events) {
  struct epoll_event e = {.events = events, .data.u32 = fd};
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}
static int modify(int ep, int fd, unsigned events) {
  struct epoll_event e = {.events = events, .data.u32 = fd};
  return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}
static void say_ready(const char *what, int ep, int timeout) {
  struct epoll_event e[8];
  int n = epoll_wait(ep, e, 8, timeout);
  printf("%s: %d", what, n);
  for (int i = 0; i < n; i++) printf(" %x", e[i].events);
  SAY("");
}

CONTRACT(epoll_level_and_edge) {
  int p[2], level = MUST(epoll_create1(0)), edge = MUST(epoll_create1(EPOLL_CLOEXEC));
  MUST(pipe(p));
  add(level, p[0], EPOLLIN);
  add(edge, p[0], EPOLLIN | EPOLLET);
  say_ready("nothing", level, 0);
  write(p[1], "ab", 2);
  say_ready("level", level, 0);
  say_ready("level again", level, 0);
  say_ready("edge", edge, 0);
  say_ready("edge again", edge, 0);
  char byte;
  read(p[0], &byte, 1);
  say_ready("edge after a read", edge, 0);
  write(p[1], "c", 1);
  say_ready("edge after a write", edge, 0);
  modify(edge, p[0], EPOLLIN | EPOLLET);
  say_ready("edge after a change", edge, 0);
  read(p[0], &byte, 1);
  read(p[0], &byte, 1);
  say_ready("level when empty", level, 0);
  close(p[1]);
  say_ready("level at hangup", level, 0);
  say_ready("edge at hangup", edge, 0);
}

CONTRACT(epoll_oneshot) {
  int p[2], ep = MUST(epoll_create1(0));
  MUST(pipe(p));
  add(ep, p[0], EPOLLIN | EPOLLONESHOT);
  write(p[1], "a", 1);
  say_ready("first", ep, 0);
  say_ready("second", ep, 0);
  write(p[1], "a", 1);
  say_ready("after a write", ep, 0);
  CHECK(add(ep, p[0], EPOLLIN));
  CHECK(modify(ep, p[0], EPOLLIN | EPOLLONESHOT));
  say_ready("set again", ep, 0);
  close(p[1]);
  say_ready("hangup", ep, 0);
}

CONTRACT(epoll_nested) {
  int p[2], inner = MUST(epoll_create1(0)), outer = MUST(epoll_create1(0));
  MUST(pipe(p));
  CHECK(add(inner, p[0], EPOLLIN));
  CHECK(add(outer, inner, EPOLLIN));
  CHECK(add(inner, outer, EPOLLIN));
  CHECK(add(inner, inner, EPOLLIN));
  say_ready("outer", outer, 0);
  write(p[1], "a", 1);
  say_ready("outer", outer, 0);
  say_ready("inner", inner, 0);
  say_ready("outer", outer, 0);
  struct pollfd q = {inner, POLLIN | POLLOUT};
  poll(&q, 1, 0);
  SAY("revents %x", q.revents);
  char byte;
  read(p[0], &byte, 1);
  say_ready("outer", outer, 0);
  CHECK(read(inner, &byte, 1));
  CHECK(write(inner, &byte, 1));
}

CONTRACT(epoll_closed_descriptors) {
  int p[2], ep = MUST(epoll_create1(0));
  MUST(pipe(p));
  int other = MUST(dup(p[0]));
  add(ep, p[0], EPOLLIN);
  write(p[1], "a", 1);
  close(p[0]);
  say_ready("a duplicate lives", ep, 0);
  struct epoll_event e;
  CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], &e));
  CHECK(add(ep, other, EPOLLIN));
  say_ready("both", ep, 0);
  close(other);
  say_ready("none", ep, 0);
}

CONTRACT(epoll_errors) {
  int p[2], ep = MUST(epoll_create1(0));
  struct epoll_event e = {EPOLLIN};
  MUST(pipe(p));
  int f = MUST(open("f", O_CREAT | O_RDWR, 0600));
  CHECK(add(ep, f, EPOLLIN));
  CHECK(add(ep, 99, EPOLLIN));
  CHECK(add(99, p[0], EPOLLIN));
  CHECK(add(p[0], p[1], EPOLLIN));
  CHECK(modify(ep, p[0], EPOLLIN));
  CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
  CHECK(epoll_ctl(ep, 7, p[0], &e));
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], 0));
  CHECK(epoll_wait(ep, &e, 0, 0));
  CHECK(epoll_wait(ep, &e, -1, 0));
  CHECK(epoll_wait(p[0], &e, 1, 0));
  CHECK(epoll_wait(ep, 0, 1, 0));
  CHECK(epoll_create(0));
  CHECK(epoll_create1(1));
  CHECK(add(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE));
  CHECK(modify(ep, p[0], EPOLLIN));
  CHECK(add(ep, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT));
  CHECK(add(ep, MUST(epoll_create1(0)), EPOLLIN | EPOLLEXCLUSIVE));
}

CONTRACT(epoll_socket_hangups) {
  int s[2], ep = MUST(epoll_create1(0));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  add(ep, s[0], EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET);
  say_ready("open", ep, 0);
  shutdown(s[1], SHUT_WR);
  say_ready("half closed", ep, 0);
  close(s[1]);
  say_ready("closed", ep, 0);
  modify(ep, s[0], 0);
  say_ready("asked for nothing", ep, 0);
}

CONTRACT(epoll_turns_of_many) {
  int ep = MUST(epoll_create1(0)), fds[4];
  for (int i = 0; i < 4; i++) {
    fds[i] = MUST(eventfd(1, 0));
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = i};
    epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
  }
  for (int round = 0; round < 4; round++) {
    struct epoll_event e[2];
    int n = epoll_wait(ep, e, 2, 0);
    SAY("%d: %d %d", n, (int)e[0].data.u64, (int)e[1].data.u64);
  }
}

static int slow_fd;
static void *later(void *unused) {
  usleep(20000);
  write(slow_fd, "x", 1);
  return 0;
}

CONTRACT(epoll_waits) {
  int p[2], ep = MUST(epoll_create1(0));
  pthread_t t;
  MUST(pipe(p));
  slow_fd = p[1];
  pthread_create(&t, 0, later, 0);
  say_ready("added while waiting for others", ep, 1);
  add(ep, p[0], EPOLLIN);
  say_ready("waited", ep, 5000);
  pthread_join(t, 0);
}

static volatile sig_atomic_t caught;
static void note(int sig) { caught = sig; }

CONTRACT(waits_with_masks) {
  int ep = MUST(epoll_create1(0));
  struct epoll_event e;
  sigset_t usr1, none;
  struct sigaction act = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &act, 0);
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, 0);
  raise(SIGUSR1);
  SAY("pending: %d", caught);
  CHECK(epoll_pwait(ep, &e, 1, 5000, &none));
  SAY("caught: %d", caught);
  caught = 0;
  raise(SIGUSR1);
  struct timespec t = {5, 0};
  CHECK(ppoll(0, 0, &t, &none));
  SAY("caught: %d", caught);
  caught = 0;
  raise(SIGUSR1);
  CHECK(pselect(0, 0, 0, 0, &t, &none));
  SAY("caught: %d", caught);
  caught = 0;
  raise(SIGUSR1);
  SAY("ready wins: %d", ppoll(&(struct pollfd){MUST(eventfd(1, 0)), POLLIN}, 1, &t, &none));
  sigset_t now;
  sigprocmask(SIG_SETMASK, 0, &now);
  SAY("mask is back: %d", sigismember(&now, SIGUSR1));
}

CONTRACT(poll_forms) {
  int p[2];
  MUST(pipe(p));
  struct pollfd q[4] = {{p[0], POLLIN}, {p[1], POLLOUT}, {-1, POLLIN, 7}, {99, POLLIN}};
  VALUE(poll(q, 4, 0));
  SAY("%x %x %x %x", q[0].revents, q[1].revents, q[2].revents, q[3].revents);
  close(p[0]);
  q[0].fd = -1;
  VALUE(poll(q, 2, 0));
  SAY("%x %x", q[0].revents, q[1].revents);
  int f = MUST(open("f", O_CREAT | O_RDWR, 0600));
  q[0] = (struct pollfd){f, POLLIN | POLLOUT | POLLPRI};
  VALUE(poll(q, 1, 0));
  SAY("%x", q[0].revents);
  q[0] = (struct pollfd){MUST(open("f", O_PATH)), POLLIN};
  VALUE(poll(q, 1, 0));
  SAY("%x", q[0].revents);
  VALUE(poll(0, 0, 1));
  VALUE(poll(0, 1, 0));
  struct timespec bad = {0, 1000000000};
  VALUE(ppoll(q, 0, &bad, 0));
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  VALUE(poll(0, 0, 30));
  clock_gettime(CLOCK_MONOTONIC, &after);
  long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
  SAY("waited: %d", ms >= 29);
}

CONTRACT(select_forms) {
  int p[2];
  fd_set r, w, x;
  struct timeval t = {0, 0};
  MUST(pipe(p));
  write(p[1], "a", 1);
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_ZERO(&x);
  FD_SET(p[0], &r), FD_SET(p[1], &r), FD_SET(p[1], &w), FD_SET(p[0], &x);
  VALUE(select(p[1] + 1, &r, &w, &x, &t));
  SAY("%d %d %d %d", FD_ISSET(p[0], &r), FD_ISSET(p[1], &r), FD_ISSET(p[1], &w), FD_ISSET(p[0], &x));
  FD_ZERO(&r);
  FD_SET(40, &r);
  VALUE(select(41, &r, 0, 0, &t));
  VALUE(select(40, &r, 0, 0, &t));
  VALUE(select(-1, &r, 0, 0, &t));
  t.tv_sec = -1;
  VALUE(select(0, 0, 0, 0, &t));
  t = (struct timeval){5, 0};
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  VALUE(select(p[0] + 1, &r, 0, 0, &t));
  SAY("time is left: %d", t.tv_sec >= 4);
  t = (struct timeval){0, 10000};
  char byte;
  read(p[0], &byte, 1);
  VALUE(select(p[0] + 1, &r, 0, 0, &t));
  SAY("left %ld %ld, set %d", (long)t.tv_sec, (long)t.tv_usec, FD_ISSET(p[0], &r));
  close(p[1]);
  FD_SET(p[0], &r);
  VALUE(select(p[0] + 1, &r, 0, 0, 0));
}
