/* RLIMIT_NOFILE: the limit of new descriptors. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static void limit(rlim_t soft, rlim_t hard) {
  struct rlimit r = {soft, hard};
  show("setrlimit", setrlimit(RLIMIT_NOFILE, &r));
}

static void fill(const char *what) {
  int n = 0, fd, last = -1;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) n++, last = fd;
  printf("%s: %d more, the last %d, %s\n", what, n, last, strerror(errno));
  fflush(stdout);
}

static void at_limit(void) {
  int p[2];
  struct pollfd many[40];
  memset(many, -1, sizeof many);
  show("dup", dup(0));
  show("dup2 of the same", dup2(0, 0));
  show("dup2 within", dup2(0, 5));
  show("dup2 beyond", dup2(0, 20));
  show("dup3 beyond", dup3(0, 20, O_CLOEXEC));
  show("F_DUPFD", fcntl(0, F_DUPFD, 3));
  show("F_DUPFD beyond", fcntl(0, F_DUPFD, 20));
  show("F_DUPFD far beyond", fcntl(0, F_DUPFD, 1 << 30));
  show("pipe", pipe(p));
  show("socket", socket(AF_UNIX, SOCK_STREAM, 0));
  show("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, p));
  show("epoll_create1", epoll_create1(0));
  show("missing file", open("/missing", O_RDONLY));
  show("poll 20", poll(many, 20, 0));
  show("poll 21", poll(many, 21, 0));
  close(7);
  show("one free: pipe", pipe(p));
  show("one free: dup", dup(0));
}

static void *thread(void *arg) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  printf("thread: limit %d\n", (int)r.rlim_cur);
  close(9);
  close(10);
  fill("thread");
  limit(30, 60);
  return 0;
}

static int sharer(void *arg) {
  fill("sharing child");
  limit(40, 50);
  fill("sharing child after its limit");
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) {
    fill("after exec");
    return 0;
  }
  static char stack[65536];
  int status;
  struct rlimit r;
  setvbuf(stdout, 0, _IONBF, 0);
  for (int fd = 3; fd < 100; fd++) close(fd);
  limit(20, 60);
  fill("limit 20");
  at_limit();
  limit(10, 60);
  fill("limit below what is open");
  show("read beyond the limit", read(15, &r, 1));
  show("dup2 onto an open one beyond", dup2(0, 15));
  show("close beyond the limit", close(15));
  limit(20, 60);
  fill("limit 20 again");
  pthread_t t;
  pthread_create(&t, 0, thread, 0);
  pthread_join(t, 0);
  fill("limit of the thread");
  pid_t pid = fork();
  if (pid == 0) {
    fill("child");
    limit(33, 60);
    fill("child after its limit");
    close(12);
    close(13);
    execl("/proc/self/exe", "x", "again", (char *)0);
    _exit(1);
  }
  waitpid(pid, &status, 0);
  fill("parent after the child");
  pid = clone(sharer, stack + sizeof stack, CLONE_FILES | SIGCHLD, 0);
  waitpid(pid, &status, 0);
  fill("parent after the child with the same table");
  limit(2, 60);
  show("dup at 2", dup(0));
  limit(0, 60);
  show("dup at 0", dup(0));
  show("F_DUPFD 0 at 0", fcntl(0, F_DUPFD, 0));
  limit(61, 60);
  limit(10, 2000000000);
  return 0;
}
