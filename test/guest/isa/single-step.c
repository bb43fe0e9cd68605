/*
 * EFLAGS.TF: which instructions are followed by a trap, with which RIP, in cold code and in code hot enough to
 * be compiled. SYSCALL clears TF on its way in and the kernel's IRET sets it again, so that the first
 * trap afterwards is that of the next instruction.
 */
#include "cage.h"

#define TF 0x100L
#define STEP "pushfq; orl $0x100, (%rsp); popfq;"
#define STOP "pushfq; andl $~0x100, (%rsp); popfq;"

SNIPPET("straight", STEP "nop; inc %rax; lea 1(%rax), %rbx;" STOP "nop");
SNIPPET("branches", STEP "mov $2, %ecx; 1: dec %ecx; jnz 1b; jmp 2f; nop; 2: loop 3f; nop; 3: jrcxz 4f; 4:" STOP);
SNIPPET("calls", STEP "call 1f; jmp 2f; 1: lea 3f(%rip), %rax; push $7; call *%rax; ret; 3: ret $8; 2:" STOP);
SNIPPET("rep movsb", STEP "mov $5, %ecx; rep movsb; xor %ecx, %ecx; rep movsb;" STOP);
SNIPPET("rep stosq", STEP "mov $3, %ecx; rep stosq;" STOP);
SNIPPET("rep lodsb", STEP "mov $2, %ecx; rep lodsb;" STOP);
SNIPPET("repe cmpsb", STEP "mov $3, %ecx; mov %rsi, %rdi; repe cmpsb;" STOP);
SNIPPET("repne scasb", STEP "mov $4, %ecx; mov $0xee, %al; repne scasb;" STOP);
SNIPPET("syscall", STEP "mov $102, %eax; syscall; nop; nop; mov $102, %eax; syscall;" STOP);
SNIPPET("popf that sets TF twice", STEP STEP "nop;" STOP);
SNIPPET("pushf sees TF", STEP "pushfq; pop %rax; and $0x100, %eax;" STOP);
SNIPPET("mov ss", STEP "mov %ss, %eax; mov %eax, %ss; nop; nop;" STOP);
SNIPPET("mov ds", STEP "mov %ss, %eax; mov %eax, %ds; nop;" STOP);
SNIPPET("int3", STEP "nop; int3; nop;" STOP);
SNIPPET("fault", STEP "nop; ud2; nop;" STOP);
SNIPPET("page fault", STEP "mov $0x20004000, %eax; mov (%rax), %eax; nop;" STOP);
SNIPPET("cmov, setcc, xchg, cmpxchg", STEP "cmovc %eax, %ebx; sets %al; xchg %rax, (%rsi); lock cmpxchg %rbx, (%rsi);" STOP);
SNIPPET("sse, x87", STEP "movups (%rsi), %xmm0; fld1; fstpt (%rsi); fwait; cpuid; rdtsc;" STOP);
SNIPPET("self-modifying", STEP "movb $0xc0, 1f+1(%rip); 1: inc %ecx; nop;" STOP);

extern uint8_t hot_loop[], hot_end[];
__asm__(
    "hot_loop:\n"
    "mov $40000, %ecx\n"
    "xor %eax, %eax\n"
    "1: add %rcx, %rax\n"
    "test $0x3fff, %ecx\n"
    "jnz 2f\n"
    STEP
    "lea (%rax,%rcx), %rdx\n"
    "2: xor $5, %rax\n"
    "dec %ecx\n"
    "jnz 1b\n"
    "int3\n"
    "hot_end:\n");

#define MOST 200
/* A handler clears TF after so many traps. */
#define FOR_EVER 1000000
static int traps, limit, in_handler;
static uint64_t first_flags;
static uint32_t rips[MOST];

/* Counts single steps; anything else ends the code, but what is behind an INT3 or UD2 goes on. */
static void step(int sig, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  uint64_t flags;
  __asm__ volatile("pushfq; pop %0" : "=r"(flags));
  if (flags & TF) in_handler++;
  if (sig == SIGTRAP && info->si_code == TRAP_TRACE) {
    if (traps == 0) first_flags = g[REG_EFL];
    if (traps < MOST) rips[traps] = g[REG_RIP] - CODE;
    if ((uint64_t)info->si_addr != (uint64_t)g[REG_RIP] || g[REG_TRAPNO] != 1) printf("odd trap\n");
    if (++traps % limit == 0) g[REG_EFL] &= ~TF;
    return;
  }
  if (g[REG_EFL] & TF) { /* a fault or INT3 while stepping: on to the next instruction */
    if (traps < MOST) rips[traps++] = (g[REG_RIP] - CODE) | 0x80000000u | sig << 24;
    if (sig != SIGTRAP) g[REG_RIP] += 2;
    return;
  }
  cage_signal(sig, info, context);
}

static void report(const char *name) {
  printf("%s: %d traps, flags of the first %lx, TF in handlers %d, end at %lx\n ", name, traps,
         first_flags & 0x500, in_handler, end.rip - CODE);
  for (int i = 0; i < traps && i < MOST; i++) printf(" %x", rips[i]);
  printf("\n ");
  for (int i = 0; i < 16; i++) {
    /* RAX, RBX, RCX, RDX are what CPUID and RDTSC say, R11 has flags of the system call. */
    if (strncmp(name, "sse", 3) != 0 && end.regs[i] != cage_regs[i]) printf(" %s %lx", cage_names[i], end.regs[i]);
  }
  printf("\n");
}

static void each(const struct snippet *s) {
  traps = in_handler = 0;
  limit = FOR_EVER;
  cage_run(CODE);
  report(s->name);
}

/* The loop sets TF twice, once it is hot; the handler clears it after some steps. */
static void hot(void) {
  for (int round = 0; round < 3; round++) {
    cage_preload();
    cage_put(CODE, hot_loop, hot_end - hot_loop);
    traps = in_handler = 0;
    limit = 20 + round;
    cage_run(CODE);
    report("hot loop");
  }
}

/* TF set by sigreturn: a handler makes the code after it step. */
static int resumes;
static void set_tf(int sig, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (sig == SIGTRAP && info->si_code == SI_KERNEL && resumes++ == 0) {
    g[REG_EFL] |= TF;
    return;
  }
  step(sig, info, context);
}

static void from_sigreturn(void) {
  static const uint8_t code[] = {0xcc, 0x90, 0x90, 0x9c, 0x81, 0x24, 0x24, 0xff, 0xfe, 0xff, 0xff, 0x9d, 0x90};
  cage_catch(set_tf);
  cage_preload();
  cage_put(CODE, code, sizeof code);
  traps = in_handler = 0;
  limit = FOR_EVER;
  cage_run(CODE);
  report("set by sigreturn");
}

int main(void) {
  cage_make();
  cage_catch(step);
  cage_all(each);
  hot();
  from_sigreturn();
  return 0;
}
