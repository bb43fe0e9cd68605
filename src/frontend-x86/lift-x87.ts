/**
 * Lifters of x87 instructions. All work is done by helpers, because registers are relative to TOP,
 * which is not known at translation time; the lifters load memory operands and pack selectors.
 */

import { KIND, SEL } from '../common/x87.ts';
import { NONE, type Ref, varRef } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { stateVar } from './state.ts';
import type { LiftFn } from './table-format.ts';

const CONTROL_WORD: Ref = varRef(stateVar('fpCw'));

/** ST(i) of the instruction. */
function index(cx: Lift): number {
  return cx.d.rm & 7;
}

/** No operands. */
export function plain(helper: string): LiftFn {
  return (cx) => cx.call(helper);
}

/** ST(0) = ST(0) op ST(i) */
export function arith(op: number): LiftFn {
  return (cx) => cx.call('x87Arith', NONE, cx.k(op | (index(cx) << SEL.src)));
}

/** ST(i) = ST(i) op ST(0), and a pop or not. */
export function arithTo(op: number, pops: 0 | 1): LiftFn {
  return (cx) => {
    cx.call('x87Arith', NONE, cx.k(op | (index(cx) << SEL.dst) | (pops << SEL.pops)));
  };
}

/** A memory operand as the helpers take it: zero-extended bits. */
function operand(cx: Lift, kind: number): Ref {
  // A pending exception comes before a fault of the operand.
  cx.call('x87Check');
  if (kind === KIND.i16) return cx.load(2);
  return cx.load(kind === KIND.f32 || kind === KIND.i32 ? 4 : 8);
}

export function arithMem(op: number, kind: number): LiftFn {
  return (cx) => {
    const v = operand(cx, kind);
    cx.call('x87ArithMem', NONE, v, cx.k(op | (kind << SEL.kind)));
  };
}

/** @param i ST(i) to compare with, -1: the instruction's */
export function compare(how: number, pops: 0 | 1 | 2, i = -1): LiftFn {
  return (cx) => {
    const src = i < 0 ? index(cx) : i;
    cx.call('x87Com', NONE, cx.k(how | (src << SEL.src) | (pops << SEL.pops)));
  };
}

export function compareMem(pops: 0 | 1, kind: number): LiftFn {
  return (cx) => {
    const v = operand(cx, kind);
    cx.call('x87ComMem', NONE, v, cx.k((pops << SEL.pops) | (kind << SEL.kind)));
  };
}

/** FCOMI and relatives: the status flags. */
export function compareFlags(how: number, pops: 0 | 1): LiftFn {
  return (cx) => {
    const sel = cx.k(how | (index(cx) << SEL.src) | (pops << SEL.pops));
    cx.flags.setEflags(cx.callValue('x87Comi', 'i32', sel));
  };
}

export function load(kind: number): LiftFn {
  return (cx) => {
    const v = operand(cx, kind);
    cx.call('x87Load', NONE, v, cx.k(kind << SEL.kind));
  };
}

export const liftFld80: LiftFn = (cx) => {
  cx.call('x87Check');
  const significand = cx.loadAs('ld64');
  cx.call('x87Load80', NONE, significand, cx.loadAs('ld16u', 8));
};

export const liftFbld: LiftFn = (cx) => cx.call('x87LoadBcd', NONE, cx.address());

export function store(kind: number, pops: 0 | 1, truncate = false): LiftFn {
  const sel = (kind << SEL.kind) | (pops << SEL.pops) | (truncate ? SEL.truncate : 0);
  return (cx) => cx.call('x87Store', NONE, cx.address(), cx.k(sel));
}

/** A helper that takes the register number. */
export function withIndex(helper: string): LiftFn {
  return (cx) => cx.call(helper, NONE, cx.k(index(cx)));
}

export function storeSt(pops: 0 | 1): LiftFn {
  return (cx) => {
    cx.call('x87StoreSt', NONE, cx.k((index(cx) << SEL.dst) | (pops << SEL.pops)));
  };
}

/** FCMOVcc, by the condition number of Jcc. */
export function conditionalMove(cc: number): LiftFn {
  return (cx) => cx.call('x87Cmov', NONE, cx.flags.condition(cc), cx.k(index(cx)));
}

export function constant(n: number): LiftFn {
  return (cx) => cx.call('x87Const', NONE, cx.k(n));
}

export const liftFldcw: LiftFn = (cx) => cx.call('x87Ldcw', NONE, operand(cx, KIND.i16));
export const liftFnstcw: LiftFn = (cx) => cx.store(2, CONTROL_WORD);
export const liftFnstsw: LiftFn = (cx) => cx.store(2, cx.callValue('x87Sw', 'i32'));
export const liftFnstswAx: LiftFn = (cx) => cx.setGpr(0, 2, cx.callValue('x87Sw', 'i32'));

/** FINCSTP (1) and FDECSTP (0). */
export function rotate(by: 0 | 1): LiftFn {
  return (cx) => cx.call('x87Rotate', NONE, cx.k(by));
}

/** FNSTENV, FLDENV, FNSAVE, FRSTOR: the operand size selects the image's form. */
export function environment(helper: string): LiftFn {
  return (cx) => cx.call(helper, NONE, cx.address(), cx.k(cx.d.p66 ? 2 : 4));
}

export const liftFnop: LiftFn = (cx) => cx.call('x87Check');

/** 8087 and 80287 leftovers (FENI, FDISI, FSETPM): nothing happens. */
export const liftNothing: LiftFn = () => {};
