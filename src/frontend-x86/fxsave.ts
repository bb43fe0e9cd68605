/**
 * FXSAVE images: the x87, MMX and SSE state in the 512 bytes that FXSAVE64 stores and signal frames
 * carry (SDM vol. 1, table 10-2).
 *
 *     0 FCW  2 FSW  4 FTW (abridged)  6 FOP  8 FIP  16 FDP  24 MXCSR  28 MXCSR_MASK
 *    32 ST(0) to ST(7), 16 bytes each    160 XMM0 to XMM15    416 not written
 */

import type { LinearMemory } from '../common/memory.ts';
import { panic } from '../common/panic.ts';
import { FP_ENV_WORD } from '../ir/fp-env.ts';
import { stateWord, X87_BASE, YMM_BASE } from './state.ts';
import { setControl } from './x87-state.ts';

const CW = stateWord('fpCw');
const SW = stateWord('fpSw');
const TOP = stateWord('fpTop');
const TAGS = stateWord('fpTags');
const OPCODE = stateWord('fpOpcode');
const IP = stateWord('fpIp');
const DP = stateWord('fpDp');
const MXCSR = stateWord('mxcsr');

/** Bits of MXCSR that exist. */
export const MXCSR_MASK = 0xffff;

if (MXCSR !== FP_ENV_WORD) panic('the floating-point environment is not where mxcsr is');

/** FPU and SSE as after FNINIT and at process start. */
export function resetFpState(m: LinearMemory): void {
  const { I32, U8 } = m;
  I32[CW] = 0x37f;
  I32[SW] = 0;
  I32[TOP] = 0;
  I32[TAGS] = 0;
  I32[OPCODE] = 0;
  I32.fill(0, IP, IP + 2);
  I32.fill(0, DP, DP + 2);
  I32[MXCSR] = 0x1f80;
  U8.fill(0, X87_BASE, X87_BASE + 128);
  U8.fill(0, YMM_BASE, YMM_BASE + 512);
}

/** Writes the image at host byte offset `to`. Bytes from 416 on are left alone. */
export function fxsave(m: LinearMemory, to: number): void {
  const { D, I32, U8 } = m;
  const top = I32[TOP]!;
  D.setUint16(to, I32[CW]!, true);
  D.setUint16(to + 2, I32[SW]! | (top << 11), true);
  D.setUint16(to + 4, I32[TAGS]! & 0xff, true);
  D.setUint16(to + 6, I32[OPCODE]!, true);
  D.setInt32(to + 8, I32[IP]!, true);
  D.setInt32(to + 12, I32[IP + 1]!, true);
  D.setInt32(to + 16, I32[DP]!, true);
  D.setInt32(to + 20, I32[DP + 1]!, true);
  D.setInt32(to + 24, I32[MXCSR]!, true);
  D.setInt32(to + 28, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const at = to + 32 + 16 * i;
    const from = X87_BASE + 16 * ((top + i) & 7);
    U8.fill(0, at + 10, at + 16);
    U8.copyWithin(at, from, from + 10);
  }
  for (let i = 0; i < 16; i++) {
    const from = YMM_BASE + 32 * i;
    U8.copyWithin(to + 160 + 16 * i, from, from + 16);
  }
}

/**
 * Loads the state from an image at host byte offset `from`.
 * @returns false if MXCSR has reserved bits set (FXRSTOR raises #GP): nothing was loaded
 */
export function fxrstor(m: LinearMemory, from: number): boolean {
  const { D, I32, U8 } = m;
  const mxcsr = D.getInt32(from + 24, true);
  if (mxcsr & ~MXCSR_MASK) return false;
  const sw = D.getUint16(from + 2, true);
  const top = (sw >> 11) & 7;
  I32[SW] = sw & ~0x3800;
  setControl(I32, D.getUint16(from, true));
  I32[TOP] = top;
  I32[TAGS] = U8[from + 4]!;
  I32[OPCODE] = D.getUint16(from + 6, true) & 0x7ff;
  I32[IP] = D.getInt32(from + 8, true);
  I32[IP + 1] = D.getInt32(from + 12, true);
  I32[DP] = D.getInt32(from + 16, true);
  I32[DP + 1] = D.getInt32(from + 20, true);
  I32[MXCSR] = mxcsr;
  for (let i = 0; i < 8; i++) {
    const at = from + 32 + 16 * i;
    U8.copyWithin(X87_BASE + 16 * ((top + i) & 7), at, at + 10);
  }
  for (let i = 0; i < 16; i++) {
    const at = from + 160 + 16 * i;
    U8.copyWithin(YMM_BASE + 32 * i, at, at + 16);
  }
  return true;
}
