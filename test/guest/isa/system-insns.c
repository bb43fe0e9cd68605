/*
 * Instructions that ask for the system or leave the code segment, each alone: prints the exception as the signal
 * handler sees it, or the registers afterwards. Prints the same on Linux with a CPU that has what is tried; left out
 * is what only works with IA-32 emulation, and without the argument "intel" what AMD's do otherwise: far pointers have
 * at most 32 bits of offset, and KVM on them tells the address of INT1 itself.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define CODE 0x10000000ul
#define STACK 0x20000000ul
#define TARGET (CODE + 0x200)

static int intel;
static sigjmp_buf back;
static siginfo_t info;
static ucontext_t context;
static char alternate[1 << 16];

static void handler(int signo, siginfo_t *si, void *uc) {
  (void)signo;
  info = *si;
  memcpy(&context, uc, sizeof context);
  /* NT would stay set. */
  __builtin_ia32_writeeflags_u64(0x202);
  siglongjmp(back, 1);
}

/* Runs bytes with rsp = rdi = rbx = STACK + 0x800, where `words` are; an int3 follows, and is at TARGET. */
static void run(const char *name, const char *bytes, size_t n, const void *words, size_t size) {
  unsigned char *code = (unsigned char *)CODE;
  memset(code, 0xcc, 4096);
  memcpy(code + 64, bytes, n);
  memset((void *)STACK, 0x55, 4096);
  memcpy((void *)(STACK + 0x800), words, size);
  if (sigsetjmp(back, 1) == 0) {
    __asm__ volatile("mov %0, %%rsp\n\tmov %0, %%rdi\n\tmov %0, %%rbx\n\txor %%ecx, %%ecx\n\txor %%ebp, %%ebp\n\t"
                     "mov $0x1111111122222222, %%rax\n\tmov $0x8000000000000000, %%rsi\n\txor %%edx, %%edx\n\tjmp *%1"
                     ::"r"(STACK + 0x800), "r"(CODE + 64)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "memory");
  }
  greg_t *r = context.uc_mcontext.gregs;
  printf("%-16s signal %d code %d vector %lld error %llx rip %llx rsp %llx flags %llx rax %llx ", name, info.si_signo,
         info.si_code, r[REG_TRAPNO], r[REG_ERR], r[REG_RIP], r[REG_RSP], r[REG_EFL] & 0xed5, r[REG_RAX]);
  uint64_t *top = (uint64_t *)(STACK + 0x800);
  printf("stack %lx %lx %lx %lx\n", top[-2], top[-1], top[0], top[1]);
}

#define PLAIN(name, bytes) run(name, bytes, sizeof(bytes) - 1, "", 0)
#define STACKED(name, bytes, type, ...) \
  run(name, bytes, sizeof(bytes) - 1, (type[]){__VA_ARGS__}, sizeof((type[]){__VA_ARGS__}))

static void interrupts(void) {
  PLAIN("int3", "\xcc");
  if (intel) PLAIN("int1", "\xf1");
  PLAIN("int 3", "\xcd\x03");
  PLAIN("int 4", "\xcd\x04");
  PLAIN("int 0", "\xcd\x00");
  PLAIN("int 81h", "\xcd\x81");
}

static void undefined(void) {
  static const char one[] = "\x06\x07\x0e\x16\x17\x1e\x1f\x27\x2f\x37\x3f\x60\x61\x82\x9a\xce\xd4\xd5\xd6\xea";
  for (size_t i = 0; i < sizeof one - 1; i++) {
    char name[8];
    snprintf(name, sizeof name, "%02x", (unsigned char)one[i]);
    run(name, (char[]){one[i], 0, 0, 0, 0, 0, 0, 0}, 8, "", 0);
  }
  PLAIN("bound", "\x62\x07");
  PLAIN("ud0", "\x0f\xff\xc0");
  PLAIN("ud1", "\x0f\xb9\xc0");
  PLAIN("ud2", "\x0f\x0b");
  PLAIN("callf eax", "\xff\xd8");
  PLAIN("movnti eax", "\x0f\xc3\xc0");
  PLAIN("mov cr1", "\x0f\x20\xc8");
  PLAIN("mov to cs", "\x8e\xc8");
}

static void privileged(void) {
  static const char *const insns[] = {"\xf4", "\xfa", "\xfb", "\xec", "\xee", "\x6c", "\x6e",
                                      "\x0f\x01\x17", "\x0f\x01\x1f", "\x0f\x01\xf0", "\x0f\x01\xd1", "\x0f\x01\xf8",
                                      "\x0f\x01\x3f", "\x0f\x06", "\x0f\x07", "\x0f\x08", "\x0f\x09", "\x0f\x30",
                                      "\x0f\x32", "\x0f\x33", "\x0f\x35", "\x0f\x20\xc0", "\x0f\x21\xc0"};
  for (size_t i = 0; i < sizeof insns / sizeof insns[0]; i++) {
    char name[24] = "";
    for (size_t k = 0; insns[i][k]; k++) snprintf(name + 3 * k, 4, "%02x ", (unsigned char)insns[i][k]);
    run(name, insns[i], strlen(insns[i]), "", 0);
  }
}

/* What Linux emulates where UMIP forbids it. */
static void umip(void) {
  PLAIN("sgdt", "\x0f\x01\x07");
  PLAIN("sidt", "\x0f\x01\x0f");
  PLAIN("smsw ax", "\x66\x0f\x01\xe0");
  PLAIN("smsw eax", "\x0f\x01\xe0");
  PLAIN("smsw rax", "\x48\x0f\x01\xe0");
  PLAIN("smsw m", "\x0f\x01\x27");
  PLAIN("sldt eax", "\x0f\x00\xc0");
  PLAIN("str ax", "\x66\x0f\x00\xc8");
  PLAIN("str rax", "\x48\x0f\x00\xc8");
  PLAIN("str m", "\x0f\x00\x0f");
}

static void hints(void) {
  PLAIN("endbr64", "\xf3\x0f\x1e\xfa");
  PLAIN("rdsspq", "\xf3\x48\x0f\x1e\xc8");
  PLAIN("pause", "\xf3\x90");
  PLAIN("lfence", "\x0f\xae\xe8");
  PLAIN("prefetcht0", "\x0f\x18\x0e");
  PLAIN("prefetchw", "\x0f\x0d\x0e");
  PLAIN("cldemote", "\x0f\x1c\x07");
  PLAIN("clflush", "\x0f\xae\x3f");
  PLAIN("clflushopt", "\x66\x0f\xae\x3f");
  PLAIN("clwb", "\x66\x0f\xae\x37");
  PLAIN("clwb nowhere", "\x66\x0f\xae\x31");
  PLAIN("movnti", "\x48\x0f\xc3\x07");
  PLAIN("xgetbv 2", "\xb9\x02\x00\x00\x00\x0f\x01\xd0");
}

static const unsigned selectors[] = {0, 1, 3, 4, 8, 0x10, 0x18, 0x2b, 0x30, 0x31, 0x33, 0x37, 0x40, 0x7b, 0x80, 0xffff};
#define EACH_SELECTOR(i) for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++)

static void far(void) {
  STACKED("retf", "\xcb", uint32_t, TARGET, 0x33);
  STACKED("retfq", "\x48\xcb", uint64_t, TARGET, 0xabcdffff00000033);
  STACKED("retfw", "\x66\xcb", uint16_t, 0x200, 0x33);
  STACKED("retf 16", "\xca\x10\x00", uint32_t, TARGET, 0x33);
  STACKED("retfq canonical", "\x48\xcb", uint64_t, 1ul << 63, 0x33);
  STACKED("iretq", "\x48\xcf", uint64_t, TARGET, 0x33, 0xffffffffff9b82d7, STACK + 0x900, 0x2b);
  STACKED("iretd", "\xcf", uint32_t, TARGET, 0x33, 0xcd7, STACK + 0x900, 0x2b);
  STACKED("iretw", "\x66\xcf", uint16_t, 0x200, 0x33, 0x202, 0x900, 0x2b);
  STACKED("iretq canonical", "\x48\xcf", uint64_t, 1ul << 63, 0x33, 0x202, STACK + 0x900, 0x2b);
  /* popf sets NT */
  STACKED("iretq nested", "\x9d\x48\xcf", uint64_t, 0x4202, TARGET, 0x33, 0x202, STACK + 0x900, 0x2b);
  STACKED("iretq over", "\x48\x8d\xa4\x24\xf0\x07\x00\x00\x48\xcf", uint64_t, TARGET);
  STACKED("jmpf", "\xff\x2c\x24", uint16_t, TARGET & 0xffff, TARGET >> 16, 0x33);
  if (intel) STACKED("jmpfq", "\x48\xff\x2c\x24", uint64_t, TARGET, 0x30);
  STACKED("callf", "\xff\x1c\x24", uint16_t, TARGET & 0xffff, TARGET >> 16, 0x33);
  if (intel) STACKED("callfq", "\x48\xff\x1c\x24", uint64_t, TARGET, 0x33);
  STACKED("callfw", "\x66\xff\x1c\x24", uint16_t, 0x200, 0x33);
  if (intel) STACKED("callfq canonical", "\x48\xff\x1c\x24", uint64_t, 1ul << 63, 0x33);
  EACH_SELECTOR(i) {
    char name[32];
    snprintf(name, sizeof name, "%x", selectors[i]);
    STACKED(name, "\x48\xcb", uint64_t, TARGET, selectors[i]);
    if (intel) STACKED(name, "\x48\xff\x2c\x24", uint64_t, TARGET, selectors[i]);
    if (intel) STACKED(name, "\x48\xff\x1c\x24", uint64_t, TARGET, selectors[i]);
    STACKED(name, "\xff\x2c\x24", uint32_t, TARGET, selectors[i]);
    STACKED(name, "\xff\x1c\x24", uint32_t, TARGET, selectors[i]);
    STACKED(name, "\x48\xcf", uint64_t, TARGET, selectors[i], 0x202, STACK + 0x900, 0x2b);
    STACKED(name, "\x48\xcf", uint64_t, TARGET, 0x33, 0x202, STACK + 0x900, selectors[i]);
  }
}

#define ASK(insn, value, selector) \
  ({ uint8_t zf; __asm__ volatile(insn "\n\tsetz %1" : "+r"(value), "=q"(zf) : "r"(selector) : "cc"); zf; })

static void descriptors(void) {
  for (uint32_t s = 0; s < 0x10000; s++) {
    uint64_t access = 0x1234567812345678, limit = access, word = access;
    const int lar = ASK("lar %k2, %k0", access, s);
    const int lsl = ASK("lsl %k2, %k0", limit, s);
    const int verr = ASK("verr %w2", word, s);
    const int verw = ASK("verw %w2", word, s);
    if (!lar && !lsl && !verr && !verw && s > 4) continue;
    /* 0x78 has the processor's number as its limit. */
    printf("%04x: lar %d %lx lsl %d %lx verr %d verw %d\n", s, lar, access, lsl, (s & ~3) == 0x78 ? 0 : limit, verr, verw);
  }
  uint64_t r = 0x1234567812345678;
  ASK("lar %w2, %w0", r, 0xffff0033);
  printf("lar ax %lx\n", r);
  ASK("lsl %w2, %w0", r, 0x2b);
  printf("lsl ax %lx\n", r);
}

static void processor(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
  uint64_t pid, limit = 0;
  uint32_t aux, lo, hi;
  __asm__ volatile("rdpid %0" : "=r"(pid));
  __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
  ASK("lsl %k2, %k0", limit, 0x7b);
  printf("processor %d\n", pid == aux && pid == limit && (int)(pid & 0xfff) == sched_getcpu());
  uint64_t all = 0, v;
  uint32_t carries = 0;
  for (int i = 0; i < 2000; i++) {
    uint8_t c;
    do __asm__ volatile("rdrand %0\n\tsetc %1" : "=r"(v), "=q"(c) : : "cc"); while (!c);
    all |= v;
    carries += c;
    do __asm__ volatile("rdseed %0\n\tsetc %1" : "=r"(v), "=q"(c) : : "cc"); while (!c);
    all |= v;
    carries += c;
  }
  printf("random %x %lx\n", carries, all);
}

#define LOOP(far_call, pointer)                                                                                    \
  __asm__ volatile(                                                                                                \
      "1: lea 2f(%%rip), %%rax\n\tpush $0x33\n\tpush %%rax\n\tlretq\n"                                              \
      "2: mov %%rsp, %%rcx\n\tpush $0x2b\n\tpush %%rcx\n\tpushf\n\tpush $0x33\n\tlea 3f(%%rip), %%rax\n\t"          \
      "push %%rax\n\tiretq\n"                                                                                      \
      "3: " far_call " *(%3)\n\tmov $0x2b, %%eax\n\tlar %%eax, %k2\n\tjnz 4f\n\tadd %2, %1\n4:\tdec %0\n\tjnz 1b"  \
      : "+r"(n), "+b"(sum), "+r"(access) : "r"(&(pointer)) : "rax", "rcx", "cc", "memory")

/* Often enough to be compiled: returns to the next instruction, a far call, and LAR. */
static void loop(void) {
  uint64_t n = 20000, sum = 0, access = 0;
  const struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) narrow = {TARGET, 0x33};
  memcpy((void *)TARGET, "\x48\xff\xc3\xcb", 4); /* inc rbx; retf */
  LOOP("lcall", narrow);
  printf("loop %lx\n", sum);
  if (!intel) return;
  const struct { uint64_t offset; uint16_t selector; } __attribute__((packed)) wide = {TARGET, 0x33};
  memcpy((void *)TARGET, "\x48\xff\xc3\x48\xcb", 5); /* inc rbx; retfq */
  n = 20000;
  LOOP("rex.w lcall", wide);
  printf("loop %lx\n", sum);
}

int main(int argc, char **argv) {
  intel = argc > 1 && strcmp(argv[1], "intel") == 0;
  const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, NULL);
  const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE};
  for (int i = 0; i < 5; i++) sigaction(signals[i], &action, NULL);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  mmap((void *)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
  mmap((void *)STACK, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
  interrupts();
  undefined();
  privileged();
  umip();
  hints();
  far();
  descriptors();
  processor();
  loop();
  return 0;
}
