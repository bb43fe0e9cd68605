/**
 * Whether JavaScript's own result of an operation is exact, by error-free transformations (Knuth's
 * sum, Dekker's product): then no flag needs setting whatever the environment's sticky bits are.
 * Any double may be given; "no" is also the answer where it is not certain (NaNs, infinities, denormals,
 * very large and very small numbers).
 */

/** Within these no result, partial product or error term over- or underflows. */
export const MODERATE = { min: 2 ** -450, max: 2 ** 450 } as const;
/** 2^27 + 1: splits a double into two halves of 26 bits. */
export const SPLIT = 134217729;

export function moderate(v: number): boolean {
  const m = Math.abs(v);
  return m > MODERATE.min && m < MODERATE.max;
}

/** What r = x + y, as rounded, lacks. */
export function sumError(x: number, y: number, r: number): number {
  const t = r - x;
  return x - (r - t) + (y - t);
}

/** What p = x * y, as rounded, lacks; of moderate numbers. */
export function productError(x: number, y: number, p: number): number {
  const c = SPLIT * x;
  const xh = c - (c - x);
  const xl = x - xh;
  const e = SPLIT * y;
  const yh = e - (e - y);
  const yl = y - yh;
  return xh * yh - p + xh * yl + xl * yh + xl * yl;
}

/** r = x + y as rounded. */
export function exactSum(x: number, y: number, r: number): boolean {
  if (sumError(x, y, r) !== 0) return false;
  return (moderate(x) || x === 0) && (moderate(y) || y === 0);
}

/** Is p = x * y? p is close to it. */
export function exactProduct(x: number, y: number, p: number): boolean {
  if (!moderate(x)) return x === 0 && p === 0 && (moderate(y) || y === 0);
  if (!moderate(y)) return y === 0 && p === 0;
  // Two numbers of 24 bits.
  if (Math.fround(x) === x && Math.fround(y) === y) return x * y === p;
  return productError(x, y, p) === 0;
}
