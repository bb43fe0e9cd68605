/** The exact product and sum of a fused multiply-add, to be rounded once (round.ts). */

import { RC } from '../fp-env.ts';
import { addNum, invalid, mulNum } from './arith.ts';
import {
  CLS,
  DENORMAL,
  EXP,
  EXT,
  FINITE,
  HI,
  INF,
  LO,
  type Num,
  newNum,
  SIGN,
  setSpecial,
  ZERO,
} from './num.ts';

const product: Num = newNum();

function significand(x: Num): bigint {
  return (BigInt(x[HI]! >>> 0) << 32n) | BigInt(x[LO]! >>> 0);
}

/** Beyond this distance the smaller operand is nothing but a sticky bit. */
const FAR = 300;

/** r = x * y + z; none is a NaN. @param rc decides the sign of an exact zero */
export function fmaNum(x: Num, y: Num, z: Num, r: Num, rc: number): void {
  if (x[CLS] !== FINITE || y[CLS] !== FINITE || z[CLS] !== FINITE) {
    special(x, y, z, r, rc);
    return;
  }
  // Both as integers over 2^e: the product of two significands has 128 bits.
  let p = significand(x) * significand(y);
  let q = significand(z) << 64n;
  const pe = x[EXP]! + y[EXP]! - 126;
  const qe = z[EXP]! - 127;
  const distance = pe - qe;
  let e: number;
  if (distance > 0) {
    if (distance > FAR) q = 1n;
    p <<= BigInt(Math.min(distance, FAR));
    e = distance > FAR ? pe - FAR : qe;
  } else {
    if (-distance > FAR) p = 1n;
    q <<= BigInt(Math.min(-distance, FAR));
    e = -distance > FAR ? qe - FAR : pe;
  }
  const sum = ((x[SIGN]! ^ y[SIGN]!) !== 0 ? -p : p) + (z[SIGN] !== 0 ? -q : q);
  if (sum === 0n) setSpecial(r, ZERO, rc === RC.down ? 1 : 0);
  else pack(sum, e, r);
  r[DENORMAL] = 0;
}

/** r = sum * 2^e, cut to 96 bits with a sticky one. */
function pack(sum: bigint, e: number, r: Num): void {
  const sign = sum < 0n ? 1 : 0;
  const magnitude = sign !== 0 ? -sum : sum;
  const bits = magnitude.toString(2).length;
  const excess = bits - 96;
  let m = excess > 0 ? magnitude >> BigInt(excess) : magnitude << BigInt(-excess);
  if (excess > 0 && m << BigInt(excess) !== magnitude) m |= 1n;
  r[CLS] = FINITE;
  r[SIGN] = sign;
  r[EXP] = e + bits - 1;
  r[HI] = Number((m >> 64n) & 0xffffffffn);
  r[LO] = Number((m >> 32n) & 0xffffffffn);
  r[EXT] = Number(m & 0xffffffffn);
}

function special(x: Num, y: Num, z: Num, r: Num, rc: number): void {
  mulNum(x, y, product);
  if (product[CLS]! > INF) {
    // Zero times infinity.
    invalid(r);
    return;
  }
  // A finite product meets a zero or an infinity here, to which it need not be exact, or is a zero itself.
  if (product[CLS] === FINITE && z[CLS] === ZERO) r.set(product);
  else addNum(product, z, r, rc, false);
}
