/*
 * What a signal handler is told about an exception: signal, code, address, vector, error code, CR2, RIP, flags
 * and registers, which are those before a faulting instruction and those after a trapping one.
 */
#include "cage.h"

/* ── #DE ── */
SNIPPET("div by zero", "xor %ecx, %ecx; div %ecx");
SNIPPET("div by zero in memory", "movq $0, (%rsi); divq (%rsi)");
SNIPPET("div overflow", "mov $2, %edx; mov $2, %ecx; div %ecx");
SNIPPET("div overflow by one", "mov $0x12345678, %edx; xor %eax, %eax; mov $0x12345678, %ecx; div %ecx");
SNIPPET("div just fits", "mov $0x12345677, %edx; mov $-1, %eax; mov $0x12345678, %ecx; div %ecx; cmp %eax, %eax");
SNIPPET("div 8 bit overflow", "mov $0x1000, %eax; mov $0x10, %cl; div %cl");
SNIPPET("div 64 bit overflow", "mov $1, %edx; mov $1, %ecx; div %rcx");
SNIPPET("idiv by zero", "xor %ecx, %ecx; idiv %rcx");
SNIPPET("idiv INT_MIN by -1", "mov $0x80000000, %eax; cdq; mov $-1, %ecx; idiv %ecx");
SNIPPET("idiv LONG_MIN by -1", "mov $1, %eax; shl $63, %rax; cqo; mov $-1, %rcx; idiv %rcx");
SNIPPET("idiv 16 bit overflow", "mov $0x8000, %eax; cwd; mov $-1, %cx; idiv %cx");
SNIPPET("idiv 8 bit overflow", "mov $0xff80, %eax; mov $-1, %cl; idiv %cl");
SNIPPET("idiv positive overflow", "mov $0x40000000, %edx; xor %eax, %eax; mov $0x7fffffff, %ecx; idiv %ecx");

/* ── #UD ── */
SNIPPET("ud2", "nop; ud2");
SNIPPET("ud1", ".byte 0x0f, 0xb9, 0xc8");
SNIPPET("ud0", ".byte 0x0f, 0xff, 0xc8");
SNIPPET("unknown 0f 04", ".byte 0x0f, 0x04");
SNIPPET("unknown 0f 0a", ".byte 0x0f, 0x0a");
SNIPPET("unknown 0f 38 0f", ".byte 0x0f, 0x38, 0x0f, 0xc0");
SNIPPET("push es", ".byte 0x06");
SNIPPET("push cs", ".byte 0x0e");
SNIPPET("pop ds", ".byte 0x1f");
SNIPPET("daa", ".byte 0x27");
SNIPPET("das", ".byte 0x2f");
SNIPPET("aaa", ".byte 0x37");
SNIPPET("aas", ".byte 0x3f");
SNIPPET("pusha", ".byte 0x60");
SNIPPET("popa", ".byte 0x61");
SNIPPET("bound", ".byte 0x62, 0x00, 0x00, 0x00, 0x00, 0x00");
SNIPPET("82", ".byte 0x82, 0xc0, 0x01");
SNIPPET("far call", ".byte 0x9a, 0, 0, 0, 0, 0x33, 0");
SNIPPET("into", ".byte 0xce");
SNIPPET("aam", ".byte 0xd4, 0x0a");
SNIPPET("salc", ".byte 0xd6");
SNIPPET("far jmp", ".byte 0xea, 0, 0, 0, 0, 0x33, 0");
SNIPPET("lock mov", ".byte 0xf0, 0x89, 0x06");
SNIPPET("lock add of registers", ".byte 0xf0, 0x01, 0xc8");
SNIPPET("lock cmp", ".byte 0xf0, 0x39, 0x06");
SNIPPET("lock add from memory", ".byte 0xf0, 0x03, 0x06");
SNIPPET("lock nop", ".byte 0xf0, 0x90");
SNIPPET("lock inc of memory", "lock incl (%rsi)");
SNIPPET("lea of a register", ".byte 0x8d, 0xc0");
SNIPPET("cmpxchg8b of a register", ".byte 0x0f, 0xc7, 0xc8");
SNIPPET("c6 /1", ".byte 0xc6, 0xc8, 0x00");
SNIPPET("8f /1", ".byte 0x8f, 0xc8");
SNIPPET("ff /7", ".byte 0xff, 0xf8");
SNIPPET("fe /2", ".byte 0xfe, 0xd0");
SNIPPET("mov to cs", ".byte 0x8e, 0xc8");
SNIPPET("mov from segment register 6", ".byte 0x8c, 0xf0");
SNIPPET("movntps of registers", ".byte 0x0f, 0x2b, 0xc1");
SNIPPET("x87 unknown d9 d1", ".byte 0xd9, 0xd1");

/* ── #GP ── */
SNIPPET("hlt", "nop; hlt");
SNIPPET("cli", "cli");
SNIPPET("sti", "sti");
SNIPPET("in", "in %dx, %al");
SNIPPET("out", "out %eax, $0x80");
SNIPPET("outsb", "rep outsb");
SNIPPET("rdmsr", "rdmsr");
SNIPPET("mov from cr0", "mov %cr0, %rax");
SNIPPET("invlpg", "invlpg (%rsi)");
SNIPPET("mov to ds, bad selector", "mov $0x1234, %eax; mov %eax, %ds");
SNIPPET("mov to ss, null selector", "xor %eax, %eax; mov %eax, %ss");
SNIPPET("load from a non-canonical address", "movabs $0x800000000000, %rbx; mov (%rbx), %rax");
SNIPPET("store to a non-canonical address", "movabs $0xffff7fffffffffff, %rbx; mov %al, (%rbx)");
SNIPPET("non-canonical by index", "movabs $0x7ffffffff000, %rbx; mov $0x1000, %ecx; mov (%rbx,%rcx), %eax");
SNIPPET("non-canonical through rbp: #SS", "movabs $0x800000000000, %rbp; mov (%rbp), %rax");
SNIPPET("non-canonical through rsp: #SS", "movabs $0x800000000000, %rsp; mov (%rsp), %rax");
SNIPPET("push at a non-canonical address: #SS", "movabs $0x800000000008, %rsp; push %rax");
SNIPPET("pop from a non-canonical address: #SS", "movabs $0x800000000000, %rsp; pop %rax");
SNIPPET("leave to a non-canonical address: #SS", "movabs $0x800000000000, %rbp; leave");
SNIPPET("prefetch of a non-canonical address", "movabs $0x800000000000, %rbx; prefetcht0 (%rbx)");
SNIPPET("rbp with a gs override: #GP", "movabs $0x800000000000, %rbp; mov %gs:(%rbp), %rax");
SNIPPET("misaligned movaps", "movaps 8(%rsi), %xmm0");
SNIPPET("misaligned movaps store", "movaps %xmm0, 4(%rsi)");
SNIPPET("misaligned addps", "addps 1(%rsi), %xmm0");
SNIPPET("misaligned movntdq", "movntdq %xmm0, 8(%rsi)");
SNIPPET("misaligned cmpxchg16b", "lock cmpxchg16b 8(%rsi)");
SNIPPET("misaligned fxsave", "fxsave 8(%rsi)");
SNIPPET("misaligned and not mapped", "mov $0x20004008, %eax; movaps (%rax), %xmm0");
SNIPPET("ldmxcsr of reserved bits", "movl $0x80001f80, (%rsi); ldmxcsr (%rsi)");
SNIPPET("int 0", "int $0");
SNIPPET("int 1", "int $1");
SNIPPET("int 0x20", "int $0x20");
SNIPPET("int 0xff", "int $0xff");

/* ── #PF ── */
SNIPPET("read of nothing", "mov $0x20004123, %eax; mov (%rax), %rbx");
SNIPPET("write to nothing", "mov $0x20004123, %eax; mov %bl, (%rax)");
SNIPPET("read without permission", "mov $0x20003010, %eax; add (%rax), %bl");
SNIPPET("write without permission", "mov $0x20003010, %eax; movw $1, (%rax)");
SNIPPET("write to a read-only page", "mov $0x20002010, %eax; mov %rbx, (%rax)");
SNIPPET("add to a read-only page", "mov $0x20002010, %eax; stc; adc %rbx, (%rax)");
SNIPPET("cmpxchg that fails, in a read-only page", "mov $0x20002010, %ebx; lock cmpxchg %ecx, (%rbx)");
SNIPPET("xchg with a read-only page", "mov $0x20002010, %ebx; xchg %rcx, (%rbx)");
SNIPPET("bts in a read-only page", "mov $0x20002010, %ebx; mov $77, %ecx; bts %rcx, (%rbx)");
SNIPPET("bt of nothing", "mov $0x20003fff, %ebx; mov $64, %ecx; bt %rcx, (%rbx)");
SNIPPET("add to nothing", "mov $0x20004123, %eax; lock add %rbx, (%rax)");
SNIPPET("cmp with nothing", "mov $0x20004123, %eax; cmp %rbx, (%rax)");
SNIPPET("inc of nothing", "mov $0x20004123, %eax; incb (%rax)");
SNIPPET("cmpxchg16b with nothing", "mov $0x20004120, %ebp; cmpxchg16b (%rbp)");
SNIPPET("shl of nothing", "mov $0x20004123, %eax; shll $3, (%rax)");
SNIPPET("shrd of nothing", "mov $0x20004123, %eax; shrd $3, %rbx, (%rax)");
SNIPPET("bt of nothing by a register", "mov $0x20004120, %ebx; xor %ecx, %ecx; bt %rcx, (%rbx)");
SNIPPET("imul of nothing", "mov $0x20004123, %eax; imul (%rax), %ecx");
SNIPPET("fadd of nothing", "mov $0x20004123, %eax; fadds (%rax)");
SNIPPET("read at 0", "xor %eax, %eax; mov (%rax), %al");
SNIPPET("read at -1", "mov $-1, %rax; mov (%rax), %al");
SNIPPET("read of the kernel's half", "movabs $0xffff800000000000, %rax; mov (%rax), %rcx");
SNIPPET("write to the kernel's half", "movabs $0xffff800000001000, %rax; mov %rcx, (%rax)");
SNIPPET("jump to the kernel's half", "movabs $0xffff800000001000, %rax; jmp *%rax");
SNIPPET("jump to nothing", "mov $0x20004123, %eax; jmp *%rax");
SNIPPET("jump to data", "jmp *%rsi");
SNIPPET("jump to 0", "xor %eax, %eax; call *%rax");
SNIPPET("ret to data", "push %rdi; ret $16");
SNIPPET("jump through nothing", "mov $0x20004123, %eax; jmp *(%rax)");
SNIPPET("call through nothing", "mov $0x20004123, %eax; call *(%rax)");
SNIPPET("call without a stack", "mov $0x30000000, %esp; call *%rsi");
SNIPPET("push without a stack", "mov $0x30000000, %esp; push %rax");
SNIPPET("push of nothing", "mov $0x20004123, %eax; push (%rax)");
SNIPPET("pop to nothing", "mov $0x20004123, %eax; pop (%rax)");
SNIPPET("pop to nothing by rsp", "mov $0x20003ff8, %esp; pop %rbx");
SNIPPET("ret without a stack", "mov $0x30001000, %esp; ret");
SNIPPET("enter without a stack", "mov $0x30000000, %esp; enter $16, $1");
SNIPPET("leave from nothing", "mov $0x20004123, %ebp; leave");
SNIPPET("pushf without a stack", "mov $0x30000004, %esp; pushfq");
SNIPPET("read across the end", "mov $0x20000ffd, %eax; mov (%rax), %ebx");
SNIPPET("write across the end", "mov $0x20000ffd, %eax; movq $-1, (%rax); ");
SNIPPET("read across the beginning", "mov $0x1ffffffd, %eax; mov (%rax), %rbx");
SNIPPET("write across the beginning", "mov $0x1fffffff, %eax; movw $-1, (%rax)");
SNIPPET("write across into a read-only page", "mov $0x20001ffe, %eax; mov %ebx, (%rax)");
SNIPPET("add across the end", "mov $0x20000ffd, %eax; add %rbx, (%rax)");
SNIPPET("movups across the end", "mov $0x20000ff8, %eax; movups (%rax), %xmm0");
SNIPPET("movups store across the end", "mov $0x20000ff8, %eax; movups %xmm0, (%rax)");
SNIPPET("fld across the end", "mov $0x20000ff8, %eax; fldt (%rax)");
SNIPPET("fstp across the end", "mov $0x20000ff8, %eax; fld1; fstpl (%rax)");
SNIPPET("rep movsb off the end", "mov $0x20000ff0, %edi; mov $100, %ecx; rep movsb");
SNIPPET("rep movsb from off the end", "lea 0x7f0(%rsi), %rsi; mov $0x40, %ecx; rep movsb");
SNIPPET("rep movsb backwards off the page", "mov $0x20000008, %edi; mov $100, %ecx; std; rep movsb");
SNIPPET("rep movsq across the end", "mov $0x20000fe4, %edi; mov $100, %ecx; rep movsq");
SNIPPET("rep stosq across the end", "mov $0x20000fdb, %edi; mov $100, %ecx; rep stosq");
SNIPPET("rep stosl to nothing", "mov $0x20004000, %edi; mov $100, %ecx; rep stosl");
SNIPPET("rep stosl of none to nothing", "mov $0x20004000, %edi; xor %ecx, %ecx; rep stosl");
SNIPPET("rep lodsw off the end", "mov $0x20000ff1, %esi; mov $100, %ecx; rep lodsw");
SNIPPET("movsb to a read-only page", "mov $0x20002010, %edi; movsb");
SNIPPET("xlat of nothing", "mov $0x20004000, %ebx; mov $7, %al; xlat");
SNIPPET("code without end", "mov $0x10001fff, %eax; movb $0x90, (%rax); jmp *%rax");
SNIPPET("code crosses into nothing", "mov $0x10001ffe, %eax; movw $0x05c7, (%rax); jmp *%rax");

/* ── #BP, #DB ── */
SNIPPET("int3", "inc %rax; int3");
SNIPPET("int $3", "inc %rax; int $3");
/* KVM on AMD's processors tells the address of the instruction, not the one behind it. */
SNIPPET_INTEL("int1", ".byte 0xf1");
SNIPPET("popf sets TF", "pushq $0x302; popfq; nop; nop");

/* ── #MF and #XM: invalid, denormal, divide by zero, overflow, underflow, inexact ── */
#define FLDCW(cw) "movw $" #cw ", (%rsi); fldcw (%rsi);"
SNIPPET("x87 invalid", FLDCW(0x37e) "fldz; fdiv %st(0), %st; nop; fwait");
SNIPPET("x87 stack fault", FLDCW(0x37e) "fadd %st(1), %st; fnop");
SNIPPET("x87 divide by zero", FLDCW(0x37b) "fld1; fldz; fdivrp; nop; fld1");
SNIPPET("x87 denormal", FLDCW(0x37d) "movq $1, 8(%rsi); fldl 8(%rsi); fwait");
SNIPPET("x87 overflow", FLDCW(0x377) "movq $-1, 8(%rsi); movw $0x7ffe, 16(%rsi); fldt 8(%rsi); fadd %st(0), %st; fwait");
SNIPPET("x87 underflow", FLDCW(0x36f) "movl $0, 8(%rsi); movl $0x80000000, 12(%rsi); movw $1, 16(%rsi);"
        "fldt 8(%rsi); fmul %st(0), %st; fwait");
SNIPPET("x87 inexact", FLDCW(0x35f) "fld1; fldpi; fdivrp; fwait");
SNIPPET("x87 unmasked later", "fldz; fdiv %st(0), %st;" FLDCW(0x37e) "fwait");
SNIPPET("x87 pending at MMX", FLDCW(0x37e) "fldz; fdiv %st(0), %st; paddb %mm0, %mm1");
#define LDMXCSR(v) "movl $" #v ", (%rsi); ldmxcsr (%rsi);"
SNIPPET("sse invalid", "xorps %xmm0, %xmm0;" LDMXCSR(0x1f00) "divss %xmm0, %xmm0");
SNIPPET("sse denormal", "movl $1, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x1e80) "addss %xmm0, %xmm0");
SNIPPET("sse divide by zero", "movl $0x3f800000, 8(%rsi); movss 8(%rsi), %xmm0; xorps %xmm1, %xmm1;"
        LDMXCSR(0x1d80) "divss %xmm1, %xmm0");
SNIPPET("sse overflow", "movl $0x7f7fffff, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x1b80) "addss %xmm0, %xmm0");
SNIPPET("sse underflow", "movl $0x00800000, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x1780) "mulss %xmm0, %xmm0");
SNIPPET("sse inexact", "movl $0x3f800001, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x0f80) "mulss %xmm0, %xmm0");
SNIPPET("sse conversion", "movl $0x7f800000, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x1f00) "cvttss2si %xmm0, %rax");
SNIPPET("sse comparison", "movl $0x7fc00000, 8(%rsi); movss 8(%rsi), %xmm0;" LDMXCSR(0x1f00) "stc; comiss %xmm0, %xmm0");
SNIPPET("sse two exceptions", "movl $0x3f800000, 8(%rsi); movl $0, 12(%rsi); movq 8(%rsi), %xmm0; xorps %xmm1, %xmm1;"
        LDMXCSR(0x1d00) "divps %xmm1, %xmm0");
SNIPPET("sse flag set, then unmasked", "xorps %xmm0, %xmm0; divss %xmm0, %xmm0;" LDMXCSR(0x1f01) "nop");

/* DIV and IDIV leave the status flags undefined, also when they fault. */
#define STATUS 0x8d5

static void each(const struct snippet *s) {
  cage_run(CODE);
  cage_report(s->name, end.trap == 0 ? STATUS : 0);
  uint64_t sum = 0;
  for (unsigned i = 0; i < PAGE / 8; i++) sum = sum * 31 + ((uint64_t *)RW)[i] + ((uint64_t *)STACK)[i];
  printf("  memory %lx\n", sum);
}

/* Intel's CPUs check at the jump whether its target is canonical, AMD's when they fetch there. */
static void non_canonical_target(const char *name, const uint8_t *code, size_t n) {
  cage_preload();
  cage_regs[RAX] = 1UL << 47;
  cage_put(CODE, code, n);
  cage_run(CODE);
  printf("%s: signal %d code %d addr %lx trap %lu err %lx\n", name, end.sig, end.code, end.addr, end.trap,
         end.err);
}

int main(int argc, char **argv) {
  cage_arguments(argc, argv);
  cage_make();
  cage_all(each);
  non_canonical_target("jump to a non-canonical address", (const uint8_t *)"\xff\xe0", 2);
  non_canonical_target("call of a non-canonical address", (const uint8_t *)"\xff\xd0", 2);
  non_canonical_target("return to a non-canonical address", (const uint8_t *)"\x50\xc3", 2);
  return 0;
}
