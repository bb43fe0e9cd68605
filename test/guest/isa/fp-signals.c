/*
 * Floating-point state across signals: handlers start with the default environment, whatever they do is gone
 * when they return, what they write into the frame is not; nested, on alternate stacks, left by siglongjmp.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ucontext.h>
#include <unistd.h>

/* FXSAVE's image as FXSAVE64 and the signal frame have it: SDM vol. 1, 10.5.1. */
struct image {
  uint16_t cw, sw;
  uint8_t tag, reserved;
  uint16_t fop;
  uint64_t ip, dp;
  uint32_t mxcsr, mask;
  struct {
    uint64_t low;
    uint16_t high, unused[3];
  } st[8];
  uint64_t xmm[16][2];
  uint8_t rest[96];
} __attribute__((aligned(16)));

#define REGISTERS (offsetof(struct image, rest) - offsetof(struct image, st))

/* Prints what does not depend on the processor: no FOP, no pointers, no MXCSR_MASK. */
static void show(const char *what, const struct image *m) {
  printf("%s: cw %x sw %x tag %x mxcsr %x\n  st", what, m->cw, m->sw, m->tag, m->mxcsr);
  for (int i = 0; i < 8; i++) {
    if (m->tag >> (i + (m->sw >> 11 & 7)) % 8 & 1) printf(" %x:%lx", m->st[i].high, m->st[i].low);
    else printf(" -");
  }
  printf("\n  xmm");
  for (int i = 0; i < 16; i++) printf(" %lx:%lx", m->xmm[i][1], m->xmm[i][0]);
  printf("\n");
}

static struct image before, inside, after;
static struct image loaded;
static const uint32_t usual = 0x1f80;

/* Some of everything: three values on the stack, exceptions pending but masked, rounding down, 16 registers. */
static void prepare(void) {
  memset(&loaded, 0, sizeof loaded);
  loaded.cw = 0x67f;
  loaded.sw = 5 << 11 | 0x4121;
  loaded.tag = 0xe0;
  loaded.mxcsr = 0x3fa1;
  for (int i = 0; i < 3; i++) {
    loaded.st[i].low = 0x8000000000000000UL + i;
    loaded.st[i].high = 0x4000 + i;
  }
  for (int i = 0; i < 16; i++) {
    loaded.xmm[i][0] = 0x1000000000000001UL * i;
    loaded.xmm[i][1] = 0x2000000000000002UL * i;
  }
}

/* Loads the image, calls system calls until SIGUSR1 has come, saves the state. */
#define RAISE(sig)                                                                               \
  __asm__ volatile(                                                                             \
      "fxrstor64 %2\n\tfxsave64 %0\n\t"                                                         \
      "mov $39, %%eax\n\tsyscall\n\tmov %%eax, %%edi\n\tmov %3, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t" \
      "fxsave64 %1\n\tfninit\n\tldmxcsr %4"                                                     \
      : "=m"(before), "=m"(after)                                                               \
      : "m"(loaded), "i"(sig), "m"(usual)                                                                \
      : "rax", "rcx", "r11", "rdi", "rsi", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", \
        "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

static struct image *frame_of(void *context) {
  return (struct image *)((ucontext_t *)context)->uc_mcontext.fpregs;
}

/* Leaves a state of its own in the registers. */
static void make_a_mess(int n) {
  uint32_t mxcsr = 0x5f80 + n;
  uint16_t cw = 0xf7f;
  __asm__ volatile("fldcw %0\n\tfldpi\n\tfldl2e\n\tfldz\n\tfldz\n\tfld1\n\tldmxcsr %1\n\t"
                   "pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm7\n\tmovaps %%xmm0, %%xmm15" ::"m"(cw),
                   "m"(mxcsr)
                   : "xmm0", "xmm7", "xmm15");
}

static void saving(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  __asm__ volatile("fxsave64 %0" : "=m"(inside));
  show("frame", frame_of(context));
  make_a_mess(1);
}

static void changing(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  struct image *m = frame_of(context);
  m->cw = 0xb7f;
  m->sw = 3 << 11;
  m->tag = 0x18;
  m->st[0].low = 0xc000000000000000UL;
  m->st[0].high = 0xbfff;
  m->st[1].low = 0x8000000000000000UL;
  m->st[1].high = 0x7fff;
  m->mxcsr = 0x9fc0;
  m->xmm[3][1] = 0xabcdef;
  m->xmm[15][0] = 0x123456;
  make_a_mess(2);
}

/* SIGUSR2's frame lies above: another signal comes while its handler uses the FPU. */
static void nesting(int sig, siginfo_t *info, void *context) {
  (void)info;
  if (sig == SIGUSR1) {
    struct image mine;
    make_a_mess(3);
    raise(SIGUSR2);
    __asm__ volatile("fxsave64 %0" : "=m"(mine));
    printf("after the inner one: cw %x sw %x mxcsr %x\n", mine.cw, mine.sw, mine.mxcsr);
  } else {
    struct image *m = frame_of(context);
    printf("inner frame: cw %x sw %x tag %x mxcsr %x\n", m->cw, m->sw, m->tag, m->mxcsr);
    m->mxcsr = 0x1f9f;
    make_a_mess(4);
  }
}

static void on(int sig, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(sig, &sa, NULL);
}

static void plain(const char *what) {
  prepare();
  RAISE(SIGUSR1);
  show(what, &after);
  printf("  as before: %d\n", memcmp(before.st, after.st, REGISTERS) == 0);
}

static void default_environment(void) {
  on(SIGUSR1, saving, 0);
  plain("untouched");
  printf("in the handler: cw %x sw %x tag %x mxcsr %x\n", inside.cw, inside.sw, inside.tag, inside.mxcsr);
}

static void mmx(void) {
  uint64_t v = 0x1122334455667788UL, got, sw, tag;
  on(SIGUSR1, saving, 0);
  prepare();
  loaded.sw = 0;
  loaded.tag = 0xff;
  for (int i = 0; i < 8; i++) {
    loaded.st[i].low = v * (i + 1);
    loaded.st[i].high = 0xffff;
  }
  RAISE(SIGUSR1);
  __asm__ volatile("fxrstor64 %1\n\tmovq %%mm5, %0\n\temms" : "=m"(got) : "m"(after));
  sw = after.sw, tag = after.tag;
  printf("mmx: mm5 %lx sw %lx tag %lx\n", got, sw, tag);
}

/* A frame that is not valid: reserved bits of MXCSR. And one without FP state. */
static sigjmp_buf out;
static volatile int kind;
static void invalid(int sig, siginfo_t *info, void *context) {
  (void)info;
  if (sig == SIGSEGV) siglongjmp(out, 1);
  if (kind == 0) frame_of(context)->mxcsr = 0x80001f80;
  else ((ucontext_t *)context)->uc_mcontext.fpregs = kind == 1 ? NULL : (void *)64;
}

static void invalid_frames(void) {
  on(SIGUSR1, invalid, 0);
  on(SIGSEGV, invalid, SA_NODEFER);
  for (kind = 0; kind < 3; kind++) {
    if (sigsetjmp(out, 1) == 0) {
      prepare();
      RAISE(SIGUSR1);
      show("returned", &after);
    } else printf("frame %d: SIGSEGV\n", kind);
  }
}

/* setjmp keeps neither control word's changes nor exceptions: longjmp leaves them as they are. */
static void jumping(int sig) {
  (void)sig;
  make_a_mess(5);
  __asm__ volatile("fstp %st(0); fstp %st(0); fstp %st(0); fstp %st(0); fstp %st(0)");
  siglongjmp(out, 1);
}

static void long_jumps(void) {
  static uint8_t stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction sa = {.sa_handler = jumping, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &sa, NULL);
  volatile double kept = 0;
  for (volatile int i = 0; i < 200; i++) {
    double local = i * 0.5 + 1;
    uint16_t cw = 0x37f;
    uint32_t mxcsr = 0x1f80;
    __asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(cw), "m"(mxcsr));
    if (sigsetjmp(out, 1) == 0) {
      kept += local;
      raise(SIGUSR1);
    } else {
      stack_t now;
      __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(cw), "=m"(mxcsr));
      sigaltstack(NULL, &now);
      if (i % 50 == 0) printf("jump %d: cw %x mxcsr %x kept %a on stack %d\n", i, cw, mxcsr, kept, now.ss_flags & SS_ONSTACK);
    }
  }
  __asm__ volatile("fninit");
  uint32_t mxcsr = 0x1f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

/* Signals at any time, into loops of arithmetic with rounding of their own. */
static volatile int ticks;
static void tick(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info, (void)context;
  ticks++;
  make_a_mess(6);
}

static void interrupted_loops(void) {
  on(SIGALRM, tick, 0);
  ualarm(1000, 1000);
  uint16_t down = 0x77f, normal = 0x37f;
  uint32_t up = 0x5f80;
  for (int round = 0; round < 3 || ticks < 5; round++) {
    double d = 1, x;
    long double l = 1;
    __asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(down), "m"(up));
    for (int i = 1; i < 20000; i++) {
      __asm__ volatile("" : "+m"(l));
      d = d / 3 + i;
      l = l / 3 + i;
    }
    __asm__ volatile("" : "+x"(d), "+m"(l));
    __asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(normal), "m"(usual));
    x = d;
    if (round < 3) printf("loops: %a %La\n", x, l);
  }
  ualarm(0, 0);
}

int main(void) {
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  default_environment();
  on(SIGUSR1, changing, 0);
  plain("changed");
  on(SIGUSR1, nesting, SA_NODEFER);
  on(SIGUSR2, nesting, 0);
  plain("nested");
  static uint8_t stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  on(SIGUSR1, nesting, SA_ONSTACK);
  on(SIGUSR2, nesting, SA_ONSTACK);
  plain("on an alternate stack");
  mmx();
  invalid_frames();
  long_jumps();
  interrupted_loops();
  return 0;
}
