/**
 * Packed decimal, 18 digits: bytes 0 to 8 hold two digits each, lowest first; byte 9 the sign in
 * its top bit (SDM vol. 1, 4.7).
 */

import { IE, PE } from '../ir/fp-env.ts';
import { fromInt } from '../ir/softfloat/integer.ts';
import { CLS, EXP, FINITE, HI, LO, type Num, SIGN, ZERO } from '../ir/softfloat/num.ts';
import { raiseFlags, toInteger } from '../ir/softfloat/round.ts';

const TWO32 = 4294967296;
const BILLION = 1e9;

/** r = the decimal at U8[at]; digits above 9 count as what they are, as CPUs do. */
export function bcdToNum(U8: Uint8Array, at: number, r: Num): void {
  const nine = (from: number): number => {
    let v = 0;
    for (let i = 8; i >= 0; i--) {
      const digit = from + i;
      v = v * 10 + ((U8[at + (digit >> 1)]! >> ((digit & 1) << 2)) & 15);
    }
    return v;
  };
  const low = nine(0);
  const high = nine(9);
  // high * 10^9 + low, below 2^64: by 16-bit parts of high.
  const part = (high % 65536) * BILLION + low;
  const rest = Math.floor(high / 65536) * BILLION + Math.floor(part / 65536);
  const lo = (part % 65536) + (rest % 65536) * 65536;
  fromInt(lo | 0, Math.floor(rest / 65536) | 0, r);
  r[SIGN] = U8[at + 9]! >> 7;
}

/** Rounds x to 18 digits in three words; out of range: the decimal indefinite, invalid. */
export function numToBcd(x: Num, rc: number, out: Int32Array): void {
  const sign = x[SIGN]!;
  let inexact = false;
  let valid = x[CLS] === ZERO;
  let hi = 0;
  let lo = 0;
  if (x[CLS] === FINITE && x[EXP]! < 63) {
    inexact = toInteger(x, rc);
    hi = x[HI]!;
    lo = x[LO]!;
    // 10^18 = 0x0de0b6b3:a7640000
    valid = hi < 0x0de0b6b3 || (hi === 0x0de0b6b3 && lo >>> 0 < 0xa7640000);
  }
  if (!valid) {
    raiseFlags(IE);
    out[0] = 0;
    out[1] = 0xc0000000;
    out[2] = 0xffff;
    return;
  }
  if (inexact) raiseFlags(PE);
  out.fill(0);
  // Divide hi:lo by 10 until it is 0, in 16-bit steps.
  for (let digit = 0; (hi | lo) !== 0; digit++) {
    const h = hi >>> 0;
    const l = lo >>> 0;
    const qh = Math.floor(h / 10);
    const mid = (h % 10) * TWO32 + l;
    hi = qh;
    lo = Math.floor(mid / 10) | 0;
    const word = digit >> 3;
    out[word]! |= (mid % 10) << ((digit & 7) << 2);
  }
  out[2]! |= sign << 15;
}
