/** Floating-point formats, scalar and packed: how to push, compare and set their values. */

import type { EmitContext } from './context.ts';
import { V, W, type WasmType } from './opcodes.ts';
import type { ScalarType } from './ordinary.ts';

/** A scalar or packed format: its local, and how to push, compare and set. */
export interface Format {
  readonly type: WasmType;
  readonly push: (e: EmitContext, ref: number, half?: number) => void;
  readonly set: (e: EmitContext, d: number, half?: number) => void;
  /** Constants of the smallest and the largest normal number, and zero. */
  readonly min: (e: EmitContext) => void;
  readonly max: (e: EmitContext) => void;
  readonly zero: (e: EmitContext) => void;
  readonly op: (e: EmitContext, name: FormatOp) => void;
  /** Combines two results of comparisons. */
  readonly and: (e: EmitContext) => void;
  readonly or: (e: EmitContext) => void;
  /** Makes an i32 of what comparisons give: whether it holds in all lanes. */
  readonly all: (e: EmitContext) => void;
}

/** A scalar format, whose numbers are tested by their exponent as well: cheaper than comparisons. */
export interface ScalarFormat extends Format {
  readonly type: ScalarType;
  /** Pushes the biased exponent of a local: 0 of zeros and denormals, `special` of infinities and NaNs. */
  readonly exponent: (e: EmitContext, local: number) => void;
  readonly special: number;
}

type FormatOp = 'abs' | 'ge' | 'gt' | 'le' | 'eq' | Arithmetic;
export type Arithmetic = 'add' | 'sub' | 'mul' | 'div';

const scalarOps = (ops: Record<FormatOp, number>) => (e: EmitContext, name: FormatOp) =>
  e.f.op(ops[name]);
const simdOps = (ops: Record<FormatOp, number>) => (e: EmitContext, name: FormatOp) =>
  e.f.simd(ops[name]);

const SCALAR = {
  and: (e: EmitContext) => e.f.op(W.i32And),
  or: (e: EmitContext) => e.f.op(W.i32Or),
  all: () => {},
};

export const F64: ScalarFormat = {
  ...SCALAR,
  type: 'f64',
  push: (e, ref) => e.pushF64(ref),
  set: (e, d) => e.setF64(d),
  min: (e) => e.f.f64(0, 0x00100000),
  max: (e) => e.f.f64(-1, 0x7fefffff),
  zero: (e) => e.f.f64(0, 0),
  exponent: (e, local) => {
    e.f.get(local);
    e.f.op(W.i64ReinterpretF64);
    e.f.i64(52, 0);
    e.f.op(W.i64ShrU, W.i32WrapI64);
    e.f.i32(0x7ff);
    e.f.op(W.i32And);
  },
  special: 0x7ff,
  op: scalarOps({
    abs: W.f64Abs,
    ge: W.f64Ge,
    gt: W.f64Gt,
    le: W.f64Le,
    eq: W.f64Eq,
    add: W.f64Add,
    sub: W.f64Sub,
    mul: W.f64Mul,
    div: W.f64Div,
  }),
};

export const F32: ScalarFormat = {
  ...SCALAR,
  type: 'f32',
  push: (e, ref) => e.pushF32(ref),
  set: (e, d) => e.setF32(d),
  min: (e) => e.f.f32(0x00800000),
  max: (e) => e.f.f32(0x7f7fffff),
  zero: (e) => e.f.f32(0),
  exponent: (e, local) => {
    e.f.get(local);
    e.f.op(W.i32ReinterpretF32);
    e.f.i32(23);
    e.f.op(W.i32ShrU);
    e.f.i32(0xff);
    e.f.op(W.i32And);
  },
  special: 0xff,
  op: scalarOps({
    abs: W.f32Abs,
    ge: W.f32Ge,
    gt: W.f32Gt,
    le: W.f32Le,
    eq: W.f32Eq,
    add: W.f32Add,
    sub: W.f32Sub,
    mul: W.f32Mul,
    div: W.f32Div,
  }),
};

const PACKED = {
  type: 'v128' as const,
  push: (e: EmitContext, ref: number, half = 0) => e.pushV128(ref, half),
  set: (e: EmitContext, d: number, half = 0) => e.setV128(d, half),
  zero: (e: EmitContext) => e.f.v128([0, 0, 0, 0]),
  and: (e: EmitContext) => e.f.simd(V.and),
  or: (e: EmitContext) => e.f.simd(V.or),
};

export const F64X2: Format = {
  ...PACKED,
  min: (e) => e.f.v128([0, 0x00100000, 0, 0x00100000]),
  max: (e) => e.f.v128([-1, 0x7fefffff, -1, 0x7fefffff]),
  all: (e) => e.f.simd(V.i64x2AllTrue),
  op: simdOps({
    abs: V.f64x2Abs,
    ge: V.f64x2Ge,
    gt: V.f64x2Gt,
    le: V.f64x2Le,
    eq: V.f64x2Eq,
    add: V.f64x2Add,
    sub: V.f64x2Sub,
    mul: V.f64x2Mul,
    div: V.f64x2Div,
  }),
};

export const F32X4: Format = {
  ...PACKED,
  min: (e) => e.f.v128([0x00800000, 0x00800000, 0x00800000, 0x00800000]),
  max: (e) => e.f.v128([0x7f7fffff, 0x7f7fffff, 0x7f7fffff, 0x7f7fffff]),
  all: (e) => e.f.simd(V.i32x4AllTrue),
  op: simdOps({
    abs: V.f32x4Abs,
    ge: V.f32x4Ge,
    gt: V.f32x4Gt,
    le: V.f32x4Le,
    eq: V.f32x4Eq,
    add: V.f32x4Add,
    sub: V.f32x4Sub,
    mul: V.f32x4Mul,
    div: V.f32x4Div,
  }),
};

/** Pushes |x| ≥ the smallest normal number: no zero, no denormal, no NaN. */
export function pushNormal(e: EmitContext, t: Format, x: number): void {
  e.f.get(x);
  t.op(e, 'abs');
  t.min(e);
  t.op(e, 'ge');
}

/** Pushes whether x is zero. */
export function pushZero(e: EmitContext, t: Format, x: number): void {
  e.f.get(x);
  t.zero(e);
  t.op(e, 'eq');
}

/** Pushes whether x is normal, infinite or zero. */
export function pushOrdinary(e: EmitContext, t: Format, x: number): void {
  pushNormal(e, t, x);
  pushZero(e, t, x);
  t.or(e);
}

/** Pushes whether r is finite and above the smallest normal number. */
export function pushResult(e: EmitContext, t: Format, r: number): void {
  e.f.get(r);
  t.op(e, 'abs');
  t.min(e);
  t.op(e, 'gt');
  e.f.get(r);
  t.op(e, 'abs');
  t.max(e);
  t.op(e, 'le');
  t.and(e);
}
