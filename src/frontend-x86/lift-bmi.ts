/** Lifters of BMI1, BMI2 and ADX (SDM vol. 1, 5.1.16): general registers with VEX, and additions on one carry. */

import { CC_LOGIC } from '../common/condition-codes.ts';
import { COND, type OpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { EFLAGS } from './flags.ts';
import type { Lift } from './lift-context.ts';
import type { LiftFn } from './table-format.ts';

type Name = 'add' | 'sub' | 'and' | 'xor' | 'shl' | 'shr' | 'sar' | 'not' | 'neg' | 'rotl';

/** The operation on operands of 4 or 8 bytes. */
function sized(cx: Lift, name: Name, size: number, a: Ref, b: Ref = NONE): Ref {
  return cx.op(`${name}.${size === 8 ? 'i64' : 'i32'}` as OpName, a, b);
}

function compare(cx: Lift, size: number, a: Ref, b: Ref, cond: number): Ref {
  return cx.op(size === 8 ? 'set.i64' : 'set.i32', a, b, NONE, cond);
}

/** A value of 4 or 8 bytes as an i64, zero-extended. */
function widened(cx: Lift, v: Ref, size: number): Ref {
  return size === 8 ? v : cx.op('mov.i32', v);
}

/** ZF and SF of r, CF; OF is cleared, AF and PF (undefined) too. */
function setFlags(cx: Lift, size: number, r: Ref, cf: Ref): void {
  const zf = cx.op('shl.i32', compare(cx, size, r, cx.k(0), COND.eq), cx.k(6));
  const sf = cx.op('shl.i32', compare(cx, size, r, cx.k(0), COND.lts), cx.k(7));
  cx.flags.setEflags(cx.op('or.i32', cf, cx.op('or.i32', zf, sf)));
}

export const liftAndn: LiftFn = (cx) => {
  const size = cx.size(0);
  const b = cx.get(2);
  const r = sized(cx, 'and', size, sized(cx, 'not', size, cx.get(1)), b);
  cx.flags.set(CC_LOGIC, size, r);
  cx.setGpr(cx.regNo(0), size, r);
};

/** BLSR, BLSMSK, BLSI: the lowest set bit of the source, which is cleared, masked up to, or isolated. */
function lowestBit(combine: 'and' | 'xor' | 'isolate'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const a = cx.get(1);
    const isolate = combine === 'isolate';
    const other = isolate ? sized(cx, 'neg', size, a) : sized(cx, 'sub', size, a, cx.k(1));
    const r = sized(cx, isolate ? 'and' : combine, size, a, other);
    setFlags(cx, size, r, compare(cx, size, a, cx.k(0), isolate ? COND.ne : COND.eq));
    cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftBlsr: LiftFn = lowestBit('and');
export const liftBlsmsk: LiftFn = lowestBit('xor');
export const liftBlsi: LiftFn = lowestBit('isolate');

/** The low n bits of v (i64); all of them if n (i32) is 64 or more. */
function lowBits(cx: Lift, v: Ref, n: Ref): Ref {
  const one = cx.b.const64(1, 0);
  const mask = cx.op('sub.i64', cx.op('shl.i64', one, n), one);
  const few = cx.op('set.i32', n, cx.k(64), NONE, COND.ltu);
  return cx.op('select.i64', cx.op('and.i64', v, mask), v, few);
}

/** BEXTR: as many bits as the control's second byte says, from the position in its first. */
export const liftBextr: LiftFn = (cx) => {
  const size = cx.size(0);
  const v = widened(cx, cx.get(1), size);
  const control = cx.get(2);
  const start = cx.op('ext8u.i32', control);
  const length = cx.op('ext8u.i32', cx.op('shr.i32', control, cx.k(8)));
  const inside = cx.op('set.i32', start, cx.k(64), NONE, COND.ltu);
  const zero = cx.b.const64(0, 0);
  const moved = cx.op('select.i64', cx.op('shr.i64', v, start), zero, inside);
  const r = lowBits(cx, moved, length);
  setFlags(cx, size, r, cx.k(0));
  cx.setGpr(cx.regNo(0), size, r);
};

/** BZHI: bits from the position in the control's low byte on are cleared. */
export const liftBzhi: LiftFn = (cx) => {
  const size = cx.size(0);
  const v = widened(cx, cx.get(1), size);
  const n = cx.op('ext8u.i32', cx.get(2));
  const r = lowBits(cx, v, n);
  setFlags(cx, size, r, cx.op('set.i32', n, cx.k(size * 8), NONE, COND.geu));
  cx.setGpr(cx.regNo(0), size, r);
};

/** MULX: rDX times operand 2; the high half to operand 0, the low half to operand 1. */
export const liftMulx: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.gpr(2, size);
  const b = cx.get(2);
  const wide = size === 8;
  const low = cx.op('mul.i64', widened(cx, a, size), widened(cx, b, size));
  const high = wide ? cx.op('mulhu.i64', a, b) : cx.op('hi.i32', low);
  cx.setGpr(cx.regNo(1), size, low);
  cx.setGpr(cx.regNo(0), size, high);
};

/** PDEP, PEXT (helpers-int.ts): source, mask. */
export function depositOrExtract(helper: 'pdep' | 'pext'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const mask = widened(cx, cx.get(2), size);
    const r = cx.callValue(helper, 'i64', widened(cx, cx.get(1), size), mask);
    cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftRorx: LiftFn = (cx) => {
  const size = cx.size(0);
  const left = cx.k(-cx.imm8 & (size * 8 - 1));
  cx.setGpr(cx.regNo(0), size, sized(cx, 'rotl', size, cx.get(1), left));
};

/** SHLX, SHRX, SARX: by the count in operand 2, modulo the size; flags stay. */
export function shiftx(name: 'shl' | 'shr' | 'sar'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    cx.setGpr(cx.regNo(0), size, sized(cx, name, size, cx.get(1), cx.get(2)));
  };
}

/** ADCX (on CF) and ADOX (on OF): the sum with that flag, which alone is written. */
export function addOnFlag(flag: 'CF' | 'OF'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const b = cx.get(1);
    const a = cx.get(0);
    const carry = cx.flags.condition(flag === 'CF' ? 2 : 0);
    const sum = sized(cx, 'add', size, a, b);
    const r = sized(cx, 'add', size, sum, carry);
    const over = cx.op(
      'or.i32',
      compare(cx, size, sum, a, COND.ltu),
      compare(cx, size, r, sum, COND.ltu),
    );
    if (flag === 'CF') cx.flags.setCarry(over);
    else {
      const others = cx.op('and.i32', cx.flags.eflags(), cx.k(~EFLAGS.OF));
      cx.flags.setEflags(cx.op('or.i32', others, cx.op('shl.i32', over, cx.k(11))));
    }
    cx.setGpr(cx.regNo(0), size, r);
  };
}
