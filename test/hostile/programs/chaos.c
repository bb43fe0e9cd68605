// Does everything at once, from a seed: random system calls with arguments of every kind, random mappings, signals,
// threads, children that are killed, crashes of every kind, and itself again by exec. The first process only watches:
// it keeps some children going, kills some, and reaps them.
//
// Usage: chaos SEED CHILDREN STEPS       (chaos again SEED STEPS DEPTH: what exec starts)
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096l
#define ARENA ((char *)0x200000000l)
#define ARENA_PAGES 256
#define THREAD_STACK (16 * PAGE)
#define MAX_DEPTH 3
#define ROOM 8192

typedef unsigned long word;

// The state of a thread: threads share memory, not the seed. Kept on its stack, since anything else may be unmapped.
struct self {
  word seed;
  long steps;
  int depth;
};

static word next(struct self *s) {
  s->seed ^= s->seed << 13;
  s->seed ^= s->seed >> 7;
  s->seed ^= s->seed << 17;
  return s->seed * 0x2545f4914f6cdd1dul >> 11;
}
static word below(struct self *s, word n) { return next(s) % n; }
#define PICK(s, ...)                                       \
  ({                                                       \
    static const long all_[] = {__VA_ARGS__};              \
    all_[below(s, sizeof all_ / sizeof *all_)];            \
  })

static word mixed(word seed, word more) {
  word x = (seed + more * 0x9e3779b97f4a7c15ul) ^ (seed << 32);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
  return (x ^ (x >> 27)) | 1;
}

static char room[ROOM] __attribute__((aligned(4096)));
static const char *const paths[] = {
    "/", ".", "..", "", "a", "b", "d", "d/x", "/tmp", "/tmp/f", "/tmp/g", "/tmp/s0", "/tmp/s1", "/tmp/fifo", "/tmp/link",
    "/bin/chaos", "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/pts/1",
    "/dev/shm/x", "/dev/kmsg", "/dev/console", "/proc", "/proc/self/maps", "/proc/self/mem", "/proc/self/fd", "/proc/self/fd/3",
    "/proc/self/fd/7", "/proc/self/exe", "/proc/self/cwd", "/proc/self/stat", "/proc/self/smaps", "/proc/self/environ",
    "/proc/self/task", "/proc/self/status", "/proc/self/pagemap", "/proc/self/oom_score_adj", "/proc/self/comm",
    "/proc/self/clear_refs", "/proc/meminfo", "/proc/mounts", "/proc/net/unix", "/proc/sys/kernel/hostname", "/proc/2/maps",
    "/proc/3/mem", "/sys", "/sys/class/net/lo", "/ext", "/ext/f", "/ext/d", "/ext/d/x", "/ext/link", "/ext/new", "/ext/big",
    "ext4", "tmpfs", "proc", "user.a", "trusted.b", "/proc/self/ns", "/sys/fs/cgroup", "/sys/fs/cgroup/a/cgroup.procs",
    "/proc/sys/fs/pipe-max-size", "/proc/sysvipc/shm", "/dev/vdb", "/dev/random", "/dev/mem", "/proc/kmsg",
};
#define PATHS (sizeof paths / sizeof *paths)

static long a_page(struct self *s) { return (long)ARENA + below(s, ARENA_PAGES) * PAGE; }

// An address at which something may be read or written, mostly.
static long a_place(struct self *s) {
  switch (below(s, 12)) {
    case 0: return a_page(s) + PAGE - below(s, 64);
    case 1: return a_page(s) + below(s, PAGE);
    case 2: return PICK(s, 0, 1, 0xfff, 0x1000, -1, -4096, 0x7ffffffff000, 0x7fffffffe000, 0x800000000000, 1l << 62, (long)0xffffffff80000000);
    case 3: return (long)room + ROOM - below(s, 64);
    case 4: return (long)&a_place;
    case 5: return (long)s - below(s, 4096);
    default: return (long)room + (below(s, ROOM - 512) & ~7ul);
  }
}

static long an_fd(struct self *s) { return below(s, 12) ? (long)below(s, 30) : PICK(s, -1, -100, 255, 1023, 65536, 0x7fffffff, -2147483648l); }

static long a_pid(struct self *s) {
  switch (below(s, 5)) {
    case 0: return getpid();
    case 1: return 0;
    case 2: return PICK(s, -2, 99999, 0x7fffffff, -2147483648l);
    default: return 2 + below(s, 60);
  }
}

static long a_size(struct self *s) {
  return below(s, 3) ? (long)below(s, 5000)
                     : PICK(s, 0, 1, 7, 8, 16, 4095, 4096, 4097, 65536, 1 << 20, 1l << 31, 1l << 32, 1l << 40, 1l << 46, -1, 1l << 62, (long)(1ul << 63));
}

static long anything(struct self *s) {
  switch (below(s, 9)) {
    case 0: return an_fd(s);
    case 1: return a_size(s);
    case 2: return 1l << below(s, 64);
    case 3: return (long)paths[below(s, PATHS)];
    case 4: return a_pid(s);
    case 5: return (long)next(s) << 11;
    case 6: return below(s, 70);
    default: return a_place(s);
  }
}

// Fills the room: pointers, sizes, names, zeros, so that it may pass for a structure of any kind.
static void furnish(struct self *s) {
  int start = below(s, ROOM / 8), n = below(s, 80);
  word *words = (word *)room;
  for (int i = 0; i < n; i++) {
    word v = below(s, 4) ? below(s, 4) ? below(s, 32) : 0 : (word)anything(s);
    words[(start + i) % (ROOM / 8)] = v;
  }
  if (below(s, 6) == 0) {
    struct sockaddr_un un = {AF_UNIX, "/tmp/s0"};
    un.sun_path[6] = '0' + below(s, 3);
    if (below(s, 2)) un.sun_path[0] = 0;
    memcpy(room + (below(s, ROOM - 256) & ~7ul), &un, sizeof un);
  }
  if (below(s, 6) == 0) {
    unsigned char in[16] = {2, 0, below(s, 2), below(s, 256), 127, 0, 0, 1};
    memcpy(room + (below(s, ROOM - 256) & ~7ul), in, sizeof in);
  }
}

static int forbidden(long nr, long *a) {
  switch (nr) {
    case SYS_reboot: return 1;
    // The first process is the machine's life.
    case SYS_kill: case SYS_tkill: case SYS_rt_sigqueueinfo: return (int)a[0] == 1 || (int)a[0] == -1;
    case SYS_tgkill: case SYS_rt_tgsigqueueinfo: return (int)a[0] == 1 || (int)a[1] == 1;
    case SYS_setpgid: return (int)a[1] == 1;
    case SYS_prlimit64: return (int)a[0] == 1;
    case SYS_vfork: return 1;
  }
  return 0;
}

static long call(long nr, long a, long b, long c, long d, long e, long f) {
  long args[] = {a, b, c, d, e, f};
  if (forbidden(nr, args)) return -1;
  return syscall(nr, a, b, c, d, e, f);
}

static void any_call(struct self *s) {
  long nr = below(s, 40) ? below(s, 2) ? below(s, 335) : 424 + below(s, 45) : (long)anything(s);
  if (nr > 330 && nr < 424) nr = below(s, 330);
  furnish(s);
  // Those that would only wait, or end it all, seldom.
  switch (nr) {
    case SYS_pause: case SYS_exit: case SYS_exit_group: case SYS_rt_sigsuspend: case SYS_rt_sigreturn: case SYS_nanosleep:
    case SYS_clock_nanosleep: case SYS_rt_sigtimedwait: case SYS_clone: case SYS_fork: case SYS_execve: case SYS_chroot:
      if (below(s, 8)) return;
  }
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = anything(s);
  call(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void open_something(struct self *s) {
  const char *path = paths[below(s, PATHS)];
  int pair[2];
  switch (below(s, 16)) {
    case 0: pipe2(pair, PICK(s, 0, O_NONBLOCK, O_CLOEXEC, 040000)); break;
    case 1: socketpair(PICK(s, 1, 1, 2), PICK(s, 1, 2, 5, 04001), 0, pair); break;
    case 2: socket(PICK(s, 1, 2, 10, 16), PICK(s, 1, 2, 3, 5, 04001), PICK(s, 0, 0, 6, 15)); break;
    case 3: epoll_create1(0); break;
    case 4: eventfd(below(s, 3), PICK(s, 0, 1, EFD_NONBLOCK)); break;
    case 5: timerfd_create(PICK(s, 0, 1, 7), PICK(s, 0, TFD_NONBLOCK)); break;
    case 6: { sigset_t set; sigfillset(&set); signalfd(-1, &set, PICK(s, 0, SFD_NONBLOCK)); break; }
    case 7: inotify_init1(PICK(s, 0, IN_NONBLOCK)); break;
    case 8: ftruncate(memfd_create("m", PICK(s, 0, 2, 2)), below(s, 20) * PAGE); break;
    case 9: syscall(SYS_pidfd_open, a_pid(s), 0); break;
    case 10: posix_openpt(O_RDWR | O_NOCTTY); break;
    default: open(path, PICK(s, 0, 1, 2, 0102, 01102, 02102, 04000, 0200000, 010000000, 020200002, 04002), 0777);
  }
  if (below(s, 3) == 0) close(3 + below(s, 30));
}

static void use_descriptor(struct self *s) {
  long fd = an_fd(s), p = a_place(s), n = a_size(s);
  furnish(s);
  // Readers mostly do not wait.
  if (below(s, 4)) fcntl(fd, F_SETFL, O_NONBLOCK);
  switch (below(s, 26)) {
    case 0: case 1: call(SYS_read, fd, p, n, 0, 0, 0); break;
    case 2: case 3: call(SYS_write, fd, p, n, 0, 0, 0); break;
    case 4: call(SYS_readv, fd, p, below(s, 5), 0, 0, 0); break;
    case 5: call(SYS_writev, fd, p, below(s, 5), 0, 0, 0); break;
    case 6: call(SYS_pwrite64, fd, p, n, a_size(s), 0, 0); break;
    case 7: call(SYS_pread64, fd, p, n, a_size(s), 0, 0); break;
    case 8: call(SYS_lseek, fd, a_size(s), below(s, 6), 0, 0, 0); break;
    case 9: call(SYS_ftruncate, fd, a_size(s), 0, 0, 0, 0); break;
    case 10: call(SYS_ioctl, fd, below(s, 2) ? 0x5400 + below(s, 0x60) : 0x8900 + below(s, 0x60), below(s, 2) ? p : below(s, 9), 0, 0, 0); break;
    case 11: call(SYS_fcntl, fd, below(s, 40) + (below(s, 4) ? 0 : 1024), below(s, 2) ? p : below(s, 99), 0, 0, 0); break;
    case 12: call(SYS_sendmsg, fd, p, below(s, 2) ? 0x40 : below(s, 0x10000), 0, 0, 0); break;
    case 13: call(SYS_recvmsg, fd, p, 0x40, 0, 0, 0); break;
    case 14: call(SYS_bind, fd, p, below(s, 112), 0, 0, 0); break;
    case 15: call(SYS_connect, fd, p, below(s, 112), 0, 0, 0); break;
    case 16: call(SYS_listen, fd, below(s, 9), 0, 0, 0, 0); break;
    case 17: call(SYS_accept4, fd, p, a_place(s), 04000, 0, 0); break;
    case 18: call(SYS_epoll_ctl, fd, 1 + below(s, 3), an_fd(s), p, 0, 0); break;
    case 19: call(SYS_epoll_wait, fd, p, 1 + below(s, 20), below(s, 3), 0, 0); break;
    case 20: call(SYS_splice, fd, 0, an_fd(s), 0, n, 2); break;
    case 21: call(SYS_sendfile, fd, an_fd(s), 0, n, 0, 0); break;
    case 22: call(SYS_setsockopt, fd, PICK(s, 0, 1, 6, 41), below(s, 50), p, PICK(s, 0, 1, 4, 8, 16), 0); break;
    case 23: call(SYS_dup2, fd, below(s, 30), 0, 0, 0, 0); break;
    case 24: call(SYS_fallocate, fd, PICK(s, 0, 1, 3, 8, 16, 32), below(s, 99999), a_size(s), 0, 0); break;
    case 25: call(SYS_timerfd_settime, fd, 0, p, 0, 0, 0); break;
  }
}

static void names(struct self *s) {
  const char *p = paths[below(s, PATHS)], *q = paths[below(s, PATHS)];
  switch (below(s, 14)) {
    case 0: mkdir(p, 0777); break;
    case 1: rmdir(p); break;
    case 2: if (strcmp(p, "/bin/chaos")) unlink(p); break;
    case 3: if (strcmp(p, "/bin/chaos")) rename(p, q); break;
    case 4: link(p, q); break;
    case 5: symlink(p, q); break;
    case 6: mknod(q, PICK(s, S_IFIFO | 0666, S_IFSOCK | 0666, S_IFREG | 0600), 0); break;
    case 7: call(SYS_inotify_add_watch, an_fd(s), (long)p, below(s, 0x1000), 0, 0, 0); break;
    case 8: call(SYS_mount, (long)p, (long)q, (long)PICK(s, (long)"tmpfs", (long)"proc", (long)"devpts"), PICK(s, 0, 1, 32, 4096, 8192), 0, 0); break;
    case 9: call(SYS_umount2, (long)q, PICK(s, 0, 2), 0, 0, 0, 0); break;
    case 10: truncate(p, a_size(s)); break;
    case 11: chdir(p); break;
    case 12: call(SYS_setxattr, (long)p, (long)"user.a", (long)room, below(s, 3000), below(s, 3), 0); break;
    case 13: chmod(p, below(s, 010000) | 0700); break;
  }
}

static void map(struct self *s) {
  long at = a_page(s), n = 1 + below(s, 20 * PAGE), prot = below(s, 8);
  switch (below(s, 12)) {
    case 0: case 1: mmap((void *)at, n, prot, MAP_FIXED | MAP_ANONYMOUS | PICK(s, MAP_PRIVATE, MAP_SHARED), -1, 0); break;
    case 2: mmap((void *)at, n, prot, PICK(s, MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE | MAP_FIXED, MAP_SHARED | MAP_FIXED), an_fd(s), below(s, 4) * PAGE); break;
    case 3: mmap(below(s, 2) ? 0 : (void *)anything(s), a_size(s), prot, below(s, 1 << 22) | 0x20, -1, 0); break;
    case 4: munmap((void *)at, n); break;
    case 5: munmap((void *)anything(s), below(s, 9) * PAGE); break;
    case 6: mprotect((void *)at, n, prot); break;
    case 7: mremap((void *)at, n, 1 + below(s, 30 * PAGE), PICK(s, 0, 1, 1, 3, 5, 7), a_page(s)); break;
    case 8: madvise((void *)at, n, below(s, 30)); break;
    case 9: call(SYS_brk, (long)sbrk(0) + (long)below(s, 40 * PAGE) - 20 * PAGE, 0, 0, 0, 0, 0); break;
    case 10: {
      int id = shmget(below(s, 3), below(s, 5) * PAGE, 0600 | IPC_CREAT);
      shmat(id, below(s, 2) ? 0 : (void *)at, PICK(s, 0, 010000, 040000, 020000));
      if (below(s, 2)) shmctl(id, IPC_RMID, 0);
      break;
    }
    case 11: call(PICK(s, SYS_mlock, SYS_munlock, SYS_msync, SYS_mincore), at, n, below(s, 2) ? 1 : (long)room, 0, 0, 0); break;
  }
}

static sigjmp_buf *volatile home;  // where a crash of the main thread goes on
static volatile int handled;
static void handler(int sig, siginfo_t *info, void *context) {
  char big[600];
  memset(big, sig, sizeof big);
  if (++handled % 7 == 0) raise(SIGUSR2);
  if (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP || handled % 50 == 0) {
    sigjmp_buf *to = home;
    if (to != 0 && handled < 400) siglongjmp(*to, 1);
    _exit(3);
  }
}

static void signals(struct self *s) {
  struct sigaction act = {0};
  sigset_t set;
  int sig = 1 + below(s, 64);
  switch (below(s, 10)) {
    case 0: case 1:
      act.sa_sigaction = handler;
      act.sa_flags = SA_SIGINFO | PICK(s, 0, SA_RESTART, SA_ONSTACK, SA_NODEFER, SA_RESETHAND, SA_ONSTACK | SA_NODEFER | SA_RESTART, SA_NOCLDWAIT);
      if (below(s, 3) == 0) sigfillset(&act.sa_mask);
      sigaction(sig, &act, 0);
      break;
    case 2: signal(sig, below(s, 2) ? SIG_IGN : SIG_DFL); break;
    case 3: {
      stack_t ss = {(void *)a_page(s), PICK(s, 0, SS_DISABLE, 1, 1 << 31), a_size(s)};
      sigaltstack(&ss, 0);
      break;
    }
    case 4: sigemptyset(&set), sigaddset(&set, sig), sigprocmask(below(s, 3), &set, 0); break;
    case 5: call(SYS_kill, a_pid(s), sig, 0, 0, 0, 0); break;
    case 6: call(SYS_tgkill, getpid(), syscall(SYS_gettid), sig, 0, 0, 0); break;
    case 7: call(SYS_kill, 0, PICK(s, SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGUSR1), 0, 0, 0, 0); break;
    case 8: alarm(1); setitimer(PICK(s, 0, 1, 2), &(struct itimerval){{0, below(s, 3) * 700}, {0, 1 + below(s, 5000)}}, 0); break;
    case 9: { int from = below(s, 60); call(SYS_kill, 2 + from, PICK(s, SIGSTOP, SIGCONT, SIGCONT, SIGKILL, SIGSEGV, SIGTERM, SIGQUIT), 0, 0, 0, 0); break; }
  }
}

// Code in the arena: written, run, changed, run again, hot enough now and then to be translated.
static void code(struct self *s) {
  char *p = mmap((void *)a_page(s), 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return;
  char *at = p + (below(s, 2) ? PAGE - 6 : below(s, 64));
  // mov $n,%ecx; L: add $1,%eax; dec %ecx; jnz L; ret
  static const unsigned char loop[] = {0xb9, 0, 0, 0, 0, 0x83, 0xc0, 1, 0xff, 0xc9, 0x75, 0xf9, 0xc3};
  memcpy(at, loop, sizeof loop);
  for (int i = 0, n = 1 + below(s, 4); i < n; i++) {
    int count = 1 + below(s, below(s, 10) ? 300 : 30000);
    memcpy(at + 1, &count, 4);
    at[7] = below(s, 100);
    ((int (*)(void))at)();
  }
  if (below(s, 3) == 0) {
    for (int i = 0; i < 64; i++) at[i] = next(s);
    ((int (*)(void))at)();
  }
}

static void crash(struct self *s) {
  switch (below(s, 14)) {
    case 0: *(volatile char *)anything(s) = 1; break;
    case 1: ((void (*)(void))anything(s))(); break;
    case 2: __asm__ volatile("ud2"); break;
    case 3: __asm__ volatile("int3"); break;
    case 4: __asm__ volatile("hlt"); break;
    case 5: __asm__ volatile("int $0x80" ::"a"(20) : "memory"); break;
    case 6: __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "memory", "cc"); break;
    case 7: __asm__ volatile("div %0" ::"r"(0l), "a"(1l), "d"(0l)); break;
    case 8: __asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(anything(s))); break;
    case 9: __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" ::"r"((long)room + below(s, ROOM))); break;
    case 10: __asm__ volatile("xor %%ecx, %%ecx; mov %0, %%rdi; mov %0, %%rsi; mov $-1, %%rcx; rep movsb" ::"r"(a_place(s)) : "rcx", "rdi", "rsi", "memory"); break;
    case 11: call(SYS_arch_prctl, 0x1002, anything(s), 0, 0, 0, 0); break;
    case 12: __asm__ volatile("sysenter"); break;
    case 13: call(SYS_set_robust_list, a_place(s), 24, 0, 0, 0, 0); break;
  }
}

static void step(struct self *s);
static void run(struct self *s) {
  while (s->steps-- > 0) step(s);
}

static int thread(void *arg) {
  struct self s = *(struct self *)arg;
  run(&s);
  syscall(SYS_exit, 0);
}

static void start_thread(struct self *s) {
  struct self *child;
  char *stack = mmap(0, THREAD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return;
  child = (struct self *)stack;
  *child = (struct self){mixed(s->seed, s->steps), below(s, 30), s->depth + 1};
  int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  if (below(s, 6) == 0) flags = PICK(s, CLONE_VM | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD, CLONE_FILES | SIGCHLD, CLONE_VM | CLONE_SIGHAND | SIGUSR1, CLONE_PARENT | SIGCHLD, CLONE_VM | CLONE_FS);
  if (below(s, 4) == 0) flags |= CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  clone(thread, stack + THREAD_STACK, flags, child, room + 64, 0, room + 128);
}

static void start_child(struct self *s) {
  word seed = mixed(s->seed, s->steps);
  pid_t pid = fork();
  if (pid == 0) {
    struct self child = {seed, below(s, 60), s->depth + 1};
    if (below(&child, 3) == 0) setpgid(0, 0);
    if (below(&child, 6) == 0) setsid();
    run(&child);
    _exit(below(&child, 256));
  }
  if (pid > 0 && below(s, 3) == 0) kill(pid, PICK(s, SIGKILL, SIGKILL, SIGSTOP, SIGSEGV, SIGTERM, SIGPIPE));
  if (pid > 0 && below(s, 4) == 0) waitpid(pid, 0, PICK(s, WNOHANG, WUNTRACED | WNOHANG, 0));
}

static void again(struct self *s) {
  char seed[24], steps[24], depth[8];
  sprintf(seed, "%lu", mixed(s->seed, 7));
  sprintf(steps, "%ld", s->steps);
  sprintf(depth, "%d", s->depth + 1);
  char *argv[] = {"/bin/chaos", "again", seed, steps, depth, 0}, *env[] = {0};
  execve(argv[0], argv, env);
}

static void touch(struct self *s) {
  for (int i = below(s, 20); i > 0; i--) {
    volatile char *p = (volatile char *)a_page(s) + below(s, PAGE);
    if (below(s, 2)) *p = i;
    else (void)*p;
  }
}

static void waits(struct self *s) {
  struct timespec ts = {0, below(s, 2000000)};
  switch (below(s, 7)) {
    case 0: nanosleep(&ts, 0); break;
    case 1: call(SYS_futex, (long)room + below(s, 99) * 4, PICK(s, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 128, 129, 134, 135, 265), below(s, 4), (long)&ts, (long)room + below(s, 99) * 4, below(s, 4)); break;
    case 2: poll((struct pollfd *)room, below(s, 20), below(s, 3)); break;
    case 3: sched_yield(); break;
    case 4: wait4(-1, 0, WNOHANG | WUNTRACED | WCONTINUED, 0); break;
    case 5: call(SYS_select, below(s, 64), (long)room, (long)room + 128, 0, (long)&(long[2]){0, below(s, 2000)}, 0); break;
    case 6: {
      struct sembuf op[3] = {{0, 1, 0}, {below(s, 3), (short)below(s, 5) - 2, PICK(s, 0, IPC_NOWAIT, SEM_UNDO, SEM_UNDO | IPC_NOWAIT)}, {1, 0, IPC_NOWAIT}};
      semtimedop(semget(7, 3, 0600 | IPC_CREAT), op, 1 + below(s, 3), &ts);
      break;
    }
  }
}

static void step(struct self *s) {
  word kind = below(s, 100);
  if (kind < 24) any_call(s);
  else if (kind < 33) open_something(s);
  else if (kind < 50) use_descriptor(s);
  else if (kind < 56) names(s);
  else if (kind < 72) map(s);
  else if (kind < 80) signals(s);
  else if (kind < 84) touch(s);
  else if (kind < 87) code(s);
  else if (kind < 92) waits(s);
  else if (kind < 95) { if (s->depth < MAX_DEPTH) start_child(s); }
  else if (kind < 97) { if (s->depth < MAX_DEPTH) start_thread(s); }
  else if (kind < 98) { if (s->depth < MAX_DEPTH && below(s, 2)) again(s); }
  else if (below(s, 3) == 0) crash(s);
}

static void begin(struct self *s) {
  mmap(ARENA, ARENA_PAGES / 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (int sig = 1; sig < 32; sig++) {
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (below(s, 3)) sigaction(sig, &act, 0);
  }
  for (int i = 0; i < 8; i++) open_something(s);
  sigjmp_buf back;
  sigsetjmp(back, 1);
  home = &back;
  run(s);
  _exit(0);
}

static int watch(word seed, int children, long steps) {
  int alive = 0, started = 0, ended = 0, by_signal = 0;
  struct self s = {mixed(seed, 1), 0, 0};
  pid_t pids[8] = {0};
  for (int sig = 1; sig < 65; sig++) signal(sig, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  while (started < children || alive > 0) {
    int status;
    for (int i = 0; i < 8 && started < children; i++) {
      if (pids[i] != 0) continue;
      word child = mixed(seed, 100 + started);
      pid_t pid = fork();
      if (pid < 0) break;
      if (pid == 0) {
        struct self c = {child, steps, 0};
        setpgid(0, 0);
        for (int sig = 1; sig < 65; sig++) signal(sig, SIG_DFL);
        if (below(&c, 3) == 0) setgid(1000), setuid(1000);
        begin(&c);
      }
      pids[i] = pid, alive++, started++;
    }
    usleep(1000);
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      for (int i = 0; i < 8; i++) {
        if (pids[i] != pid) continue;
        pids[i] = 0, alive--, ended++;
        by_signal += WIFSIGNALED(status);
      }
    }
    // One that waits for ever or is stopped goes like this.
    if (alive > 0 && below(&s, 20) == 0) {
      int i = below(&s, 8);
      while (pids[i] == 0) i = (i + 1) % 8;
      kill(below(&s, 2) ? pids[i] : -pids[i], PICK(&s, SIGKILL, SIGKILL, SIGTERM, SIGSTOP, SIGCONT, SIGINT, 34));
    }
  }
  printf("children %d, by a signal %d\n", ended, by_signal);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "again") == 0) {
    struct self s = {strtoul(argv[2], 0, 10), atol(argv[3]), atoi(argv[4])};
    begin(&s);
  }
  return watch(strtoul(argv[1], 0, 10), atoi(argv[2]), atol(argv[3]));
}
