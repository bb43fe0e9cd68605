/**
 * Status flags that a region finds as others left them, evaluated in WebAssembly: the helpers `eflags` and `condition`,
 * for the operations that programs test nearly always; and those after rotations, which keep some of them, and after shifts
 * by counts that are known late.
 */

import {
  CC_ADD,
  CC_CARRY,
  CC_DEC,
  CC_INC,
  CC_LOGIC,
  CC_SHL,
  CC_SHR,
  CC_SUB,
  type FlagsLayout,
  STATUS_FLAGS,
} from '../common/condition-codes.ts';
import type { Expr, HelperCode } from './helper-code.ts';
import { W } from './opcodes.ts';

const AF = 0x10;
/** Positions in EFLAGS. */
const SHIFT = { pf: 2, zf: 6, sf: 7, of: 11 } as const;
/** Operations that are evaluated here: a bit for each. */
const KNOWN = [CC_ADD, CC_SUB, CC_LOGIC, CC_INC, CC_DEC].reduce(
  (m, kind) => m | (1 << (kind >> 2)),
  0,
);

/** Position of what each pair of conditions tests, or tests first: four bits each. */
const TESTED = 0x6727060b;

interface Operands {
  readonly a: number;
  readonly b: number;
  /** Those and the result, moved to the top of 64 bits by `up`. */
  readonly highA: number;
  readonly highB: number;
  readonly up: number;
}

interface Results {
  readonly r: number;
  readonly cf: number;
  readonly af: number;
  readonly of: number;
}

const negative = (x: HelperCode, v: Expr): Expr => x.op(W.i64LtS, v, x.i64(0));

/** AF of a sum or difference: bit 4 of all three. */
function setHalfCarry(x: HelperCode, { a, b }: Operands, { af }: Results): void {
  const bits = x.op(
    W.i64Xor,
    x.op(W.i64Xor, x.get(a), x.get(b)),
    x.op(W.i64Sub, x.get(a), x.get(b)),
  );
  x.set(af, x.op(W.i32And, x.op(W.i32WrapI64, bits), x.i32(AF)));
}

function subtraction(x: HelperCode, o: Operands, to: Results): void {
  const [a, b] = [x.get(o.highA), x.get(o.highB)];
  x.set(to.r, x.op(W.i64Sub, a, b));
  x.set(to.cf, x.op(W.i64LtU, a, b));
  x.set(to.of, negative(x, x.op(W.i64And, x.op(W.i64Xor, a, b), x.op(W.i64Xor, a, x.get(to.r)))));
  setHalfCarry(x, o, to);
}

/** ccA is the sum, ccB what was added. */
function addition(x: HelperCode, o: Operands, to: Results): void {
  const [r, b] = [x.get(o.highA), x.get(o.highB)];
  const a = x.let('i64', x.op(W.i64Sub, r, b));
  x.set(to.cf, x.op(W.i64LtU, r, b));
  x.set(to.of, negative(x, x.op(W.i64And, x.op(W.i64Xor, x.get(a), r), x.op(W.i64Xor, b, r))));
  setHalfCarry(x, o, to);
}

/** INC, if `low` is 0, or DEC, if it is 15: the low bits of a result that had a half carry. */
function step(x: HelperCode, o: Operands, to: Results, low: number, extreme: Expr): void {
  x.set(to.cf, x.op(W.i32And, x.op(W.i32WrapI64, x.get(o.b)), x.i32(1)));
  const half = x.op(W.i32Eq, x.op(W.i32And, x.op(W.i32WrapI64, x.get(o.a)), x.i32(15)), x.i32(low));
  x.set(to.af, x.op(W.i32Mul, half, x.i32(AF)));
  const up = x.get(o.up);
  x.set(to.of, x.op(W.i64Eq, x.op(W.i64ShrU, x.get(to.r), up), x.op(W.i64ShrU, extreme, up)));
}

/** The status flags, in a local. */
function statusFlags(x: HelperCode, at: FlagsLayout): number {
  const variable = (op: number, offset: number): Expr => x.load(op, x.i32(0), offset);
  const kind = x.let('i32', variable(W.i32Load, at.kind));
  const flags = x.local('i32');
  x.when(
    x.op(W.i32LtU, x.get(kind), x.i32(CC_ADD)),
    () => {
      x.set(flags, x.op(W.i32And, variable(W.i32Load, at.a), x.i32(STATUS_FLAGS)));
      x.when(x.op(W.i32Eq, x.get(kind), x.i32(CC_CARRY)), () => {
        const carry = x.op(W.i32And, variable(W.i32Load, at.b), x.i32(1));
        x.set(flags, x.op(W.i32Or, x.op(W.i32And, x.get(flags), x.i32(~1)), carry));
      });
    },
    () => evaluate(x, at, kind, flags),
  );
  return flags;
}

function evaluate(x: HelperCode, at: FlagsLayout, kind: number, flags: number): void {
  const which = x.op(W.i32ShrU, x.get(kind), x.i32(2));
  x.slowIf(x.op(W.i32Eqz, x.op(W.i32And, x.op(W.i32ShrU, x.i32(KNOWN), which), x.i32(1))));
  const up = upOf(x, kind);
  const a = x.let('i64', x.load(W.i64Load, x.i32(0), at.a));
  const b = x.let('i64', x.load(W.i64Load, x.i32(0), at.b));
  const highA = x.let('i64', x.op(W.i64Shl, x.get(a), x.get(up)));
  const highB = x.let('i64', x.op(W.i64Shl, x.get(b), x.get(up)));
  const o: Operands = { a, b, highA, highB, up };
  const zero = (): number => x.let('i32', x.i32(0));
  const to: Results = { r: x.let('i64', x.get(highA)), cf: zero(), af: zero(), of: zero() };
  const op = x.let('i32', x.op(W.i32And, x.get(kind), x.i32(~3)));
  const is = (cc: number): Expr => x.op(W.i32Eq, x.get(op), x.i32(cc));
  x.when(
    is(CC_SUB),
    () => subtraction(x, o, to),
    () => {
      x.when(is(CC_ADD), () => addition(x, o, to));
      x.when(is(CC_INC), () => step(x, o, to, 0, x.i64(0, -0x80000000)));
      x.when(is(CC_DEC), () => step(x, o, to, 15, x.i64(-1, 0x7fffffff)));
    },
  );
  x.set(flags, assembled(x, to, up));
}

/** Status flags from what differs by operation, and the result. */
function assembled(x: HelperCode, to: Results, up: number): Expr {
  const low = x.op(W.i32WrapI64, x.op(W.i64ShrU, x.get(to.r), x.get(up)));
  const ones = x.op(W.i32Popcnt, x.op(W.i32And, low, x.i32(0xff)));
  const even = x.op(W.i32Eqz, x.op(W.i32And, ones, x.i32(1)));
  const shifted = (bit: Expr, by: number): Expr => x.op(W.i32Shl, bit, x.i32(by));
  const parts = [
    x.get(to.cf),
    x.get(to.af),
    shifted(even, SHIFT.pf),
    shifted(x.op(W.i64Eqz, x.get(to.r)), SHIFT.zf),
    shifted(negative(x, x.get(to.r)), SHIFT.sf),
    shifted(x.get(to.of), SHIFT.of),
  ];
  return parts.reduce((p, q) => x.op(W.i32Or, p, q));
}

/** Of an operand's size in bits, as an i64: how far the top of 64 bits is from its own. */
function upOf(x: HelperCode, kind: number): number {
  const bits = x.op(W.i32Shl, x.i32(8), x.op(W.i32And, x.get(kind), x.i32(3)));
  return x.let('i64', x.op(W.i64ExtendI32u, x.op(W.i32Sub, x.i32(64), bits)));
}

/** Operands: the result, what was shifted, the count and (from bit 8 on) the kind. */
function shiftFlags(x: HelperCode, at: FlagsLayout): void {
  const packed = x.let('i32', x.argument(W.i32Load, 3));
  const count = x.let('i64', x.op(W.i64ExtendI32u, x.op(W.i32And, x.get(packed), x.i32(0xff))));
  x.when(
    x.op(W.i64Eqz, x.get(count)),
    () => setResult(x, x.get(statusFlags(x, at))),
    () => {
      const kind = x.let('i32', x.op(W.i32ShrS, x.get(packed), x.i32(8)));
      const up = upOf(x, kind);
      const high = (param: 1 | 2): number =>
        x.let('i64', x.op(W.i64Shl, x.argument(W.i64Load, param), x.get(up)));
      const zero = (): number => x.let('i32', x.i32(0));
      const to: Results = { r: high(1), cf: zero(), af: zero(), of: zero() };
      const a = high(2);
      const op = x.let('i32', x.op(W.i32And, x.get(kind), x.i32(~3)));
      const is = (cc: number): Expr => x.op(W.i32Eq, x.get(op), x.i32(cc));
      const before = x.op(W.i64Sub, x.get(count), x.i64(1));
      const bit = (v: Expr): Expr => x.op(W.i32And, x.op(W.i32WrapI64, v), x.i32(1));
      x.when(
        is(CC_SHL),
        () => {
          // The bit that left last is at 64 - count of those moved to the top; none with a larger count than bits.
          const bits = x.op(W.i64Sub, x.i64(64), x.get(up));
          x.when(x.op(W.i64LeU, x.get(count), bits), () =>
            x.set(to.cf, bit(x.op(W.i64ShrU, x.get(a), x.op(W.i64Sub, x.i64(64), x.get(count))))),
          );
          x.set(to.of, x.op(W.i32Xor, negative(x, x.get(to.r)), x.get(to.cf)));
        },
        () => {
          x.when(
            is(CC_SHR),
            () => {
              x.set(to.cf, bit(x.op(W.i64ShrU, x.op(W.i64ShrU, x.get(a), x.get(up)), before)));
              x.set(to.of, negative(x, x.op(W.i64Xor, x.get(to.r), x.get(a))));
            },
            () => x.set(to.cf, bit(x.op(W.i64ShrS, x.op(W.i64ShrS, x.get(a), x.get(up)), before))),
          );
        },
      );
      setResult(x, assembled(x, to, up));
    },
  );
}

/** Sets the result, of 32 bits. */
function setResult(x: HelperCode, value: Expr): void {
  const address = x.op(W.i32Shl, x.get(0), x.i32(2));
  x.store(W.i64Store, address, 0, x.op(W.i64ExtendI32u, value));
}

function eflags(x: HelperCode, at: FlagsLayout): void {
  setResult(x, x.get(statusFlags(x, at)));
}

/** By the number of Jcc: 0 OF, 2 CF, 4 ZF, 6 CF or ZF, 8 SF, 10 PF, 12 SF not OF, 14 that or ZF; odd ones are the opposites. */
function condition(x: HelperCode, at: FlagsLayout): void {
  const cc = x.let('i32', x.argument(W.i32Load, 1));
  const flags = statusFlags(x, at);
  const pair = x.let('i32', x.op(W.i32ShrU, x.get(cc), x.i32(1)));
  const position = x.op(W.i32ShrU, x.i32(TESTED), x.op(W.i32Shl, x.get(pair), x.i32(2)));
  const bit = (n: Expr): Expr => x.op(W.i32ShrU, x.get(flags), n);
  const v = x.let('i32', bit(x.op(W.i32And, position, x.i32(15))));
  const less = x.op(W.i32Xor, bit(x.i32(SHIFT.sf)), bit(x.i32(SHIFT.of)));
  const is = (n: number): Expr => x.op(W.i32Eq, x.get(pair), x.i32(n));
  x.when(is(3), () => x.set(v, x.op(W.i32Or, x.get(v), bit(x.i32(SHIFT.zf)))));
  x.when(is(6), () => x.set(v, less));
  x.when(is(7), () => x.set(v, x.op(W.i32Or, x.get(v), less)));
  setResult(x, x.op(W.i32And, x.op(W.i32Xor, x.get(v), x.get(cc)), x.i32(1)));
}

/** Operands: the result; the count, the bits of the operand (from bit 8 on), 1 to the right (from bit 16 on). */
function rotateFlags(x: HelperCode, at: FlagsLayout): void {
  const how = x.let('i32', x.argument(W.i32Load, 2));
  const flags = statusFlags(x, at);
  x.when(x.op(W.i32And, x.get(how), x.i32(0xff)), () => {
    const r = x.let('i64', x.argument(W.i64Load, 1));
    const size = x.op(W.i32And, x.op(W.i32ShrU, x.get(how), x.i32(8)), x.i32(0xff));
    const bits = x.let('i64', x.op(W.i64ExtendI32u, size));
    const bit = (shift: Expr): Expr =>
      x.op(W.i32And, x.op(W.i32WrapI64, x.op(W.i64ShrU, x.get(r), shift)), x.i32(1));
    const top = x.let('i32', bit(x.op(W.i64Sub, x.get(bits), x.i64(1))));
    const cf = x.let('i32', bit(x.i64(0)));
    const of = x.let('i32', x.op(W.i32Xor, x.get(top), x.get(cf)));
    x.when(x.op(W.i32ShrU, x.get(how), x.i32(16)), () => {
      x.set(cf, x.get(top));
      x.set(of, x.op(W.i32Xor, x.get(top), bit(x.op(W.i64Sub, x.get(bits), x.i64(2)))));
    });
    const kept = x.op(W.i32And, x.get(flags), x.i32(~(1 | (1 << SHIFT.of))));
    const changed = x.op(W.i32Or, x.get(cf), x.op(W.i32Shl, x.get(of), x.i32(SHIFT.of)));
    x.set(flags, x.op(W.i32Or, kept, changed));
  });
  setResult(x, x.get(flags));
}

/** By names of helpers. */
export const FLAGS_EMITTERS: Readonly<Record<string, (x: HelperCode, at: FlagsLayout) => void>> = {
  eflags,
  condition,
  rotateFlags,
  shiftFlags,
};
