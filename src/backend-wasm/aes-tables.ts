/**
 * SubBytes by table look-ups of four bits, which `swizzle` does to sixteen bytes at once (M. Hamburg, "Accelerating AES
 * with Vector Permute Instructions", CHES 2009), and the tables it needs, made from the field's multiplication.
 *
 * A byte x of GF(2^8) is i*A + j*(A + 1), with i, j in the subfield GF(2^4) and A + A^16 = 1, n = A^17. With k = i + j its
 * inverse is (j*A + i*(A + 1)) / N, N = n*k^2 + i*j. Look-ups find, with a = 1/n:
 *
 *     p = 1 / (1 / (1/i + a/k) + j) = (k/a + i) / N        and q likewise with i and j exchanged
 *
 * so that i/N = p + n*(p + q) and j/N = q + n*(p + q): what follows is linear in p and q. 1/0 is INFINITE: not an index,
 * so that what is looked up by it, or by a sum with it, is 0.
 */

import { AFFINE_CONSTANT, affine, times } from '../ir/slot-aes.ts';

/** Of 16 bytes. */
export type Table = readonly number[];

export interface SubBytesTables {
  /** By the low and by the high four bits of a byte, combined by xor: i in the high four bits, k in the low ones. */
  readonly low: Table;
  readonly high: Table;
  /** By 1/p - and 1/q: the result but for `constant`, combined by xor. */
  readonly fromP: Table;
  readonly fromQ: Table;
  /** To be added to each byte. */
  readonly constant: number;
}

export interface AesTables {
  readonly sub: SubBytesTables;
  readonly invSub: SubBytesTables;
  /** 1/x, and a/x. */
  readonly reciprocal: Table;
  readonly quotient: Table;
}

const INFINITE = 0x80;

function power(x: number, n: number): number {
  let r = 1;
  for (let i = 0; i < n; i++) r = times(r, x);
  return r;
}

const inverse = (x: number): number => power(x, 254);
const BYTES: readonly number[] = Array.from({ length: 256 }, (_, x) => x);

/** All sums of elements of a basis, the sum of those whose bits are set at each position. */
function sums(basis: readonly number[]): number[] {
  const all = [0];
  for (const b of basis) all.push(...all.map((x) => x ^ b));
  return all;
}

/** The subfield: element by four bits, and four bits by element. */
function makeSubfield(): { element: number[]; bits: Map<number, number> } {
  const basis: number[] = [];
  for (const x of BYTES) {
    if (power(x, 16) === x && !sums(basis).includes(x)) basis.push(x);
  }
  const element = sums(basis);
  return { element, bits: new Map(element.map((x, i) => [x, i])) };
}

function makeTables(): AesTables {
  const { element, bits } = makeSubfield();
  const A = BYTES.find((x) => (x ^ power(x, 16)) === 1)!;
  const n = times(A, A ^ 1);
  const split = new Map<number, number>();
  for (const i of element) {
    for (const j of element) {
      split.set(times(i, A) ^ times(j, A ^ 1), (bits.get(i)! << 4) | bits.get(i ^ j)!);
    }
  }
  const inverted = (p: number, q: number): number => {
    const s = times(n, p ^ q);
    return times(q ^ s, A) ^ times(p ^ s, A ^ 1);
  };
  const byElement = (f: (x: number) => number, atZero: number): Table =>
    element.map((x) => (x === 0 ? atZero : f(inverse(x))));
  const unaffine = new Map(BYTES.map((x) => [affine(x), x]));
  const make = (
    before: (x: number) => number,
    beforeConstant: number,
    after: (x: number) => number,
    constant: number,
  ): SubBytesTables => {
    const into = (x: number): number => split.get(before(x))!;
    const nibbles = BYTES.slice(0, 16);
    return {
      low: nibbles.map((x) => into(x) ^ into(beforeConstant)),
      high: nibbles.map((x) => into(x << 4)),
      fromP: byElement((x) => after(inverted(x, 0)), 0),
      fromQ: byElement((x) => after(inverted(0, x)), 0),
      constant,
    };
  };
  const same = (x: number): number => x;
  return {
    sub: make(same, 0, affine, AFFINE_CONSTANT),
    invSub: make((x) => unaffine.get(x)!, AFFINE_CONSTANT, same, 0),
    reciprocal: byElement((x) => bits.get(x)!, INFINITE),
    quotient: byElement((x) => bits.get(times(inverse(n), x))!, INFINITE),
  };
}

let tables: AesTables | undefined;

/** Made when the first region has such an operation. */
export function aesTables(): AesTables {
  tables ??= makeTables();
  return tables;
}
