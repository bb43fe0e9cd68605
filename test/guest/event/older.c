/* Calls for events that newer ones have replaced in C libraries, and several messages at once. */
#include "../contract.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

CONTRACT(epoll_without_flags) {
  int ends[2];
  struct epoll_event e = {EPOLLIN, {.u64 = 77}}, got[2];
  pipe(ends);
  CHECK(syscall(SYS_epoll_create, 0));
  int fd = MUST(syscall(SYS_epoll_create, 1));
  SAY("cloexec %d", fcntl(fd, F_GETFD));
  CHECK(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &e));
  VALUE(syscall(SYS_epoll_wait, fd, got, 2, 0));
  write(ends[1], "x", 1);
  VALUE(syscall(SYS_epoll_wait, fd, got, 2, -1));
  SAY("%x %d", got[0].events, (int)got[0].data.u64);
  CHECK(syscall(SYS_epoll_wait, fd, got, 0, 0));
  CHECK(syscall(SYS_epoll_wait, ends[0], got, 1, 0));
  CHECK(syscall(SYS_epoll_wait, fd, 1, 1, 0));
}

CONTRACT(epoll_pwait2_takes_a_timespec) {
  struct epoll_event got[2];
  struct timespec none = {0, 0}, bad = {0, -1}, some = {0, 1000000};
  sigset_t set;
  sigemptyset(&set);
  int fd = epoll_create1(0);
  VALUE(syscall(SYS_epoll_pwait2, fd, got, 2, &none, NULL, 0));
  VALUE(syscall(SYS_epoll_pwait2, fd, got, 2, &some, &set, 8));
  CHECK(syscall(SYS_epoll_pwait2, fd, got, 2, &bad, NULL, 0));
  CHECK(syscall(SYS_epoll_pwait2, fd, got, 2, &none, &set, 4));
  CHECK(syscall(SYS_epoll_pwait2, fd, got, 2, 1, NULL, 0));
  CHECK(syscall(SYS_epoll_pwait2, fd, got, 0, &none, NULL, 0));
}

CONTRACT(eventfd_and_signalfd_without_flags) {
  uint64_t n = 5;
  sigset_t set;
  int fd = MUST(syscall(SYS_eventfd, 3));
  SAY("flags %o cloexec %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  VALUE(write(fd, &n, 8));
  VALUE(read(fd, &n, 8));
  SAY("%d", (int)n);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int sfd = MUST(syscall(SYS_signalfd, -1, &set, 8));
  SAY("flags %o cloexec %d", fcntl(sfd, F_GETFL), fcntl(sfd, F_GETFD));
  raise(SIGUSR1);
  unsigned info[32];
  VALUE(read(sfd, info, sizeof info));
  SAY("signal %u", info[0]);
  CHECK(syscall(SYS_signalfd, -1, &set, 4));
  CHECK(syscall(SYS_signalfd, fd, &set, 8));
}

CONTRACT(several_messages_at_once) {
  int ends[2];
  char text[3][8] = {"one", "three", "seven"}, got[3][8] = {{0}};
  struct iovec out[3], in[3];
  struct mmsghdr send[3] = {{{0}}}, receive[3] = {{{0}}};
  socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
  for (int i = 0; i < 3; i++) {
    out[i] = (struct iovec){text[i], strlen(text[i])};
    in[i] = (struct iovec){got[i], 8};
    send[i].msg_hdr.msg_iov = &out[i], send[i].msg_hdr.msg_iovlen = 1;
    receive[i].msg_hdr.msg_iov = &in[i], receive[i].msg_hdr.msg_iovlen = 1;
  }
  VALUE(syscall(SYS_sendmmsg, ends[0], send, 3, 0));
  SAY("%u %u %u", send[0].msg_len, send[1].msg_len, send[2].msg_len);
  VALUE(syscall(SYS_recvmmsg, ends[1], receive, 2, 0, NULL));
  SAY("%s %u %s %u", got[0], receive[0].msg_len, got[1], receive[1].msg_len);
  VALUE(syscall(SYS_recvmmsg, ends[1], receive, 3, MSG_DONTWAIT, NULL));
  CHECK(syscall(SYS_recvmmsg, ends[1], receive, 3, MSG_DONTWAIT, NULL));
  VALUE(syscall(SYS_sendmmsg, ends[0], send, 0, 0));
  CHECK(syscall(SYS_sendmmsg, ends[0], 1, 1, 0));
  send[1].msg_hdr.msg_iov = (void *)1;
  VALUE(syscall(SYS_sendmmsg, ends[0], send, 3, 0));
  CHECK(syscall(SYS_sendmmsg, 99, send, 1, 0));
}
