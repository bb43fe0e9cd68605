/* SO_SNDTIMEO and SO_RCVTIMEO: what was moved before the time was over counts. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE (8 << 20)
#define LIMIT_MS 200
static char big[SIZE];
static struct timespec began;

static void start(void) { clock_gettime(CLOCK_MONOTONIC, &began); }

/* The result, and whether about the limit has passed. */
static void show(const char *what, long r) {
  int saved = errno;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long ms = (now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000;
  const char *took = ms < LIMIT_MS - 5 ? "at once" : ms < 100 * LIMIT_MS ? "in time" : "LATE";
  printf("%s: %s, %s\n", what, r < 0 ? strerror(saved) : r > 0 ? "some" : "none", took);
  fflush(stdout);
  start();
}

static void limit(int fd, int option) {
  struct timeval t = {0, LIMIT_MS * 1000}, back;
  socklen_t n = sizeof back;
  setsockopt(fd, SOL_SOCKET, option, &t, sizeof t);
  getsockopt(fd, SOL_SOCKET, option, &back, &n);
  printf("limit %d %d\n", (int)back.tv_sec, (int)back.tv_usec / 10000);
}

static void tcp_pair(int *s) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  int l = socket(AF_INET, SOCK_STREAM, 0);
  bind(l, (void *)&a, sizeof a);
  listen(l, 1);
  getsockname(l, (void *)&a, &n);
  s[0] = socket(AF_INET, SOCK_STREAM, 0);
  connect(s[0], (void *)&a, n);
  s[1] = accept(l, 0, 0);
  close(l);
}

/* `messages`: 2 where only the first write says the same everywhere (TCP's buffers grow). */
static void sends(const char *name, int *s, int messages) {
  printf("%s\n", name);
  limit(s[0], SO_SNDTIMEO);
  long size = messages == 1 ? 3000 : SIZE;
  start();
  if (messages == 1) while (send(s[0], big, size, MSG_DONTWAIT) > 0) {}
  else show("write of much", write(s[0], big, size));
  if (messages == 2) return;
  start();
  show("write", write(s[0], big, 3000));
  show("send", send(s[0], big, 3000, 0));
  show("send MSG_DONTWAIT", send(s[0], big, 3000, MSG_DONTWAIT));
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  show("O_NONBLOCK", write(s[0], big, 3000));
  fcntl(s[0], F_SETFL, 0);
  int fd = open("/proc/self/exe", O_RDONLY);
  show("sendfile", sendfile(s[0], fd, 0, 3000));
  show("position", lseek(fd, 0, SEEK_CUR));
  close(fd);
}

/* A reader that takes a little now and then does not start the limit of a write again. */
static void trickle(void) {
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  limit(s[0], SO_SNDTIMEO);
  pid_t pid = fork();
  if (pid == 0) {
    static char some[30000];
    for (int i = 0; i < 40; i++) {
      read(s[1], some, sizeof some);
      usleep(20000);
    }
    _exit(0);
  }
  start();
  long r = write(s[0], big, SIZE);
  show("write to a slow reader", r < SIZE ? r : -1);
  kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  close(s[0]), close(s[1]);
}

static void receives(void) {
  int s[2];
  char c[10];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  limit(s[1], SO_RCVTIMEO);
  start();
  show("read", read(s[1], c, 10));
  write(s[0], "abc", 3);
  show("recv MSG_WAITALL", recv(s[1], c, 10, MSG_WAITALL) == 3);
  show("recv MSG_WAITALL of nothing", recv(s[1], c, 10, MSG_WAITALL));
  close(s[0]);
  show("end", read(s[1], c, 10));
  close(s[1]);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  limit(s[1], SO_RCVTIMEO);
  start();
  show("datagram", read(s[1], c, 10));
  close(s[0]), close(s[1]);
  struct sockaddr_un a = {AF_UNIX, "\0kevlar-timeouts"};
  int l = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(l, (void *)&a, sizeof a);
  listen(l, 0);
  limit(l, SO_RCVTIMEO);
  start();
  show("accept", accept(l, 0, 0));
  int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
  show("connect", connect(one, (void *)&a, sizeof a));
  limit(two, SO_SNDTIMEO);
  start();
  show("connect, the queue is full", connect(two, (void *)&a, sizeof a));
}

static void on_alarm(int sig) {}

/* SA_RESTART does not restart what has a limit. */
static void interrupted(int limited) {
  struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  struct itimerval soon = {{0, 0}, {0, 20000}};
  int s[2];
  char c;
  sigaction(SIGALRM, &act, 0);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  while (send(s[0], big, 3000, MSG_DONTWAIT) > 0) {}
  if (limited) limit(s[0], SO_SNDTIMEO), limit(s[0], SO_RCVTIMEO);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(s[0]);
    // What has a limit ends without this process, however late the signals come.
    if (limited) pause();
    usleep(80000);
    _exit(0);
  }
  close(s[1]);
  signal(SIGPIPE, SIG_IGN);
  start();
  setitimer(ITIMER_REAL, &soon, 0);
  long r = write(s[0], big, 1);
  printf("write with a signal: %s\n", r < 0 ? strerror(errno) : "done");
  setitimer(ITIMER_REAL, &soon, 0);
  r = read(s[0], &c, 1);
  printf("read with a signal: %s\n", r < 0 ? strerror(errno) : "done");
  if (limited) kill(pid, SIGKILL);
  waitpid(pid, 0, 0);
  close(s[0]);
}

int main(void) {
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  sends("unix", s, 0);
  tcp_pair(s);
  sends("tcp", s, 2);
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
  sends("seqpacket", s, 1);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  sends("datagrams", s, 1);
  trickle();
  receives();
  interrupted(1);
  interrupted(0);
  return 0;
}
