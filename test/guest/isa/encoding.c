/*
 * Instructions at the limits of their encoding: 15 bytes, redundant and repeated prefixes, REX that does not
 * precede the opcode, ends of pages, jumps into the middle of instructions.
 */
#include "cage.h"

#define REPEAT(n, byte) ".skip " #n ", " #byte ";"

/* ── length: INC RAX is 3 bytes, MOV with a 64-bit immediate 10, the longest that needs no prefix 14 ── */
SNIPPET("14 bytes", REPEAT(12, 0x66) ".byte 0x90, 0x90");
SNIPPET("15 bytes: nop", REPEAT(14, 0x66) ".byte 0x90");
SNIPPET("16 bytes: nop", REPEAT(15, 0x66) ".byte 0x90");
SNIPPET("15 bytes: inc", REPEAT(12, 0x2e) ".byte 0x48, 0xff, 0xc0");
SNIPPET("16 bytes: inc", REPEAT(13, 0x2e) ".byte 0x48, 0xff, 0xc0");
SNIPPET("15 prefixes and no opcode", REPEAT(15, 0xf3) "ud2");
SNIPPET("20 prefixes", REPEAT(20, 0x3e) "nop");
SNIPPET("15 bytes: add with an address and an immediate",
        REPEAT(3, 0x3e) ".byte 0x48, 0x81, 0x84, 0x26, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12");
SNIPPET("16 bytes: add with an address and an immediate",
        REPEAT(4, 0x3e) ".byte 0x48, 0x81, 0x84, 0x26, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12");
SNIPPET("15 bytes: lock", REPEAT(11, 0xf0) ".byte 0x48, 0xff, 0x06, 0x90");
SNIPPET("15 bytes: mov imm64", REPEAT(5, 0x36) "movabs $0x1122334455667788, %rax");
SNIPPET("16 bytes: mov imm64", REPEAT(6, 0x36) "movabs $0x1122334455667788, %rax");
SNIPPET("16 bytes that would be unknown", REPEAT(14, 0x3e) ".byte 0x0f, 0x0b");
SNIPPET("15 bytes: ud2", REPEAT(13, 0x3e) ".byte 0x0f, 0x0b");
SNIPPET("15 bytes: jmp", REPEAT(10, 0x3e) ".byte 0xe9, 2, 0, 0, 0; nop; nop; inc %rax");
SNIPPET("15 bytes: sse4", REPEAT(9, 0x66) ".byte 0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x04");

/* ── prefixes ── */
SNIPPET("segments before and behind", ".byte 0x2e, 0x36, 0x26, 0x3e, 0x48, 0x8b, 0x06");
SNIPPET("fs, then gs: the last counts", ".byte 0x64, 0x65, 0x8b, 0x06");
SNIPPET("gs, then ds", ".byte 0x65, 0x3e, 0x8b, 0x06");
SNIPPET("cs override of a push", ".byte 0x2e, 0x50");
SNIPPET("66 twice", ".byte 0x66, 0x66, 0x05, 0x34, 0x12");
SNIPPET("66 before REX.W", ".byte 0x66, 0x48, 0x05, 0x34, 0x12, 0x00, 0x00");
SNIPPET("REX, then 66: ignored", ".byte 0x48, 0x66, 0x05, 0x34, 0x12");
SNIPPET("REX, then REX: the last counts", ".byte 0x48, 0x40, 0xff, 0xc0");
SNIPPET("REX.B, then REX.W", ".byte 0x41, 0x48, 0xff, 0xc0");
SNIPPET("REX, then 2e: ignored", ".byte 0x48, 0x2e, 0xff, 0xc0");
SNIPPET("REX, then lock: ignored", ".byte 0x49, 0xf0, 0xff, 0x06");
SNIPPET("REX, then f3, then 0f b8", ".byte 0x48, 0xf3, 0x0f, 0xb8, 0xc1");
SNIPPET("f3, then REX, then 0f b8", ".byte 0xf3, 0x48, 0x0f, 0xb8, 0xc1");
SNIPPET("REX between mandatory prefix and opcode", ".byte 0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x66, 0x48, 0x0f, 0x7e, 0xc1");
SNIPPET("REX without bits: spl", ".byte 0x40, 0x88, 0xe0");
SNIPPET("no REX: ah", ".byte 0x88, 0xe0");
SNIPPET("REX lost: ah", ".byte 0x40, 0x66, 0x88, 0xe0");
SNIPPET("67: 32-bit address", "movabs $0x1200000000, %rax; add %rax, %rsi; .byte 0x67, 0x8b, 0x06");
SNIPPET("67 of a 64-bit negative displacement", "mov $0x100, %esi; .byte 0x67, 0x8b, 0x86; .long 0x20000700");
SNIPPET("67 with rip", ".byte 0x67, 0x8b, 0x05, 0, 0, 0, 0; nop; nop; nop; nop");
SNIPPET("67 of lea", ".byte 0x67, 0x48, 0x8d, 0x44, 0x00, 0x7f");
SNIPPET("67 of jrcxz: ecx", "movabs $0x100000000, %rcx; .byte 0x67, 0xe3, 0x01; nop; inc %rax");
SNIPPET("67 of loop: ecx", "movabs $0x100000001, %rcx; .byte 0x67, 0xe2, 0x01; nop; inc %rax");
SNIPPET("67 of rep stosb", "movabs $0xff00000003, %rcx; .byte 0x67, 0xf3, 0xaa");
SNIPPET("67 of push and pop", ".byte 0x67, 0x50, 0x67, 0x58");
SNIPPET("67 of moffs", ".byte 0x67, 0xa1; .long 0x20000010");
SNIPPET("f2, then f3: movss", ".byte 0xf2, 0xf3, 0x0f, 0x10, 0x06; movd %xmm0, %eax; movq %xmm0, %rcx");
SNIPPET("f3, then f2: movsd", ".byte 0xf3, 0xf2, 0x0f, 0x10, 0x06; movq %xmm0, %rcx");
SNIPPET("66 and f3: f3 counts", ".byte 0x66, 0xf3, 0x0f, 0x10, 0x06; movq %xmm0, %rcx");
SNIPPET("f2 and 66: f2 counts", ".byte 0xf2, 0x66, 0x0f, 0x10, 0x06; movq %xmm0, %rcx");
SNIPPET("f3 of popcnt with 66", ".byte 0x66, 0xf3, 0x0f, 0xb8, 0xc1");
SNIPPET("f3 of mov: ignored", ".byte 0xf3, 0x89, 0xc8");
SNIPPET("f2 of add: ignored", ".byte 0xf2, 0x01, 0xc8");
SNIPPET("f3 of ret: ignored", "lea 1f(%rip), %rcx; push %rcx; .byte 0xf3, 0xc3; ud2; 1: inc %rax");
SNIPPET("f2 of jmp: ignored", ".byte 0xf2, 0xeb, 0x01, 0x90; inc %rax");
SNIPPET("f2 of jcc: ignored", "stc; .byte 0xf2, 0x72, 0x01, 0x90; inc %rax");
SNIPPET("f3 of nop: pause", ".byte 0xf3, 0x90");
/* PAUSE, if it is Intel's. */
SNIPPET_INTEL("f3 of xchg r8", ".byte 0xf3, 0x41, 0x90");
SNIPPET("90 with REX.B: xchg", ".byte 0x49, 0x90");
SNIPPET("90 with REX.W: nop", ".byte 0x48, 0x90");
SNIPPET("90 with 66: nop", ".byte 0x66, 0x90");
SNIPPET("xchg eax, eax by 87: zero-extends", ".byte 0x87, 0xc0");
SNIPPET("f2 of rep movsb", "mov $3, %ecx; .byte 0xf2, 0xa4");
SNIPPET("f2, f3 of cmpsb: the last counts", "mov %rsi, %rdi; mov $3, %ecx; .byte 0xf2, 0xf3, 0xa6");
SNIPPET("f3, f2 of cmpsb: the last counts", "mov %rsi, %rdi; mov $3, %ecx; .byte 0xf3, 0xf2, 0xa6");
SNIPPET("f3 of cpuid-like 0f 1e: endbr64", "endbr64");
SNIPPET("xacquire lock", ".byte 0xf2, 0xf0, 0xff, 0x06");
SNIPPET("xrelease mov", ".byte 0xf3, 0x89, 0x06");
SNIPPET("lock after f3", ".byte 0xf3, 0xf0, 0xff, 0x06");
SNIPPET("lock twice", ".byte 0xf0, 0xf0, 0x01, 0x06");
SNIPPET("lock, then segment", ".byte 0xf0, 0x3e, 0x01, 0x06");
SNIPPET("lock of xchg", ".byte 0xf0, 0x87, 0x06");
SNIPPET("lock of test", ".byte 0xf0, 0x85, 0x06");
SNIPPET("lock of bt", ".byte 0xf0, 0x0f, 0xa3, 0x06");
SNIPPET("lock of bts", "and $63, %rax; .byte 0xf0, 0x48, 0x0f, 0xab, 0x06");
SNIPPET("lock of jmp", ".byte 0xf0, 0xeb, 0x00");
SNIPPET("lock of movaps", ".byte 0xf0, 0x0f, 0x28, 0x06");
SNIPPET("lock of shl", ".byte 0xf0, 0xd1, 0x26");
SNIPPET("66 of push imm", ".byte 0x66, 0x68, 0x34, 0x12; mov (%rsp), %eax");
SNIPPET("66 of push imm8", ".byte 0x66, 0x6a, 0xff; movzwl (%rsp), %eax");
SNIPPET("66 of pushf", ".byte 0x66, 0x9c; movzwl (%rsp), %eax");
SNIPPET("66 of leave", "mov %rsi, %rbp; .byte 0x66, 0xc9");
SNIPPET("66 of enter", ".byte 0x66, 0xc8, 0x10, 0x00, 0x00");
SNIPPET("66 of bswap r8d with REX.W", ".byte 0x66, 0x49, 0x0f, 0xc8");
SNIPPET("REX.W of bswap", ".byte 0x48, 0x0f, 0xc8");
SNIPPET("REX.W of push", ".byte 0x48, 0x50, 0x58");
SNIPPET("REX.W of mov al", ".byte 0x48, 0xb0, 0x12");
SNIPPET("REX.W of in-between: movzx", ".byte 0x48, 0x0f, 0xb6, 0xc4");
SNIPPET("movsxd without REX.W", ".byte 0x63, 0xc1");
SNIPPET("movsxd with 66", ".byte 0x66, 0x63, 0xc1");
SNIPPET("sib without base", "mov $0x20000010, %eax; .byte 0x8b, 0x04, 0x05, 0, 0, 0, 0");
SNIPPET("sib without index and base", ".byte 0x8b, 0x04, 0x25; .long 0x20000018");
SNIPPET("sib index rsp is none", ".byte 0x8b, 0x04, 0x66");
SNIPPET("sib index r12", "mov $4, %r12; .byte 0x42, 0x8b, 0x04, 0x66");
SNIPPET("r13 needs a displacement", "mov %rsi, %r13; .byte 0x41, 0x8b, 0x45, 0x08");
SNIPPET("r12 needs a sib", "mov %rsi, %r12; .byte 0x41, 0x8b, 0x04, 0x24");
SNIPPET("rip with REX.B", ".byte 0x41, 0x8b, 0x05, 0xfa, 0xff, 0xff, 0xff");
SNIPPET("rip before an immediate", ".byte 0x81, 0x3d, 0xf6, 0xff, 0xff, 0xff, 0x81, 0x3d, 0xf6, 0xff");
SNIPPET("f6 /1 is test", ".byte 0xf6, 0xc8, 0xef");
SNIPPET("f7 /1 is test", ".byte 0xf7, 0xc8, 0xff, 0x00, 0x00, 0x00");
SNIPPET("c0 /6 is shl", ".byte 0xc0, 0xf0, 0x01; setc %cl; seto %ch; cmp %eax, %eax");
SNIPPET("long forms of short ones", ".byte 0x48, 0xc7, 0xc0, 1, 0, 0, 0, 0x48, 0x81, 0xc0, 2, 0, 0, 0, 0x0f, 0x1f, 0x80, 0, 0, 0, 0");

static void each(const struct snippet *s) {
  cage_run(CODE);
  cage_report(s->name, 0);
  uint64_t sum = 0;
  for (unsigned i = 0; i < PAGE / 8; i++) sum = sum * 31 + ((uint64_t *)RW)[i] + ((uint64_t *)STACK)[i];
  printf("  memory %lx\n", sum);
}

/* The code's last byte is the last of the page, and of nothing or of something behind it. */
static void at_end(const char *name, const char *code, size_t n, uint64_t page_end) {
  cage_preload();
  cage_put(page_end - n, (const uint8_t *)code, n);
  cage_run(page_end - n);
  cage_report(name, 0);
}
#define AT_END(name, code) at_end(name, code, sizeof code - 1, CODE + 2 * PAGE)
#define WITHIN(name, code) at_end(name, code, sizeof code - 1, CODE + PAGE)

static void page_ends(void) {
  AT_END("ends with the page", "\x48\xff\xc0");
  AT_END("ends with the page: jmp back", "\x48\xff\xc0\xeb\x80");
  AT_END("ends with the page: int3", "\x90\xcc");
  AT_END("ends with the page: ret", "\x56\xc3");
  AT_END("ends with the page: syscall", "\xb8\x66\x00\x00\x00\x0f\x05");
  AT_END("ends with the page: unknown", "\x0f\x0b");
  AT_END("ends with the page: jcc not taken", "\xf8\x72\x00");
  AT_END("opcode missing", "\x48");
  AT_END("opcode missing after 0f", "\x0f");
  AT_END("modrm missing", "\x48\x8b");
  AT_END("displacement missing", "\x8b\x86\x00\x00");
  AT_END("immediate missing", "\x48\xb8\x01\x02\x03\x04\x05\x06\x07");
  AT_END("14 prefixes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66");
  AT_END("15 bytes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90");
  AT_END("vex missing", "\xc5");
  /* Too long already: whether the next page is looked at (#PF instead of #GP) is up to the processor. */
  cage_preload();
  memset((void *)CODE, 0x66, 2 * PAGE);
  cage_run(CODE + 2 * PAGE - 15);
  printf("15 prefixes: signal %d rip %lx\n", end.sig, end.rip);
  WITHIN("ends in the middle page", "\x48\xff\xc0");
  for (unsigned n = 1; n < 10; n++) {
    static const uint8_t code[] = {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8};
    cage_preload();
    cage_put(CODE + PAGE - n, code, sizeof code);
    cage_run(CODE + PAGE - n);
    cage_report("crosses pages", 0);
    /* The same with nothing behind it. */
    cage_preload();
    cage_put(CODE + 2 * PAGE - n, code, n);
    cage_run(CODE + 2 * PAGE - n);
    cage_report("crosses into nothing", 0);
    mprotect((void *)(CODE + PAGE), PAGE, PROT_READ | PROT_WRITE);
    cage_preload();
    cage_put(CODE + PAGE - n, code, sizeof code);
    cage_run(CODE + PAGE - n);
    cage_report("crosses into data", 0);
    mprotect((void *)(CODE + PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  }
}

/* MOVABS whose immediate holds NOP, INC RAX and INC RCX: entered at different bytes, in turn, often. */
static void middles(void) {
  static const uint8_t code[] = {0x48, 0xb8, 0x48, 0x90, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc1, 0xc3};
  uint64_t sum = 0;
  cage_put(CODE, code, sizeof code);
  for (unsigned i = 0; i < 20000; i++) {
    static const uint8_t entries[] = {0, 1, 2, 3, 4, 7, 10};
    uint64_t rax = i, rcx = i;
    __asm__ volatile("call *%2" : "+a"(rax), "+c"(rcx) : "r"(CODE + entries[i / 8 % 7]) : "cc", "rdx");
    sum = sum * 3 + rax + (rcx << 32);
  }
  printf("middles of instructions: %lx\n", sum);
}

/* One frame of code at two addresses: RIP-relative accesses and return addresses are those of each. */
static void aliases(void) {
  static const uint8_t code[] = {0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, /* lea rax, [rip - 7] */
                                 0xe8, 0x00, 0x00, 0x00, 0x00,             /* call to the next */
                                 0x59,                                     /* pop rcx */
                                 0x48, 0x01, 0xc8, 0xc3};                  /* add rax, rcx; ret */
  int fd = memfd_create("code", 0);
  uint64_t sum = 0;
  if (write(fd, code, sizeof code) != sizeof code || ftruncate(fd, PAGE) != 0) exit(2);
  for (unsigned long i = 0; i < 2; i++) {
    void *at = (void *)(0x40000000UL + (i << 40));
    if (mmap(at, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != at) exit(2);
  }
  for (unsigned long i = 0; i < 10000; i++) {
    uint64_t (*f)(void) = (uint64_t(*)(void))(0x40000000UL + ((i >> 5 & 1) << 40));
    sum = sum * 3 + f();
  }
  printf("aliases: %lx\n", sum);
}

int main(int argc, char **argv) {
  cage_arguments(argc, argv);
  cage_make();
  cage_all(each);
  page_ends();
  middles();
  aliases();
  return 0;
}
