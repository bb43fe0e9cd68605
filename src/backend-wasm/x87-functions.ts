/**
 * x87 helpers as WebAssembly functions, for what programs do nearly always: numbers that are normal (or zero where that
 * is simple), all exceptions masked, rounding to nearest with 64 bits, no stack fault. Everything else they leave to
 * the helper of the same name, having changed nothing; so these must equal the helpers bit by bit where they act.
 */

import { C0, C1, C2, C3, KIND, SEL } from '../common/x87.ts';
import type { Expr } from './helper-code.ts';
import { W } from './opcodes.ts';
import { arithmetic, squareRoot } from './x87-arith.ts';
import { BIAS, type Num, SIGN, type X87Code } from './x87-code.ts';
import { emitStore, type MmuStores } from './x87-store.ts';

/** Writes what comes before the helper is called. */
type Emit = (x: X87Code, mmu: MmuStores) => void;

const TOP_BIT = [0, -0x80000000] as const;
const F64_BIAS = 1023;
const F32_BIAS = 127;

/** A double's bits are in `v`. @param zero whether zero is good */
function fromF64(x: X87Code, v: number, r: Num, zero: boolean): void {
  const field = x.op(W.i64And, x.op(W.i64ShrU, x.get(v), x.i64(52)), x.i64(0x7ff));
  const e = x.let('i32', x.op(W.i32WrapI64, field));
  const sign = x.op(W.i32WrapI64, x.op(W.i64ShrU, x.get(v), x.i64(48)));
  const significand = x.op(W.i64Shl, x.get(v), x.i64(11));
  finish(x, { v, e, sign, significand, bias: F64_BIAS, limit: 0x7fe }, r, zero);
}

function fromF32(x: X87Code, v: number, r: Num, zero: boolean): void {
  const lo = x.let('i32', x.op(W.i32WrapI64, x.get(v)));
  const e = x.let('i32', x.op(W.i32And, x.op(W.i32ShrU, x.get(lo), x.i32(23)), x.i32(0xff)));
  const sign = x.op(W.i32ShrU, x.get(lo), x.i32(16));
  const significand = x.op(W.i64Shl, x.get(v), x.i64(40));
  finish(x, { v, e, sign, significand, bias: F32_BIAS, limit: 0xfe }, r, zero);
}

interface Packed {
  readonly v: number;
  readonly e: number;
  /** In its place, with other bits around it. */
  readonly sign: Expr;
  readonly significand: Expr;
  readonly bias: number;
  /** Of exponents of normal numbers. */
  readonly limit: number;
}

function finish(x: X87Code, p: Packed, r: Num, zero: boolean): void {
  const sign = x.op(W.i32And, p.sign, x.i32(SIGN));
  const normal = x.op(W.i32LtU, x.op(W.i32Sub, x.get(p.e), x.i32(1)), x.i32(p.limit));
  x.when(
    normal,
    () => {
      x.set(r.sig, x.op(W.i64Or, p.significand, x.i64(...TOP_BIT)));
      const e = x.op(W.i32Add, x.get(p.e), x.i32(BIAS - p.bias));
      x.set(r.se, x.op(W.i32Or, e, sign));
    },
    () => {
      const some = x.op(W.i64Ne, x.op(W.i64Shl, p.significand, x.i64(1)), x.i64(0));
      const notZero = x.op(W.i32Or, x.get(p.e), some);
      x.slowIf(zero ? notZero : x.i32(1));
      x.set(r.sig, x.i64(0));
      x.set(r.se, sign);
    },
  );
}

function fromInt(x: X87Code, kind: number, v: number, r: Num, zero: boolean): void {
  const extended = (bits: number): Expr =>
    x.op(W.i64ShrS, x.op(W.i64Shl, x.get(v), x.i64(64 - bits)), x.i64(64 - bits));
  x.when(x.op(W.i32Eq, x.get(kind), x.i32(KIND.i16)), () => x.set(v, extended(16)));
  x.when(x.op(W.i32Eq, x.get(kind), x.i32(KIND.i32)), () => x.set(v, extended(32)));
  const negative = x.let('i32', x.op(W.i64LtS, x.get(v), x.i64(0)));
  x.when(x.get(negative), () => x.set(v, x.op(W.i64Sub, x.i64(0), x.get(v))));
  x.when(
    x.op(W.i64Eqz, x.get(v)),
    () => {
      if (!zero) x.slowIf(x.i32(1));
      x.set(r.sig, x.i64(0));
      x.set(r.se, x.i32(0));
    },
    () => {
      const n = x.let('i64', x.op(W.i64Clz, x.get(v)));
      x.set(r.sig, x.op(W.i64Shl, x.get(v), x.get(n)));
      const e = x.op(W.i32Sub, x.i32(BIAS + 63), x.op(W.i32WrapI64, x.get(n)));
      x.set(r.se, x.op(W.i32Or, e, x.op(W.i32Mul, x.get(negative), x.i32(SIGN))));
    },
  );
}

/** The memory operand in parameter a, of the kind that `sel` says. */
function operand(x: X87Code, sel: number, zero: boolean): Num {
  const v = x.let('i64', x.argument(W.i64Load, 1));
  const shifted = x.op(W.i32ShrU, x.get(sel), x.i32(SEL.kind));
  const kind = x.let('i32', x.op(W.i32And, shifted, x.i32(15)));
  const r: Num = { sig: x.local('i64'), se: x.local('i32') };
  x.when(
    x.op(W.i32Eq, x.get(kind), x.i32(KIND.f64)),
    () => fromF64(x, v, r, zero),
    () =>
      x.when(
        x.op(W.i32Eq, x.get(kind), x.i32(KIND.f32)),
        () => fromF32(x, v, r, zero),
        () => fromInt(x, kind, v, r, zero),
      ),
  );
  return r;
}

const selector = (x: X87Code, param: 1 | 2): number => x.let('i32', x.argument(W.i32Load, param));
const st = (x: X87Code, i: Expr): number => x.let('i32', x.physical(i));

const arith: Emit = (x) => {
  x.checkUsual('arithmetic');
  const sel = selector(x, 1);
  const to = st(x, x.field(sel, SEL.dst));
  const from = st(x, x.field(sel, SEL.src));
  x.checkThere(to, from);
  arithmetic(x, sel, x.read(to), x.read(from), to);
};

const arithMem: Emit = (x) => {
  x.checkUsual('arithmetic');
  const sel = selector(x, 2);
  const to = st(x, x.i32(0));
  x.checkThere(to);
  arithmetic(x, sel, x.read(to), operand(x, sel, false), to);
};

/** The condition codes of a compared with b, neither of which is a NaN. */
function relation(x: X87Code, a: Num, b: Num): number {
  const codes = x.let('i32', x.i32(0));
  const sameBits = x.op(
    W.i32And,
    x.op(W.i32Eq, x.get(a.se), x.get(b.se)),
    x.op(W.i64Eq, x.get(a.sig), x.get(b.sig)),
  );
  const bothZero = x.op(W.i64Eqz, x.op(W.i64Or, x.get(a.sig), x.get(b.sig)));
  const [ea, eb] = [x.exponent(a), x.exponent(b)];
  const below = x.op(W.i64LtU, x.get(a.sig), x.get(b.sig));
  const smaller = x.op(
    W.i32Or,
    x.op(W.i32LtU, ea, eb),
    x.op(W.i32And, x.op(W.i32Eq, ea, eb), below),
  );
  const negative = (n: Num): Expr => x.op(W.i32ShrU, x.get(n.se), x.i32(15));
  const less = x.local('i32');
  x.when(
    x.op(W.i32Or, sameBits, bothZero),
    () => x.set(codes, x.i32(C3)),
    () => {
      // With one sign, the larger magnitude is the smaller number if both are negative.
      x.set(less, x.op(W.i32Xor, smaller, negative(a)));
      const differ = x.op(W.i32Xor, negative(a), negative(b));
      x.when(differ, () => x.set(less, negative(a)));
      x.set(codes, x.op(W.i32Mul, x.get(less), x.i32(C0)));
    },
  );
  return codes;
}

function compared(x: X87Code, a: Num, b: Num): number {
  x.checkNormalOrZero(a);
  x.checkNormalOrZero(b);
  return relation(x, a, b);
}

const setCodes = (x: X87Code, codes: number): void => x.setStatus(C0 | C1 | C2 | C3, x.get(codes));

const com: Emit = (x) => {
  x.checkPending();
  const sel = selector(x, 1);
  const [a, b] = [st(x, x.i32(0)), st(x, x.field(sel, SEL.src))];
  x.checkThere(a, b);
  setCodes(x, compared(x, x.read(a), x.read(b)));
  x.popIf(sel);
  x.when(x.op(W.i32And, x.get(sel), x.i32(2 << SEL.pops)), () => x.pop());
};

const comMem: Emit = (x) => {
  x.checkPending();
  const sel = selector(x, 2);
  const a = st(x, x.i32(0));
  x.checkThere(a);
  setCodes(x, compared(x, x.read(a), operand(x, sel, true)));
  x.popIf(sel);
};

/** ZF, PF and CF are C3, C2 and C0 one byte lower. */
const comi: Emit = (x) => {
  x.checkPending();
  const sel = selector(x, 1);
  const [a, b] = [st(x, x.i32(0)), st(x, x.field(sel, SEL.src))];
  x.checkThere(a, b);
  const codes = compared(x, x.read(a), x.read(b));
  const flags = x.op(W.i64ExtendI32u, x.op(W.i32ShrU, x.get(codes), x.i32(8)));
  x.store(W.i64Store, x.op(W.i32Shl, x.get(0), x.i32(2)), 0, flags);
  x.popIf(sel);
};

/** Pushes a number. C1 is cleared. */
function push(x: X87Code, sig: Expr, se: Expr): void {
  const to = st(x, x.i32(-1));
  x.checkEmpty(to);
  x.write(to, sig, se);
  x.push(to);
  x.setStatus(C1, x.i32(0));
}

const load: Emit = (x) => {
  x.checkPending();
  const r = operand(x, selector(x, 2), true);
  push(x, x.get(r.sig), x.get(r.se));
};

const load80: Emit = (x) => {
  x.checkPending();
  const se = x.op(W.i32And, x.argument(W.i32Load, 2), x.i32(0xffff));
  push(x, x.argument(W.i64Load, 1), se);
};

const loadSt: Emit = (x) => {
  x.checkPending();
  const from = st(x, x.argument(W.i32Load, 1));
  x.checkThere(from);
  const r = x.read(from);
  push(x, x.get(r.sig), x.get(r.se));
};

const FLD1 = 0;
const FLDZ = 6;

const constant: Emit = (x) => {
  x.checkPending();
  const n = x.let('i32', x.argument(W.i32Load, 1));
  const one = x.let('i32', x.op(W.i32Eq, x.get(n), x.i32(FLD1)));
  const zero = x.op(W.i32Eq, x.get(n), x.i32(FLDZ));
  x.slowIf(x.op(W.i32Eqz, x.op(W.i32Or, x.get(one), zero)));
  const sig = x.op(W.i64Shl, x.op(W.i64ExtendI32u, x.get(one)), x.i64(63));
  push(x, sig, x.op(W.i32Mul, x.get(one), x.i32(BIAS)));
};

const storeSt: Emit = (x) => {
  x.checkPending();
  const sel = selector(x, 1);
  const [from, to] = [st(x, x.i32(0)), st(x, x.field(sel, SEL.dst))];
  x.checkThere(from);
  const r = x.read(from);
  x.write(to, x.get(r.sig), x.get(r.se));
  x.mark(to);
  x.setStatus(C1, x.i32(0));
  x.popIf(sel);
};

const exchange: Emit = (x) => {
  x.checkPending();
  const [a, b] = [st(x, x.i32(0)), st(x, x.argument(W.i32Load, 1))];
  x.checkThere(a, b);
  const [ra, rb] = [x.read(a), x.read(b)];
  x.write(a, x.get(rb.sig), x.get(rb.se));
  x.write(b, x.get(ra.sig), x.get(ra.se));
  x.setStatus(C1, x.i32(0));
};

/** FCHS and FABS. */
function changeSign(op: number, mask: number): Emit {
  return (x) => {
    x.checkPending();
    const a = st(x, x.i32(0));
    x.checkThere(a);
    const r = x.read(a);
    x.write(a, x.get(r.sig), x.op(op, x.get(r.se), x.i32(mask)));
    x.setStatus(C1, x.i32(0));
  };
}

const sqrt: Emit = (x) => {
  x.checkUsual('arithmetic');
  const to = st(x, x.i32(0));
  x.checkThere(to);
  squareRoot(x, to);
};

/** By names of helpers. */
export const X87_EMITTERS: Readonly<Record<string, Emit>> = {
  x87Arith: arith,
  x87ArithMem: arithMem,
  x87Com: com,
  x87ComMem: comMem,
  x87Comi: comi,
  x87Load: load,
  x87Load80: load80,
  x87LoadSt: loadSt,
  x87StoreSt: storeSt,
  x87Store: emitStore,
  x87Xch: exchange,
  x87Const: constant,
  x87Chs: changeSign(W.i32Xor, SIGN),
  x87Abs: changeSign(W.i32And, SIGN - 1),
  x87Sqrt: sqrt,
  x87Check: (x) => x.checkPending(),
};
