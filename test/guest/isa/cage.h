/*
 * Runs pieces of machine code at a fixed address with known registers, and tells with which signal each of
 * them ended. Addresses are fixed, so that what is printed does not depend on ASLR.
 *
 *   SNIPPET("division by zero", "xor %ecx, %ecx; div %ecx")   at file level, then cage_all(report) in main
 *
 * SNIPPET_INTEL is for what AMD's processors do otherwise: run only after cage_arguments() saw "intel".
 *
 * A piece ends at CODE + its size with an INT3, unless it is placed at the end of the page. RSI and RDI
 * point into the middle of a readable and writable page, RSP into another one. Includes the C library.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x10000000UL    /* three pages: code, code, and nothing */
#define RW 0x20000000UL      /* one page with nothing before and behind it */
#define RO 0x20002000UL      /* one page that cannot be written */
#define NONE 0x20003000UL    /* one page that cannot be accessed */
#define NOTHING 0x20004000UL /* not mapped */
#define STACK 0x30000000UL   /* one page; RSP is in the middle */
#define PAGE 4096UL

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct snippet {
  const uint8_t *code, *end;
  const char *name;
  uint64_t intel;
};
extern const struct snippet __start_snippets[], __stop_snippets[];

#define SNIPPET_OF(name, text, intel)                                                        \
  __asm__(".pushsection .rodata\n771:\n" text "\n772:\n773: .asciz \"" name                  \
          "\"\n.popsection\n.pushsection snippets, \"a\"\n.quad 771b, 772b, 773b, " #intel "\n.popsection")
#define SNIPPET(name, text) SNIPPET_OF(name, text, 0)
#define SNIPPET_INTEL(name, text) SNIPPET_OF(name, text, 1)

/* What the code starts with and, when it is left, what the signal found. */
uint64_t cage_regs[16], cage_flags, cage_entry, cage_rsp;
static struct {
  int sig, code;
  uint64_t addr, rip, trap, err, cr2, flags, regs[16];
} end;

void cage_enter(void), cage_leave(void);
__asm__(
    "cage_enter:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, cage_rsp(%rip)\n"
    "fninit\n"
    "pushq cage_flags(%rip); popfq\n"
    "mov cage_regs(%rip), %rax; mov cage_regs+8(%rip), %rcx\n"
    "mov cage_regs+16(%rip), %rdx; mov cage_regs+24(%rip), %rbx\n"
    "mov cage_regs+32(%rip), %rsp; mov cage_regs+40(%rip), %rbp\n"
    "mov cage_regs+48(%rip), %rsi; mov cage_regs+56(%rip), %rdi\n"
    "mov cage_regs+64(%rip), %r8; mov cage_regs+72(%rip), %r9\n"
    "mov cage_regs+80(%rip), %r10; mov cage_regs+88(%rip), %r11\n"
    "mov cage_regs+96(%rip), %r12; mov cage_regs+104(%rip), %r13\n"
    "mov cage_regs+112(%rip), %r14; mov cage_regs+120(%rip), %r15\n"
    "jmp *cage_entry(%rip)\n"
    "cage_leave:\n"
    "mov cage_rsp(%rip), %rsp\n"
    "push $0x202; popfq; fninit\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");

static const int cage_order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static const char *const cage_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/* Notes the state, and makes the signal return from cage_enter(). */
static void cage_signal(int sig, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  end.sig = sig;
  end.code = info->si_code;
  end.addr = (uint64_t)info->si_addr;
  end.rip = g[REG_RIP];
  end.trap = g[REG_TRAPNO];
  end.err = g[REG_ERR];
  end.cr2 = g[REG_CR2];
  end.flags = g[REG_EFL];
  for (int i = 0; i < 16; i++) end.regs[i] = g[cage_order[i]];
  g[REG_RIP] = (greg_t)cage_leave;
  g[REG_EFL] &= ~0x40500L;
  ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr = 0x1f80;
}

static void *cage_map(uint64_t at, uint64_t size, int prot) {
  void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (p != (void *)at) {
    perror("mmap");
    exit(2);
  }
  return p;
}

static void cage_catch(void (*handler)(int, siginfo_t *, void *)) {
  static uint8_t stack[65536];
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &sa, NULL);
}

static void cage_make(void) {
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  cage_map(CODE, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  cage_map(RW, PAGE, PROT_READ | PROT_WRITE);
  cage_map(RO, PAGE, PROT_READ);
  (void)*(volatile uint8_t *)RO; /* makes it present */
  cage_map(NONE, PAGE, PROT_NONE);
  cage_map(STACK, PAGE, PROT_READ | PROT_WRITE);
  cage_catch(cage_signal);
}

static void cage_preload(void) {
  for (int i = 0; i < 16; i++) cage_regs[i] = 0x1111111111111111UL * i + 0x0123456789abcdefUL;
  cage_regs[RSI] = RW + PAGE / 2;
  cage_regs[RDI] = RW + PAGE / 2 + 1024;
  cage_regs[RSP] = STACK + PAGE / 2;
  cage_flags = 0x202;
  for (unsigned i = 0; i < PAGE / 8; i++) ((uint64_t *)RW)[i] = 0x0706050403020100UL * (i + 1);
  memset((void *)STACK, 0, PAGE);
}

/* Runs the code at `entry`, whose bytes have been put there, from the preloaded registers. */
static void cage_run(uint64_t entry) {
  memset(&end, 0, sizeof end);
  cage_entry = entry;
  cage_enter();
}

/* Puts n bytes at `at` and INT3s behind them. */
static void cage_put(uint64_t at, const uint8_t *code, size_t n) {
  memset((void *)CODE, 0xcc, 2 * PAGE);
  memcpy((void *)at, code, n);
}

/* One line about the end: the signal, and the registers that are not as preloaded. */
__attribute__((unused)) static void cage_report(const char *name, uint64_t undefined_flags) {
  printf("%s: signal %d code %d addr %lx rip %lx trap %lu err %lx", name, end.sig, end.code, end.addr,
         end.rip, end.trap, end.err);
  if (end.trap == 14) printf(" cr2 %lx", end.cr2);
  printf(" flags %lx", end.flags & ~undefined_flags);
  for (int i = 0; i < 16; i++) {
    if (end.regs[i] != cage_regs[i]) printf(" %s %lx", cage_names[i], end.regs[i]);
  }
  printf("\n");
}

static int cage_intel;

/* The vendor of the processor that prints what is expected is the first argument. */
__attribute__((unused)) static void cage_arguments(int argc, char **argv) {
  cage_intel = argc > 1 && strcmp(argv[1], "intel") == 0;
}

__attribute__((unused)) static void cage_all(void (*each)(const struct snippet *)) {
  for (const struct snippet *s = __start_snippets; s < __stop_snippets; s++) {
    if (s->intel && !cage_intel) continue;
    cage_preload();
    cage_put(CODE, s->code, s->end - s->code);
    each(s);
  }
}
