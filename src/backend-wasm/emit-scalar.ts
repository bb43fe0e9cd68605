/**
 * Scalar arithmetic tests its result by the exponent, and of its operands only what is not known to be ordinary
 * (ordinary.ts).
 */

import type { Ref } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import type { SlotOperands } from './emit-vector.ts';
import { F32, F64, type Format, pushOrdinary, type ScalarFormat } from './float-formats.ts';
import { W } from './opcodes.ts';
import { hasScalarArithmetic, NOT_ORDINARY, type Scalar } from './ordinary.ts';

/** Emits the call of the operation's function. */
export type SlowPath = () => void;

const NOT_ORDINARY_SHIFT = Math.log2(NOT_ORDINARY);

/** Operands and result of arithmetic in locals: one, or one for each half of 256 bits. */
export interface Triple {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

export function isScalar(t: Format): t is ScalarFormat {
  return 'exponent' in t;
}

/** Scalar arithmetic, and which of its operands are to be tested. */
export interface Untested {
  readonly t: ScalarFormat;
  readonly x: boolean;
  readonly y: boolean;
}

export function untested(e: EmitContext, t: ScalarFormat, { a, b }: SlotOperands): Untested {
  const { ordinary } = e;
  const x = !ordinary.is(a, t.type);
  const y = a !== b && !ordinary.is(b, t.type);
  return { t, x, y };
}

/**
 * Pushes an i32: whether the environment is right, no operand that is tested is zero or denormal, and the result is finite
 * and at least twice the smallest normal number, by way of one comparison. NaNs and infinities give no such result, and
 * zeros that are taken for ordinary do no harm.
 */
export function pushUsual(e: EmitContext, { t, x, y }: Untested, locals: Triple): void {
  const { f } = e;
  t.exponent(e, locals.r);
  f.i32(2);
  f.op(W.i32Sub);
  if (x) t.exponent(e, locals.x);
  if (y) t.exponent(e, locals.y);
  if (x && y) f.op(W.i32Mul);
  if (x || y) {
    // -1 if one of them is zero.
    f.i32(1);
    f.op(W.i32Sub);
    f.i32(31);
    f.op(W.i32ShrS, W.i32Or);
  }
  f.get(e.slow);
  f.op(W.i32Or);
  f.i32(t.special - 2);
  f.op(W.i32LtU);
}

/** The call, and whether everything is ordinary that counts as such from now on. */
export function checkedSlow(
  e: EmitContext,
  { t, x, y }: Untested,
  locals: Triple,
  d: Ref,
  slow: SlowPath,
): void {
  const { f } = e;
  slow();
  t.push(e, d);
  f.set(locals.r);
  pushOrdinary(e, t, locals.r);
  for (const local of [x ? locals.x : -1, y ? locals.y : -1]) {
    if (local === -1) continue;
    pushOrdinary(e, t, local);
    t.and(e);
  }
  doubtUnless(e);
}

/** Has the next block to begin with scalars that last look at them. */
export function doubtScalars(e: EmitContext): void {
  e.f.get(e.slow);
  e.f.i32(NOT_ORDINARY);
  e.f.op(W.i32Or);
  e.f.set(e.slow);
}

/** Emits at a block's start what its scalar arithmetic needs. @param lasting what is ordinary then unless `slow` says so */
export function startScalars(e: EmitContext, lasting: readonly Scalar[]): void {
  const { f } = e;
  e.ordinary.start(lasting);
  if (!hasScalarArithmetic(e.ir)) return;
  const clear = (): void => {
    f.get(e.slow);
    f.i32(~NOT_ORDINARY);
    f.op(W.i32And);
    f.set(e.slow);
  };
  if (lasting.length === 0) {
    clear();
    return;
  }
  f.get(e.slow);
  f.i32(NOT_ORDINARY);
  f.op(W.i32And);
  f.openIf(false);
  clear();
  for (const { ref, type } of lasting) {
    const t = type === 'f64' ? F64 : F32;
    const x = f.takeLocal(type);
    t.push(e, ref);
    f.set(x);
    pushOrdinary(e, t, x);
    doubtUnless(e);
    f.giveLocal(type, x);
  }
  f.close();
}

/** Sets NOT_ORDINARY in `slow` unless the i32 on the stack is 1. */
function doubtUnless(e: EmitContext): void {
  const { f } = e;
  f.op(W.i32Eqz);
  f.i32(NOT_ORDINARY_SHIFT);
  f.op(W.i32Shl);
  f.get(e.slow);
  f.op(W.i32Or);
  f.set(e.slow);
}
