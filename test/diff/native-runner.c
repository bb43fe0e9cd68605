/*
 * Executes test cases on the real CPU: reads them from standard input, writes the resulting states to
 * standard output. A case is a complete user-visible state and a few code bytes.
 *
 * The whole loop runs in the signal handler: every case ends in a signal (int3 after the code, or a
 * fault), whose frame is the result; the handler then reads the next case into the frame and returns,
 * which loads all registers at once. All other memory is unmapped around the code and data pages.
 *
 *   CODE 0x2f0000  one page, filled with int3
 *   DATA 0x300000  one page, its neighbours unmapped
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x2f0000ul
#define DATA 0x300000ul
#define PAGE 4096

/* Order of struct fields is shared with native.ts. */
struct state {
  uint64_t gpr[16]; /* in encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8.. */
  uint64_t rflags;
  uint64_t rip;
  uint64_t vector, error, address; /* results only */
  uint64_t code_offset;            /* input only: where in the page the code starts */
  uint8_t fx[512];                 /* FXSAVE image */
  uint8_t ymm_high[256];           /* high halves of YMM0 to YMM15 */
  uint8_t code[64];
  uint8_t data[PAGE];
};

static const int greg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/* In the XSAVE area of a signal frame (standard format): component bitmap, and YMM_Hi128 (SDM vol. 1, 13.4). */
#define XSTATE_BV 512
#define YMM_HIGH 576
#define HAS_YMM 4

static struct state s;
static int running;
static int has_avx;
/* Buffered by hand: stdio is not async-signal-safe, and this is always in a handler. */
static uint8_t out[64 * sizeof(struct state)];
static size_t out_len;

static void flush_out(void) {
  size_t at = 0;
  while (at < out_len) {
    ssize_t n = write(1, out + at, out_len - at);
    if (n <= 0) _exit(3);
    at += n;
  }
  out_len = 0;
}

/* 0: end of input. */
static int read_case(void) {
  size_t at = 0;
  while (at < sizeof s) {
    ssize_t n = read(0, (uint8_t *)&s + at, sizeof s - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    at += n;
  }
  return 1;
}

static void save_result(siginfo_t *info, ucontext_t *uc) {
  (void)info;
  greg_t *g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; i++) s.gpr[i] = g[greg[i]];
  s.rflags = g[REG_EFL];
  s.rip = g[REG_RIP];
  s.vector = g[REG_TRAPNO];
  s.error = g[REG_ERR];
  s.address = g[REG_CR2];
  const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;
  memcpy(s.fx, fp, 512);
  if (has_avx && (*(const uint64_t *)(fp + XSTATE_BV) & HAS_YMM))
    memcpy(s.ymm_high, fp + YMM_HIGH, 256);
  else
    memset(s.ymm_high, 0, 256);
  memcpy(s.data, (void *)DATA, PAGE);
  memcpy(out + out_len, &s, sizeof s);
  out_len += sizeof s;
  if (out_len == sizeof out) flush_out();
}

static void load_case(ucontext_t *uc) {
  greg_t *g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; i++) g[greg[i]] = s.gpr[i];
  g[REG_EFL] = (g[REG_EFL] & ~0xcd5l) | (s.rflags & 0xcd5);
  g[REG_RIP] = CODE + s.code_offset;
  uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
  memcpy(fp, s.fx, 416); /* the rest is reserved and the kernel's */
  /* x87, SSE and AVX state are not the initial ones. */
  *(uint64_t *)(fp + XSTATE_BV) |= has_avx ? 3 | HAS_YMM : 3;
  if (has_avx) memcpy(fp + YMM_HIGH, s.ymm_high, 256);
  memset((void *)CODE, 0xcc, PAGE);
  size_t room = PAGE - s.code_offset;
  memcpy((void *)(CODE + s.code_offset), s.code, room < 64 ? room : 64);
  memcpy((void *)DATA, s.data, PAGE);
}

static void handler(int sig, siginfo_t *info, void *context) {
  (void)sig;
  ucontext_t *uc = context;
  if (running) save_result(info, uc);
  running = 1;
  if (!read_case()) {
    flush_out();
    _exit(0);
  }
  load_case(uc);
}

static void map_page(unsigned long at, int prot) {
  void *p = mmap((void *)at, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (p != (void *)at) {
    perror("mmap");
    exit(2);
  }
}

int main(void) {
  /* A segment's limit is the processor's number (LSL of selector 0x7b): the guest has number 0. */
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  __builtin_cpu_init();
  has_avx = __builtin_cpu_supports("avx");
  map_page(CODE, PROT_READ | PROT_WRITE | PROT_EXEC);
  map_page(DATA, PROT_READ | PROT_WRITE);
  stack_t alt = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  sigaltstack(&alt, NULL);
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&sa.sa_mask);
  sigdelset(&sa.sa_mask, SIGVTALRM);
  int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &sa, NULL);
  /* Of processor time: a busy host is no reason to end. */
  struct itimerval limit = {.it_value.tv_sec = 300};
  setitimer(ITIMER_VIRTUAL, &limit, NULL);
  __asm__ volatile("int3");
  return 4;
}
