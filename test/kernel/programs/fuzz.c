// Random system calls with random arguments: whatever they do, the kernel must go on.
// The seed is the first argument; numbers that would only end or stop the program are left out.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long seed;
static unsigned long next(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static char *area;

static long argument(void) {
  static const long special[] = {0, 1, 2, 3, -1, -2, 8, 16, 64, 128, 4096, 0x7fffffff, 0x80000000, 0x7fffffffffffffff,
                                 -4096, 0x7ffffffff000, 0x1000, 0xffffffff};
  switch (next() % 6) {
    case 0: return special[next() % (sizeof special / sizeof *special)];
    case 1: return (long)area + next() % 4096;
    case 2: return (long)area + 4096 - next() % 64;
    case 3: return next() % 64;
    case 4: return 1L << (next() % 64);
    default: return (long)next();
  }
}

static int skipped(long nr) {
  switch (nr) {
    case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigreturn: case SYS_vfork: case SYS_fork:
    case SYS_clone: case SYS_reboot: case SYS_rt_sigsuspend: case SYS_kill: case SYS_tkill: case SYS_tgkill:
    case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo: case SYS_nanosleep: case SYS_clock_nanosleep:
    case SYS_umount2: case SYS_chroot: case SYS_pivot_root:
      return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IONBF, 0);
  for (int round = 0; round < 12; round++) {
    unsigned long start = strtoul(argv[1], 0, 10) * 1000 + round + 1;
    pid_t child = fork();
    if (child == 0) {
      seed = start * 0x9e3779b97f4a7c15ul;
      area = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      munmap(area + 4096, 4096);
      for (int i = 0; i < 4096; i++) area[i] = next() % 5 ? 0 : next();
      struct rlimit as = {64 << 20, 64 << 20};
      setrlimit(RLIMIT_AS, &as);
      setrlimit(RLIMIT_FSIZE, &as);
      for (int i = 0; i < 150; i++) {
        long nr = next() % 8 == 0 ? next() % 512 : next() % 335;
        if (!skipped(nr)) syscall(nr, argument(), argument(), argument(), argument(), argument(), argument());
      }
      _exit(0);
    }
    for (int i = 0; waitpid(child, 0, WNOHANG) == 0; i++) {
      usleep(5000);
      if (i == 200) kill(child, SIGKILL);
    }
  }
  printf("survived\n");
  return 0;
}
