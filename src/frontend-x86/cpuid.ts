/**
 * CPUID (SDM vol. 2, CPUID): one row per feature bit, set exactly if the frontend implements what it
 * announces. The vendor string is GenuineIntel, because libraries choose their fast paths by vendor and
 * the rows here follow the SDM; family 6, model 0x3a, and a brand string that says what it is.
 */

import { SUPPORTED, XSAVE_SIZE, YMM_HIGH, YMM_HIGH_SIZE } from './xsave.ts';

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

type Reg = 'eax' | 'ebx' | 'ecx' | 'edx';

/** feature, leaf, register, bit; the level it begins at, if not 2. Leaf 7 is subleaf 0, leaf 0xd subleaf 1. */
const FEATURES: readonly (readonly [string, number, Reg, number, 3?])[] = [
  ['sse3', 1, 'ecx', 0],
  ['pclmulqdq', 1, 'ecx', 1],
  ['ssse3', 1, 'ecx', 9],
  ['fma', 1, 'ecx', 12, 3],
  ['cx16', 1, 'ecx', 13],
  ['sse4.1', 1, 'ecx', 19],
  ['sse4.2', 1, 'ecx', 20],
  ['movbe', 1, 'ecx', 22],
  ['popcnt', 1, 'ecx', 23],
  ['aes', 1, 'ecx', 25],
  ['xsave', 1, 'ecx', 26, 3],
  ['osxsave', 1, 'ecx', 27, 3],
  ['avx', 1, 'ecx', 28, 3],
  ['f16c', 1, 'ecx', 29, 3],
  ['rdrand', 1, 'ecx', 30],
  // Runs under a hypervisor: what kernels and runtimes conclude from it (no MSRs, coarse TSC) is true.
  ['hypervisor', 1, 'ecx', 31],
  ['fpu', 1, 'edx', 0],
  ['tsc', 1, 'edx', 4],
  ['cx8', 1, 'edx', 8],
  ['cmov', 1, 'edx', 15],
  ['clflush', 1, 'edx', 19],
  ['mmx', 1, 'edx', 23],
  ['fxsr', 1, 'edx', 24],
  ['sse', 1, 'edx', 25],
  ['sse2', 1, 'edx', 26],
  ['fsgsbase', 7, 'ebx', 0],
  ['bmi1', 7, 'ebx', 3],
  ['avx2', 7, 'ebx', 5, 3],
  ['bmi2', 7, 'ebx', 8],
  ['erms', 7, 'ebx', 9],
  ['rdseed', 7, 'ebx', 18],
  ['adx', 7, 'ebx', 19],
  ['clflushopt', 7, 'ebx', 23],
  ['clwb', 7, 'ebx', 24],
  ['sha', 7, 'ebx', 29],
  ['xsaveopt', 0xd, 'eax', 0, 3],
  ['xsavec', 0xd, 'eax', 1, 3],
  ['xgetbv1', 0xd, 'eax', 2, 3],
  ['umip', 7, 'ecx', 2],
  ['vaes', 7, 'ecx', 9, 3],
  ['vpclmulqdq', 7, 'ecx', 10, 3],
  ['rdpid', 7, 'ecx', 22],
  ['fsrm', 7, 'edx', 4],
  ['lahf', 0x80000001, 'ecx', 0],
  ['lzcnt', 0x80000001, 'ecx', 5],
  ['prefetchw', 0x80000001, 'ecx', 8],
  ['syscall', 0x80000001, 'edx', 11],
  ['nx', 0x80000001, 'edx', 20],
  ['rdtscp', 0x80000001, 'edx', 27],
  ['lm', 0x80000001, 'edx', 29],
];

/** x86-64 microarchitecture levels that can be asked for (System V ABI, 3.1.1). */
export type CpuLevel = 2 | 3;

/** Names of the features that CPUID reports at a level. */
export function cpuFeatures(level: CpuLevel): ReadonlySet<string> {
  return new Set(FEATURES.filter((f) => (f[4] ?? 2) <= level).map((f) => f[0]));
}

/** Names in /proc/cpuinfo where they differ; '': it has none. */
const LINUX_NAMES: Readonly<Record<string, string>> = {
  sse3: 'pni',
  'sse4.1': 'sse4_1',
  'sse4.2': 'sse4_2',
  lahf: 'lahf_lm',
  lzcnt: 'abm',
  prefetchw: '3dnowprefetch',
  sha: 'sha_ni',
  osxsave: '',
};

export function linuxName(feature: string): string {
  return LINUX_NAMES[feature] ?? feature;
}

/** The flags of /proc/cpuinfo, in Linux's order (arch/x86/include/asm/cpufeatures.h), with those it makes up. */
export function linuxFlags(level: CpuLevel): string[] {
  const reported = cpuFeatures(level);
  const word = (leaf: number, register: Reg): string[] =>
    FEATURES.filter(([name, l, reg]) => l === leaf && reg === register && reported.has(name))
      .map(([name]) => linuxName(name))
      .filter((name) => name !== '');
  return [
    ...[...word(1, 'edx'), ...word(0x80000001, 'edx'), 'rep_good', 'nopl', 'cpuid'],
    ...[...word(1, 'ecx'), ...word(0x80000001, 'ecx'), ...word(7, 'ebx'), ...word(0xd, 'eax')],
    ...[...word(7, 'ecx'), ...word(7, 'edx')],
  ];
}

/** Features that a level of 2 lacks: their instructions raise #UD there. */
export const LEVEL_3_FEATURES: ReadonlySet<string> = new Set(
  FEATURES.filter((f) => f[4] === 3).map((f) => f[0]),
);

const brandOf = (level: CpuLevel): string =>
  `kevlar-jit virtual x86-64-v${level} CPU`.padEnd(48, '\0');

function word(s: string, at: number): number {
  let v = 0;
  for (let i = 3; i >= 0; i--) v = (v << 8) | s.charCodeAt(at + i);
  return v;
}

/** Family 6, model 0x3a, stepping 9. */
const SIGNATURE = 0x000306a9;
/** CLFLUSH line of 8 quadwords, one logical processor. */
const LEAF1_EBX = 0x00010800;

function addFeatures(r: CpuidResult, leaf: number, level: CpuLevel): void {
  for (const [, l, reg, bit, from = 2] of FEATURES) {
    if (l === leaf && from <= level) r[reg] |= 1 << bit;
  }
}

function brand(r: CpuidResult, part: number, level: CpuLevel): void {
  const text = brandOf(level);
  r.eax = word(text, part * 16);
  r.ebx = word(text, part * 16 + 4);
  r.ecx = word(text, part * 16 + 8);
  r.edx = word(text, part * 16 + 12);
}

/** Deterministic cache parameters: type, level, ways, line 64, sets. */
const CACHES: readonly (readonly [number, number, number, number])[] = [
  [1, 1, 8, 64],
  [2, 1, 8, 64],
  [3, 2, 8, 512],
  [3, 3, 16, 8192],
];

function cacheLeaf(r: CpuidResult, index: number): void {
  const c = CACHES[index];
  if (c === undefined) return;
  const [type, level, ways, sets] = c;
  r.eax = type | (level << 5) | (1 << 8);
  r.ebx = 63 | ((ways - 1) << 22);
  r.ecx = sets - 1;
}

/** Leaf 0xd: XSAVE's state components and sizes. */
function stateLeaf(r: CpuidResult, index: number): void {
  if (index === 0) {
    r.eax = SUPPORTED;
    r.ebx = XSAVE_SIZE;
    r.ecx = XSAVE_SIZE;
  } else if (index === 1) {
    addFeatures(r, 0xd, 3);
    // The compacted image of what XCR0 enables.
    r.ebx = XSAVE_SIZE;
  } else if (index === 2) {
    r.eax = YMM_HIGH_SIZE;
    r.ebx = YMM_HIGH;
  }
}

const MAX_BASIC = 0x16;
const MAX_EXTENDED = 0x80000008 | 0;

function vendor(r: CpuidResult): void {
  r.ebx = word('Genu', 0);
  r.edx = word('ineI', 0);
  r.ecx = word('ntel', 0);
}

/** @returns a fresh result: CPUID is rare */
export function cpuid(leaf: number, subleaf: number, level: CpuLevel = 2): CpuidResult {
  const r: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const n = leaf >>> 0;
  switch (n) {
    case 0:
      r.eax = MAX_BASIC;
      vendor(r);
      break;
    case 1:
      r.eax = SIGNATURE;
      r.ebx = LEAF1_EBX;
      addFeatures(r, 1, level);
      break;
    case 2:
      // One round of descriptors, of which FF says: see leaf 4.
      r.eax = 0xff01;
      break;
    case 4:
      cacheLeaf(r, subleaf);
      break;
    case 7:
      if (subleaf === 0) addFeatures(r, 7, level);
      break;
    case 0xd:
      if (level >= 3) stateLeaf(r, subleaf);
      break;
    case 0x15:
      // TSC / crystal = 1 / 1 at 1 GHz.
      r.eax = 1;
      r.ebx = 1;
      r.ecx = 1_000_000_000;
      break;
    case 0x16:
      r.eax = 1000;
      r.ebx = 1000;
      r.ecx = 100;
      break;
    case 0x80000000:
      r.eax = MAX_EXTENDED;
      break;
    case 0x80000001:
      addFeatures(r, n, level);
      break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
      brand(r, n - 0x80000002, level);
      break;
    case 0x80000006:
      // L2: 256 KiB, 8 ways, line 64.
      r.ecx = 0x01006040;
      break;
    case 0x80000007:
      // Invariant TSC.
      r.edx = 0x100;
      break;
    case 0x80000008:
      // 48 linear, 40 physical address bits.
      r.eax = 0x3028;
      break;
  }
  return r;
}
