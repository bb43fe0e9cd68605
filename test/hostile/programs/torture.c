// What a hostile program does to the machine below it. The first argument selects what; each case
// prints what it saw, which must be what Linux on hardware shows.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*function)(int);

static unsigned char *map(size_t pages, int prot) {
  unsigned char *p = mmap(0, pages * 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) perror("mmap"), exit(1);
  return p;
}

// mov $n, %eax; ret
static void put_constant(unsigned char *p, int n) {
  p[0] = 0xb8;
  memcpy(p + 1, &n, 4);
  p[5] = 0xc3;
}

static void self_modify(void) {
  unsigned char *p = map(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  unsigned sum = 0;
  for (int i = 0; i < 20000; i++) {
    put_constant(p, i * 7);
    sum += ((function)p)(0);
    p[1]++;  // in the immediate
    sum += ((function)p)(0);
  }
  printf("self-modify %u\n", sum);
  // A loop that changes the instruction behind it: mov $1000,%ecx; L: incb imm(%rip); mov $0,%al; dec %ecx; jnz L; ret
  static const unsigned char loop[] = {0xb9, 0xe8, 3, 0, 0, 0xfe, 0x05, 1, 0, 0, 0, 0xb0, 0, 0xff, 0xc9, 0x75, 0xf4, 0xc3};
  memcpy(p + 64, loop, sizeof loop);
  printf("loop %d\n", ((function)(p + 64))(0) & 255);
}

static void dual_map(void) {
  int fd = memfd_create("code", 0);
  ftruncate(fd, 8192);
  unsigned char *w = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  unsigned char *x = mmap(0, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  unsigned char *y = mmap(0, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  unsigned sum = 0;
  for (int i = 0; i < 5000; i++) {
    int at = i % 2 ? 4093 : 16;  // across the page boundary every other time
    put_constant(w + at, i);
    sum += ((function)(x + at))(0) * 3 + ((function)(y + at))(0);
    if (i % 100 == 0) {
      put_constant(w + 16, i);
      pwrite(fd, "\x90\xb8\x05\x00\x00\x00\xc3", 7, 16);
      sum += ((function)(x + 16))(0);
    }
  }
  printf("dual %u\n", sum);
  // A child sees the parent's changes of shared code.
  int go[2], done[2];
  pipe(go), pipe(done);
  put_constant(w, 1);
  if (fork() == 0) {
    for (int i = 0; i < 50; i++) {
      char c;
      read(go[0], &c, 1);
      int r = ((function)x)(0);
      write(done[1], &r, 4);
    }
    _exit(0);
  }
  unsigned shared = 0;
  for (int i = 0; i < 50; i++) {
    int r;
    put_constant(w, i * i);
    write(go[1], "x", 1);
    read(done[0], &r, 4);
    shared = shared * 31 + r;
  }
  wait(0);
  printf("shared %u\n", shared);
}

static sigjmp_buf env;
static volatile uintptr_t fault_at, fault_rip;
static volatile int fault_signal;
static void on_fault(int sig, siginfo_t *info, void *context) {
  fault_signal = sig;
  fault_at = (uintptr_t)info->si_addr;
  fault_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  siglongjmp(env, 1);
}

static void catch_faults(void) {
  static char stack[65536];
  stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alt, 0);
  struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (int i = 0; i < 5; i++) sigaction(signals[i], &sa, 0);
}

static void attempt(const char *what, unsigned char *base, void (*f)(unsigned char *), unsigned char *p) {
  fault_signal = 0;
  if (sigsetjmp(env, 1) == 0) {
    f(p);
    printf("%s: ok\n", what);
  } else {
    printf("%s: signal %d at %ld, rip %ld\n", what, fault_signal,
           fault_at == 0 ? -1 : (long)(fault_at - (uintptr_t)base),
           fault_signal == SIGTRAP || base == 0 ? 0 : (long)(fault_rip - (uintptr_t)base));
  }
}

static void call(unsigned char *p) { ((function)p)(0); }

static void edges(void) {
  catch_faults();
  unsigned char *p = map(4, PROT_READ | PROT_WRITE | PROT_EXEC);
  munmap(p + 2 * 4096, 4096);
  memset(p, 0x90, 2 * 4096);
  attempt("runs off the end", p, call, p + 8000);
  attempt("no code there", p, call, p + 8192);
  p[8190] = 0x48, p[8191] = 0xb8;  // movabs, cut off by the end of the mapping
  attempt("cut instruction", p, call, p + 8189);
  p[8191] = 0x0f;
  attempt("cut opcode", p, call, p + 8191);
  // Jump into the middle: mov $0xc3c3c3c3, %eax
  static const unsigned char middle[] = {0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3};
  memcpy(p, middle, 6);
  for (int i = 0; i < 200; i++) for (int k = 0; k < 6; k++) ((function)(p + k))(0);
  printf("middle ok\n");
  mprotect(p, 4096, PROT_READ | PROT_WRITE);
  attempt("not executable", p, call, p);
  mprotect(p, 4096, PROT_NONE);
  attempt("not readable", p, call, p);
  mprotect(p, 4096, PROT_READ | PROT_EXEC);
  attempt("again", p, call, p);
  attempt("null", 0, call, 0);
  attempt("non-canonical", 0, call, (unsigned char *)0x800000000000);
  attempt("kernel", 0, call, (unsigned char *)0xffffffff81000000);
  // ud2, int3, hlt, prefixes only, in (ports)
  static const unsigned char bad[][16] = {{0x0f, 0x0b}, {0xf4}, {0xe4, 0}, {0x0f, 0x01, 0xd0 - 1},
    {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90}, {0x06}, {0x0f, 0x30}, {0xcd, 3}, {0xcc}};
  unsigned char *q = map(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  for (int i = 0; i < sizeof bad / sizeof *bad; i++) {
    memcpy(q, bad[i], 16);
    attempt("bad", q, call, q);
  }
}

// Unmaps, or changes, the code that runs: by a system call made from that very page.
static void pull_away(void) {
  // mov $nr,%eax; syscall; ret  (arguments are the caller's)
  for (int nr = 10; nr <= 11; nr++) {
    fflush(stdout);
    if (fork() == 0) {
      unsigned char *p = map(2, PROT_READ | PROT_WRITE | PROT_EXEC);
      unsigned char code[] = {0xb8, nr, 0, 0, 0, 0x0f, 5, 0xc3};
      memcpy(p, code, 8);
      for (int i = 0; i < 300; i++) ((long (*)(void *, long, long))p)(p + 4096, 0, 0);
      ((long (*)(void *, long, long))p)(p, 4096, PROT_READ);
      _exit(3);
    }
    int status;
    wait(&status);
    printf("pull away by %d: %x\n", nr, status);
  }
  // Code that is replaced by MAP_FIXED again and again.
  unsigned char *p = map(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  unsigned sum = 0;
  for (int i = 0; i < 1000; i++) {
    mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    put_constant(p, i);
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    sum += ((function)p)(0);
  }
  printf("replaced %u\n", sum);
}

static int recurse(int n) {
  volatile char room[100];
  room[0] = n;
  return recurse(n + 1) + room[0];
}

static void overflow(void) {
  struct rlimit stack = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_STACK, &stack);
  fflush(stdout);
  if (fork() == 0) _exit(recurse(0));
  int status;
  wait(&status);
  printf("overflow: %x\n", status);
  catch_faults();
  if (sigsetjmp(env, 1) == 0) recurse(0);
  printf("caught signal %d\n", fault_signal);
}

static void descriptors(void) {
  struct rlimit files = {300, 300};
  setrlimit(RLIMIT_NOFILE, &files);
  int last = 0, fd;
  while ((fd = dup(0)) >= 0) last = fd;
  printf("last %d errno %d\n", last, errno);
  int p[2];
  printf("pipe %d %d socketpair %d\n", pipe(p), errno, socketpair(AF_UNIX, SOCK_STREAM, 0, p));
  for (int i = 3; i <= last; i++) close(i);
  // Descriptors inside sockets inside sockets: passing ends that hold each other.
  for (int i = 0; i < 200; i++) {
    int s[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) != 0) break;
    char control[CMSG_SPACE(8)] = {0};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(8);
    memcpy(CMSG_DATA(c), s, 8);
    sendmsg(s[0], &m, 0);
    close(s[0]), close(s[1]);
  }
  printf("next %d\n", dup(0));
}

static void arguments(void) {
  char *big = malloc(200000);
  memset(big, 'a', 199999);
  big[199999] = 0;
  char *argv[200];
  for (int i = 0; i < 199; i++) argv[i] = big;
  argv[199] = 0;
  execv("/proc/self/exe", argv);
  printf("one string too long: %d\n", errno);
  big[100000] = 0;
  execv("/proc/self/exe", argv);
  printf("all too long: %d\n", errno);
  execv("/proc/self/exe", (char **)8);
  printf("bad argv: %d\n", errno);
  execv((char *)8, argv);
  printf("bad name: %d\n", errno);
}

static void mappings(void) {
  for (int shift = 40; shift < 48; shift++) {
    void *p = mmap(0, 1ul << shift, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("2^%d %s\n", shift, p == MAP_FAILED ? strerror(errno) : "ok");
    if (p != MAP_FAILED) munmap(p, 1ul << shift);
  }
  printf("%p\n", mmap(0, -4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  unsigned char *area = mmap(0, 200000ul * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  long n = 0;
  for (; n < 200000; n += 2)
    if (mprotect(area + n * 4096, 4096, PROT_NONE) != 0) break;
  printf("pieces: %s, errno %d\n", n > 60000 && n < 70000 ? "about 65530" : "other", errno);
  munmap(area, 200000ul * 4096);
}

static void links(void) {
  mkdir("/tmp/links", 0755);
  chdir("/tmp/links");
  symlink("b", "a"), symlink("a", "b"), symlink(".", "dot"), symlink("self/x", "self");
  printf("loop %d", open("a", 0)), printf(" %d\n", errno);
  printf("self %d", open("self", 0)), printf(" %d\n", errno);
  char path[4090] = "";
  for (int i = 0; i < 38; i++) strcat(path, "dot/");
  close(creat("file", 0644));
  strcat(path, "file");
  printf("38 dots %d\n", open(path, 0) >= 0);
  memmove(path + 16, path, strlen(path) + 1);
  memcpy(path, "dot/dot/dot/dot/", 16);
  printf("42 dots %d", open(path, 0)), printf(" %d\n", errno);
  int depth = 0;
  while (depth < 700 && mkdir("directory", 0755) == 0 && chdir("directory") == 0) depth++;
  printf("depth %d\n", depth);
  char cwd[4096];
  printf("cwd %d\n", getcwd(cwd, sizeof cwd) == 0 ? errno : 0);
  while (depth-- > 0) chdir(".."), rmdir("directory");
  unlink("a"), unlink("b"), unlink("dot"), unlink("self"), unlink("file");
  chdir("/"), rmdir("/tmp/links");
}

static void storms(void) {
  int p[2], total = 0;
  pipe(p);
  fcntl(p[0], F_SETFL, O_NONBLOCK), fcntl(p[1], F_SETFL, O_NONBLOCK);
  char buffer[4096] = {0};
  for (int i = 0; i < 3000; i++) {
    int n = write(p[1], buffer, 1 + i % 4096);
    if (n < 0) while ((n = read(p[0], buffer, 1000)) > 0) total += n;
  }
  printf("pipe %d\n", total);
  struct pollfd polls[1000];
  for (int i = 0; i < 1000; i++) polls[i] = (struct pollfd){i % 2 ? p[0] : p[1], POLLIN | POLLOUT};
  int ready = 0;
  for (int i = 0; i < 200; i++) ready += poll(polls, 1000, 0);
  printf("poll %d\n", ready > 0);
  // epoll sets that watch each other: the loop is refused.
  int e[8];
  for (int i = 0; i < 8; i++) e[i] = epoll_create1(0);
  struct epoll_event event = {EPOLLIN};
  for (int i = 0; i < 8; i++) {
    int r = epoll_ctl(e[i], EPOLL_CTL_ADD, e[(i + 1) % 8], &event);
    printf("%d ", r == 0 ? 0 : errno);
  }
  printf("self %d", epoll_ctl(e[0], EPOLL_CTL_ADD, e[0], &event)), printf(" %d\n", errno);
  // A handler that signals itself, and timers as fast as they come.
  signal(SIGALRM, SIG_IGN);
  for (int i = 0; i < 64; i++) raise(SIGALRM);
  printf("signals ok\n");
}

// For small guests only: takes all memory there is.
static void exhaust(void) {
  fflush(stdout);
  if (fork() == 0) {
    for (;;) memset(malloc(1 << 20), 1, 1 << 20);
  }
  int status;
  wait(&status);
  printf("greedy child: %x\n", status);
  if (fork() == 0) {
    // The same by files.
    int fd = open("/tmp/big", O_CREAT | O_WRONLY, 0644);
    char block[65536] = {1};
    long n = 0;
    while (write(fd, block, sizeof block) > 0) n++;
    int e = errno;
    unlink("/tmp/big");
    _exit(e == ENOSPC || e == ENOMEM ? 7 : e);
  }
  wait(&status);
  printf("file: %x\n", status);
  if (fork() == 0) {
    for (int i = 0; i < 100000; i++) {
      int s[2];
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0) break;
      char block[65536] = {1};
      fcntl(s[0], F_SETFL, O_NONBLOCK);
      while (write(s[0], block, sizeof block) > 0);
    }
    _exit(8);
  }
  wait(&status);
  printf("sockets: %x\n", status);
  printf("alive %d\n", malloc(100000) != 0);
}

static void bomb(void) {
  fflush(stdout);
  if (fork() == 0) {
    setsid();
    // Every process forks as long as it can; the limit, or the end of memory, stops them all.
    for (int i = 0; i < 20000; i++)
      if (fork() < 0) usleep(1000);
    for (;;) pause();
  }
  usleep(300000);
  printf("bombed\n");
  fflush(stdout);
  kill(-1, SIGKILL);
  while (wait(0) > 0);
  printf("gone\n");
}

static void forks(void) {
  int failed = 0, n = 0;
  for (int i = 0; i < 10000; i++) {
    int pid = fork();
    if (pid == 0) _exit(i & 1);
    if (pid < 0) failed++;
    else {
      int status;
      waitpid(pid, &status, 0);
      n += WEXITSTATUS(status);
    }
  }
  printf("forks %d failed %d\n", n, failed);
}

static const struct { const char *name; void (*run)(void); } cases[] = {
  {"self-modify", self_modify}, {"dual-map", dual_map}, {"edges", edges}, {"pull-away", pull_away},
  {"overflow", overflow}, {"descriptors", descriptors}, {"arguments", arguments}, {"mappings", mappings},
  {"links", links}, {"storms", storms}, {"exhaust", exhaust}, {"bomb", bomb}, {"forks", forks},
};

int main(int argc, char **argv) {
  for (int i = 0; i < sizeof cases / sizeof *cases; i++)
    if (argc > 1 && strcmp(argv[1], cases[i].name) == 0) {
      cases[i].run();
      return 0;
    }
  return 99;
}
