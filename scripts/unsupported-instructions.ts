/** Instruction sets that are left out on purpose, for docs/INSTRUCTIONS.md: names, and why. */

export const UNSUPPORTED: readonly (readonly [sets: string, why: string])[] = [
  [
    'AVX-512, AVX10, APX (EVEX, `62`; REX2, `D5`)',
    'beyond x86-64-v3: programs that use them have other code for CPUs without them',
  ],
  ['AVX-VNNI, AVX-IFMA, AVX-NE-CONVERT, GFNI, SM3, SM4, SHA-512, KL', 'likewise; hardly used'],
  ['AMX (tiles)', 'likewise; the state of a task would grow by 8 KiB'],
  [
    '3DNow!, SSE4a, XOP, FMA4, TBM, LWP',
    "AMD's alone and given up by AMD; PREFETCH and PREFETCHW are there",
  ],
  [
    'TSX (XBEGIN, XEND, XTEST; HLE)',
    'switched off on most CPUs for its flaws. XACQUIRE and XRELEASE are ignored, as on any CPU without it',
  ],
  [
    'MPX (BNDMK …)',
    'given up by Intel, Linux and GCC; the opcodes are NOPs, as on any CPU without it',
  ],
  [
    'CET (INCSSP, RSTORSSP, WRSS, SETSSBSY …)',
    'no shadow stack. ENDBR64 and RDSSP are NOPs, as on any CPU without it',
  ],
  [
    'PKU (RDPKRU, WRPKRU)',
    'page protection by keys is not in the page tables here; pkey_alloc(2) fails',
  ],
  [
    'UINTR, MONITORX, MWAITX, WAITPKG (UMONITOR, UMWAIT, TPAUSE)',
    'nothing to wait for: one processor',
  ],
  [
    'MOVDIRI, MOVDIR64B, ENQCMD, CLDEMOTE as such, CLZERO, PTWRITE',
    'for devices; CLDEMOTE is a NOP',
  ],
  ['SERIALIZE, RDPRU, HRESET, WBNOINVD as such', 'for kernels and measurements'],
  [
    'SMX (GETSEC), VMX, SVM, SGX (ENCLU), TDX, SEV, INVPCID, XSAVES, CLAC, STAC, MONITOR, RSM',
    'for kernels and hypervisors: #UD stands for the exception that user code gets anyway. Of the older privileged' +
      ' instructions, each raises the #GP(0) that it should',
  ],
  [
    '32-bit and 16-bit code: INT 80h, SYSENTER, far transfers to selector 23h',
    'as with a Linux kernel without IA-32 emulation, SYSENTER raises #GP(0) and INT 80h #GP(402h), and so does' +
      ' the segment, #GP(20h); a line on standard error says what it was. What is invalid in 64-bit mode (`06`' +
      ' `07` `0E` `16` `17` `1E` `1F` `27` `2F` `37` `3F` `60` `61` `82` `9A` `CE` `D4` `D6` `EA`) raises #UD',
  ],
];
