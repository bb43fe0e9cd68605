/**
 * Arithmetic of x87 numbers of full precision, rounded to nearest, for x87-functions.ts. Results with an exponent that is
 * not a normal number's, exact zeros among them, are left to the helpers.
 */

import { ARITH } from '../common/x87.ts';
import type { Expr } from './helper-code.ts';
import { W } from './opcodes.ts';
import { BIAS, type Num, SIGN, type X87Code } from './x87-code.ts';

/** What is to be rounded: hi:lo has its top bit set, the exponent is biased, the sign in its place. */
interface Unrounded {
  readonly hi: number;
  readonly lo: number;
  readonly e: number;
  readonly sign: number;
}

const TOP_BIT = [0, -0x80000000] as const;
const LOW_HALF = [-1, 0] as const;
/** Shifts of WebAssembly take their count modulo 64. */
const WIDTH = 64;

function unrounded(x: X87Code): Unrounded {
  const [hi, lo] = [x.local('i64'), x.local('i64')];
  return { hi, lo, e: x.local('i32'), sign: x.local('i32') };
}

/** The larger one first. @param b changed, as is `a` */
function order(x: X87Code, a: Num, b: Num): void {
  const [ea, eb] = [x.exponent(a), x.exponent(b)];
  const same = x.op(W.i32Eq, ea, eb);
  const larger = x.op(W.i64GtU, x.get(b.sig), x.get(a.sig));
  const swap = x.op(W.i32Or, x.op(W.i32GtU, eb, ea), x.op(W.i32And, same, larger));
  x.when(swap, () => exchange(x, a, b));
}

function exchange(x: X87Code, a: Num, b: Num): void {
  const sig = x.let('i64', x.get(a.sig));
  const se = x.let('i32', x.get(a.se));
  x.set(a.sig, x.get(b.sig));
  x.set(a.se, x.get(b.se));
  x.set(b.sig, x.get(sig));
  x.set(b.se, x.get(se));
}

/** a + b */
function add(x: X87Code, a: Num, b: Num, r: Unrounded): void {
  order(x, a, b);
  x.set(r.e, x.exponent(a));
  x.set(r.sign, x.op(W.i32And, x.get(a.se), x.i32(SIGN)));
  const apart = x.let('i32', x.op(W.i32Sub, x.get(r.e), x.exponent(b)));
  const n = x.let('i64', x.op(W.i64ExtendI32u, x.get(apart)));
  // The smaller one in 128 bits, hi:lo; of one that is far below only that it is there.
  const hi = x.local('i64');
  const lo = x.local('i64');
  x.when(
    x.op(W.i32GtU, x.get(apart), x.i32(WIDTH + 1)),
    () => {
      x.set(hi, x.i64(0));
      x.set(lo, x.i64(1));
    },
    () => {
      x.slowIf(x.op(W.i32GeU, x.get(apart), x.i32(WIDTH)));
      x.set(hi, x.op(W.i64ShrU, x.get(b.sig), x.get(n)));
      const below = x.op(W.i64Shl, x.get(b.sig), x.op(W.i64Sub, x.i64(0), x.get(n)));
      x.set(lo, x.i64(0));
      x.when(x.get(apart), () => x.set(lo, below));
    },
  );
  const differ = x.op(W.i32And, x.op(W.i32Xor, x.get(a.se), x.get(b.se)), x.i32(SIGN));
  x.when(
    differ,
    () => subtractMagnitude(x, a.sig, hi, lo, r),
    () => addMagnitude(x, a.sig, hi, lo, r),
  );
}

function addMagnitude(x: X87Code, sig: number, hi: number, lo: number, r: Unrounded): void {
  x.set(r.hi, x.op(W.i64Add, x.get(sig), x.get(hi)));
  x.set(r.lo, x.get(lo));
  const carry = x.op(W.i64LtU, x.get(r.hi), x.get(sig));
  x.when(carry, () => {
    const sticky = x.op(W.i64And, x.get(r.lo), x.i64(1));
    const half = x.op(W.i64Or, x.op(W.i64ShrU, x.get(r.lo), x.i64(1)), sticky);
    x.set(r.lo, x.op(W.i64Or, x.op(W.i64Shl, x.get(r.hi), x.i64(WIDTH - 1)), half));
    const halved = x.op(W.i64ShrU, x.get(r.hi), x.i64(1));
    x.set(r.hi, x.op(W.i64Or, halved, x.i64(...TOP_BIT)));
    x.set(r.e, x.op(W.i32Add, x.get(r.e), x.i32(1)));
  });
}

function subtractMagnitude(x: X87Code, sig: number, hi: number, lo: number, r: Unrounded): void {
  const borrow = x.op(W.i64ExtendI32u, x.op(W.i64Ne, x.get(lo), x.i64(0)));
  x.set(r.hi, x.op(W.i64Sub, x.op(W.i64Sub, x.get(sig), x.get(hi)), borrow));
  x.set(r.lo, x.op(W.i64Sub, x.i64(0), x.get(lo)));
  x.slowIf(x.op(W.i64Eqz, x.get(r.hi)));
  const n = x.let('i64', x.op(W.i64Clz, x.get(r.hi)));
  x.when(x.op(W.i64Ne, x.get(n), x.i64(0)), () => {
    const from = x.op(W.i64ShrU, x.get(r.lo), x.op(W.i64Sub, x.i64(0), x.get(n)));
    x.set(r.hi, x.op(W.i64Or, x.op(W.i64Shl, x.get(r.hi), x.get(n)), from));
    x.set(r.lo, x.op(W.i64Shl, x.get(r.lo), x.get(n)));
    x.set(r.e, x.op(W.i32Sub, x.get(r.e), x.op(W.i32WrapI64, x.get(n))));
  });
}

const low = (x: X87Code, v: number): Expr => x.op(W.i64And, x.get(v), x.i64(...LOW_HALF));
const high = (x: X87Code, v: number): Expr => x.op(W.i64ShrU, x.get(v), x.i64(32));

function setSign(x: X87Code, a: Num, b: Num, r: Unrounded): void {
  const sign = x.op(W.i32Xor, x.get(a.se), x.get(b.se));
  x.set(r.sign, x.op(W.i32And, sign, x.i32(SIGN)));
}

/** hi:lo = a * b, of four products of halves. */
function product(x: X87Code, a: number, b: number, hi: number, lo: number): void {
  const [ah, al] = [x.let('i64', high(x, a)), x.let('i64', low(x, a))];
  const [bh, bl] = [x.let('i64', high(x, b)), x.let('i64', low(x, b))];
  const ll = x.let('i64', x.op(W.i64Mul, x.get(al), x.get(bl)));
  const lh = x.let('i64', x.op(W.i64Mul, x.get(al), x.get(bh)));
  const hl = x.let('i64', x.op(W.i64Mul, x.get(ah), x.get(bl)));
  const middle = x.op(W.i64Add, x.op(W.i64Add, high(x, ll), low(x, lh)), low(x, hl));
  const m = x.let('i64', middle);
  x.set(lo, x.op(W.i64Or, x.op(W.i64Shl, x.get(m), x.i64(32)), low(x, ll)));
  const upper = x.op(W.i64Add, x.op(W.i64Mul, x.get(ah), x.get(bh)), high(x, m));
  x.set(hi, x.op(W.i64Add, upper, x.op(W.i64Add, high(x, lh), high(x, hl))));
}

/** a * b */
function multiply(x: X87Code, a: Num, b: Num, r: Unrounded): void {
  setSign(x, a, b, r);
  product(x, a.sig, b.sig, r.hi, r.lo);
  x.set(r.e, x.op(W.i32Sub, x.op(W.i32Add, x.exponent(a), x.exponent(b)), x.i32(BIAS - 1)));
  x.when(x.op(W.i64GeS, x.get(r.hi), x.i64(0)), () => {
    const top = x.op(W.i64ShrU, x.get(r.lo), x.i64(WIDTH - 1));
    x.set(r.hi, x.op(W.i64Or, x.op(W.i64Shl, x.get(r.hi), x.i64(1)), top));
    x.set(r.lo, x.op(W.i64Shl, x.get(r.lo), x.i64(1)));
    x.set(r.e, x.op(W.i32Sub, x.get(r.e), x.i32(1)));
  });
}

/**
 * One digit of 32 bits: `n` and the 32 bits `next` behind it, divided by `d`, which has its top bit set and is larger
 * than n. @returns the digit; n becomes the remainder
 */
function digit(x: X87Code, n: number, next: Expr, d: number): number {
  const [dh, dl] = [x.let('i64', high(x, d)), x.let('i64', low(x, d))];
  const nextDigit = x.let('i64', next);
  const q = x.let('i64', x.op(W.i64DivU, x.get(n), x.get(dh)));
  const rest = x.let('i64', x.op(W.i64Sub, x.get(n), x.op(W.i64Mul, x.get(q), x.get(dh))));
  // At most twice too large by one (Knuth, The Art of Computer Programming, vol. 2, 4.3.1, theorem B).
  for (let i = 0; i < 2; i++) {
    const whole = x.op(W.i64Or, x.op(W.i64Shl, x.get(rest), x.i64(32)), x.get(nextDigit));
    const over = x.op(W.i64GtU, x.op(W.i64Mul, x.get(q), x.get(dl)), whole);
    const wide = x.op(W.i64Ne, high(x, q), x.i64(0));
    const small = x.op(W.i64Eqz, high(x, rest));
    x.when(x.op(W.i32And, small, x.op(W.i32Or, wide, over)), () => {
      x.set(q, x.op(W.i64Sub, x.get(q), x.i64(1)));
      x.set(rest, x.op(W.i64Add, x.get(rest), x.get(dh)));
    });
  }
  const shifted = x.op(W.i64Add, x.op(W.i64Shl, x.get(n), x.i64(32)), x.get(nextDigit));
  x.set(n, x.op(W.i64Sub, shifted, x.op(W.i64Mul, x.get(q), x.get(d))));
  return q;
}

/** a / b */
function divide(x: X87Code, a: Num, b: Num, r: Unrounded): void {
  setSign(x, a, b, r);
  x.set(r.e, x.op(W.i32Add, x.op(W.i32Sub, x.exponent(a), x.exponent(b)), x.i32(BIAS)));
  // The dividend is n followed by `next`: such that the quotient has 64 bits.
  const n = x.let('i64', x.get(a.sig));
  const next = x.let('i64', x.i64(0));
  x.when(
    x.op(W.i64GeU, x.get(a.sig), x.get(b.sig)),
    () => {
      x.set(next, x.op(W.i64Shl, x.get(n), x.i64(WIDTH - 1)));
      x.set(n, x.op(W.i64ShrU, x.get(n), x.i64(1)));
    },
    () => x.set(r.e, x.op(W.i32Sub, x.get(r.e), x.i32(1))),
  );
  const first = digit(x, n, high(x, next), b.sig);
  const second = digit(x, n, low(x, next), b.sig);
  x.set(r.hi, x.op(W.i64Add, x.op(W.i64Shl, x.get(first), x.i64(32)), x.get(second)));
  // A quotient of 64 bits by 64 is never in the middle of two numbers.
  const rest = x.op(W.i64ExtendI32u, x.op(W.i64Ne, x.get(n), x.i64(0)));
  x.set(r.lo, rest);
  const twice = x.op(W.i64GeU, x.op(W.i64Shl, x.get(n), x.i64(1)), x.get(b.sig));
  const half = x.op(W.i32Or, x.op(W.i64LtS, x.get(n), x.i64(0)), twice);
  const upper = x.op(W.i64Shl, x.op(W.i64ExtendI32u, half), x.i64(WIDTH - 1));
  x.set(r.lo, x.op(W.i64Or, x.get(r.lo), upper));
}

/** Bits of doubles: 2^32, and the largest below 2^64. */
const TWO_32 = [0, 0x41f00000] as const;
const BELOW_TWO_64 = [-1, 0x43efffff] as const;
const TWO_64 = [0, 0x43f00000] as const;

/**
 * The square root of `to`, written there: the root of the 128 bits sig * 2^63, or sig * 2^64 if the exponent is odd, is
 * one of 64 bits. A double's root is improved once by Newton's method, then right or wrong by one.
 */
export function squareRoot(x: X87Code, to: number): void {
  const a = x.read(to);
  x.checkNormal(a);
  x.slowIf(x.op(W.i32And, x.get(a.se), x.i32(SIGN)));
  const r = unrounded(x);
  const exponent = x.let('i32', x.op(W.i32Sub, x.exponent(a), x.i32(BIAS)));
  x.set(r.sign, x.i32(0));
  x.set(r.e, x.op(W.i32Add, x.op(W.i32ShrS, x.get(exponent), x.i32(1)), x.i32(BIAS)));
  const hi = x.let('i64', x.get(a.sig));
  const lo = x.let('i64', x.i64(0));
  x.when(x.op(W.i32Eqz, x.op(W.i32And, x.get(exponent), x.i32(1))), () => {
    x.set(lo, x.op(W.i64Shl, x.get(hi), x.i64(WIDTH - 1)));
    x.set(hi, x.op(W.i64ShrU, x.get(hi), x.i64(1)));
  });
  const root = x.op(W.f64Sqrt, x.op(W.f64ConvertI64u, x.get(hi)));
  const estimate = x.op(W.f64Min, x.op(W.f64Mul, root, x.f64(...TWO_32)), x.f64(...BELOW_TWO_64));
  x.set(r.hi, x.op(W.i64TruncF64u, estimate));
  // What is missing: hi:lo - r * r, a signed number of 128 bits.
  const [restHi, restLo] = [x.local('i64'), x.local('i64')];
  const setRest = (): void => {
    product(x, r.hi, r.hi, restHi, restLo);
    const borrow = x.op(W.i64ExtendI32u, x.op(W.i64LtU, x.get(lo), x.get(restLo)));
    x.set(restHi, x.op(W.i64Sub, x.op(W.i64Sub, x.get(hi), x.get(restHi)), borrow));
    x.set(restLo, x.op(W.i64Sub, x.get(lo), x.get(restLo)));
  };
  setRest();
  const upper = x.op(W.f64Mul, x.op(W.f64ConvertI64s, x.get(restHi)), x.f64(...TWO_64));
  const rest = x.op(W.f64Add, upper, x.op(W.f64ConvertI64u, x.get(restLo)));
  const r2 = x.op(W.f64ConvertI64u, x.get(r.hi));
  const step = x.op(W.f64Div, rest, x.op(W.f64Add, r2, r2));
  x.set(r.hi, x.op(W.i64Add, x.get(r.hi), x.op(W.i64TruncF64s, step)));
  setRest();
  // 2 r, as two words: r may have its top bit.
  const [twiceHi, twiceLo] = [x.local('i64'), x.local('i64')];
  const setTwice = (): void => {
    x.set(twiceHi, x.op(W.i64ShrU, x.get(r.hi), x.i64(WIDTH - 1)));
    x.set(twiceLo, x.op(W.i64Shl, x.get(r.hi), x.i64(1)));
  };
  x.when(x.op(W.i64LtS, x.get(restHi), x.i64(0)), () => {
    // r is too large: with r - 1, the rest is 2 r - 1 more.
    setTwice();
    x.set(r.hi, x.op(W.i64Sub, x.get(r.hi), x.i64(1)));
    addWide(x, restHi, restLo, twiceHi, x.op(W.i64Sub, x.get(twiceLo), x.i64(1)));
  });
  setTwice();
  const beyond = x.op(
    W.i32Or,
    x.op(W.i64GtS, x.get(restHi), x.get(twiceHi)),
    x.op(
      W.i32And,
      x.op(W.i64Eq, x.get(restHi), x.get(twiceHi)),
      x.op(W.i64GtU, x.get(restLo), x.get(twiceLo)),
    ),
  );
  x.when(beyond, () => {
    // r is too small: with r + 1, the rest is 2 r + 1 less.
    const less = x.op(W.i64Or, x.get(twiceLo), x.i64(1));
    const borrow = x.op(W.i64ExtendI32u, x.op(W.i64LtU, x.get(restLo), less));
    x.set(restHi, x.op(W.i64Sub, x.op(W.i64Sub, x.get(restHi), x.get(twiceHi)), borrow));
    x.set(restLo, x.op(W.i64Sub, x.get(restLo), less));
    x.set(r.hi, x.op(W.i64Add, x.get(r.hi), x.i64(1)));
  });
  // Above the middle of r and r + 1, which is never met, if the rest is more than r.
  const half = x.op(
    W.i32Or,
    x.op(W.i64Ne, x.get(restHi), x.i64(0)),
    x.op(W.i64GtU, x.get(restLo), x.get(r.hi)),
  );
  const some = x.op(W.i64Ne, x.op(W.i64Or, x.get(restHi), x.get(restLo)), x.i64(0));
  const top = x.op(W.i64Shl, x.op(W.i64ExtendI32u, half), x.i64(WIDTH - 1));
  x.set(r.lo, x.op(W.i64Or, top, x.op(W.i64ExtendI32u, some)));
  deliver(x, r, to);
}

/** hi:lo += more, whose upper word is in a local; its lower one is more than 0. */
function addWide(x: X87Code, hi: number, lo: number, moreHi: number, moreLo: Expr): void {
  const before = x.let('i64', x.get(lo));
  x.set(lo, x.op(W.i64Add, x.get(lo), moreLo));
  const carry = x.op(W.i64ExtendI32u, x.op(W.i64LtU, x.get(lo), x.get(before)));
  x.set(hi, x.op(W.i64Add, x.op(W.i64Add, x.get(hi), x.get(moreHi)), carry));
}

/** Rounds, writes it to a register, and sets C1 and PE. */
function deliver(x: X87Code, r: Unrounded, physical: number): void {
  const above = x.op(
    W.i64Or,
    x.op(W.i64Shl, x.get(r.lo), x.i64(1)),
    x.op(W.i64And, x.get(r.hi), x.i64(1)),
  );
  const half = x.op(W.i64LtS, x.get(r.lo), x.i64(0));
  const up = x.let('i32', x.op(W.i32And, half, x.op(W.i64Ne, above, x.i64(0))));
  x.set(r.hi, x.op(W.i64Add, x.get(r.hi), x.op(W.i64ExtendI32u, x.get(up))));
  x.when(x.op(W.i64Eqz, x.get(r.hi)), () => {
    x.set(r.hi, x.i64(...TOP_BIT));
    x.set(r.e, x.op(W.i32Add, x.get(r.e), x.i32(1)));
  });
  x.checkNormal({ sig: r.hi, se: r.e });
  x.slowIf(x.op(W.i32GtU, x.get(r.e), x.i32(0x7fff)));
  x.write(physical, x.get(r.hi), x.op(W.i32Or, x.get(r.e), x.get(r.sign)));
  x.setRounded(x.op(W.i64Ne, x.get(r.lo), x.i64(0)), x.get(up));
}

/** `to` = x87 operation of `sel` on a and b, which are changed; pops if it says so. Nothing is written before. */
export function arithmetic(x: X87Code, sel: number, a: Num, b: Num, to: number): void {
  x.checkNormal(a);
  x.checkNormal(b);
  const r = unrounded(x);
  const which = x.let('i32', x.op(W.i32And, x.get(sel), x.i32(15)));
  x.when(
    x.op(W.i32Eq, x.get(which), x.i32(ARITH.mul)),
    () => multiply(x, a, b, r),
    () => {
      // SUBR and DIVR.
      x.when(x.op(W.i32And, x.get(which), x.i32(1)), () => exchange(x, a, b));
      x.when(
        x.op(W.i32GeU, x.get(which), x.i32(ARITH.div)),
        () => divide(x, a, b, r),
        () => {
          const minus = x.op(W.i32GeU, x.get(which), x.i32(ARITH.sub));
          x.set(b.se, x.op(W.i32Xor, x.get(b.se), x.op(W.i32Mul, minus, x.i32(SIGN))));
          add(x, a, b, r);
        },
      );
    },
  );
  deliver(x, r, to);
  x.popIf(sel);
}
