/* sendfile and splice: no byte is lost or doubled when the output is full, slow, or a signal comes. Output is
   compared; where Linux may stop short, only sums are printed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 400000
static unsigned char data[SIZE], got[SIZE + 1];

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static int data_file(void) {
  int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
  if (write(fd, data, SIZE) != SIZE) abort();
  lseek(fd, 0, SEEK_SET);
  return fd;
}

/* Reads all there is without waiting, and says if it is not what data has at `at`. */
static long drain(int fd, long at) {
  long n, done = 0;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while ((n = read(fd, got + done, SIZE + 1 - done)) > 0) done += n;
  if (memcmp(got, data + at, done)) printf("wrong bytes from %ld\n", at);
  return done;
}

/* A child that reads slowly and reports what came. */
static pid_t slow_reader(int fd, int close_it) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid != 0) return pid;
  close(close_it);
  long n, done = 0;
  while ((n = read(fd, got + done, done > SIZE / 2 ? 65536 : 5000)) > 0) {
    done += n;
    if (done < SIZE / 8) usleep(2000);
  }
  printf("  reader: %ld bytes, %s\n", done, memcmp(got, data, done) ? "WRONG" : "right");
  fflush(stdout);
  _exit(0);
}

static void pipe_to_pipe(void) {
  int a[2], b[2];
  pipe(a);
  pipe(b);
  fcntl(b[1], F_SETPIPE_SZ, 8192);
  show("fill", write(a[1], data, 60000));
  long n = splice(a[0], 0, b[1], 0, 60000, SPLICE_F_NONBLOCK);
  printf("spliced some %d\n", n > 0 && n <= 8192);
  show("again", splice(a[0], 0, b[1], 0, 60000, SPLICE_F_NONBLOCK));
  long total = 0;
  for (;;) {
    total += drain(b[0], total);
    if (splice(a[0], 0, b[1], 0, 60000, SPLICE_F_NONBLOCK) <= 0) break;
  }
  show("total", total);
  show("empty", splice(a[0], 0, b[1], 0, 10, SPLICE_F_NONBLOCK));
  show("same pipe", splice(a[0], 0, a[1], 0, 10, SPLICE_F_NONBLOCK));
  close(a[1]);
  show("end", splice(a[0], 0, b[1], 0, 10, 0));
  close(b[0]);
  signal(SIGPIPE, SIG_IGN);
  pipe(a);
  write(a[1], data, 100);
  show("no reader", splice(a[0], 0, b[1], 0, 10, 0));
  show("still there", read(a[0], got, 1000));
  close(a[0]), close(a[1]), close(b[1]);
}

static void to_socket(void) {
  int p[2], s[2], size = 4096;
  pipe(p);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  write(p[1], data, 60000);
  long total = 0, n;
  for (int i = 0; i < 1000 && total < 60000; i++) {
    while ((n = splice(p[0], 0, s[0], 0, 60000, SPLICE_F_NONBLOCK)) > 0) {}
    total += drain(s[1], total);
  }
  show("over a socket", total);
  close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

static void from_socket(void) {
  int p[2], s[2];
  pipe(p);
  fcntl(p[1], F_SETPIPE_SZ, 4096);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  write(s[0], data, 50000);
  long total = 0;
  while (splice(s[1], 0, p[1], 0, 60000, SPLICE_F_NONBLOCK) > 0) total += drain(p[0], total);
  show("from a socket", total);
  close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

static void slow(int pipe_too) {
  int p[2], fd = data_file();
  if (pipe_too) pipe(p);
  else socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  pid_t pid = slow_reader(p[0], p[1]);
  close(p[0]);
  long n, total = 0;
  while ((n = sendfile(p[1], fd, 0, SIZE)) > 0) total += n;
  show("sendfile to a slow reader", total);
  show("position", lseek(fd, 0, SEEK_CUR));
  close(p[1]);
  waitpid(pid, 0, 0);
  close(fd);
}

static volatile int alarms;
static void on_alarm(int sig) { alarms++; }

static void interrupted(int restart) {
  int p[2], fd = data_file();
  struct sigaction act = {.sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0};
  sigaction(SIGALRM, &act, 0);
  pipe(p);
  alarms = 0;
  pid_t pid = slow_reader(p[0], p[1]);
  close(p[0]);
  struct itimerval every = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &every, 0);
  off_t at = 0;
  long n, total = 0;
  while (total < SIZE) {
    n = sendfile(p[1], fd, &at, SIZE - total);
    if (n < 0 && errno != EINTR) show("sendfile", n);
    if (n == 0) break;
    if (n > 0) total += n;
    if (at != total) printf("offset %ld, sent %ld\n", (long)at, total);
  }
  memset(&every, 0, sizeof every);
  setitimer(ITIMER_REAL, &every, 0);
  close(p[1]);
  waitpid(pid, 0, 0);
  show("sendfile with signals", total);
  printf("signals %d\n", alarms > 0);
  close(fd);
}

static void interrupted_splice(void) {
  int a[2], b[2];
  pipe(a);
  pipe(b);
  alarms = 0;
  fflush(stdout);
  pid_t writer = fork();
  if (writer == 0) {
    write(a[1], data, SIZE);
    _exit(0);
  }
  close(a[1]);
  pid_t pid = slow_reader(b[0], b[1]);
  close(b[0]);
  struct itimerval every = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &every, 0);
  long n, total = 0;
  while ((n = splice(a[0], 0, b[1], 0, 30000, 0)) != 0) {
    if (n > 0) total += n;
    else if (errno != EINTR) break;
  }
  memset(&every, 0, sizeof every);
  setitimer(ITIMER_REAL, &every, 0);
  close(b[1]);
  waitpid(pid, 0, 0);
  waitpid(writer, 0, 0);
  show("splice with signals", total);
  close(a[0]);
}

int main(void) {
  for (int i = 0; i < SIZE; i++) data[i] = (i * 2654435761u) >> 13;
  pipe_to_pipe();
  to_socket();
  from_socket();
  slow(0);
  slow(1);
  interrupted(1);
  interrupted(0);
  interrupted_splice();
  return 0;
}
