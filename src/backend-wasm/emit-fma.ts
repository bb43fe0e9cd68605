/**
 * Fused multiply-add of doubles in line, as ir/softfloat/fused.ts says how and when, two lanes at once; else a call.
 */

import type { FP_OPS } from '../ir/ops-fp.ts';
import { FMA_EVEN, FMA_NEGATE_PRODUCT, FMA_NEGATE_SUM, FMA_ODD } from '../ir/ops-fp.ts';
import { MODERATE, SPLIT } from '../ir/softfloat/exact.ts';
import { SUM } from '../ir/softfloat/fused.ts';
import type { EmitContext } from './context.ts';
import { type EmitFloat, orElse } from './emit-float.ts';
import { V, W } from './opcodes.ts';

type FpName = (typeof FP_OPS)[number]['name'];

const SIGN = 0x80000000 | 0;
const SIGN_SHIFT = 63;

interface Range {
  readonly min: number;
  readonly max: number;
}

/** Expressions of vectors of two doubles, each of which pushes its value. */
class Lanes {
  private readonly e: EmitContext;
  private readonly taken: number[] = [];

  constructor(e: EmitContext) {
    this.e = e;
  }

  let(push: () => void): () => void {
    const { f } = this.e;
    const local = f.takeLocal('v128');
    this.taken.push(local);
    push();
    f.set(local);
    return () => f.get(local);
  }

  release(): void {
    for (const local of this.taken) this.e.f.giveLocal('v128', local);
  }

  op(code: number, ...args: readonly (() => void)[]): () => void {
    return () => {
      for (const push of args) push();
      this.e.f.simd(code);
    };
  }

  add = (a: () => void, b: () => void): (() => void) => this.op(V.f64x2Add, a, b);
  sub = (a: () => void, b: () => void): (() => void) => this.op(V.f64x2Sub, a, b);
  mul = (a: () => void, b: () => void): (() => void) => this.op(V.f64x2Mul, a, b);
  and = (a: () => void, b: () => void): (() => void) => this.op(V.and, a, b);

  /** Both lanes. */
  bits(lo: number, hi: number): () => void {
    return () => this.e.f.v128([lo, hi, lo, hi]);
  }

  /** A number in both lanes. */
  number(v: number): () => void {
    const [lo, hi] = new Int32Array(Float64Array.of(v).buffer);
    return this.bits(lo!, hi!);
  }

  /** Lanes whose magnitude is between two limits. */
  within(v: () => void, { min, max }: Range): () => void {
    const magnitude = this.op(V.f64x2Abs, v);
    return this.and(
      this.op(V.f64x2Gt, magnitude, this.number(min)),
      this.op(V.f64x2Lt, magnitude, this.number(max)),
    );
  }
}

/** A double in two halves, each with few enough bits that products of them are exact. */
function split(l: Lanes, v: () => void): [high: () => void, low: () => void] {
  const c = l.let(l.mul(l.number(SPLIT), v));
  const high = l.let(l.sub(c, l.sub(c, v)));
  return [high, l.let(l.sub(v, high))];
}

/** a + b as rounded, and what is missing. */
function twoSum(l: Lanes, a: () => void, b: () => void): [sum: () => void, error: () => void] {
  const sum = l.let(l.add(a, b));
  const t = l.let(l.sub(sum, a));
  return [sum, l.let(l.add(l.sub(a, l.sub(sum, t)), l.sub(b, t)))];
}

/** The neighbours of v with odd significands towards v + error, where that is not v. */
function toOdd(l: Lanes, e: EmitContext, v: () => void, error: () => void): () => void {
  const shift = (): void => {
    l.op(V.xor, v, error)();
    e.f.i32(SIGN_SHIFT);
    e.f.simd(V.i64x2ShrS);
  };
  // One up if the signs are the same, else one down.
  const step = l.op(V.or, shift, l.bits(1, 0));
  const even = l.op(V.i64x2Eq, l.and(v, l.bits(1, 0)), l.bits(0, 0));
  const exact = l.op(V.f64x2Eq, error, l.bits(0, 0));
  return l.op(V.i64x2Add, v, l.op(V.andnot, l.and(step, even), exact));
}

interface Fused {
  readonly r: () => void;
  /** Lanes in which it is right. */
  readonly good: () => void;
}

function fused(e: EmitContext, l: Lanes, x: () => void, y: () => void, z: () => void): Fused {
  const p = l.let(l.mul(x, y));
  const [xh, xl] = split(l, x);
  const [yh, yl] = split(l, y);
  const upper = l.add(l.add(l.sub(l.mul(xh, yh), p), l.mul(xh, yl)), l.mul(xl, yh));
  const error = l.let(l.add(upper, l.mul(xl, yl)));
  const [uh, ul] = twoSum(l, z, error);
  const [th, tl] = twoSum(l, p, uh);
  const [v, rest] = twoSum(l, tl, ul);
  const r = l.let(l.add(th, toOdd(l, e, v, rest)));
  // A product of zero is exact, and the sum then the summand, which is no zero if the result is none.
  const orZero = (v: () => void, range: Range): (() => void) =>
    l.op(V.or, l.within(v, range), l.op(V.f64x2Eq, v, l.bits(0, 0)));
  const operands = l.and(orZero(x, MODERATE), orZero(y, MODERATE));
  const results = l.and(orZero(z, SUM), l.within(r, SUM));
  return { r, good: l.and(operands, results) };
}

type Push = (e: EmitContext, ref: number, half: number) => void;

const fma =
  (halves: number, pushLanes: Push, setLanes: Push): EmitFloat =>
  (e, { d, a, b, c, imm }, slow) => {
    const { f } = e;
    const l = new Lanes(e);
    const sum = imm & FMA_NEGATE_SUM;
    const signs = [sum | (imm & FMA_EVEN) ? SIGN : 0, sum | (imm & FMA_ODD) ? SIGN : 0] as const;
    const parts = Array.from({ length: halves }, (_, half) => {
      const value = (ref: number): (() => void) => l.let(() => pushLanes(e, ref, half));
      const [x, y, z] = [value(a), value(b), value(c)];
      const negated = l.bits(0, imm & FMA_NEGATE_PRODUCT ? SIGN : 0);
      const product = imm & FMA_NEGATE_PRODUCT ? l.let(l.op(V.xor, x, negated)) : x;
      const flip = (): void => f.v128([0, signs[0], 0, signs[1]]);
      const summand = signs[0] | signs[1] ? l.let(l.op(V.xor, z, flip)) : z;
      return fused(e, l, product, y, summand);
    });
    parts.forEach(({ good }, i) => {
      good();
      if (i > 0) f.simd(V.and);
    });
    f.simd(V.i64x2AllTrue);
    f.get(e.slow);
    f.op(W.i32Eqz, W.i32And);
    orElse(e, slow, () => {
      parts.forEach(({ r }, half) => {
        r();
        setLanes(e, d, half);
      });
    });
    l.release();
  };

const pushVector: Push = (e, ref, half) => e.pushV128(ref, half);
const setVector: Push = (e, d, half) => e.setV128(d, half);

/** The same number in both lanes. */
const pushScalar: Push = (e, ref) => {
  e.pushF64(ref);
  e.f.simd(V.f64x2Splat);
};
const setScalar: Push = (e, d) => {
  e.f.lane(V.f64x2Extract, 0);
  e.setF64(d);
};

export const FMA_EMIT: Readonly<Partial<Record<FpName, EmitFloat>>> = {
  'ffma.f64': fma(1, pushScalar, setScalar),
  'vffma.f64x2': fma(1, pushVector, setVector),
  'vffma.f64x4': fma(2, pushVector, setVector),
};
