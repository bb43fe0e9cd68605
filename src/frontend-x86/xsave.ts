/**
 * XSAVE images of the x87, SSE and AVX state (SDM vol. 1, 13.4):
 *
 *     0 FXSAVE image    512 header: XSTATE_BV, XCOMP_BV    576 high halves of YMM0 to YMM15
 *
 * The compacted format has them at the same places, since AVX is the first extended component.
 */

import type { LinearMemory } from '../common/memory.ts';
import { fxrstor, fxsave, MXCSR_MASK, resetFpState } from './fxsave.ts';
import { stateWord, YMM_BASE } from './state.ts';

/** State components: x87, SSE, AVX; what XCR0 holds. */
export const X87 = 1;
export const SSE = 2;
export const AVX = 4;
export const SUPPORTED = 7;

export const XSTATE_BV = 512;
const XCOMP_BV = 520;
export const YMM_HIGH = 576;
export const YMM_HIGH_SIZE = 256;
export const XSAVE_SIZE: number = YMM_HIGH + YMM_HIGH_SIZE;

const MXCSR = stateWord('mxcsr');
const CW = stateWord('fpCw');
const X87_WORDS = [
  ...['fpSw', 'fpTop', 'fpTags', 'fpOpcode', 'fpIp', 'fpDp'].map(stateWord),
  stateWord('fpIp') + 1,
  stateWord('fpDp') + 1,
];
const LEGACY_SIZE = 416;
/** Byte ranges of the legacy part: x87, MXCSR with its mask, XMM. */
const X87_RANGES = [
  [0, 24],
  [32, 160],
] as const;
const MXCSR_RANGE = [24, 32] as const;
const XMM_RANGE = [160, LEGACY_SIZE] as const;

/** Components that are not in their initial state (SDM vol. 1, 13.6). */
export function inUse(m: LinearMemory): number {
  const { I32 } = m;
  const used = (word: number): boolean => I32[word] !== 0;
  let components = I32[CW] !== 0x37f || X87_WORDS.some(used) ? X87 : 0;
  for (let i = 0; i < 16; i++) {
    const at = (YMM_BASE >> 2) + 8 * i;
    if (used(at) || used(at + 1) || used(at + 2) || used(at + 3)) components |= SSE;
    if (used(at + 4) || used(at + 5) || used(at + 6) || used(at + 7)) components |= AVX;
  }
  return components;
}

/** The parts of an image that saving these components writes: [from, to), multiples of 8. */
export function componentRanges(
  components: number,
  compacted: boolean,
): readonly (readonly [number, number])[] {
  return [
    ...(components & X87 ? X87_RANGES : []),
    ...(components & (SSE | AVX) ? [MXCSR_RANGE] : []),
    ...(components & SSE ? [XMM_RANGE] : []),
    ...(components & AVX ? [[YMM_HIGH, XSAVE_SIZE] as const] : []),
    [XSTATE_BV, compacted ? XCOMP_BV + 8 : XCOMP_BV],
  ];
}

/** Assembles an image at host offset `to`. @param before XSTATE_BV as it was: other components' bits stay */
export function writeImage(
  m: LinearMemory,
  to: number,
  components: number,
  compacted: boolean,
  before: number,
): void {
  const { D, U8 } = m;
  fxsave(m, to);
  U8.fill(0, to + XSTATE_BV, to + YMM_HIGH);
  const saved = components & inUse(m);
  U8[to + XSTATE_BV] = compacted ? saved : (before & ~components) | saved;
  if (compacted) {
    U8[to + XCOMP_BV] = components;
    D.setUint8(to + XCOMP_BV + 7, 0x80);
  }
  for (let i = 0; i < 16; i++) {
    const from = YMM_BASE + 32 * i + 16;
    U8.copyWithin(to + YMM_HIGH + 16 * i, from, from + 16);
  }
}

/** Is the header one that XRSTOR takes? (SDM vol. 1, 13.8) */
function isValid(m: LinearMemory, at: number): boolean {
  const { D } = m;
  const header = (i: number): number => D.getInt32(at + XSTATE_BV + 4 * i, true);
  const compacted = header(3) < 0;
  const compaction = header(2);
  if ((header(0) & ~SUPPORTED) !== 0 || header(1) !== 0) return false;
  if (compacted) {
    if ((compaction & ~SUPPORTED) !== 0 || (header(3) & 0x7fffffff) !== 0) return false;
    if ((header(0) & ~compaction) !== 0) return false;
  } else if (compaction !== 0) return false;
  // The standard form looks at 8 more bytes, the compacted one at all that are left.
  for (let i = 4; i < (compacted ? 16 : 6); i++) if (header(i) !== 0) return false;
  return true;
}

/**
 * Loads components from an image at host offset `at`; those that its XSTATE_BV lacks get their initial state.
 * @returns false if XRSTOR raises #GP: nothing was loaded
 */
export function xrstor(m: LinearMemory, at: number, components: number): boolean {
  const { D, I32, U8 } = m;
  if (!isValid(m, at)) return false;
  const present = U8[at + XSTATE_BV]!;
  const compacted = (U8[at + XCOMP_BV + 7]! & 0x80) !== 0;
  // The standard form loads MXCSR whether or not SSE is present; the compacted one only with it.
  const mxcsr = compacted && (present & SSE) === 0 ? 0x1f80 : D.getInt32(at + 24, true);
  const setsMxcsr = (components & SSE) !== 0 || (!compacted && (components & AVX) !== 0);
  if (setsMxcsr && (mxcsr & ~MXCSR_MASK) !== 0) return false;
  const old = I32[MXCSR]!;
  const xmm = YMM_BASE;
  const kept = U8.slice(xmm, xmm + 512);
  const x87 = U8.slice(at, at + LEGACY_SIZE);
  // The x87 part through FXSAVE images, of which only that part counts.
  fxsave(m, at);
  if (components & X87) {
    if (present & X87)
      for (const [from, to] of X87_RANGES) U8.set(x87.subarray(from, to), at + from);
    else resetFpState(m);
  }
  if ((components & X87) === 0 || present & X87) {
    D.setInt32(at + 24, old, true);
    fxrstor(m, at);
  }
  for (let i = 0; i < 16; i++) {
    const low = xmm + 32 * i;
    U8.set(kept.subarray(32 * i, 32 * i + 32), low);
    if (components & SSE) {
      if (present & SSE) U8.set(x87.subarray(160 + 16 * i, 176 + 16 * i), low);
      else U8.fill(0, low, low + 16);
    }
    if (components & AVX) {
      if (present & AVX)
        U8.copyWithin(low + 16, at + YMM_HIGH + 16 * i, at + YMM_HIGH + 16 * i + 16);
      else U8.fill(0, low + 16, low + 32);
    }
  }
  I32[MXCSR] = setsMxcsr ? mxcsr : old;
  return true;
}
