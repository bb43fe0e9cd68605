/*
 * AVX state where the fuzzer does not see it: CPUID's leaf 0xd and XGETBV, XSAVE images, signal frames
 * (the handler finds and changes the high halves, and leaves its own values in the registers), fork, threads.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

typedef uint32_t lanes __attribute__((vector_size(32)));

static volatile int signals;
static volatile int started, go_on;

static void show(const char *what, lanes v) {
  printf("%s", what);
  for (int i = 0; i < 8; i++) printf(" %x", v[i]);
  printf("\n");
}

static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig;
  (void)info;
  uint8_t *fp = (uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
  uint32_t magic1, size, magic2, high;
  uint64_t bv;
  memcpy(&magic1, fp + 464, 4);
  memcpy(&size, fp + 480, 4);
  memcpy(&magic2, fp + size, 4);
  memcpy(&bv, fp + 512, 8);
  memcpy(&high, fp + 576, 4);
  printf("frame %x %x, has AVX %d, ymm0[4] %x\n", magic1, magic2, (int)(bv & 4), high);
  lanes mine = {9, 9, 9, 9, 9, 9, 9, 9};
  __asm__ volatile("vmovdqa %0, %%ymm0\n\tvmovdqa %0, %%ymm5" ::"m"(mine));
  high = 0xabcdef01;
  memcpy(fp + 576 + 16, &high, 4); /* ymm1[4] */
  signals++;
}

/* Sends SIGUSR1 with v in ymm0 and ymm1. */
static void interrupted(lanes v) {
  lanes a, b;
  __asm__ volatile(
      "vmovdqa %2, %%ymm0\n\tvmovdqa %2, %%ymm1\n\t"
      "mov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
      "vmovdqa %%ymm0, %0\n\tvmovdqa %%ymm1, %1"
      : "=m"(a), "=m"(b)
      : "m"(v)
      : "rax", "rcx", "r11", "rdi", "rsi", "memory");
  show("ymm0", a);
  show("ymm1", b);
}

static uint8_t area[1024] __attribute__((aligned(64)));

#define SAVE_AND_LOAD(insn, saved, loaded, v, out)                                              \
  __asm__ volatile("vmovdqa %1, %%ymm3\n\tmov %3, %%eax\n\txor %%edx, %%edx\n\t" insn           \
                   " %0\n\tvpcmpeqd %%ymm3, %%ymm3, %%ymm3\n\tmov %4, %%eax\n\txrstor %0\n\t"   \
                   "vmovdqa %%ymm3, %2"                                                         \
                   : "+m"(area), "+m"(v), "=m"(out)                                             \
                   : "i"(saved), "i"(loaded)                                                    \
                   : "rax", "rdx", "memory")

static void images(lanes v) {
  lanes out;
  memset(area, 0, sizeof area);
  SAVE_AND_LOAD("xsave", 7, 7, v, out);
  show("xsave 7, xrstor 7", out);
  /* Whether x87 in its initial state is in use (bit 0) is up to the processor: SDM vol. 1, 13.6. */
  printf("header %x\n", area[512] & 6);
  SAVE_AND_LOAD("xsave", 4, 2, v, out);
  show("xsave 4, xrstor 2", out);
  memset(area, 0, sizeof area);
  SAVE_AND_LOAD("xsave", 2, 6, v, out);
  show("xsave 2, xrstor 6", out);
  memset(area, 0, sizeof area);
  SAVE_AND_LOAD("xsavec", 7, 4, v, out);
  show("xsavec 7, xrstor 4", out);
  printf("compacted %x\n", area[527] >> 7);
  SAVE_AND_LOAD("xsavec", 6, 6, v, out);
  show("xsavec 6, xrstor 6", out);
  memset(area, 0, sizeof area);
  SAVE_AND_LOAD("xsaveopt", 7, 7, v, out);
  show("xsaveopt 7, xrstor 7", out);
}

static volatile int faults;

static void fault(int sig, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("signal %d code %d trap %d\n", sig, info->si_code, (int)g[REG_TRAPNO]);
  g[REG_RIP] = g[REG_R12];
  faults++;
}

/* Runs an instruction that faults; the handler goes on behind it. */
#define FAULTS(insn, rax, address)                                                      \
  __asm__ volatile("lea 1f(%%rip), %%r12\n\t" insn "\n1:" ::"a"(rax), "d"(0), "D"(address) \
                   : "rcx", "r12", "memory")

static void invalid(void) {
  struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &sa, NULL);
  sigaction(SIGILL, &sa, NULL);
  FAULTS("xsave (%%rdi)", 7, area + 8);
  FAULTS("xrstor (%%rdi)", 7, area + 16);
  memset(area, 0, sizeof area);
  area[512] = 8; /* MPX, or nothing */
  area[24] = 0x80, area[25] = 0x1f;
  area[520] = 1; /* XCOMP_BV in the standard form */
  FAULTS("xrstor (%%rdi)", 7, area);
  memset(area + 512, 0, 64);
  area[27] = 1; /* reserved bits of MXCSR */
  FAULTS("xrstor (%%rdi)", 7, area);
  FAULTS("mov $5, %%ecx\n\txgetbv", 0, 0);
  FAULTS("vmovdqa (%%rdi), %%ymm7", 0, area + 16);
  FAULTS(".byte 0xc5, 0xee, 0x6f, 0x0f", 0, area);       /* VMOVDQU with VEX.vvvv */
  FAULTS(".byte 0x66, 0xc5, 0xe9, 0xfe, 0xcb", 0, area); /* 66 VPADDD */
}

/* v in ymm8 until the flag is set, with no C library (VZEROUPPER) in between: sched_yield. */
#define HOLD(v, out, flag)                                                                   \
  __asm__ volatile("vmovdqa %1, %%ymm8\n1:\tmov $24, %%eax\n\tsyscall\n\tcmpl $0, %2\n\t"  \
                   "je 1b\n\tvmovdqa %%ymm8, %0"                                             \
                   : "=m"(out)                                                               \
                   : "m"(v), "m"(flag)                                                       \
                   : "rax", "rcx", "r11", "memory")

static void *other_thread(void *arg) {
  lanes v = *(lanes *)arg, out;
  for (int i = 0; i < 8; i++) v[i] += 0x100;
  started = 1;
  HOLD(v, out, go_on);
  show("thread", out);
  return NULL;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  lanes v = {1, 2, 3, 4, 5, 6, 7, 8}, out;
  unsigned a, b, c, d, lo, hi;
  __cpuid_count(0xd, 0, a, b, c, d);
  printf("components %x\n", a & 7);
  __cpuid_count(0xd, 2, a, b, c, d);
  printf("AVX state: %u bytes at %u\n", a, b);
  __cpuid_count(1, 0, a, b, c, d);
  printf("xsave osxsave avx fma f16c %x\n", c & 0x3c001000);
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  printf("xcr0 %x\n", lo & 7);

  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &sa, NULL);
  interrupted(v);
  images(v);
  invalid();

  pthread_t t;
  pthread_create(&t, NULL, other_thread, &v);
  HOLD(v, out, started);
  go_on = 1;
  pthread_join(t, NULL);
  show("main", out);
  int child;
  __asm__ volatile("vmovdqa %2, %%ymm9\n\tmov $57, %%eax\n\tsyscall\n\tvmovdqa %%ymm9, %0"
                   : "=m"(out), "=a"(child)
                   : "m"(v)
                   : "rcx", "r11", "memory");
  if (child == 0) {
    show("child", out);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  printf("%d signals, %d faults\n", signals, faults);
  return 0;
}
