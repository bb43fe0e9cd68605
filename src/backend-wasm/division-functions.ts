/**
 * DIV and IDIV of 32 and 64 bits in WebAssembly, where the dividend fits in 64 bits; what raises #DE, or may, is left to
 * the helpers.
 */

import type { DivisionLayout } from '../common/division.ts';
import type { Expr, HelperCode } from './helper-code.ts';
import { W } from './opcodes.ts';

const word = (x: HelperCode, offset: number): Expr => x.load(W.i32Load, x.i32(0), offset);
const low = (x: HelperCode, v: Expr): Expr => x.op(W.i64ExtendI32u, x.op(W.i32WrapI64, v));

/** rDX:rAX as 64 bits. */
function dividend(x: HelperCode, { rax, rdx }: DivisionLayout): Expr {
  const high = x.op(W.i64Shl, x.op(W.i64ExtendI32u, word(x, rdx)), x.i64(32));
  return x.op(W.i64Or, high, x.op(W.i64ExtendI32u, word(x, rax)));
}

/** Sets quotient and remainder of v by `by`, given the quotient. */
function setPair(x: HelperCode, at: DivisionLayout, v: number, by: number, q: number): void {
  const r = x.let('i64', x.op(W.i64Sub, x.get(v), x.op(W.i64Mul, x.get(q), x.get(by))));
  x.store(W.i64Store, x.i32(0), at.rax, x.get(q));
  x.store(W.i64Store, x.i32(0), at.rdx, x.get(r));
}

function div32(x: HelperCode, at: DivisionLayout): void {
  const by = x.let('i64', x.op(W.i64ExtendI32u, x.argument(W.i32Load, 1)));
  x.slowIf(x.op(W.i64LeU, x.get(by), x.op(W.i64ExtendI32u, word(x, at.rdx))));
  const v = x.let('i64', dividend(x, at));
  setPair(x, at, v, by, x.let('i64', x.op(W.i64DivU, x.get(v), x.get(by))));
}

function div64(x: HelperCode, at: DivisionLayout): void {
  const by = x.let('i64', x.argument(W.i64Load, 1));
  const high = x.load(W.i64Load, x.i32(0), at.rdx);
  x.slowIf(x.op(W.i32Or, x.op(W.i64Eqz, x.get(by)), x.op(W.i64Ne, high, x.i64(0))));
  const v = x.let('i64', x.load(W.i64Load, x.i32(0), at.rax));
  setPair(x, at, v, by, x.let('i64', x.op(W.i64DivU, x.get(v), x.get(by))));
}

/** Leaves division by 0, and by -1, whose quotient may be too large, to the helper. */
function slowUnlessUsual(x: HelperCode, by: number): void {
  x.slowIf(x.op(W.i64LeU, x.op(W.i64Add, x.get(by), x.i64(1)), x.i64(1)));
}

function idiv32(x: HelperCode, at: DivisionLayout): void {
  const by = x.let('i64', x.op(W.i64ExtendI32s, x.argument(W.i32Load, 1)));
  slowUnlessUsual(x, by);
  const v = x.let('i64', dividend(x, at));
  const q = x.let('i64', x.op(W.i64DivS, x.get(v), x.get(by)));
  x.slowIf(x.op(W.i64Ne, x.get(q), x.op(W.i64ExtendI32s, x.op(W.i32WrapI64, x.get(q)))));
  const r = x.let('i64', x.op(W.i64Sub, x.get(v), x.op(W.i64Mul, x.get(q), x.get(by))));
  x.store(W.i64Store, x.i32(0), at.rax, low(x, x.get(q)));
  x.store(W.i64Store, x.i32(0), at.rdx, low(x, x.get(r)));
}

function idiv64(x: HelperCode, at: DivisionLayout): void {
  const by = x.let('i64', x.argument(W.i64Load, 1));
  slowUnlessUsual(x, by);
  const v = x.let('i64', x.load(W.i64Load, x.i32(0), at.rax));
  const high = x.load(W.i64Load, x.i32(0), at.rdx);
  x.slowIf(x.op(W.i64Ne, high, x.op(W.i64ShrS, x.get(v), x.i64(63))));
  setPair(x, at, v, by, x.let('i64', x.op(W.i64DivS, x.get(v), x.get(by))));
}

/** By names of helpers. */
export const DIVISION_EMITTERS: Readonly<
  Record<string, (x: HelperCode, at: DivisionLayout) => void>
> = { div32, div64, idiv32, idiv64 };
