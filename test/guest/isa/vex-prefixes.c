/* Prefixes that VEX forbids, and ends of pages within it (SDM vol. 2, 2.3): for CPUs with AVX2. */
#include "cage.h"

#define VPADDD ".byte 0xc5, 0xf9, 0xfe, 0xc1;"
SNIPPET("vpaddd", VPADDD);
SNIPPET("66 vpaddd", ".byte 0x66;" VPADDD);
SNIPPET("f2 vpaddd", ".byte 0xf2;" VPADDD);
SNIPPET("f3 vpaddd", ".byte 0xf3;" VPADDD);
SNIPPET("lock vpaddd", ".byte 0xf0;" VPADDD);
SNIPPET("rex vpaddd", ".byte 0x40;" VPADDD);
SNIPPET("rex.w vpaddd", ".byte 0x48;" VPADDD);
SNIPPET("rex, then 2e: ignored", ".byte 0x48, 0x2e;" VPADDD);
SNIPPET("segment", ".byte 0x3e, 0xc5, 0xf9, 0xfe, 0x06");
SNIPPET("67", "movabs $0x1200000000, %rax; add %rax, %rsi; .byte 0x67, 0xc5, 0xf9, 0xfe, 0x06");
SNIPPET("67 and 66", ".byte 0x67, 0x66, 0xc5, 0xf9, 0xfe, 0x06");
SNIPPET("15 bytes", ".skip 11, 0x3e;" VPADDD);
SNIPPET("16 bytes", ".skip 12, 0x3e;" VPADDD);
SNIPPET("map 0", ".byte 0xc4, 0xe0, 0x79, 0xfe, 0xc1");
SNIPPET("map 4", ".byte 0xc4, 0xe4, 0x79, 0xfe, 0xc1");
SNIPPET("map 31", ".byte 0xc4, 0xff, 0x79, 0xfe, 0xc1");
SNIPPET("three bytes where two do", ".byte 0xc4, 0xe1, 0x79, 0xfe, 0xc1");
SNIPPET("W is ignored", ".byte 0xc4, 0xe1, 0xf9, 0xfe, 0xc1");
SNIPPET("vmovups with vvvv", ".byte 0xc5, 0xf0, 0x10, 0xc1");
SNIPPET("vzeroupper with vvvv", ".byte 0xc5, 0xf0, 0x77");
SNIPPET("vzeroupper", ".byte 0xc5, 0xf8, 0x77");
SNIPPET("vzeroall", ".byte 0xc5, 0xfc, 0x77");
SNIPPET("vmovd with L", ".byte 0xc5, 0xfd, 0x6e, 0xc0");
SNIPPET("vpbroadcastd with W", ".byte 0xc4, 0xe2, 0xf9, 0x58, 0xc1");
/* Some of AMD's execute it. */
SNIPPET_INTEL("vpermq without W", ".byte 0xc4, 0xe3, 0x7d, 0x00, 0xc1, 0x1b");
SNIPPET("vpermd with L = 0", ".byte 0xc4, 0xe2, 0x79, 0x36, 0xc1");
SNIPPET("vpblendvb with W", ".byte 0xc4, 0xe3, 0xf9, 0x4c, 0xc1, 0x20");
SNIPPET("andn with L", ".byte 0xc4, 0xe2, 0x74, 0xf2, 0xc2");
SNIPPET("andn with 66", ".byte 0xc4, 0xe2, 0x71, 0xf2, 0xc2");
SNIPPET("andn", ".byte 0xc4, 0xe2, 0x70, 0xf2, 0xc2");
SNIPPET("rorx with vvvv", ".byte 0xc4, 0xe3, 0x73, 0xf0, 0xc1, 0x05");
SNIPPET("x87 in VEX", ".byte 0xc5, 0xf8, 0xd9, 0xc1");
SNIPPET("mov in VEX", ".byte 0xc5, 0xf8, 0x89, 0xc8");
SNIPPET("vgather with equal registers", ".byte 0xc4, 0xe2, 0x79, 0x90, 0x04, 0x06");
SNIPPET("vgather without SIB", ".byte 0xc4, 0xe2, 0x71, 0x90, 0x06");
SNIPPET("vldmxcsr with L", ".byte 0xc5, 0xfc, 0xae, 0x16");
SNIPPET("vmovaps, misaligned", ".byte 0xc5, 0xfc, 0x28, 0x46, 0x10");
SNIPPET("vmovups across the end", "mov $0x20000ff0, %eax; .byte 0xc5, 0xfc, 0x10, 0x00");
SNIPPET("vmovups store across the end", "mov $0x20000fe8, %eax; .byte 0xc5, 0xfc, 0x11, 0x00");
SNIPPET("vmaskmovps load of nothing, mask 0",
        "vpxor %xmm1, %xmm1, %xmm1; mov $0x20004000, %eax; vmaskmovps (%rax), %xmm1, %xmm0");
SNIPPET("vmaskmovps load across, mask in the page",
        "vpcmpeqd %xmm1, %xmm1, %xmm1; vpsrldq $8, %xmm1, %xmm1; mov $0x20000ff8, %eax; vmaskmovps (%rax), %xmm1, %xmm0");
SNIPPET("vmaskmovps load across, mask behind the page",
        "vpcmpeqd %xmm1, %xmm1, %xmm1; vpslldq $8, %xmm1, %xmm1; mov $0x20000ff8, %eax; vmaskmovps (%rax), %xmm1, %xmm0");
SNIPPET("vmaskmovps store across, mask in the page",
        "vpcmpeqd %xmm1, %xmm1, %xmm1; vpsrldq $8, %xmm1, %xmm1; mov $0x20000ff8, %eax; vmaskmovps %xmm0, %xmm1, (%rax)");
SNIPPET("c5 at the end", "mov $0x10001fff, %eax; movb $0xc5, (%rax); jmp *%rax");
SNIPPET("c4 at the end", "mov $0x10001ffe, %eax; movw $0xe1c4, (%rax); jmp *%rax");

static void each(const struct snippet *s) {
  cage_run(CODE);
  cage_report(s->name, 0x14); /* ANDN leaves AF and PF undefined */
}

int main(int argc, char **argv) {
  cage_arguments(argc, argv);
  cage_make();
  cage_all(each);
  return 0;
}
