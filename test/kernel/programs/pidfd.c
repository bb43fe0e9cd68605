/* Descriptors of processes, and clone3. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static long pidfd_open(pid_t pid, unsigned flags) { return syscall(434, pid, flags); }
static long pidfd_send(int fd, int sig, siginfo_t *info, unsigned flags) { return syscall(424, fd, sig, info, flags); }

static int events_of(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static pid_t child(int code) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (code < 0) for (;;) pause();
    _exit(code);
  }
  return pid;
}

static void *thread(void *arg) {
  *(int *)arg = syscall(SYS_gettid);
  sleep(1);
  return 0;
}

static void opening(void) {
  char link[100] = "", path[100];
  int fd = pidfd_open(getpid(), 0), tid = 0;
  show("own", fd);
  printf("cloexec %d flags %o\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL));
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  readlink(path, link, 99);
  printf("link %s\n", link);
  show("read", read(fd, path, 8));
  show("write", write(fd, path, 8));
  show("poll", events_of(fd));
  close(fd);
  show("pid 0", pidfd_open(0, 0));
  show("pid -1", pidfd_open(-1, 0));
  show("no process", pidfd_open(4000000, 0));
  show("flags", pidfd_open(getpid(), 1));
  fd = pidfd_open(getpid(), O_NONBLOCK);
  printf("nonblocking %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  close(fd);
  pthread_t t;
  pthread_create(&t, 0, thread, &tid);
  while (*(volatile int *)&tid == 0) {}
  show("thread", pidfd_open(tid, 0));
}

static void signals(void) {
  siginfo_t info;
  int status;
  pid_t pid = child(-1);
  int fd = pidfd_open(pid, 0);
  show("signal 0", pidfd_send(fd, 0, 0, 0));
  show("bad signal", pidfd_send(fd, 65, 0, 0));
  show("bad flags", pidfd_send(fd, 0, 0, 8));
  show("no pidfd", pidfd_send(1, 0, 0, 0));
  show("closed", pidfd_send(99, 0, 0, 0));
  memset(&info, 0, sizeof info);
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  show("other number", pidfd_send(fd, SIGINT, &info, 0));
  info.si_code = SI_USER;
  show("code of kill", pidfd_send(fd, SIGTERM, &info, 0));
  show("poll", events_of(fd));
  show("SIGTERM", pidfd_send(fd, SIGTERM, 0, 0));
  struct pollfd p = {fd, POLLIN, 0};
  show("wait by poll", poll(&p, 1, 5000));
  show("poll", events_of(fd));
  show("to a zombie", pidfd_send(fd, SIGTERM, 0, 0));
  show("open a zombie", pidfd_open(pid, 0) >= 0);
  memset(&info, 0, sizeof info);
  show("waitid", waitid(3, fd, &info, WEXITED));
  printf("it was %d, status %d code %d\n", info.si_pid == pid, info.si_status, info.si_code);
  show("poll", events_of(fd));
  show("gone", pidfd_send(fd, SIGTERM, 0, 0));
  show("waitid again", waitid(3, fd, &info, WEXITED));
  show("waitid of stdout", waitid(3, 1, &info, WEXITED));
  show("waitid of 99", waitid(3, 99, &info, WEXITED));
  close(fd);
  pid = child(-1);
  char path[100];
  snprintf(path, sizeof path, "/proc/%d", pid);
  fd = open(path, O_RDONLY | O_DIRECTORY);
  show("signal 0 to a directory of /proc", pidfd_send(fd, 0, 0, 0));
  show("waitid with it", waitid(3, fd, &info, WEXITED));
  show("pidfd_getfd with it", syscall(438, fd, 1, 0));
  show("SIGKILL to it", pidfd_send(fd, SIGKILL, 0, 0));
  show("wait", waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
  show("gone", pidfd_send(fd, 0, 0, 0));
  close(fd);
  snprintf(path, sizeof path, "/proc/self/task/%d", getpid());
  fd = open(path, O_RDONLY | O_DIRECTORY);
  show("signal 0 to a thread's directory", pidfd_send(fd, 0, 0, 0));
  close(fd);
  fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  show("signal 0 to another directory of /proc", pidfd_send(fd, 0, 0, 0));
  close(fd);
  pid = child(-1);
  fd = pidfd_open(pid, O_NONBLOCK);
  show("nonblocking waitid", waitid(3, fd, &info, WEXITED));
  show("WNOHANG", waitid(3, fd, &info, WEXITED | WNOHANG));
  int ep = epoll_create1(0);
  struct epoll_event e = {EPOLLIN, {0}};
  show("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
  show("epoll", epoll_wait(ep, &e, 1, 0));
  kill(pid, SIGKILL);
  show("epoll", epoll_wait(ep, &e, 1, 5000));
  show("waitid", waitid(3, fd, &info, WEXITED));
  close(fd), close(ep);
}

static void getfd(void) {
  int p[2], ready[2];
  char c = 0;
  pipe(ready);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    pipe(p);
    dup2(p[0], 50);
    write(p[1], "x", 1);
    write(ready[1], "r", 1);
    for (;;) pause();
  }
  read(ready[0], &c, 1);
  int fd = pidfd_open(pid, 0);
  int got = syscall(438, fd, 50, 0);
  show("pidfd_getfd", got >= 0);
  show("read", read(got, &c, 1));
  printf("%c cloexec %d\n", c, fcntl(got, F_GETFD));
  show("closed", syscall(438, fd, 51, 0));
  show("flags", syscall(438, fd, 50, 1));
  show("no pidfd", syscall(438, 1, 50, 0));
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  show("gone", syscall(438, fd, 50, 0));
  close(fd), close(got), close(ready[0]), close(ready[1]);
}

struct clone_args3 { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup, more; };

static long clone3(struct clone_args3 *a, size_t size) { fflush(stdout); return syscall(435, a, size); }

static void handler(int sig) {}

static void wait_for(const char *what, long pid, int options) {
  int status = 0;
  long r = waitpid(pid, &status, options);
  printf("%s: %s status %x\n", what, r == pid ? "it" : strerror(errno), status);
}

static void clones(void) {
  struct clone_args3 a = {0};
  int pidfd = -1, ctid = 0, ptid = 0;
  long pid;
  a.exit_signal = SIGCHLD;
  show("too small", clone3(&a, 56));
  show("too big", clone3(&a, 5000));
  a.more = 1;
  show("unknown field", clone3(&a, sizeof a));
  a.more = 0;
  if ((pid = clone3(&a, sizeof a)) == 0) _exit(3);
  wait_for("fork", pid, 0);
  if ((pid = clone3(&a, 64)) == 0) _exit(4);
  wait_for("first version", pid, 0);
  a.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
  a.pidfd = (uintptr_t)&pidfd;
  a.parent_tid = (uintptr_t)&ptid;
  a.child_tid = (uintptr_t)&ctid;
  if ((pid = clone3(&a, sizeof a)) == 0) _exit(ctid == getpid() ? 5 : 6);
  siginfo_t info = {0};
  printf("parent_tid %d ctid %d\n", ptid == pid, ctid);
  show("waitid", waitid(3, pidfd, &info, WEXITED));
  printf("status %d cloexec %d\n", info.si_status, fcntl(pidfd, F_GETFD));
  close(pidfd);
  memset(&a, 0, sizeof a);
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  a.flags = 0x100000000;
  a.exit_signal = SIGCHLD;
  if ((pid = clone3(&a, sizeof a)) == 0) {
    struct sigaction one, two;
    sigaction(SIGUSR1, 0, &one);
    sigaction(SIGUSR2, 0, &two);
    _exit((one.sa_handler == SIG_DFL) + 2 * (two.sa_handler == SIG_IGN));
  }
  wait_for("CLONE_CLEAR_SIGHAND", pid, 0);
  a.flags = 0;
  a.exit_signal = 0;
  if ((pid = clone3(&a, sizeof a)) == 0) _exit(7);
  wait_for("no exit signal", pid, 0);
  wait_for("__WALL", pid, __WALL);
  char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  a.exit_signal = SIGCHLD;
  a.stack = (uintptr_t)stack;
  show("stack without size", clone3(&a, sizeof a));
  a.stack = 0;
  a.stack_size = 65536;
  show("size without stack", clone3(&a, sizeof a));
  a.stack_size = 0;
  a.exit_signal = 65;
  show("exit signal 65", clone3(&a, sizeof a));
  a.exit_signal = SIGCHLD;
  a.flags = SIGCHLD;
  show("signal in the flags", clone3(&a, sizeof a));
  a.flags = 0x400000;
  show("CLONE_DETACHED", clone3(&a, sizeof a));
  a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  show("thread with exit signal", clone3(&a, sizeof a));
  a.flags = 0x100000000 | CLONE_SIGHAND | CLONE_VM;
  show("handlers shared and cleared", clone3(&a, sizeof a));
  a.flags = 1ull << 40;
  show("unknown flag", clone3(&a, sizeof a));
  show("bad address", syscall(435, 8, 88));
  a.flags = CLONE_PIDFD;
  a.pidfd = 8;
  show("bad pidfd address", clone3(&a, sizeof a));
  show("no child", waitpid(-1, 0, __WALL));
  pidfd = -1;
  fflush(stdout);
  pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
  if (pid == 0) _exit(8);
  show("clone with pidfd", waitid(3, pidfd, &info, WEXITED));
  show("status", info.si_status);
  show("clone with pidfd and tid", syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &pidfd, 0, 0));
}

/* The stack is the lower end and a size. */
static void on_stack(void) {
  struct clone_args3 a = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD, .stack_size = 65536};
  static char *volatile seen;
  char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  a.stack = (uintptr_t)stack;
  fflush(stdout);
  register long result asm("rax") = 435;
  register void *arg asm("rdi") = &a;
  register long size asm("rsi") = 88;
  asm volatile("syscall; test %%rax, %%rax; jnz 1f; mov %%rsp, %1; mov $60, %%eax; mov $9, %%edi; syscall; 1:"
               : "+r"(result), "=m"(seen) : "r"(arg), "r"(size) : "rcx", "r11", "memory");
  long pid = result;
  printf("stack pointer at the end: %d\n", seen == stack + 65536);
  wait_for("vfork", pid, 0);
}

int main(void) {
  opening();
  signals();
  getfd();
  clones();
  on_stack();
  return 0;
}
