/** Integer operations: what the templates of ir/semantics.ts say, in instructions on whole i32 and i64. */

import { F_I32, FIELDS } from '../ir/fields.ts';
import { COND, type IntOpName, MEM_SCALE, OPS, type OpRow } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { W } from './opcodes.ts';
import type { ValueContext } from './values.ts';

/** The operands of an instruction. */
interface Operands {
  readonly a: Ref;
  readonly b: Ref;
  readonly c: number;
  readonly imm: number;
}

/** Pushes the result. */
type Emit = (e: ValueContext, x: Operands) => void;

export const CONDITIONS_32: readonly number[] = conditions({
  eq: W.i32Eq,
  ne: W.i32Ne,
  ltu: W.i32LtU,
  geu: W.i32GeU,
  leu: W.i32LeU,
  gtu: W.i32GtU,
  lts: W.i32LtS,
  ges: W.i32GeS,
  les: W.i32LeS,
  gts: W.i32GtS,
});
export const CONDITIONS_64: readonly number[] = conditions({
  eq: W.i64Eq,
  ne: W.i64Ne,
  ltu: W.i64LtU,
  geu: W.i64GeU,
  leu: W.i64LeU,
  gtu: W.i64GtU,
  lts: W.i64LtS,
  ges: W.i64GeS,
  les: W.i64LeS,
  gts: W.i64GtS,
});

function conditions(ops: Record<keyof typeof COND, number>): number[] {
  return Object.keys(COND).map((name) => ops[name as keyof typeof COND]);
}

const unary32 =
  (...ops: number[]): Emit =>
  (e, { a }) => {
    e.pushI32(a);
    e.f.op(...ops);
  };

const binary32 =
  (op: number): Emit =>
  (e, { a, b }) => {
    e.pushI32(a);
    e.pushI32(b);
    e.f.op(op);
  };

const binary64 =
  (op: number): Emit =>
  (e, { a, b }) => {
    e.pushI64(a);
    e.pushI64(b);
    e.f.op(op);
  };

const shift64 =
  (op: number): Emit =>
  (e, { a, b }) => {
    e.pushI64(a);
    e.pushI32(b);
    e.f.op(W.i64ExtendI32u, op);
  };

/** i64 to i32 by an operation that gives an i64. */
const count64 =
  (op: number): Emit =>
  (e, { a }) => {
    e.pushI64(a);
    e.f.op(op, W.i32WrapI64);
  };

const mask32 =
  (shift: number, mask: number): Emit =>
  (e, { a }) => {
    e.pushI32(a);
    if (shift > 0) {
      e.f.i32(shift);
      e.f.op(W.i32ShrU);
    }
    e.f.i32(mask);
    e.f.op(W.i32And);
  };

/** a with the bits of `mask` replaced by b's, shifted left. */
const insert =
  (mask: number, shift: number): Emit =>
  (e, { a, b }) => {
    const { f } = e;
    e.pushI64(a);
    f.i64(~(mask << shift), -1);
    f.op(W.i64And);
    e.pushI32(b);
    f.i32(mask);
    f.op(W.i32And);
    if (shift > 0) {
      f.i32(shift);
      f.op(W.i32Shl);
    }
    f.op(W.i64ExtendI32u, W.i64Or);
  };

function bswap32(e: ValueContext, { a }: Operands): void {
  const { f } = e;
  const x = f.takeLocal('i32');
  e.pushI32(a);
  f.tee(x);
  f.i32(8);
  f.op(W.i32Rotl);
  f.i32(0x00ff00ff);
  f.op(W.i32And);
  f.get(x);
  f.i32(24);
  f.op(W.i32Rotl);
  f.i32(0xff00ff00);
  f.op(W.i32And, W.i32Or);
  f.giveLocal('i32', x);
}

/** Pushes the i64 in local x with neighbours of `bits` bits swapped. */
export function pushSwapped(e: ValueContext, x: number, bits: number, mask: number): void {
  const { f } = e;
  f.get(x);
  f.i64(mask, mask);
  f.op(W.i64And);
  f.i64(bits, 0);
  f.op(W.i64Shl);
  f.get(x);
  f.i64(bits, 0);
  f.op(W.i64ShrU);
  f.i64(mask, mask);
  f.op(W.i64And, W.i64Or);
}

function bswap64(e: ValueContext, { a }: Operands): void {
  const { f } = e;
  const x = f.takeLocal('i64');
  e.pushI64(a);
  f.set(x);
  pushSwapped(e, x, 8, 0x00ff00ff);
  f.set(x);
  pushSwapped(e, x, 16, 0x0000ffff);
  f.i64(32, 0);
  f.op(W.i64Rotl);
  f.giveLocal('i64', x);
}

/** Pushes the low or the high 32 bits of an i64 in a local. */
function half(e: ValueContext, local: number, high: boolean): void {
  e.f.get(local);
  e.f.i64(high ? 32 : -1, 0);
  e.f.op(high ? W.i64ShrU : W.i64And);
}

/** The high 64 bits of a * b, from four products of 32 bits. */
function mulHigh(signed: boolean): Emit {
  return (e, { a, b }) => {
    const { f } = e;
    const [x, y, t] = [0, 1, 2].map(() => f.takeLocal('i64')) as [number, number, number];
    const product = (xHigh: boolean, yHigh: boolean): void => {
      half(e, x, xHigh);
      half(e, y, yHigh);
      f.op(W.i64Mul);
    };
    e.pushI64(a);
    f.set(x);
    e.pushI64(b);
    f.set(y);
    product(false, false);
    f.i64(32, 0);
    f.op(W.i64ShrU);
    product(true, false);
    f.op(W.i64Add);
    f.set(t);
    half(e, t, false);
    product(false, true);
    f.op(W.i64Add);
    f.i64(32, 0);
    f.op(W.i64ShrU);
    half(e, t, true);
    f.op(W.i64Add);
    product(true, true);
    f.op(W.i64Add);
    if (signed) {
      for (const [sign, other] of [
        [x, y],
        [y, x],
      ] as const) {
        f.get(sign);
        f.i64(63, 0);
        f.op(W.i64ShrS);
        f.get(other);
        f.op(W.i64And, W.i64Sub);
      }
    }
    for (const local of [x, y, t]) f.giveLocal('i64', local);
  };
}

/** a + (b << scale) + imm; absent operands are 0. */
export function pushAddress(e: ValueContext, x: Operands): void {
  const { f } = e;
  const scale = x.c & MEM_SCALE;
  const none = x.a === NONE;
  if (!none) e.pushI64(x.a);
  if (x.b !== NONE) {
    e.pushI64(x.b);
    if (scale > 0) {
      f.i64(scale, 0);
      f.op(W.i64Shl);
    }
    if (!none) f.op(W.i64Add);
  }
  const empty = none && x.b === NONE;
  if (x.imm === 0 && !empty) return;
  f.i64(x.imm, x.imm >> 31);
  if (!empty) f.op(W.i64Add);
}

export const INT_EMIT: Readonly<Record<IntOpName, Emit>> = {
  'mov.i32': unary32(),
  'add.i32': binary32(W.i32Add),
  'sub.i32': binary32(W.i32Sub),
  'mul.i32': binary32(W.i32Mul),
  'and.i32': binary32(W.i32And),
  'or.i32': binary32(W.i32Or),
  'xor.i32': binary32(W.i32Xor),
  'shl.i32': binary32(W.i32Shl),
  'shr.i32': binary32(W.i32ShrU),
  'sar.i32': binary32(W.i32ShrS),
  'rotl.i32': binary32(W.i32Rotl),
  'neg.i32': (e, { a }) => {
    e.f.i32(0);
    e.pushI32(a);
    e.f.op(W.i32Sub);
  },
  'not.i32': (e, { a }) => {
    e.pushI32(a);
    e.f.i32(-1);
    e.f.op(W.i32Xor);
  },
  'clz.i32': unary32(W.i32Clz),
  'ctz.i32': unary32(W.i32Ctz),
  'popcnt.i32': unary32(W.i32Popcnt),
  'bswap.i32': bswap32,
  'ext8u.i32': mask32(0, 255),
  'ext8s.i32': unary32(W.i32Extend8s),
  'ext8h.i32': mask32(8, 255),
  'ext16u.i32': mask32(0, 0xffff),
  'ext16s.i32': unary32(W.i32Extend16s),
  'hi.i32': (e, { a }) => {
    e.pushI64(a);
    e.f.i64(32, 0);
    e.f.op(W.i64ShrU, W.i32WrapI64);
  },
  'set.i32': (e, x) => binary32(CONDITIONS_32[x.imm]!)(e, x),
  'set.i64': (e, x) => binary64(CONDITIONS_64[x.imm]!)(e, x),
  'select.i32': (e, { a, b, c }) => {
    e.pushI32(a);
    e.pushI32(b);
    e.pushI32(c);
    e.f.op(W.select);
  },
  'select.i64': (e, { a, b, c }) => {
    e.pushI64(a);
    e.pushI64(b);
    e.pushI32(c);
    e.f.op(W.select);
  },
  'mov.i64': (e, { a }) => e.pushI64(a),
  'add.i64': binary64(W.i64Add),
  'sub.i64': binary64(W.i64Sub),
  'mul.i64': binary64(W.i64Mul),
  'mulhu.i64': mulHigh(false),
  'mulhs.i64': mulHigh(true),
  'and.i64': binary64(W.i64And),
  'or.i64': binary64(W.i64Or),
  'xor.i64': binary64(W.i64Xor),
  'shl.i64': shift64(W.i64Shl),
  'shr.i64': shift64(W.i64ShrU),
  'sar.i64': shift64(W.i64ShrS),
  'rotl.i64': shift64(W.i64Rotl),
  'neg.i64': (e, { a }) => {
    e.f.i64(0, 0);
    e.pushI64(a);
    e.f.op(W.i64Sub);
  },
  'not.i64': (e, { a }) => {
    e.pushI64(a);
    e.f.i64(-1, -1);
    e.f.op(W.i64Xor);
  },
  'clz.i64': count64(W.i64Clz),
  'ctz.i64': count64(W.i64Ctz),
  'popcnt.i64': count64(W.i64Popcnt),
  'bswap.i64': bswap64,
  'sext.i64': (e, { a }) => {
    e.pushI32(a);
    e.f.op(W.i64ExtendI32s);
  },
  'concat.i64': (e, { a, b }) => {
    e.pushI32(a);
    e.f.op(W.i64ExtendI32u);
    e.pushI32(b);
    e.f.op(W.i64ExtendI32u);
    e.f.i64(32, 0);
    e.f.op(W.i64Shl, W.i64Or);
  },
  'ins8.i64': insert(255, 0),
  'ins8h.i64': insert(255, 8),
  'ins16.i64': insert(0xffff, 0),
  'lea.i64': pushAddress,
};

export function emitInt(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const op = code[at]!;
  const d = code[at + 1]!;
  if (d === NONE) return;
  const x = { a: code[at + 2]!, b: code[at + 3]!, c: code[at + 4]!, imm: code[at + 5]! };
  INT_EMIT[(OPS[op] as OpRow).name as IntOpName](e, x);
  if (FIELDS[op * 4] === F_I32) e.setI32(d);
  else e.setI64(d);
}
