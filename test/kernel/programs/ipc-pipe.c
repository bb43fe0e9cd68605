/* Pipes and FIFOs: capacity, atomicity, end of file, SIGPIPE, sizes, opening. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char big[1 << 20];

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static short events_of(int fd, short events) {
  struct pollfd p = {fd, events, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static void capacity(void) {
  int p[2], n;
  show("pipe2 O_NONBLOCK", pipe2(p, O_NONBLOCK));
  show("pipe2 bad flags", pipe2(p, 0x1));
  struct stat st;
  fstat(p[0], &st);
  printf("mode %o nlink %d blksize %d\n", st.st_mode, (int)st.st_nlink, (int)st.st_blksize);
  show("empty read", read(p[0], big, 10));
  show("F_GETPIPE_SZ", fcntl(p[0], F_GETPIPE_SZ));
  show("fill", write(p[1], big, sizeof big));
  show("more", write(p[1], big, 1));
  ioctl(p[0], FIONREAD, &n);
  printf("FIONREAD %d poll %x\n", n, events_of(p[1], POLLOUT));
  show("shrink", fcntl(p[1], F_SETPIPE_SZ, 4096));
  show("read 4095", read(p[0], big, 4095));
  show("write 1", write(p[1], big, 1));
  show("read 1", read(p[0], big, 1));
  show("write 4096", write(p[1], big, 4096));
  show("write 1", write(p[1], big, 1));
  show("read all", read(p[0], big, sizeof big));
  for (int size = 1; size < 6000; size += size / 2 + 1) {
    int count = 0;
    long total = 0, r;
    while ((r = write(p[1], big, size)) > 0) count++, total += r;
    printf("writes of %d: %d, %ld bytes, poll %x\n", size, count, total, events_of(p[1], POLLOUT));
    while (read(p[0], big, 1000) > 0) {}
  }
  show("F_SETPIPE_SZ 5000", fcntl(p[1], F_SETPIPE_SZ, 5000));
  show("fill", write(p[1], big, sizeof big));
  show("F_SETPIPE_SZ 100000", fcntl(p[1], F_SETPIPE_SZ, 100000));
  show("fill", write(p[1], big, sizeof big));
  show("zero write", write(p[1], big, 0));
  show("lseek", lseek(p[0], 0, SEEK_SET));
  show("pread", pread(p[0], big, 1, 0));
  show("write to read end", write(p[0], big, 1));
  printf("poll both %x %x\n", events_of(p[0], POLLIN | POLLOUT), events_of(p[1], POLLIN | POLLOUT));
  close(p[1]);
  printf("poll hup %x\n", events_of(p[0], POLLIN));
  while (read(p[0], big, sizeof big) > 0) {}
  printf("poll hup empty %x\n", events_of(p[0], POLLIN));
  show("eof", read(p[0], big, 1));
  close(p[0]);
}

static void on_pipe(int sig) { printf("signal %d\n", sig); }

static void broken(void) {
  int p[2];
  pipe(p);
  close(p[0]);
  signal(SIGPIPE, on_pipe);
  printf("poll err %x\n", events_of(p[1], POLLOUT));
  show("EPIPE", write(p[1], big, 1));
  close(p[1]);
  /* A write that waits for room and then loses its reader tells what it wrote. */
  pipe(p);
  if (fork() == 0) {
    close(p[1]);
    read(p[0], big, 5000);
    usleep(20000);
    _exit(0);
  }
  close(p[0]);
  long r = write(p[1], big, 200000);
  printf("partial %ld\n", r);
  show("again", write(p[1], big, 1));
  close(p[1]);
  wait(0);
  signal(SIGPIPE, SIG_DFL);
  pipe(p);
  close(p[0]); /* before the fork: the child's write must find no reader */
  if (fork() == 0) {
    write(p[1], big, 1);
    _exit(1);
  }
  int status;
  wait(&status);
  printf("killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  close(p[1]);
}

static void on_alarm(int sig) {}

static void interrupted(void) {
  int p[2];
  struct sigaction sa = {.sa_handler = on_alarm};
  pipe(p);
  sigaction(SIGALRM, &sa, 0);
  ualarm(20000, 0);
  show("read interrupted", read(p[0], big, 1));
  ualarm(20000, 0);
  show("write interrupted", write(p[1], big, 100000));
  ualarm(20000, 0);
  show("write interrupted at once", write(p[1], big, 100000));
  close(p[0]);
  close(p[1]);
}

/* Two writers and a slow reader: records of PIPE_BUF bytes never mix. */
static void atomic(void) {
  int p[2], bad = 0, count = 0;
  pipe(p);
  for (int w = 0; w < 2; w++) {
    if (fork() == 0) {
      char record[3000];
      memset(record, 'a' + w, sizeof record);
      for (int i = 0; i < 40; i++) write(p[1], record, sizeof record);
      _exit(0);
    }
  }
  close(p[1]);
  char record[3000];
  long n = 0, r;
  while ((r = read(p[0], record + n, sizeof record - n)) > 0) {
    n += r;
    if (n < (long)sizeof record) continue;
    for (int i = 1; i < (int)sizeof record; i++) bad += record[i] != record[0];
    n = 0;
    count++;
  }
  close(p[0]);
  while (wait(0) > 0) {}
  printf("records %d mixed %d\n", count, bad);
}

static void fifo(void) {
  char name[] = "/tmp/kevlar-fifo-XXXXXX";
  int fd = mkstemp(name), w, r;
  close(fd);
  unlink(name);
  show("mkfifo", mkfifo(name, 0600));
  show("write nonblock without reader", open(name, O_WRONLY | O_NONBLOCK));
  r = open(name, O_RDONLY | O_NONBLOCK);
  printf("poll before writer %x\n", events_of(r, POLLIN));
  show("read before writer", read(r, big, 1));
  w = open(name, O_WRONLY);
  show("read nonblock", read(r, big, 1));
  write(w, "hello", 5);
  printf("poll %x\n", events_of(r, POLLIN));
  close(w);
  printf("poll after writer %x\n", events_of(r, POLLIN));
  show("read", read(r, big, 10));
  show("read eof", read(r, big, 10));
  printf("poll after data %x\n", events_of(r, POLLIN));
  close(r);
  r = open(name, O_RDONLY | O_NONBLOCK);
  printf("poll reopened %x\n", events_of(r, POLLIN));
  close(r);
  if (fork() == 0) {
    w = open(name, O_WRONLY);
    write(w, "from child", 10);
    _exit(0);
  }
  r = open(name, O_RDONLY);
  long n = read(r, big, 100);
  printf("child said %.*s\n", (int)n, big);
  show("then", read(r, big, 100));
  close(r);
  if (fork() == 0) {
    usleep(20000);
    r = open(name, O_RDONLY);
    n = read(r, big, 100);
    printf("parent said %.*s\n", (int)n, big);
    fflush(stdout);
    _exit(0);
  }
  w = open(name, O_WRONLY);
  write(w, "hi", 2);
  close(w);
  wait(0);
  wait(0);
  struct sigaction sa = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &sa, 0);
  ualarm(20000, 0);
  show("open interrupted", open(name, O_RDONLY));
  show("no reader left", open(name, O_WRONLY | O_NONBLOCK));
  fd = open(name, O_RDWR);
  write(fd, "self", 4);
  show("rdwr", read(fd, big, 10));
  close(fd);
  unlink(name);
}

int main(void) {
  capacity();
  broken();
  interrupted();
  atomic();
  fifo();
  return 0;
}
