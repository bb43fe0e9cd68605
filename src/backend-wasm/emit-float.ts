/**
 * Floating-point operations in line, where the machine's own arithmetic provably gives the same bits and flags; else
 * a call. What must hold is written in ir/slot-fp.ts: the environment is the default one and PE is set already (the local
 * `slow` is 0), operands are no NaNs and no denormals, results are finite and above the smallest normal number, or zeros
 * that are exact.
 *
 * Normal numbers are tested for first; behind that test, zeros are.
 */

import type { FP_OPS } from '../ir/ops-fp.ts';
import type { EmitContext } from './context.ts';
import {
  checkedSlow,
  isScalar,
  pushUsual,
  type SlowPath,
  type Triple,
  untested,
} from './emit-scalar.ts';
import type { EmitSlot, SlotOperands } from './emit-vector.ts';
import {
  type Arithmetic,
  F32,
  F32X4,
  F64,
  F64X2,
  type Format,
  pushNormal,
  pushOrdinary,
  pushResult,
  pushZero,
} from './float-formats.ts';
import { MISC, V, W } from './opcodes.ts';

type FpName = (typeof FP_OPS)[number]['name'];

export type EmitFloat = (e: EmitContext, x: SlotOperands, slow: SlowPath) => void;

/** Pushes whether a zero result is exact. */
const EXACT_ZERO: Record<Arithmetic, (e: EmitContext, t: Format, x: number, y: number) => void> = {
  add: (e, t, x) => pushSame(e, t, x),
  sub: (e, t, x) => pushSame(e, t, x),
  mul: (e, t, x, y) => {
    pushZero(e, t, x);
    pushZero(e, t, y);
    t.or(e);
  },
  div: (e, t, x) => pushZero(e, t, x),
};

/** Pushes what holds of every operand that is ordinary. */
function pushSame(e: EmitContext, t: Format, x: number): void {
  e.f.get(x);
  e.f.get(x);
  t.op(e, 'eq');
}

/** Pushes an i32: whether the environment is right and `condition` holds of all. */
function pushAll(
  e: EmitContext,
  t: Format,
  triples: readonly Triple[],
  condition: (v: Triple) => void,
): void {
  triples.forEach((v, i) => {
    condition(v);
    if (i > 0) t.and(e);
  });
  t.all(e);
  e.f.get(e.slow);
  e.f.op(W.i32Eqz, W.i32And);
}

/** Takes operands to locals and computes. */
function compute(
  e: EmitContext,
  op: Arithmetic,
  t: Format,
  { a, b }: SlotOperands,
  half: number,
): Triple {
  const { f } = e;
  const [x, y, r] = [0, 1, 2].map(() => f.takeLocal(t.type)) as [number, number, number];
  t.push(e, a, half);
  f.set(x);
  t.push(e, b, half);
  f.set(y);
  f.get(x);
  f.get(y);
  t.op(e, op);
  f.set(r);
  return { x, y, r };
}

/** @param halves 2 for 256 bits */
const arithmetic =
  (op: Arithmetic, t: Format, halves = 1): EmitFloat =>
  (e, operands, slow) => {
    const { f } = e;
    const { d, a, b } = operands;
    const scalar = isScalar(t) ? untested(e, t, operands) : null;
    const triples = Array.from({ length: halves }, (_, half) => compute(e, op, t, operands, half));
    const setAll = (): void => {
      triples.forEach(({ r }, half) => {
        f.get(r);
        t.set(e, d, half);
      });
    };
    if (scalar !== null) pushUsual(e, scalar, triples[0]!);
    else {
      pushAll(e, t, triples, ({ x, y, r }) => {
        pushNormal(e, t, x);
        if (a !== b) {
          pushNormal(e, t, y);
          t.and(e);
        }
        pushResult(e, t, r);
        t.and(e);
      });
    }
    f.openIf(true);
    setAll();
    f.otherwise();
    pushAll(e, t, triples, ({ x, y, r }) => {
      pushOrdinary(e, t, x);
      pushOrdinary(e, t, y);
      t.and(e);
      pushResult(e, t, r);
      pushZero(e, t, r);
      EXACT_ZERO[op](e, t, x, y);
      t.and(e);
      t.or(e);
      t.and(e);
    });
    orElse(e, scalar === null ? slow : () => checkedSlow(e, scalar, triples[0]!, d, slow), setAll);
    f.close();
    for (const { x, y, r } of triples) {
      for (const local of [x, y, r]) f.giveLocal(t.type, local);
    }
  };

/** If the i32 on the stack is not 0, `fast`, else `slow`. */
export function orElse(e: EmitContext, slow: SlowPath, fast: () => void): void {
  e.f.openIf(true);
  fast();
  e.f.otherwise();
  slow();
  e.f.close();
}

const squareRoot =
  (t: Format, op: number): EmitFloat =>
  (e, { d, a }, slow) => {
    const { f } = e;
    const x = f.takeLocal(t.type);
    t.push(e, a);
    f.tee(x);
    t.min(e);
    t.op(e, 'ge');
    f.get(x);
    t.max(e);
    t.op(e, 'le');
    f.op(W.i32And);
    f.get(e.slow);
    f.op(W.i32Eqz, W.i32And);
    pushZero(e, t, x);
    f.op(W.i32Or);
    orElse(e, slow, () => {
      f.get(x);
      f.op(op);
      t.set(e, d);
    });
    f.giveLocal(t.type, x);
  };

/** Takes both operands to locals and pushes whether they are ordinary; then `fast` or the call. */
function compared(
  e: EmitContext,
  t: Format,
  { a, b }: SlotOperands,
  slow: SlowPath,
  fast: (x: number, y: number) => void,
): void {
  const { f } = e;
  const x = f.takeLocal(t.type);
  const y = f.takeLocal(t.type);
  t.push(e, a);
  f.set(x);
  t.push(e, b);
  f.set(y);
  pushOrdinary(e, t, x);
  pushOrdinary(e, t, y);
  t.and(e);
  orElse(e, slow, () => fast(x, y));
  f.giveLocal(t.type, x);
  f.giveLocal(t.type, y);
}

/** ZF (unordered sets more) and CF. */
const compareFlags =
  (t: Format): EmitFloat =>
  (e, operands, slow) =>
    compared(e, t, operands, slow, (x, y) => {
      const { f } = e;
      f.get(y);
      f.get(x);
      t.op(e, 'gt');
      pushEqual(e, t, x, y);
      f.i32(6);
      f.op(W.i32Shl, W.i32Or);
      e.setI32(operands.d);
    });

function pushEqual(e: EmitContext, t: Format, x: number, y: number): void {
  e.f.get(x);
  e.f.get(y);
  t.op(e, 'eq');
}

/** y unless x is strictly beyond it. */
const extreme =
  (t: Format, max: boolean): EmitFloat =>
  (e, operands, slow) =>
    compared(e, t, operands, slow, (x, y) => {
      const { f } = e;
      f.get(x);
      f.get(y);
      f.get(max ? x : y);
      f.get(max ? y : x);
      t.op(e, 'gt');
      f.op(W.select);
      t.set(e, operands.d);
    });

/** To 32 or 64 bits, truncating, for what fits; an inexact result needs the environment. */
const toInteger =
  (t: Format, wide: boolean): EmitFloat =>
  (e, { d, a, imm }, slow) => {
    if (imm !== 1) {
      slow();
      return;
    }
    const { f } = e;
    const x = f.takeLocal('f64');
    t.push(e, a);
    if (t.type === 'f32') f.op(W.f64PromoteF32);
    f.tee(x);
    // Above the least one (2^31 or 2^63, negative): with 32 bits, whatever is greater than it less one.
    if (wide) f.f64(0, 0xc3e00000 | 0);
    else f.f64(0x00200000, 0xc1e00000 | 0);
    f.op(wide ? W.f64Ge : W.f64Gt);
    f.get(x);
    f.f64(0, wide ? 0x43e00000 : 0x41e00000);
    f.op(W.f64Lt, W.i32And);
    f.get(e.slow);
    f.op(W.i32Eqz);
    f.get(x);
    f.get(x);
    f.op(W.f64Trunc, W.f64Eq, W.i32Or, W.i32And);
    orElse(e, slow, () => {
      f.get(x);
      f.op(W.misc, wide ? MISC.i64TruncSatF64s : MISC.i32TruncSatF64s);
      if (wide) e.setI64(d);
      else e.setI32(d);
    });
    f.giveLocal('f64', x);
  };

/** Pushes whether an integer on the stack, shifted right by `shift`, is its sign: it has few bits. */
function fromInteger(wide: boolean, single: boolean): EmitFloat {
  return (e, { d, a }, slow) => {
    const { f } = e;
    const type = wide ? 'i64' : 'i32';
    const n = f.takeLocal(type);
    if (wide) e.pushI64(a);
    else e.pushI32(a);
    f.set(n);
    for (const shift of wide ? [52, 63] : [23, 31]) {
      f.get(n);
      if (wide) {
        f.i64(shift, 0);
        f.op(W.i64ShrS);
      } else {
        f.i32(shift);
        f.op(W.i32ShrS);
      }
    }
    f.op(wide ? W.i64Eq : W.i32Eq);
    f.get(e.slow);
    f.op(W.i32Eqz, W.i32Or);
    orElse(e, slow, () => {
      f.get(n);
      f.op(wide ? W.f64ConvertI64s : single ? W.f32ConvertI32s : W.f64ConvertI32s);
      if (single) e.setF32(d);
      else e.setF64(d);
    });
    f.giveLocal(type, n);
  };
}

/** Exact for what is normal or zero. */
const promote: EmitFloat = (e, { d, a }, slow) => {
  const { f } = e;
  const x = f.takeLocal('f32');
  e.pushF32(a);
  f.set(x);
  pushNormal(e, F32, x);
  pushZero(e, F32, x);
  f.op(W.i32Or);
  f.get(x);
  f.op(W.f32Abs);
  F32.max(e);
  f.op(W.f32Le, W.i32And);
  orElse(e, slow, () => {
    f.get(x);
    f.op(W.f64PromoteF32);
    e.setF64(d);
  });
  f.giveLocal('f32', x);
};

const demote: EmitFloat = (e, { d, a }, slow) => {
  const { f } = e;
  const x = f.takeLocal('f64');
  const r = f.takeLocal('f32');
  e.pushF64(a);
  f.tee(x);
  f.op(W.f32DemoteF64);
  f.set(r);
  pushResult(e, F32, r);
  pushZero(e, F64, x);
  f.op(W.i32Or);
  f.get(e.slow);
  f.op(W.i32Eqz);
  f.get(r);
  f.op(W.f64PromoteF32);
  f.get(x);
  f.op(W.f64Eq, W.i32Or, W.i32And);
  orElse(e, slow, () => {
    f.get(r);
    e.setF32(d);
  });
  f.giveLocal('f64', x);
  f.giveLocal('f32', r);
};

/** Without exceptions or conditions. */
const always =
  (emit: EmitSlot): EmitFloat =>
  (e, x) =>
    emit(e, x);

const packedFromInteger: EmitFloat = (e, { d, a }, slow) => {
  const { f } = e;
  f.get(e.slow);
  f.op(W.i32Eqz);
  orElse(e, slow, () => {
    e.pushV128(a);
    f.simd(V.f32x4ConvertI32x4s);
    e.setV128(d);
  });
};

export const FLOAT_EMIT: Readonly<Partial<Record<FpName, EmitFloat>>> = {
  'fadd.f64': arithmetic('add', F64),
  'fsub.f64': arithmetic('sub', F64),
  'fmul.f64': arithmetic('mul', F64),
  'fdiv.f64': arithmetic('div', F64),
  'fadd.f32': arithmetic('add', F32),
  'fsub.f32': arithmetic('sub', F32),
  'fmul.f32': arithmetic('mul', F32),
  'fdiv.f32': arithmetic('div', F32),
  'vfadd.f64x2': arithmetic('add', F64X2),
  'vfsub.f64x2': arithmetic('sub', F64X2),
  'vfmul.f64x2': arithmetic('mul', F64X2),
  'vfdiv.f64x2': arithmetic('div', F64X2),
  'vfadd.f32x4': arithmetic('add', F32X4),
  'vfsub.f32x4': arithmetic('sub', F32X4),
  'vfmul.f32x4': arithmetic('mul', F32X4),
  'vfdiv.f32x4': arithmetic('div', F32X4),
  'vfadd.f64x4': arithmetic('add', F64X2, 2),
  'vfsub.f64x4': arithmetic('sub', F64X2, 2),
  'vfmul.f64x4': arithmetic('mul', F64X2, 2),
  'vfdiv.f64x4': arithmetic('div', F64X2, 2),
  'vfadd.f32x8': arithmetic('add', F32X4, 2),
  'vfsub.f32x8': arithmetic('sub', F32X4, 2),
  'vfmul.f32x8': arithmetic('mul', F32X4, 2),
  'vfdiv.f32x8': arithmetic('div', F32X4, 2),
  'fsqrt.f64': squareRoot(F64, W.f64Sqrt),
  'fsqrt.f32': squareRoot(F32, W.f32Sqrt),
  'fcom.f64': compareFlags(F64),
  'fcom.f32': compareFlags(F32),
  'fmin.f64': extreme(F64, false),
  'fmax.f64': extreme(F64, true),
  'fmin.f32': extreme(F32, false),
  'fmax.f32': extreme(F32, true),
  'cvt.i32.f64': toInteger(F64, false),
  'cvt.i32.f32': toInteger(F32, false),
  'cvt.i64.f64': toInteger(F64, true),
  'cvt.i64.f32': toInteger(F32, true),
  'cvt.f64.i32': always((e, { d, a }) => {
    e.pushI32(a);
    e.f.op(W.f64ConvertI32s);
    e.setF64(d);
  }),
  'cvt.f64.i64': fromInteger(true, false),
  'cvt.f32.i32': fromInteger(false, true),
  'cvt.f64.f32': promote,
  'cvt.f32.f64': demote,
  'vcvt.f64x2.i32x2': always((e, { d, a }) => {
    e.pushV128(a);
    e.f.simd(V.f64x2ConvertLowI32x4s);
    e.setV128(d);
  }),
  'vcvt.f32x4.i32x4': packedFromInteger,
};
