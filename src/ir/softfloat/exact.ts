/**
 * Whether JavaScript's own result of an operation is exact, by error-free transformations (Knuth's
 * sum, Dekker's product): then no flag needs setting whatever the environment's sticky bits are.
 * Arguments are finite and not denormal.
 */

/** r = x + y as rounded. */
export function exactSum(x: number, y: number, r: number): boolean {
  const t = r - x;
  return x - (r - t) + (y - t) === 0;
}

/** 2^27 + 1: splits a double into two halves of 26 bits. */
const SPLIT = 134217729;
/** Within these no partial product or error term over- or underflows. */
const MIN = 2 ** -450;
const MAX = 2 ** 450;

function moderate(v: number): boolean {
  const m = Math.abs(v);
  return m > MIN && m < MAX;
}

/** p = x * y as rounded. May say false of an exact product outside a moderate range. */
export function exactProduct(x: number, y: number, p: number): boolean {
  if (x === 0 || y === 0) return true;
  if (!moderate(x) || !moderate(y)) return false;
  const c = SPLIT * x;
  const xh = c - (c - x);
  const xl = x - xh;
  const e = SPLIT * y;
  const yh = e - (e - y);
  const yl = y - yh;
  return xh * yh - p + xh * yl + xl * yh + xl * yl === 0;
}
