// Hoards one kind of kernel object in several processes until the kernel refuses, and keeps it: what a guest holds
// must be bounded. Prints how the kernel refused.
//
// Usage: hoard CASE PROCESSES
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
static char block[1 << 20];
static int self;  // number of this process

static void files(void) {
  while (eventfd(0, 0) >= 0);
}

static void pipes(void) {
  int p[2];
  while (pipe(p) == 0) {
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
    while (write(p[1], block, sizeof block) > 0);
    if (errno != EAGAIN) return;
  }
}

static void stream(void) {
  int s[2];
  while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0) {
    while (write(s[0], block, 65536) > 0);
    if (errno != EAGAIN) return;
  }
}

// Messages without a byte.
static void empties(void) {
  int s[2];
  while (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s) == 0) {
    while (send(s[0], block, 0, 0) == 0);
    if (errno != EAGAIN) return;
  }
}

// Datagrams of one byte: what a packet costs, not what it carries.
static void datagrams(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  for (;;) {
    int r = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), w = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t n = sizeof to;
    to.sin_port = 0;
    if (r < 0 || w < 0 || bind(r, (void *)&to, sizeof to) != 0) return;
    getsockname(r, (void *)&to, &n);
    for (int i = 0; i < 4000; i++)
      if (sendto(w, block, 1, 0, (void *)&to, sizeof to) < 0) break;
    close(w);
  }
}

static void tcp(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int l = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t n = sizeof to;
  if (l < 0 || bind(l, (void *)&to, sizeof to) != 0 || listen(l, 4096) != 0) return;
  getsockname(l, (void *)&to, &n);
  for (;;) {
    int c = socket(AF_INET, SOCK_STREAM, 0);
    if (c < 0 || connect(c, (void *)&to, sizeof to) != 0) return;
    int a = accept(l, 0, 0);
    if (a < 0) return;
    fcntl(a, F_SETFL, O_NONBLOCK);
    while (write(a, block, 65536) > 0);
    if (errno != EAGAIN) return;
  }
}

// Connections that nobody accepts, and whose clients are gone.
static void backlog(void) {
  for (int k = 0;; k++) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    sprintf(un.sun_path + 1, "%d-%d", self, k);
    if (l < 0 || bind(l, (void *)&un, sizeof un) != 0 || listen(l, 4096) != 0) return;
    for (int i = 0; i < 4000; i++) {
      int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (c < 0) return;
      if (connect(c, (void *)&un, sizeof un) != 0 && errno != EAGAIN) return;
      write(c, block, 4096);
      close(c);
    }
  }
}

static void messages(void) {
  for (;;) {
    int q = msgget(IPC_PRIVATE, 0600);
    long m[2] = {1};
    if (q < 0) return;
    while (msgsnd(q, m, 0, IPC_NOWAIT) == 0);
    if (errno != EAGAIN) return;
  }
}

static void semaphores(void) {
  for (;;) {
    int id = semget(IPC_PRIVATE, 32000, 0600);
    struct sembuf op = {31999, 1, SEM_UNDO};
    if (id < 0 || semop(id, &op, 1) != 0) return;
  }
}

static void watched(void) {
  char name[300];
  memset(name, 'n', 250);
  int k;
  while ((k = inotify_init1(IN_NONBLOCK)) >= 0) {
    if (inotify_add_watch(k, "/tmp", IN_ALL_EVENTS) < 0) return;
    for (int i = 0; i < 500; i++) {
      sprintf(name + 250, "%d", self);
      close(creat((strcpy(block, "/tmp/"), strcat(block, name)), 0600)), unlink(block);
    }
  }
}

static void instances(void) {
  while (inotify_init1(0) >= 0);
}

static void polls(void) {
  int fds[500], e;
  struct epoll_event event = {EPOLLIN};
  for (int i = 0; i < 500; i++) fds[i] = eventfd(0, 0);
  while ((e = epoll_create1(0)) >= 0)
    for (int i = 0; i < 500; i++)
      if (epoll_ctl(e, EPOLL_CTL_ADD, fds[i], &event) != 0) return;
}

static void names(void) {
  char name[300];
  for (int i = 0;; i++) {
    sprintf(name, "/tmp/%0200d-%d", i, self);
    if (mknod(name, S_IFREG | 0600, 0) != 0) return;
  }
}

static void links(void) {
  char name[300];
  close(creat(strcpy(name, self ? "/tmp/L1" : "/tmp/L0"), 0600));
  for (int i = 0;; i++) {
    char other[300];
    sprintf(other, "/tmp/%0200d-%d", i, self);
    if (link(name, other) != 0) return;
  }
}

static void symlinks(void) {
  char name[60];
  memset(block, 'x', 4000);
  for (int i = 0;; i++) {
    sprintf(name, "/tmp/%d-%d", i, self);
    if (symlink(block, name) != 0) return;
  }
}

static void attributes(void) {
  char name[60], key[30];
  for (int i = 0;; i++) {
    sprintf(name, "/tmp/%d-%d", i, self);
    if (mknod(name, S_IFREG | 0600, 0) != 0) return;
    for (int k = 0;; k++) {
      sprintf(key, "user.%d", k);
      if (setxattr(name, key, block, 65536, 0) == 0) continue;
      if (k < 2) return;
      break;
    }
  }
}

static void mounts(void) {
  mkdir("/tmp/m", 0700);
  while (mount("none", "/tmp/m", "tmpfs", 0, 0) == 0);
}

// Bind mounts that double the tree each time.
static void binds(void) {
  mkdir("/tmp/t", 0700), mount("none", "/tmp/t", "tmpfs", 0, 0);
  mkdir("/tmp/t/a", 0700);
  for (int i = 0;; i++) {
    char name[60];
    sprintf(name, "/tmp/t/%d", i), mkdir(name, 0700);
    if (mount("/tmp/t", name, 0, MS_BIND | MS_REC, 0) != 0) return;
  }
}

static void locks(void) {
  int fd = open("/tmp/locks", O_CREAT | O_RDWR, 0600);
  for (long i = 0;; i++) {
    struct flock l = {F_WRLCK, SEEK_SET, 4 * i + self * 2, 1};
    if (fcntl(fd, F_SETLK, &l) != 0) return;
  }
}

static void areas(void) {
  for (int i = 0;; i++) {
    char *p = mmap(0, 65000 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return;
    for (long n = 0; n < 65000; n += 2)
      if (mprotect(p + n * PAGE, PAGE, PROT_NONE) != 0) goto full;
  }
full:
  for (int i = 0; i < 100; i++) {
    int pid = fork();
    if (pid == 0) { for (;;) pause(); }
    if (pid < 0) return;
  }
}

static void timers(void) {
  timer_t t;
  struct sigevent e = {.sigev_notify = SIGEV_NONE};
  while (timer_create(CLOCK_MONOTONIC, &e, &t) == 0);
}

static void signals(void) {
  sigset_t all;
  sigfillset(&all), sigprocmask(SIG_BLOCK, &all, 0);
  while (sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}) == 0);
}

// What a file of /proc says, kept by everyone who has read a part.
static void texts(void) {
  for (int n = 0; n < 3000; n++) {
    if (mmap(0, PAGE, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) break;
  }
  int fd;
  while ((fd = open("/proc/self/smaps", O_RDONLY)) >= 0)
    if (read(fd, block, 10) < 0) return;
}

static void terminals(void) {
  int fd;
  while ((fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)) >= 0) {
    char name[60];
    int unlock = 0;
    grantpt(fd), unlockpt(fd);
    if (ptsname_r(fd, name, sizeof name) != 0) return;
    int t = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (t < 0) return;
    while (write(t, block, 65536) > 0);
    // Without a newline all of it is taken, and thrown away.
    write(fd, block, 20000);
  }
}

static const struct { const char *name; void (*run)(void); } cases[] = {
  {"files", files}, {"pipes", pipes}, {"stream", stream}, {"datagrams", datagrams}, {"tcp", tcp}, {"backlog", backlog},
  {"messages", messages}, {"semaphores", semaphores}, {"watched", watched}, {"polls", polls}, {"names", names},
  {"links", links}, {"empties", empties}, {"instances", instances}, {"symlinks", symlinks}, {"attributes", attributes}, {"mounts", mounts}, {"binds", binds},
  {"locks", locks}, {"areas", areas}, {"timers", timers}, {"signals", signals}, {"texts", texts}, {"terminals", terminals},
};

int main(int argc, char **argv) {
  struct rlimit many = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &many);
  for (int i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    for (int n = atoi(argv[2]); self < n; self++) {
      if (fork() != 0) continue;
      cases[i].run();
      printf("%s: %s\n", cases[i].name, strerror(errno));
      fflush(stdout);
      for (;;) pause();
    }
    for (;;) pause();
  }
  return 1;
}
