/* Descriptors of processes, and clone3(2). */
#include "../contract.h"

#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif

struct clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

CONTRACT(pidfd_of_a_child) {
  siginfo_t info = {0};
  pid_t pid = fork();
  if (pid == 0) for (;;) pause();
  int fd = MUST(syscall(SYS_pidfd_open, pid, 0));
  struct pollfd p = {fd, POLLIN, 0};
  SAY("cloexec %d", fcntl(fd, F_GETFD));
  VALUE(poll(&p, 1, 0));
  CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  CHECK(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
  CHECK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 77));
  CHECK(syscall(SYS_pidfd_send_signal, 0, SIGKILL, NULL, 0));
  CHECK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
  VALUE(poll(&p, 1, -1));
  SAY("revents %x", p.revents);
  CHECK(waitid(P_PIDFD, fd, &info, WEXITED));
  SAY("it: %d code %d status %d", info.si_pid == pid, info.si_code, info.si_status);
  CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  CHECK(waitid(P_PIDFD, fd, &info, WEXITED));
}

CONTRACT(pidfd_open_refuses) {
  CHECK(syscall(SYS_pidfd_open, 0, 0));
  CHECK(syscall(SYS_pidfd_open, -5, 0));
  CHECK(syscall(SYS_pidfd_open, 99999999, 0));
  CHECK(syscall(SYS_pidfd_open, getpid(), 1));
  int fd = MUST(syscall(SYS_pidfd_open, getpid(), O_NONBLOCK));
  SAY("flags %o", fcntl(fd, F_GETFL) & O_NONBLOCK);
  char c;
  CHECK(read(fd, &c, 1));
  CHECK(write(fd, &c, 1));
  CHECK(lseek(fd, 0, SEEK_SET));
}

CONTRACT(pidfd_getfd_takes_a_descriptor) {
  int ends[2];
  char text[8] = "";
  MUST(pipe(ends));
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    dup2(ends[1], 40);
    close(ends[1]);
    for (;;) pause();
  }
  close(ends[1]);
  int p = MUST(syscall(SYS_pidfd_open, pid, 0)), fd;
  do fd = syscall(SYS_pidfd_getfd, p, 40, 0);
  while (fd < 0 && errno == EBADF);
  SAY("taken: %d cloexec %d", fd >= 0, fcntl(fd, F_GETFD));
  VALUE(write(fd, "through", 8));
  VALUE(read(ends[0], text, 8));
  SAY("%s", text);
  CHECK(syscall(SYS_pidfd_getfd, p, 41, 0));
  CHECK(syscall(SYS_pidfd_getfd, p, 40, 1));
  CHECK(syscall(SYS_pidfd_getfd, 0, 40, 0));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  CHECK(syscall(SYS_pidfd_getfd, p, 40, 0));
}

static long clone3(struct clone_args *a, size_t size) { return syscall(SYS_clone3, a, size); }

CONTRACT(clone3_forks) {
  int fd = -1, status, tid = 0;
  struct clone_args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&tid, .exit_signal = SIGCHLD};
  long pid = clone3(&a, sizeof a);
  if (pid == 0) _exit(5);
  SAY("stored: %d pidfd %d", tid == pid, fd >= 0);
  waitpid(pid, &status, 0);
  say_status("child", status);
  CHECK(clone3(&a, 63));
  CHECK(clone3(&a, 5000));
  CHECK(clone3((void *)1, sizeof a));
  a.exit_signal = 65;
  CHECK(clone3(&a, sizeof a));
  a = (struct clone_args){.flags = SIGCHLD};
  CHECK(clone3(&a, sizeof a));
  a = (struct clone_args){.stack = 4096};
  CHECK(clone3(&a, sizeof a));
  a = (struct clone_args){.flags = CLONE_THREAD};
  CHECK(clone3(&a, sizeof a));
  a = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND};
  CHECK(clone3(&a, sizeof a));
}

CONTRACT(clone3_clears_handlers) {
  signal(SIGUSR1, (void (*)(int))1);
  signal(SIGUSR2, exit);
  struct clone_args a = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
  struct sigaction one, two;
  int status;
  long pid = clone3(&a, sizeof a);
  if (pid == 0) {
    sigaction(SIGUSR1, NULL, &one);
    sigaction(SIGUSR2, NULL, &two);
    _exit((one.sa_handler == SIG_IGN) * 2 + (two.sa_handler == SIG_DFL));
  }
  waitpid(pid, &status, 0);
  say_status("ignored stays, handlers go", status);
}
