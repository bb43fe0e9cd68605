/** Lifters of shifts and rotates (SDM vol. 1, 7.3.6). A masked count of 0 leaves the flags alone. */

import { CC_SAR, CC_SHL, CC_SHR } from '../common/condition-codes.ts';
import type { OpName } from '../ir/ops.ts';
import type { Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { GPR } from './state.ts';
import type { LiftFn } from './table-format.ts';

const LOG2: Record<number, number> = { 1: 0, 2: 1, 4: 2, 8: 3 };

/** The count operand `i`: a masked constant, or -1 if it is in CL. */
function constantCount(cx: Lift, i: number, size: number): number {
  const letter = cx.operand(i).letter;
  if (letter === 'F') return -1;
  return (letter === '1' ? 1 : cx.imm8) & (size === 8 ? 63 : 31);
}

/** CL, masked. */
function variableCount(cx: Lift, size: number): Ref {
  return cx.op('and.i32', GPR[1] as Ref, cx.k(size === 8 ? 63 : 31));
}

function setShiftFlags(cx: Lift, kind: number, size: number, r: Ref, a: Ref, count: Ref): void {
  const packed = cx.op('or.i32', count, cx.k((kind + (LOG2[size] as number)) << 8));
  cx.flags.setEflags(cx.callValue('shiftFlags', 'i32', r, a, packed));
}

function liftShift(name: 'shl' | 'shr' | 'sar', kind: number): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const n = constantCount(cx, 1, size);
    const raw = cx.raw(0);
    const a =
      name === 'sar' ? cx.signed32Or64(raw, size) : name === 'shr' ? cx.zeroExtend(raw, size) : raw;
    const op: OpName = `${name}.${size === 8 ? 'i64' : 'i32'}`;
    if (n >= 0) {
      const r = cx.op(op, a, cx.k(n));
      if (cx.isMem(0)) cx.store(size, r);
      if (n !== 0) cx.flags.set(kind, size, r, a, cx.k(n));
      if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
      return;
    }
    const count = variableCount(cx, size);
    const r = cx.op(op, a, count);
    if (cx.isMem(0)) cx.store(size, r);
    setShiftFlags(cx, kind, size, r, a, count);
    if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftShl: LiftFn = liftShift('shl', CC_SHL);
export const liftShr: LiftFn = liftShift('shr', CC_SHR);
export const liftSar: LiftFn = liftShift('sar', CC_SAR);

/** A byte or word repeated through 32 bits, so that a 32-bit rotate rotates it. */
function replicate(cx: Lift, v: Ref, size: number): Ref {
  if (size >= 4) return v;
  const x = cx.zeroExtend(v, size);
  if (size === 2) return cx.op('mul.i32', x, cx.k(0x00010001));
  return cx.op('mul.i32', x, cx.k(0x01010101));
}

function liftRotate(right: boolean): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const constant = constantCount(cx, 1, size);
    const a = replicate(cx, cx.raw(0), size);
    const count = constant >= 0 ? cx.k(constant) : variableCount(cx, size);
    const left = !right
      ? count
      : constant >= 0
        ? cx.k(-constant & (size === 8 ? 63 : 31))
        : cx.op('neg.i32', count);
    const r = cx.op(size === 8 ? 'rotl.i64' : 'rotl.i32', a, left);
    if (cx.isMem(0)) cx.store(size, r);
    if (constant !== 0) {
      const how = cx.k(((size * 8) << 8) | (right ? 0x10000 : 0));
      const packed = cx.op('or.i32', count, how);
      cx.flags.setEflags(cx.callValue('rotateFlags', 'i32', r, packed));
    }
    if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftRol: LiftFn = liftRotate(false);
export const liftRor: LiftFn = liftRotate(true);

function liftRotateCarry(right: boolean): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const constant = constantCount(cx, 1, size);
    const a = cx.raw(0);
    const count = constant >= 0 ? cx.k(constant) : variableCount(cx, size);
    const how = cx.op('or.i32', count, cx.k(((size * 8) << 8) | (right ? 0x10000 : 0)));
    const r = cx.callValue('rotateCarry', 'i64', a, how);
    const flags = cx.callValue('rotateCarryFlags', 'i32', a, how);
    if (cx.isMem(0)) cx.store(size, r);
    cx.flags.setEflags(flags);
    if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftRcl: LiftFn = liftRotateCarry(false);
export const liftRcr: LiftFn = liftRotateCarry(true);

/** b moved to the vacated end: by size - n, in two steps so that n = 0 gives 0. */
function vacated(cx: Lift, left: boolean, size: number, b: Ref, count: Ref): Ref {
  const t = size === 8 ? 'i64' : 'i32';
  const back = left ? 'shr' : 'shl';
  const rest = cx.op('xor.i32', count, cx.k(size === 8 ? 63 : 31));
  return cx.op(`${back}.${t}`, cx.op(`${back}.${t}`, b, cx.k(1)), rest);
}

/** SHLD, SHRD. For 16 bits a:b:a (what CPUs do for counts above 16, which the SDM leaves undefined). */
function liftDoubleShift(left: boolean): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const constant = constantCount(cx, 2, size);
    const a = cx.raw(0);
    const b = cx.raw(1);
    const count = constant >= 0 ? cx.k(constant) : variableCount(cx, size);
    const r =
      size === 2 ? doubleShift16(cx, left, a, b, count) : doubleShift(cx, left, size, a, b, count);
    const kind = left ? CC_SHL : CC_SHR;
    const narrow = cx.zeroExtend(a, size);
    if (cx.isMem(0)) cx.store(size, r);
    if (constant < 0) setShiftFlags(cx, kind, size, r, narrow, count);
    else if (constant !== 0) cx.flags.set(kind, size, r, narrow, count);
    if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
  };
}

function doubleShift(cx: Lift, left: boolean, size: number, a: Ref, b: Ref, count: Ref): Ref {
  const t = size === 8 ? 'i64' : 'i32';
  const kept = cx.op(left ? `shl.${t}` : `shr.${t}`, a, count);
  return cx.op(`or.${t}`, kept, vacated(cx, left, size, b, count));
}

/** The 48-bit value a:b:a (left) or a:b:a from below (right), shifted as an i64. */
function doubleShift16(cx: Lift, left: boolean, a: Ref, b: Ref, count: Ref): Ref {
  const x = cx.op('ext16u.i32', a);
  const y = cx.op('ext16u.i32', b);
  if (left) {
    const low = cx.op('or.i32', cx.op('shl.i32', y, cx.k(16)), x);
    const all = cx.op('concat.i64', low, x);
    return cx.op('hi.i32', cx.op('shl.i64', all, count));
  }
  const low = cx.op('or.i32', cx.op('shl.i32', y, cx.k(16)), x);
  return cx.op('shr.i64', cx.op('concat.i64', low, x), count);
}

export const liftShld: LiftFn = liftDoubleShift(true);
export const liftShrd: LiftFn = liftDoubleShift(false);
