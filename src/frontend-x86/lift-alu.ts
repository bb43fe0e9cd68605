/** Lifters of integer arithmetic and logic (SDM vol. 1, section 7.3.2 and 7.3.3). */

import {
  CC_ADC,
  CC_ADD,
  CC_DEC,
  CC_EFLAGS,
  CC_INC,
  CC_LOGIC,
  CC_MUL,
  CC_SBB,
  CC_SUB,
} from '../common/condition-codes.ts';
import type { OpName } from '../ir/ops.ts';
import { COND } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { GPR } from './state.ts';
import type { LiftFn } from './table-format.ts';

type BinaryName = 'add' | 'sub' | 'and' | 'or' | 'xor' | 'mul';

/** The op of a size: narrow operands are computed in 32 bits. */
export function sized(name: BinaryName | 'neg' | 'not', size: number): OpName {
  return `${name}.${size === 8 ? 'i64' : 'i32'}`;
}

/** The register that operand 0 is, when an op can write it directly: 4 or 8 bytes. */
export function directDest(cx: Lift, size: number): Ref {
  return size >= 4 && !cx.isMem(0) ? (GPR[cx.regNo(0)] as Ref) : NONE;
}

/** Operand 0 = a op b, as an op on the register itself where possible. @returns a ref to the result */
function compute(cx: Lift, name: BinaryName, size: number, a: Ref, b: Ref): Ref {
  const dest = directDest(cx, size);
  if (dest === NONE || dest === b) return cx.op(sized(name, size), a, b);
  cx.b.opTo(dest, sized(name, size), a, b);
  cx.wroteGpr(cx.regNo(0));
  return dest;
}

/** Writes result `r` to operand 0 (unless `compute` has) around the setting of the flags. */
function finish(cx: Lift, size: number, r: Ref, setFlags: () => void): void {
  const done = r === directDest(cx, size);
  if (cx.isMem(0)) cx.store(size, r);
  setFlags();
  if (!done && !cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
}

export const liftAdd: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const b = cx.raw(1);
  const r = compute(cx, 'add', size, a, b);
  finish(cx, size, r, () => cx.flags.set(CC_ADD, size, r, b));
};

export const liftAdc: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const b = cx.raw(1);
  const carry = cx.flags.carry();
  const r = cx.op(sized('add', size), cx.op(sized('add', size), a, b), carry);
  finish(cx, size, r, () => cx.flags.set(CC_ADC, size, r, b, carry));
};

export const liftSbb: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const b = cx.raw(1);
  const borrow = cx.flags.carry();
  const r = cx.op(sized('sub', size), cx.op(sized('sub', size), a, b), borrow);
  finish(cx, size, r, () => cx.flags.set(CC_SBB, size, a, b, borrow));
};

export const liftSub: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const b = cx.raw(1);
  const dest = directDest(cx, size);
  if (dest === NONE) {
    const r = cx.op(sized('sub', size), a, b);
    finish(cx, size, r, () => cx.flags.set(CC_SUB, size, a, b));
    return;
  }
  cx.flags.set(CC_SUB, size, a, b);
  cx.b.opTo(dest, sized('sub', size), a, b);
  cx.wroteGpr(cx.regNo(0));
};

export const liftCmp: LiftFn = (cx) => {
  const a = cx.raw(0);
  cx.flags.set(CC_SUB, cx.size(0), a, cx.raw(1));
};

function liftLogic(name: 'and' | 'or' | 'xor'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const a = cx.raw(0);
    const b = cx.raw(1);
    // XOR of a register with itself is how zero is written.
    const zero = name === 'xor' && a === b && size >= 4;
    const r = zero ? cx.k(0) : compute(cx, name, size, a, b);
    finish(cx, size, r, () => cx.flags.set(CC_LOGIC, size, r));
  };
}

export const liftAnd: LiftFn = liftLogic('and');
export const liftOr: LiftFn = liftLogic('or');
export const liftXor: LiftFn = liftLogic('xor');

export const liftTest: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const b = cx.raw(1);
  cx.flags.set(CC_LOGIC, size, a === b ? a : cx.op(sized('and', size), a, b));
};

export const liftInc: LiftFn = (cx) => step(cx, 'add', CC_INC);
export const liftDec: LiftFn = (cx) => step(cx, 'sub', CC_DEC);

function step(cx: Lift, name: BinaryName, kind: number): void {
  const size = cx.size(0);
  const a = cx.raw(0);
  const cf = cx.flags.carry();
  const r = compute(cx, name, size, a, cx.k(1));
  finish(cx, size, r, () => cx.flags.set(kind, size, r, cf));
}

export const liftNeg: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.raw(0);
  const r = cx.op(sized('neg', size), a);
  finish(cx, size, r, () => cx.flags.set(CC_SUB, size, cx.k(0), a));
};

export const liftNot: LiftFn = (cx) => {
  const size = cx.size(0);
  cx.set(0, cx.op(sized('not', size), cx.raw(0)));
};

/** An operand of up to 4 bytes as a whole 64-bit value. */
function widen(cx: Lift, v: Ref, size: number, signed: boolean): Ref {
  if (signed) return cx.signed64(v, size);
  return size === 4 ? cx.op('mov.i32', v) : cx.zeroExtend(v, size);
}

/** MUL and one-operand IMUL: rDX:rAX = rAX * operand; CF = OF = the upper half is significant. */
function liftWideMul(signed: boolean): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    if (size === 8) return mul64(cx, signed);
    const a = widen(cx, cx.gpr(0, size, false), size, signed);
    const p = cx.op('mul.i64', a, widen(cx, cx.raw(0), size, signed));
    const fits = widen(cx, p, size, signed);
    const over = cx.op('set.i64', fits, p, NONE, COND.ne);
    cx.flags.set(CC_MUL, size, p, over);
    if (size === 1) return cx.setGpr(0, 2, p);
    const high = size === 4 ? cx.op('hi.i32', p) : cx.op('shr.i32', p, cx.k(16));
    cx.setGpr(0, size, p);
    cx.setGpr(2, size, high);
  };
}

function mul64(cx: Lift, signed: boolean): void {
  const a = GPR[0] as Ref;
  const b = cx.raw(0);
  const low = cx.op('mul.i64', a, b);
  const high = cx.op(signed ? 'mulhs.i64' : 'mulhu.i64', a, b);
  const none = signed ? cx.op('sar.i64', low, cx.k(63)) : cx.k(0);
  cx.flags.set(CC_MUL, 8, low, cx.op('set.i64', high, none, NONE, COND.ne));
  cx.setGpr(0, 8, low);
  cx.setGpr(2, 8, high);
}

export const liftMul: LiftFn = liftWideMul(false);
export const liftImul1: LiftFn = liftWideMul(true);

/** IMUL Gv,Ev and IMUL Gv,Ev,I: the truncated product. */
function liftImul(x: number, y: number): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const a = cx.raw(x);
    const b = cx.raw(y);
    if (size === 8) {
      const low = cx.op('mul.i64', a, b);
      const sign = cx.op('sar.i64', low, cx.k(63));
      const over = cx.op('set.i64', cx.op('mulhs.i64', a, b), sign, NONE, COND.ne);
      cx.flags.set(CC_MUL, 8, low, over);
      cx.setGpr(cx.regNo(0), 8, low);
      return;
    }
    const p = cx.op('mul.i64', cx.signed64(a, size), cx.signed64(b, size));
    const over = cx.op('set.i64', cx.signed64(p, size), p, NONE, COND.ne);
    cx.flags.set(CC_MUL, size, p, over);
    cx.setGpr(cx.regNo(0), size, p);
  };
}

export const liftImul2: LiftFn = liftImul(0, 1);
export const liftImul3: LiftFn = liftImul(1, 2);

function liftDivision(name: 'div' | 'idiv'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    cx.call(`${name}${size * 8}`, NONE, cx.raw(0));
  };
}

/** Flags are undefined: they stay as they are. */
export const liftDiv: LiftFn = liftDivision('div');
export const liftIdiv: LiftFn = liftDivision('idiv');

/** XADD: the destination gets the sum, the source register the old destination. */
export const liftXadd: LiftFn = (cx) => {
  const size = cx.size(0);
  const old = cx.isMem(0) ? cx.raw(0) : cx.copy(cx.raw(0), size);
  const b = cx.isMem(0) ? cx.raw(1) : cx.copy(cx.raw(1), size);
  const r = cx.op(sized('add', size), old, b);
  if (cx.isMem(0)) cx.store(size, r);
  cx.flags.set(CC_ADD, size, r, b);
  cx.setGpr(cx.regNo(1), size, old);
  if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
};

/** CMPXCHG: memory is written in either case. */
export const liftCmpxchg: LiftFn = (cx) => {
  const size = cx.size(0);
  const old = cx.copy(cx.get(0), size);
  const acc = cx.copy(cx.gpr(0, size), size);
  const equal = cx.op(size === 8 ? 'set.i64' : 'set.i32', old, acc, NONE, COND.eq);
  const type = size === 8 ? 'select.i64' : 'select.i32';
  const r = cx.op(type, cx.raw(1), old, equal);
  if (cx.isMem(0)) cx.store(size, r);
  cx.flags.set(CC_SUB, size, acc, old);
  // Neither register is written in the other case: its upper half stays.
  if (!cx.isMem(0)) writeIf(cx, cx.regNo(0), size, r, equal, true);
  writeIf(cx, 0, size, old, equal, false);
};

/** Writes register n if `cond` is as wanted; else all its bits stay. */
function writeIf(cx: Lift, n: number, size: number, v: Ref, cond: Ref, wanted: boolean): void {
  if (size < 4) {
    const kept = cx.gpr(n, size);
    cx.setGpr(
      n,
      size,
      wanted ? cx.op('select.i32', v, kept, cond) : cx.op('select.i32', kept, v, cond),
    );
    return;
  }
  const r = GPR[n] as Ref;
  if (wanted) cx.b.opTo(r, 'select.i64', size === 4 ? cx.copy(v, 4) : v, r, cond);
  else cx.b.opTo(r, 'select.i64', r, v, cond);
  cx.wroteGpr(n);
}

/** CMPXCHG8B and CMPXCHG16B: rDX:rAX against memory; ZF only. */
export const liftCmpxchgPair: LiftFn = (cx) => {
  const half = cx.d.opSize === 8 ? 8 : 4;
  const wide = half === 8;
  // The whole operand first, for its alignment (#GP); the later accesses cannot fault half-way.
  if (wide) cx.load(16, true);
  const lo = wide ? cx.loadAs('ld64', 0) : cx.loadAs('ld32', 0);
  const hi = wide ? cx.loadAs('ld64', 8) : cx.loadAs('ld32', 4);
  const set = wide ? 'set.i64' : 'set.i32';
  const equal = cx.op(
    'and.i32',
    cx.op(set, lo, GPR[0] as Ref, NONE, COND.eq),
    cx.op(set, hi, GPR[2] as Ref, NONE, COND.eq),
  );
  const select = wide ? 'select.i64' : 'select.i32';
  cx.storeAs(wide ? 'st64' : 'st32', cx.op(select, GPR[3] as Ref, lo, equal), 0);
  cx.storeAs(wide ? 'st64' : 'st32', cx.op(select, GPR[1] as Ref, hi, equal), half);
  const zf = cx.op('shl.i32', equal, cx.k(6));
  cx.flags.setEflags(cx.op('or.i32', cx.op('and.i32', cx.flags.eflags(), cx.k(~0x40)), zf));
  for (const [n, v] of [
    [0, lo],
    [2, hi],
  ] as const) {
    cx.b.opTo(GPR[n] as Ref, 'select.i64', GPR[n] as Ref, v, equal);
    cx.wroteGpr(n);
  }
};

/** CRC32 Gd,Eb and Gd,Ev. */
export const liftCrc32: LiftFn = (cx) => {
  const r = cx.callValue('crc32', 'i32', cx.get(0), cx.raw(1), cx.k(cx.size(1)));
  cx.setGpr(cx.regNo(0), 4, r);
};

/** POPCNT: all flags cleared but ZF. */
export const liftPopcnt: LiftFn = (cx) => {
  const size = cx.size(0);
  const v = cx.get(1);
  const r = cx.op(size === 8 ? 'popcnt.i64' : 'popcnt.i32', v);
  const zero = cx.op('set.i32', r, cx.k(0), NONE, COND.eq);
  cx.flags.set(CC_EFLAGS, 4, cx.op('shl.i32', zero, cx.k(6)));
  cx.setGpr(cx.regNo(0), size, r);
};
