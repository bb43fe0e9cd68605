/*
 * Whatever CPUID announces works: one instruction of each feature is executed, and XGETBV, CPUID's leaf 0xd and
 * the bits that depend on each other agree. Every line ends with ": ok" unless something is wrong. Not
 * compared with a native run: features differ.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { A, B, C, D };
struct feature {
  uint32_t leaf, sub;
  int reg, bit;
  const char *name;
  void (*run)(void); /* NULL: a property without an instruction of its own */
};

static uint8_t area[8192] __attribute__((aligned(64)));

#define EXECUTES(name, text)                                                                   \
  static void run_##name(void) {                                                              \
    __asm__ volatile(text ::"D"(area), "a"(0), "d"(0), "c"(0)                                 \
                     : "memory", "cc", "rbx", "rsi", "r8", "r9", "r11", "xmm0", "xmm1", "xmm2"); \
  }

EXECUTES(fpu, "fld1; fstpt (%0)")
EXECUTES(tsc, "mov %%rdx, %%r8; mov %%rax, %%r9; rdtsc; mov %%r8, %%rdx; mov %%r9, %%rax")
EXECUTES(cx8, "xor %%ebx, %%ebx; movq $0, (%0); lock cmpxchg8b (%0)")
EXECUTES(cmov, "cmovz %%eax, %%esi")
EXECUTES(clflush, "clflush (%0)")
EXECUTES(mmx, "paddb %%mm0, %%mm1; emms")
EXECUTES(fxsr, "fxsave (%0); fxrstor (%0)")
EXECUTES(sse, "addps %%xmm0, %%xmm1")
EXECUTES(sse2, "paddd %%xmm0, %%xmm1")
EXECUTES(sse3, "addsubps %%xmm0, %%xmm1")
EXECUTES(pclmulqdq, "pclmulqdq $0, %%xmm0, %%xmm1")
EXECUTES(ssse3, "pshufb %%xmm0, %%xmm1")
EXECUTES(fma, "vfmadd231ps %%xmm0, %%xmm1, %%xmm2")
EXECUTES(cx16, "xor %%ebx, %%ebx; movq $0, (%0); movq $0, 8(%0); lock cmpxchg16b (%0)")
EXECUTES(sse4_1, "pmulld %%xmm0, %%xmm1")
EXECUTES(sse4_2, "crc32l %%eax, %%esi; pcmpgtq %%xmm0, %%xmm1")
EXECUTES(movbe, "movbel (%0), %%esi")
EXECUTES(popcnt, "popcnt %%eax, %%esi")
EXECUTES(aes, "aesenc %%xmm0, %%xmm1; aeskeygenassist $1, %%xmm0, %%xmm2")
EXECUTES(xsave, "mov $3, %%eax; xsave (%0); xrstor (%0); xor %%eax, %%eax")
EXECUTES(osxsave, "xgetbv; xor %%eax, %%eax; xor %%edx, %%edx")
EXECUTES(avx, "vaddps %%ymm0, %%ymm1, %%ymm2; vzeroupper")
EXECUTES(f16c, "vcvtph2ps %%xmm0, %%xmm1")
EXECUTES(rdrand, "rdrand %%rsi; rdrand %%r8d")
EXECUTES(fsgsbase, "rdfsbase %%rsi; wrfsbase %%rsi; rdgsbase %%rsi")
EXECUTES(bmi1, "andn %%eax, %%edx, %%esi; blsr %%eax, %%esi; tzcnt %%eax, %%esi; bextr %%eax, %%edx, %%esi")
EXECUTES(avx2, "vpaddd %%ymm0, %%ymm1, %%ymm2; vpermd %%ymm0, %%ymm1, %%ymm2; vzeroupper")
EXECUTES(bmi2, "pdep %%rax, %%rdx, %%rsi; rorx $3, %%eax, %%esi; shlx %%eax, %%edx, %%esi")
EXECUTES(erms, "rep stosb")
EXECUTES(rdseed, "rdseed %%rsi")
EXECUTES(adx, "adcx %%rax, %%rsi; adox %%rax, %%rsi")
EXECUTES(clflushopt, "clflushopt (%0)")
EXECUTES(clwb, "clwb (%0)")
EXECUTES(sha, "sha256msg1 %%xmm0, %%xmm1; sha1nexte %%xmm0, %%xmm1")
EXECUTES(rdpid, "rdpid %%rsi")
EXECUTES(gfni, "gf2p8mulb %%xmm0, %%xmm1")
EXECUTES(vaes, "vaesenc %%ymm0, %%ymm1, %%ymm2; vzeroupper")
EXECUTES(vpclmulqdq, "vpclmulqdq $0, %%ymm0, %%ymm1, %%ymm2; vzeroupper")
EXECUTES(serialize, "serialize")
EXECUTES(movdiri, "movdiri %%eax, (%0)")
EXECUTES(lahf, "lahf; sahf; xor %%eax, %%eax")
EXECUTES(lzcnt, "lzcnt %%eax, %%esi")
EXECUTES(sse4a, "movntsd %%xmm0, (%0)")
EXECUTES(prefetchw, "prefetchw (%0)")
EXECUTES(syscall, "mov $39, %%eax; push %%rcx; syscall; pop %%rcx; xor %%eax, %%eax")
EXECUTES(rdtscp, "rdtscp; xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx")
EXECUTES(xsaveopt, "mov $3, %%eax; xsaveopt (%0); xor %%eax, %%eax")
EXECUTES(xsavec, "mov $3, %%eax; movq $0, 520(%0); xsavec (%0); xor %%eax, %%eax")
EXECUTES(xgetbv1, "mov $1, %%ecx; xgetbv; xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx")

#define HAS(leaf, reg, bit, name) {leaf, 0, reg, bit, #name, run_##name}
#define PROPERTY(leaf, reg, bit, name) {leaf, 0, reg, bit, #name, NULL}
static const struct feature features[] = {
    HAS(1, D, 0, fpu),           PROPERTY(1, D, 1, vme),       PROPERTY(1, D, 2, de),
    PROPERTY(1, D, 3, pse),      HAS(1, D, 4, tsc),            PROPERTY(1, D, 5, msr),
    PROPERTY(1, D, 6, pae),      PROPERTY(1, D, 7, mce),       HAS(1, D, 8, cx8),
    PROPERTY(1, D, 9, apic),     PROPERTY(1, D, 11, sep),      PROPERTY(1, D, 12, mtrr),
    PROPERTY(1, D, 13, pge),     PROPERTY(1, D, 14, mca),      HAS(1, D, 15, cmov),
    PROPERTY(1, D, 16, pat),     PROPERTY(1, D, 17, pse36),    HAS(1, D, 19, clflush),
    HAS(1, D, 23, mmx),          HAS(1, D, 24, fxsr),          HAS(1, D, 25, sse),
    HAS(1, D, 26, sse2),         PROPERTY(1, D, 27, ss),       PROPERTY(1, D, 28, htt),
    HAS(1, C, 0, sse3),          HAS(1, C, 1, pclmulqdq),      HAS(1, C, 9, ssse3),
    HAS(1, C, 12, fma),          HAS(1, C, 13, cx16),          PROPERTY(1, C, 17, pcid),
    HAS(1, C, 19, sse4_1),       HAS(1, C, 20, sse4_2),        PROPERTY(1, C, 21, x2apic),
    HAS(1, C, 22, movbe),        HAS(1, C, 23, popcnt),        PROPERTY(1, C, 24, tsc_deadline),
    HAS(1, C, 25, aes),          HAS(1, C, 26, xsave),         HAS(1, C, 27, osxsave),
    HAS(1, C, 28, avx),          HAS(1, C, 29, f16c),          HAS(1, C, 30, rdrand),
    PROPERTY(1, C, 31, hypervisor),
    HAS(7, B, 0, fsgsbase),      HAS(7, B, 3, bmi1),           HAS(7, B, 5, avx2),
    HAS(7, B, 8, bmi2),          HAS(7, B, 9, erms),           HAS(7, B, 18, rdseed),
    HAS(7, B, 19, adx),          HAS(7, B, 23, clflushopt),    HAS(7, B, 24, clwb),
    HAS(7, B, 29, sha),          PROPERTY(7, C, 2, umip),      HAS(7, C, 8, gfni),
    HAS(7, C, 9, vaes),          HAS(7, C, 10, vpclmulqdq),    HAS(7, C, 22, rdpid),
    HAS(7, C, 27, movdiri),      PROPERTY(7, D, 4, fsrm),      HAS(7, D, 14, serialize),
    HAS(0x80000001, C, 0, lahf), HAS(0x80000001, C, 5, lzcnt), HAS(0x80000001, C, 6, sse4a),
    HAS(0x80000001, C, 8, prefetchw),                          HAS(0x80000001, D, 11, syscall),
    PROPERTY(0x80000001, D, 20, nx), PROPERTY(0x80000001, D, 26, pdpe1gb), HAS(0x80000001, D, 27, rdtscp),
    PROPERTY(0x80000001, D, 29, lm),
    {0xd, 1, A, 0, "xsaveopt", run_xsaveopt}, {0xd, 1, A, 1, "xsavec", run_xsavec},
    {0xd, 1, A, 2, "xgetbv1", run_xgetbv1},
};
#define FEATURES (sizeof features / sizeof *features)

static uint32_t word(uint32_t leaf, uint32_t sub, int reg) {
  uint32_t r[4] = {0};
  if (leaf > __get_cpuid_max(leaf & 0x80000000, NULL)) return 0;
  __cpuid_count(leaf, sub, r[A], r[B], r[C], r[D]);
  return r[reg];
}

static int has(const char *name) {
  for (unsigned i = 0; i < FEATURES; i++) {
    const struct feature *f = &features[i];
    if (strcmp(f->name, name) == 0) return word(f->leaf, f->sub, f->reg) >> f->bit & 1;
  }
  printf("%s: not in the table\n", name);
  return 0;
}

static sigjmp_buf out;
static void failed(int sig) { siglongjmp(out, sig); }

static void execute(const struct feature *f) {
  int sig = sigsetjmp(out, 1);
  if (sig == 0 && f->run != NULL) f->run();
  if (sig == 0) printf("%s: ok\n", f->name);
  else printf("%s: signal %d\n", f->name, sig);
}

/* Every bit that is set in these words must be one of the table's. */
static void known(uint32_t leaf, uint32_t sub, int reg) {
  uint32_t bits = word(leaf, sub, reg);
  for (unsigned i = 0; i < FEATURES; i++) {
    const struct feature *f = &features[i];
    if (f->leaf == leaf && f->sub == sub && f->reg == reg) bits &= ~(1u << f->bit);
  }
  /* AMD repeats leaf 1's EDX here. */
  if (leaf == 0x80000001 && reg == D) bits &= ~word(1, 0, D);
  if (bits == 0) printf("leaf %x.%x %c has no other bits: ok\n", leaf, sub, "abcd"[reg]);
  else printf("leaf %x.%x %c has %x, which nothing here executes\n", leaf, sub, "abcd"[reg], bits);
}

static void require(const char *what, int ok) { printf("%s: %s\n", what, ok ? "ok" : "NOT SO"); }

/* SDM vol. 1, 13.2 and 13.3. */
static void xsave_components(void) {
  if (!has("osxsave")) {
    require("no AVX without OSXSAVE", !has("avx") && !has("avx2") && !has("fma") && !has("f16c"));
    require("no XSAVE areas without OSXSAVE", word(0xd, 0, B) == 0 || has("xsave"));
    return;
  }
  uint32_t xcr0, high, end = 576;
  __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
  require("XCR0 has x87 and SSE", (xcr0 & 3) == 3);
  require("AVX is in XCR0 if CPUID has it", has("avx") == (xcr0 >> 2 & 1));
  require("XCR0 is what leaf 0xd allows", (xcr0 & ~word(0xd, 0, A)) == 0 && (high & ~word(0xd, 0, D)) == 0);
  for (int i = 2; i < 32; i++) {
    if ((word(0xd, 0, A) >> i & 1) == 0) continue;
    uint32_t size = word(0xd, i, A), offset = word(0xd, i, B);
    require("a component has a size, and an offset behind the header", size > 0 && offset >= 576);
    if ((xcr0 >> i & 1) && offset + size > end) end = offset + size;
  }
  require("the area is as large as what is enabled", word(0xd, 0, B) == end);
  require("and no larger than what is supported", word(0xd, 0, C) >= end);
  memset(area, 0, sizeof area);
  memset(area + end, 0xaa, 64);
  __asm__ volatile("xsave (%0)" ::"D"(area), "a"(-1), "d"(-1) : "memory");
  int intact = 1;
  for (int i = 0; i < 64; i++) intact &= area[end + i] == 0xaa;
  require("XSAVE writes no more than that", intact);
  uint64_t header;
  memcpy(&header, area + 512, 8);
  require("XSTATE_BV within XCR0", (header & ~(uint64_t)xcr0) == 0);
}

static void dependencies(void) {
  require("AVX2, FMA and F16C imply AVX", has("avx") || (!has("avx2") && !has("fma") && !has("f16c")));
  require("VAES and VPCLMULQDQ imply AVX", has("avx") || (!has("vaes") && !has("vpclmulqdq")));
  require("AVX implies XSAVE", has("xsave") || !has("avx"));
  require("SSE4.2 implies the rest of SSE",
          !has("sse4_2") || (has("sse4_1") && has("ssse3") && has("sse3") && has("sse2") && has("sse")));
  require("long mode has SSE2, CMOV, CX8, FXSR, SYSCALL",
          has("lm") && has("sse2") && has("cmov") && has("cx8") && has("fxsr") && has("syscall"));
  require("48 bits of virtual addresses", (word(0x80000008, 0, A) >> 8 & 0xff) >= 48);
  char brand[49] = {0};
  for (int i = 0; i < 12; i++) {
    uint32_t v = word(0x80000002 + i / 4, 0, i % 4);
    memcpy(brand + 4 * i, &v, 4);
  }
  require("a name of printable characters", strlen(brand) > 0 && strspn(brand, " ()-./@_0123456789abcdefghijklmnopqrstuvwxyz"
                                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(brand));
  /* A leaf beyond the last gives no features; AMD's are zero, Intel's those of the last basic one. */
  uint32_t a[2], b[2], c, d;
  __cpuid_count(1, 0, a[0], b[0], c, d);
  __cpuid_count(1, 7, a[1], b[1], c, d);
  require("leaf 1 has no subleaves", a[0] == a[1]);
  __cpuid_count(0x80000000, 0, a[0], b[0], c, d);
  require("extended leaves", a[0] >= 0x80000008 && a[0] < 0x80010000);
}

int main(void) {
  struct sigaction sa = {.sa_handler = failed, .sa_flags = SA_NODEFER};
  sigaction(SIGILL, &sa, NULL);
  sigaction(SIGSEGV, &sa, NULL);
  for (unsigned i = 0; i < FEATURES; i++) {
    if (has(features[i].name)) execute(&features[i]);
  }
  known(1, 0, C);
  known(1, 0, D);
  known(7, 0, B);
  known(7, 0, C);
  known(7, 0, D);
  known(7, 1, A);
  known(0x80000001, 0, C);
  known(0x80000001, 0, D);
  known(0xd, 1, A);
  xsave_components();
  dependencies();
  return 0;
}
