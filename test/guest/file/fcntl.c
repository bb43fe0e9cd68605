/* dup(2), fcntl(2), close_range(2). */
#include "../contract.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LARGE 0100000

static int file(void) { return MUST(open("f", O_RDWR | O_CREAT, 0644)); }

CONTRACT(dup_shares_the_description) {
  int a = file(), b = MUST(dup(a));
  write(a, "hello", 5);
  SAY("offset %ld", (long)lseek(b, 0, SEEK_CUR));
  fcntl(b, F_SETFL, O_APPEND);
  SAY("flags %o", fcntl(a, F_GETFL) & ~LARGE);
  fcntl(a, F_SETFD, FD_CLOEXEC);
  SAY("descriptor flags %d %d", fcntl(a, F_GETFD), fcntl(b, F_GETFD));
  int c = file();
  SAY("own offset %ld, own flags %o", (long)lseek(c, 0, SEEK_CUR), fcntl(c, F_GETFL) & ~LARGE);
}

CONTRACT(dup2_and_dup3) {
  int a = file();
  fcntl(a, F_SETFD, FD_CLOEXEC);
  VALUE(dup2(a, 30));
  SAY("descriptor flags %d", fcntl(30, F_GETFD));
  SAY("same: %d", dup2(a, a) == a);
  SAY("descriptor flags %d", fcntl(a, F_GETFD));
  CHECK(dup2(99, 99));
  CHECK(dup2(99, 5));
  CHECK(dup2(a, -1));
  CHECK(syscall(SYS_dup3, a, a, 0));
  CHECK(syscall(SYS_dup3, a, 31, O_NONBLOCK));
  CHECK(syscall(SYS_dup3, 99, 31, 0));
  CHECK(syscall(SYS_dup3, 99, 99, 0));
  VALUE(dup3(a, 31, O_CLOEXEC));
  SAY("descriptor flags %d", fcntl(31, F_GETFD));
  int p[2];
  MUST(pipe(p));
  MUST(dup2(a, p[1]));
  char byte;
  VALUE(read(p[0], &byte, 1));
}

CONTRACT(dup_at_the_limit) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 20;
  MUST(setrlimit(RLIMIT_NOFILE, &limit));
  int a = file(), fd, last = -1;
  while ((fd = dup(a)) >= 0) last = fd;
  SAY("errno %d, last %d", errno, last);
  CHECK(open("f", O_RDONLY));
  int p[2];
  CHECK(pipe(p));
  CHECK(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(fcntl(a, F_DUPFD, 19));
  CHECK(fcntl(a, F_DUPFD, 20));
  CHECK(fcntl(a, F_DUPFD, -1));
  CHECK(dup2(a, 19));
  CHECK(dup2(a, 20));
  close(19);
  CHECK(pipe(p));
  CHECK(dup(a));
}

CONTRACT(fcntl_setfl_changes_only_some) {
  int a = file();
  CHECK(fcntl(a, F_SETFL, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC | O_APPEND | O_NONBLOCK));
  SAY("flags %o", fcntl(a, F_GETFL) & ~LARGE);
  CHECK(fcntl(a, F_SETFL, 0));
  SAY("flags %o", fcntl(a, F_GETFL) & ~LARGE);
  CHECK(fcntl(a, F_SETFL, O_NOATIME));
  SAY("flags %o", fcntl(a, F_GETFL) & ~LARGE);
  CHECK(fcntl(99, F_GETFL));
  CHECK(fcntl(a, 9999));
}

CONTRACT(ioctl_sets_flags_of_both_kinds) {
  int p[2], on = 1, off = 0;
  MUST(pipe(p));
  CHECK(ioctl(p[0], FIONBIO, &on));
  SAY("flags %o", fcntl(p[0], F_GETFL));
  CHECK(ioctl(p[0], FIONBIO, &off));
  SAY("flags %o", fcntl(p[0], F_GETFL));
  CHECK(ioctl(p[0], FIOCLEX));
  SAY("descriptor flags %d", fcntl(p[0], F_GETFD));
  CHECK(ioctl(p[0], FIONCLEX));
  SAY("descriptor flags %d", fcntl(p[0], F_GETFD));
  CHECK(ioctl(p[0], FIONBIO, 0));
  CHECK(ioctl(99, FIONBIO, &on));
  CHECK(ioctl(p[0], TIOCGWINSZ, &on));
  write(p[1], "abc", 3);
  int n = -1;
  CHECK(ioctl(p[0], FIONREAD, &n));
  SAY("%d bytes", n);
  int a = file();
  write(a, "hello", 5);
  lseek(a, 1, SEEK_SET);
  CHECK(ioctl(a, FIONREAD, &n));
  SAY("%d bytes", n);
  CHECK(ioctl(a, TCGETS, &n));
}

CONTRACT(fcntl_owner) {
  int p[2];
  MUST(pipe(p));
  VALUE(fcntl(p[0], F_GETOWN));
  CHECK(fcntl(p[0], F_SETOWN, getpid()));
  SAY("own: %d", fcntl(p[0], F_GETOWN) == getpid());
  CHECK(fcntl(p[0], F_SETOWN, -getpgrp()));
  SAY("group: %d", fcntl(p[0], F_GETOWN) == -getpgrp());
  CHECK(fcntl(p[0], F_SETOWN, 4000000));
  CHECK(fcntl(p[0], F_SETOWN, 0));
  VALUE(fcntl(p[0], F_GETOWN));
  struct { int type, pid; } owner = {1, getpid()};
  CHECK(fcntl(p[0], F_SETOWN_EX, &owner));
  owner.type = owner.pid = -1;
  CHECK(fcntl(p[0], F_GETOWN_EX, &owner));
  SAY("type %d, own %d", owner.type, owner.pid == getpid());
  owner.type = 7;
  CHECK(fcntl(p[0], F_SETOWN_EX, &owner));
}

CONTRACT(fcntl_signal_number) {
  int p[2];
  MUST(pipe(p));
  VALUE(fcntl(p[0], F_GETSIG));
  CHECK(fcntl(p[0], F_SETSIG, SIGUSR1));
  VALUE(fcntl(p[0], F_GETSIG));
  CHECK(fcntl(p[0], F_SETSIG, 65));
  CHECK(fcntl(p[0], F_SETSIG, -1));
  CHECK(fcntl(p[0], F_SETSIG, 0));
  VALUE(fcntl(p[0], F_GETSIG));
}

static volatile sig_atomic_t arrived, of_fd, of_code;
static void note(int sig, siginfo_t *info, void *context) {
  arrived = sig;
  of_fd = info->si_fd;
  of_code = info->si_code;
}

CONTRACT(async_pipe_signals_its_owner) {
  struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(SIGIO, &act, 0);
  sigaction(SIGUSR1, &act, 0);
  int p[2];
  MUST(pipe(p));
  MUST(fcntl(p[0], F_SETOWN, getpid()));
  write(p[1], "x", 1);
  SAY("not asked for: %d", arrived);
  MUST(fcntl(p[0], F_SETFL, O_ASYNC));
  SAY("flags %o", fcntl(p[0], F_GETFL));
  write(p[1], "x", 1);
  for (int i = 0; i < 100 && !arrived; i++) usleep(1000);
  SAY("signal %d", arrived);
  arrived = 0;
  MUST(fcntl(p[0], F_SETSIG, SIGUSR1));
  write(p[1], "x", 1);
  for (int i = 0; i < 100 && !arrived; i++) usleep(1000);
  SAY("signal %d, of the descriptor %d, code POLL_IN %d", arrived, of_fd == p[0], of_code == POLL_IN);
  arrived = 0;
  MUST(fcntl(p[0], F_SETFL, 0));
  write(p[1], "x", 1);
  usleep(2000);
  SAY("no longer: %d", arrived);
}

CONTRACT(async_socket_signals_its_owner) {
  struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(SIGIO, &act, 0);
  int s[2], on = 1;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  MUST(fcntl(s[0], F_SETOWN, getpid()));
  CHECK(ioctl(s[0], FIOASYNC, &on));
  SAY("flags %o", fcntl(s[0], F_GETFL));
  write(s[1], "x", 1);
  for (int i = 0; i < 100 && !arrived; i++) usleep(1000);
  SAY("signal %d", arrived);
  arrived = 0;
  close(s[1]);
  for (int i = 0; i < 100 && !arrived; i++) usleep(1000);
  SAY("signal at hangup %d", arrived);
}

CONTRACT(pipe_size) {
  int p[2];
  MUST(pipe(p));
  VALUE(fcntl(p[0], F_GETPIPE_SZ));
  VALUE(fcntl(p[0], F_SETPIPE_SZ, 1));
  VALUE(fcntl(p[1], F_GETPIPE_SZ));
  VALUE(fcntl(p[0], F_SETPIPE_SZ, 5000));
  VALUE(fcntl(p[1], F_SETPIPE_SZ, 40000));
  static char data[20000];
  VALUE(write(p[1], data, sizeof data));
  VALUE(fcntl(p[1], F_SETPIPE_SZ, 4096));
  VALUE(fcntl(p[1], F_GETPIPE_SZ));
  VALUE(fcntl(p[1], F_SETPIPE_SZ, 20480));
  VALUE(fcntl(p[1], F_SETPIPE_SZ, 0));
  int a = file();
  CHECK(fcntl(a, F_GETPIPE_SZ));
  CHECK(fcntl(a, F_SETPIPE_SZ, 4096));
}

CONTRACT(leases_are_refused_on_other_kinds) {
  int r = file();
  close(r);
  r = MUST(open("f", O_RDONLY));
  VALUE(fcntl(r, F_GETLEASE));
  CHECK(fcntl(r, F_SETLEASE, 17));
  int p[2];
  MUST(pipe(p));
  CHECK(fcntl(p[0], F_SETLEASE, F_RDLCK));
  CHECK(fcntl(MUST(open(".", O_RDONLY)), F_SETLEASE, F_RDLCK));
}

CONTRACT(close_range_closes_and_marks) {
  int a = file();
  for (int fd = 40; fd < 50; fd++) MUST(dup2(a, fd));
  CHECK(syscall(SYS_close_range, 42, 44, 0));
  CHECK(syscall(SYS_close_range, 46, 47, 4));
  for (int fd = 40; fd < 50; fd++) SAY("%d: %d", fd, fcntl(fd, F_GETFD));
  CHECK(syscall(SYS_close_range, 48, ~0U, 0));
  SAY("%d %d", fcntl(48, F_GETFD), fcntl(40, F_GETFD));
  CHECK(syscall(SYS_close_range, 9, 8, 0));
  CHECK(syscall(SYS_close_range, 8, 9, 64));
  CHECK(syscall(SYS_close_range, 40, 40, 2));
  CHECK(close(40));
  CHECK(close(-1));
}
