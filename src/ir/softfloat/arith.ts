/**
 * Exact arithmetic on unpacked numbers: results carry 96 bits of significand with the lowest one
 * sticky, enough for any rounding to 64 bits or fewer. Callers round them (round.ts).
 *
 * Operands are left alone except for their scratch use as `y` of a subtraction. NaN operands must
 * have been dealt with (nan.ts); zeros and infinities are handled here.
 */

import { IE, RC, ZE } from '../fp-env.ts';
import {
  CLS,
  copyNum,
  DENORMAL,
  EXP,
  EXT,
  FINITE,
  HI,
  INF,
  LO,
  type Num,
  newNum,
  normalize,
  SIGN,
  setDefaultNan,
  setSpecial,
  shiftRightSticky,
  ZERO,
} from './num.ts';
import { raiseFlags } from './round.ts';

const TWO32 = 4294967296;
const small: Num = newNum();

export function invalid(r: Num): void {
  raiseFlags(IE);
  setDefaultNan(r);
}

/** r = x + y, or x - y with `negate`. @param rc decides the sign of an exact zero */
export function addNum(x: Num, y: Num, r: Num, rc: number, negate: boolean): void {
  const ySign = negate ? y[SIGN]! ^ 1 : y[SIGN]!;
  const xSign = x[SIGN]!;
  if (x[CLS] !== FINITE || y[CLS] !== FINITE) {
    addSpecial(x, y, r, rc, ySign);
    return;
  }
  const xBigger = x[EXP]! >= y[EXP]!;
  const big = xBigger ? x : y;
  copyNum(xBigger ? y : x, small);
  const shift = big[EXP]! - small[EXP]!;
  const sign = xBigger ? xSign : ySign;
  small[EXT] = 0;
  shiftRightSticky(small, shift);
  const hi = big[HI]!;
  const lo = big[LO]!;
  r[CLS] = FINITE;
  r[SIGN] = sign;
  r[EXP] = big[EXP]!;
  r[DENORMAL] = 0;
  if (xSign === ySign) addMagnitudes(r, hi, lo);
  else subtractMagnitudes(r, hi, lo, rc);
}

function addSpecial(x: Num, y: Num, r: Num, rc: number, ySign: number): void {
  const xSign = x[SIGN]!;
  if (x[CLS] === INF) {
    if (y[CLS] === INF && xSign !== ySign) invalid(r);
    else setSpecial(r, INF, xSign);
  } else if (y[CLS] === INF) setSpecial(r, INF, ySign);
  else if (x[CLS] === ZERO && y[CLS] === ZERO) {
    setSpecial(r, ZERO, xSign === ySign ? xSign : rc === RC.down ? 1 : 0);
  } else if (x[CLS] === ZERO) {
    copyNum(y, r);
    r[SIGN] = ySign;
  } else copyNum(x, r);
}

function addMagnitudes(r: Num, hi: number, lo: number): void {
  const l = (lo >>> 0) + (small[LO]! >>> 0);
  const h = (hi >>> 0) + (small[HI]! >>> 0) + (l >= TWO32 ? 1 : 0);
  r[HI] = h;
  r[LO] = l;
  r[EXT] = small[EXT]!;
  if (h >= TWO32) {
    shiftRightSticky(r, 1);
    r[HI]! |= 0x80000000;
    r[EXP]!++;
  }
}

function subtractMagnitudes(r: Num, hi: number, lo: number, rc: number): void {
  const e = -(small[EXT]! >>> 0);
  let l = (lo >>> 0) - (small[LO]! >>> 0) - (e < 0 ? 1 : 0);
  let h = (hi >>> 0) - (small[HI]! >>> 0) - (l < 0 ? 1 : 0);
  if (h < 0) {
    // Only with equal exponents, so EXT is 0: negate the difference.
    r[SIGN]! ^= 1;
    h = -h - ((l | 0) !== 0 ? 1 : 0);
    l = -l;
  }
  r[HI] = h;
  r[LO] = l;
  r[EXT] = e;
  if ((r[HI]! | r[LO]! | r[EXT]!) === 0) setSpecial(r, ZERO, rc === RC.down ? 1 : 0);
  else normalize(r);
}

/** High word of the unsigned product of two words. */
export function mulHigh(x: number, y: number): number {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  const t = (Math.imul(xh, yl) >>> 0) + (Math.imul(xl, yl) >>> 16);
  const u = (Math.imul(xl, yh) >>> 0) + (t & 0xffff);
  return (Math.imul(xh, yh) + (t >>> 16) + (u >>> 16)) >>> 0;
}

/** r = x * y */
export function mulNum(x: Num, y: Num, r: Num): void {
  const sign = x[SIGN]! ^ y[SIGN]!;
  const xc = x[CLS]!;
  const yc = y[CLS]!;
  if (xc !== FINITE || yc !== FINITE) {
    if (xc === INF || yc === INF) {
      if (xc === ZERO || yc === ZERO) invalid(r);
      else setSpecial(r, INF, sign);
    } else setSpecial(r, ZERO, sign);
    return;
  }
  const a1 = x[HI]!;
  const a0 = x[LO]!;
  const b1 = y[HI]!;
  const b0 = y[LO]!;
  const w0 = Math.imul(a0, b0);
  const s1 = mulHigh(a0, b0) + (Math.imul(a1, b0) >>> 0) + (Math.imul(a0, b1) >>> 0);
  const s2 = mulHigh(a1, b0) + mulHigh(a0, b1) + (Math.imul(a1, b1) >>> 0) + Math.floor(s1 / TWO32);
  const w3 = (mulHigh(a1, b1) + Math.floor(s2 / TWO32)) | 0;
  const w2 = s2 | 0;
  const w1 = s1 | 0;
  r[CLS] = FINITE;
  r[SIGN] = sign;
  r[DENORMAL] = 0;
  if (w3 < 0) {
    r[EXP] = x[EXP]! + y[EXP]! + 1;
    r[HI] = w3;
    r[LO] = w2;
    r[EXT] = w1 | (w0 !== 0 ? 1 : 0);
  } else {
    r[EXP] = x[EXP]! + y[EXP]!;
    r[HI] = (w3 << 1) | (w2 >>> 31);
    r[LO] = (w2 << 1) | (w1 >>> 31);
    r[EXT] = (w1 << 1) | (w0 !== 0 ? 1 : 0) | (w0 >>> 31);
  }
}

function divSpecial(x: Num, y: Num, r: Num, sign: number): void {
  const xc = x[CLS]!;
  const yc = y[CLS]!;
  if (xc === yc) invalid(r);
  else if (xc === INF || yc === ZERO) {
    if (xc !== INF) raiseFlags(ZE);
    setSpecial(r, INF, sign);
  } else setSpecial(r, ZERO, sign);
}

/** r = x / y: 96 quotient bits, 16 at a time, each estimated in floating point and corrected. */
export function divNum(x: Num, y: Num, r: Num): void {
  const sign = x[SIGN]! ^ y[SIGN]!;
  if (x[CLS] !== FINITE || y[CLS] !== FINITE) {
    divSpecial(x, y, r, sign);
    return;
  }
  const dh = y[HI]! >>> 0;
  const dl = y[LO]! >>> 0;
  const divisor = dh * TWO32 + dl;
  let rh = x[HI]! >>> 0;
  let rl = x[LO]! >>> 0;
  const whole = rh > dh || (rh === dh && rl >= dl);
  if (whole) {
    rl -= dl;
    rh -= dh;
    if (rl < 0) {
      rl += TWO32;
      rh--;
    }
  }
  let word = 0;
  for (let i = 0; i < 6; i++) {
    let q = Math.floor(((rh * TWO32 + rl) * 65536) / divisor);
    if (q > 0xffff) q = 0xffff;
    // (rh:rl << 16) - q * (dh:dl), exact in doubles: every term is below 2^49.
    const low = (rl & 0xffff) * 65536 - q * dl;
    let l = low;
    let h = rh * 65536 + (rl >>> 16) - q * dh;
    const carry = Math.floor(l / TWO32);
    l -= carry * TWO32;
    h += carry;
    while (h < 0) {
      q--;
      l += dl;
      h += dh;
      if (l >= TWO32) {
        l -= TWO32;
        h++;
      }
    }
    while (h > dh || (h === dh && l >= dl)) {
      q++;
      l -= dl;
      h -= dh;
      if (l < 0) {
        l += TWO32;
        h--;
      }
    }
    rh = h;
    rl = l;
    word = (word << 16) | q;
    if (i & 1) r[HI + (i >> 1)] = word;
  }
  r[CLS] = FINITE;
  r[SIGN] = sign;
  r[DENORMAL] = 0;
  r[EXP] = x[EXP]! - y[EXP]!;
  if (rh !== 0 || rl !== 0) r[EXT]! |= 1;
  if (whole) {
    shiftRightSticky(r, 1);
    r[HI]! |= 0x80000000;
  } else r[EXP]!--;
}

/** r = sqrt(x): 64 bits by the digit method, then the remainder decides the rounding bits. */
export function sqrtNum(x: Num, r: Num): void {
  if (x[CLS] === ZERO) {
    setSpecial(r, ZERO, x[SIGN]!);
    return;
  }
  if (x[SIGN] !== 0) {
    invalid(r);
    return;
  }
  if (x[CLS] === INF) {
    setSpecial(r, INF, 0);
    return;
  }
  // The radicand: 128 bits, the significand times 2^63 or (odd exponents) 2^64.
  const odd = x[EXP]! & 1;
  const hi = x[HI]!;
  const lo = x[LO]!;
  const n3 = odd ? hi : hi >>> 1;
  const n2 = odd ? lo : (hi << 31) | (lo >>> 1);
  const n1 = odd ? 0 : lo << 31;
  let rh = 0;
  let rl = 0;
  let qh = 0;
  let ql = 0;
  for (let i = 0; i < 64; i++) {
    const w = i < 16 ? n3 : i < 32 ? n2 : i < 48 ? n1 : 0;
    const two = (w >>> (30 - 2 * (i & 15))) & 3;
    rh = rh * 4 + (rl >>> 30);
    rl = ((rl << 2) | two) >>> 0;
    const th = qh * 4 + (ql >>> 30);
    const tl = ((ql << 2) | 1) >>> 0;
    const fits = rh > th || (rh === th && rl >= tl);
    if (fits) {
      rl -= tl;
      rh -= th;
      if (rl < 0) {
        rl += TWO32;
        rh--;
      }
    }
    qh = qh * 2 + (ql >>> 31);
    ql = ((ql << 1) | (fits ? 1 : 0)) >>> 0;
  }
  r[CLS] = FINITE;
  r[SIGN] = 0;
  r[DENORMAL] = 0;
  r[EXP] = (x[EXP]! - odd) / 2;
  r[HI] = qh;
  r[LO] = ql;
  // The root is above the middle between two neighbours exactly if the remainder exceeds it.
  const above = rh > qh || (rh === qh && rl > ql);
  r[EXT] = rh === 0 && rl === 0 ? 0 : above ? 0xc0000000 : 0x40000000;
}

/** Sign of |x| - |y| for finite non-zero numbers. */
function compareMagnitudes(x: Num, y: Num): number {
  if (x[EXP] !== y[EXP]) return x[EXP]! < y[EXP]! ? -1 : 1;
  if (x[HI] !== y[HI]) return x[HI]! >>> 0 < y[HI]! >>> 0 ? -1 : 1;
  if (x[LO] !== y[LO]) return x[LO]! >>> 0 < y[LO]! >>> 0 ? -1 : 1;
  return 0;
}

/** Sign of x - y; neither is a NaN. */
export function compareNum(x: Num, y: Num): number {
  if (x[CLS] === ZERO && y[CLS] === ZERO) return 0;
  if (x[CLS] === ZERO) return y[SIGN] !== 0 ? 1 : -1;
  if (y[CLS] === ZERO || x[SIGN] !== y[SIGN]) return x[SIGN] !== 0 ? -1 : 1;
  let m: number;
  if (x[CLS] === INF || y[CLS] === INF) m = x[CLS] === y[CLS] ? 0 : x[CLS] === INF ? 1 : -1;
  else m = compareMagnitudes(x, y);
  return x[SIGN] !== 0 ? -m : m;
}
