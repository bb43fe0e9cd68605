/** Division of 128 by 64 bits in 32-bit pairs, without BigInt (SDM: DIV, IDIV). */

/** Results of the last divide: reused, read at once. */
export interface Quotient {
  qLo: number;
  qHi: number;
  rLo: number;
  rHi: number;
}

export const quotient: Quotient = { qLo: 0, qHi: 0, rLo: 0, rHi: 0 };

const TWO32 = 0x100000000;

/** Division of (hi:lo) by d < 2^32 in three exact steps of at most 48 bits. */
function byWord(lo: number, hi: number, d: number): void {
  const q2 = Math.floor(hi / d);
  const r2 = hi - q2 * d;
  const n1 = r2 * 65536 + (lo >>> 16);
  const q1 = Math.floor(n1 / d);
  const n0 = (n1 - q1 * d) * 65536 + (lo & 0xffff);
  const q0 = Math.floor(n0 / d);
  quotient.qLo = (q1 * 65536 + q0) | 0;
  quotient.qHi = q2 | 0;
  quotient.rLo = (n0 - q0 * d) | 0;
  quotient.rHi = 0;
}

/** hi:lo by a divisor of at least 2^32: the quotient fits 32 bits, and an estimate in doubles is off by one at most. */
function byLong(lo: number, hi: number, dLo: number, dHi: number): void {
  let q = Math.floor((hi * TWO32 + lo) / (dHi * TWO32 + dLo));
  if (q >= TWO32) q = TWO32 - 1;
  for (;;) {
    // q * d in pairs: q * dLo may exceed 2^53, so by halves of q.
    const qh = Math.floor(q / 65536);
    const ql = q & 0xffff;
    const low = ql * dLo;
    const mid = qh * dLo;
    const sumLow = (low % TWO32) + (mid % 65536) * 65536;
    const pLo = sumLow % TWO32;
    const pHi =
      q * dHi + Math.floor(low / TWO32) + Math.floor(mid / 65536) + Math.floor(sumLow / TWO32);
    let rHi = hi - pHi;
    let rLo = lo - pLo;
    if (rLo < 0) {
      rLo += TWO32;
      rHi -= 1;
    }
    if (rHi < 0) q -= 1;
    else if (rHi > dHi || (rHi === dHi && rLo >= dLo)) q += 1;
    else {
      quotient.qLo = q | 0;
      quotient.qHi = 0;
      quotient.rLo = rLo | 0;
      quotient.rHi = rHi | 0;
      return;
    }
  }
}

/** Shift and subtract: for dividends above 64 bits, which are rare. */
function bySteps(n: readonly [number, number, number, number], dLo: number, dHi: number): void {
  let [n0, n1, r0, r1] = n;
  for (let i = 0; i < 64; i++) {
    const out = r1 >>> 31;
    r1 = (r1 << 1) | (r0 >>> 31);
    r0 = (r0 << 1) | (n1 >>> 31);
    n1 = (n1 << 1) | (n0 >>> 31);
    n0 <<= 1;
    const ge = r1 >>> 0 > dHi || (r1 >>> 0 === dHi && r0 >>> 0 >= dLo);
    if (out || ge) {
      const borrow = r0 >>> 0 < dLo ? 1 : 0;
      r0 = (r0 - dLo) | 0;
      r1 = (r1 - dHi - borrow) | 0;
      n0 |= 1;
    }
  }
  quotient.qLo = n0 | 0;
  quotient.qHi = n1 | 0;
  quotient.rLo = r0;
  quotient.rHi = r1;
}

/**
 * Unsigned (n3:n2:n1:n0) / (dHi:dLo) into `quotient`. @returns false: the divisor is 0 or the quotient
 * does not fit 64 bits
 */
export function divide128(
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  dLoSigned: number,
  dHiSigned: number,
): boolean {
  const dLo = dLoSigned >>> 0;
  const dHi = dHiSigned >>> 0;
  const h2 = n2 >>> 0;
  const h3 = n3 >>> 0;
  // Fits exactly if the upper half is below the divisor (which also excludes 0).
  if (h3 > dHi || (h3 === dHi && h2 >= dLo)) return false;
  if ((h2 | h3) !== 0) bySteps([n0, n1, n2, n3], dLo, dHi);
  else if (dHi === 0) byWord(n0 >>> 0, n1 >>> 0, dLo);
  else byLong(n0 >>> 0, n1 >>> 0, dLo, dHi);
  return true;
}

/** Signed division. @returns false: #DE */
export function divideSigned128(
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  dLo: number,
  dHi: number,
): boolean {
  const negN = n3 < 0;
  const negD = dHi < 0;
  let [a0, a1, a2, a3] = [n0, n1, n2, n3];
  if (negN) {
    // Two's complement over four words: ~n + 1, the carry moving up while words are 0.
    a0 = -n0 | 0;
    let carry = n0 === 0;
    a1 = carry ? -n1 | 0 : ~n1;
    carry = carry && n1 === 0;
    a2 = carry ? -n2 | 0 : ~n2;
    carry = carry && n2 === 0;
    a3 = carry ? -n3 | 0 : ~n3;
  }
  const bLo = negD ? -dLo | 0 : dLo;
  const bHi = negD ? (dLo === 0 ? -dHi | 0 : ~dHi) : dHi;
  if (!divide128(a0, a1, a2, a3, bLo, bHi)) return false;
  const q = quotient;
  const negative = negN !== negD;
  const isMin = q.qHi === -0x80000000 && q.qLo === 0;
  if (q.qHi < 0 && !(negative && isMin)) return false;
  if (negative) {
    q.qHi = q.qLo === 0 ? -q.qHi | 0 : ~q.qHi;
    q.qLo = -q.qLo | 0;
  }
  if (negN) {
    q.rHi = q.rLo === 0 ? -q.rHi | 0 : ~q.rHi;
    q.rLo = -q.rLo | 0;
  }
  return true;
}
