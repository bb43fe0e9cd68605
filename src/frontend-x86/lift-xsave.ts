/** Lifters of XGETBV and the XSAVE family (SDM vol. 1, chapter 13). */

import { NONE } from '../ir/refs.ts';
import { GPR } from './state.ts';
import type { LiftFn } from './table-format.ts';

const RAX = 0;
const RCX = 1;
const RDX = 2;

/** XGETBV: XCR0, or what of it is in use. Other numbers are #GP(0), which a helper raises, as rCX is not known here. */
export const liftXgetbv: LiftFn = (cx) => {
  cx.setGpr(RAX, 4, cx.callValue('xgetbv', 'i32', GPR[RCX]));
  cx.setGpr(RDX, 4, cx.k(0));
};

/** XSAVE, XSAVEOPT, XSAVEC. */
export function liftXsave(how: number): LiftFn {
  return (cx) => {
    cx.call('xsave', NONE, cx.address(), cx.k(how));
  };
}

export const liftXrstor: LiftFn = (cx) => cx.call('xrstor', NONE, cx.address());
