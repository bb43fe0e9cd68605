/**
 * CPUID (SDM vol. 2, CPUID): one row per feature bit, set exactly if the frontend implements what it
 * announces. The vendor string is GenuineIntel, because libraries choose their fast paths by vendor and
 * the rows here follow the SDM; family 6, model 0x3a, and a brand string that says what it is.
 */

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

type Reg = 'ebx' | 'ecx' | 'edx';

/** feature, leaf, register, bit. Leaf 7 is subleaf 0. */
const FEATURES: readonly (readonly [string, number, Reg, number])[] = [
  ['sse3', 1, 'ecx', 0],
  ['ssse3', 1, 'ecx', 9],
  ['cx16', 1, 'ecx', 13],
  ['sse4.1', 1, 'ecx', 19],
  ['sse4.2', 1, 'ecx', 20],
  ['movbe', 1, 'ecx', 22],
  ['popcnt', 1, 'ecx', 23],
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
  ['bmi2', 7, 'ebx', 8],
  ['erms', 7, 'ebx', 9],
  ['adx', 7, 'ebx', 19],
  ['sha', 7, 'ebx', 29],
  ['fsrm', 7, 'edx', 4],
  ['lahf', 0x80000001, 'ecx', 0],
  ['lzcnt', 0x80000001, 'ecx', 5],
  ['prefetchw', 0x80000001, 'ecx', 8],
  ['syscall', 0x80000001, 'edx', 11],
  ['nx', 0x80000001, 'edx', 20],
  ['rdtscp', 0x80000001, 'edx', 27],
  ['lm', 0x80000001, 'edx', 29],
];

/** Names of the features that CPUID reports. */
export const CPU_FEATURES: ReadonlySet<string> = new Set(FEATURES.map((f) => f[0]));

const BRAND = 'kevlar-jit virtual x86-64-v2 CPU'.padEnd(48, '\0');

function word(s: string, at: number): number {
  let v = 0;
  for (let i = 3; i >= 0; i--) v = (v << 8) | s.charCodeAt(at + i);
  return v;
}

/** Family 6, model 0x3a, stepping 9. */
const SIGNATURE = 0x000306a9;
/** CLFLUSH line of 8 quadwords, one logical processor. */
const LEAF1_EBX = 0x00010800;

function addFeatures(r: CpuidResult, leaf: number): void {
  for (const [, l, reg, bit] of FEATURES) {
    if (l === leaf) r[reg] |= 1 << bit;
  }
}

function brand(r: CpuidResult, part: number): void {
  r.eax = word(BRAND, part * 16);
  r.ebx = word(BRAND, part * 16 + 4);
  r.ecx = word(BRAND, part * 16 + 8);
  r.edx = word(BRAND, part * 16 + 12);
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

const MAX_BASIC = 0x16;
const MAX_EXTENDED = 0x80000008 | 0;

function vendor(r: CpuidResult): void {
  r.ebx = word('Genu', 0);
  r.edx = word('ineI', 0);
  r.ecx = word('ntel', 0);
}

/** @returns a fresh result: CPUID is rare */
export function cpuid(leaf: number, subleaf: number): CpuidResult {
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
      addFeatures(r, 1);
      break;
    case 2:
      // One round of descriptors, of which FF says: see leaf 4.
      r.eax = 0xff01;
      break;
    case 4:
      cacheLeaf(r, subleaf);
      break;
    case 7:
      if (subleaf === 0) addFeatures(r, 7);
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
      addFeatures(r, n);
      break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
      brand(r, n - 0x80000002);
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
