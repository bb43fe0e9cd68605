/**
 * Helper rows of SSE, MMX and x87 instructions. x87 registers are memory, so a row names the x87
 * control state it reads and writes, and integer registers where it touches them.
 */

import type { HelperFn, HelperRow } from '../ir/helpers.ts';
import type { Field } from '../ir/ops.ts';
import * as arith from './helpers-fp-arith.ts';
import * as control from './helpers-fp-control.ts';
import * as functions from './helpers-fp-functions.ts';
import { pcmpstr, pcmpstrMask } from './helpers-fp-pcmpstr.ts';
import * as unary from './helpers-fp-unary.ts';
import { CC_VARS, pureHelper } from './helpers-system.ts';
import { stateVar } from './state.ts';
import { X87_VARS } from './x87-state.ts';

const vars = (...names: string[]): readonly number[] => names.map(stateVar);
const FP_POINTERS = vars('fpOpcode', 'fpIp', 'fpDp');
const ALL_FP = [...X87_VARS, ...FP_POINTERS, ...vars('mxcsr')];

function x87(name: string, args: readonly Field[], fn: HelperFn): HelperRow {
  return { name, result: null, args, reads: X87_VARS, writes: X87_VARS, mayFault: true, fn };
}

/** Reads and writes the environment as well. */
function environment(name: string, args: readonly Field[], fn: HelperFn): HelperRow {
  return { name, result: null, args, reads: ALL_FP, writes: ALL_FP, mayFault: true, fn };
}

export const FP_HELPERS: readonly HelperRow[] = [
  x87('x87Arith', ['i32'], arith.x87Arith),
  x87('x87ArithMem', ['i64', 'i32'], arith.x87ArithMem),
  x87('x87Com', ['i32'], arith.x87Com),
  x87('x87ComMem', ['i64', 'i32'], arith.x87ComMem),
  {
    name: 'x87Comi',
    result: 'i32',
    args: ['i32'],
    reads: [...X87_VARS, ...CC_VARS],
    writes: X87_VARS,
    mayFault: true,
    fn: arith.x87Comi,
  },
  x87('x87Tst', [], arith.x87Tst),
  x87('x87Load', ['i64', 'i32'], arith.x87Load),
  x87('x87Load80', ['i64', 'i32'], arith.x87Load80),
  x87('x87LoadBcd', ['i64'], arith.x87LoadBcd),
  x87('x87Store', ['i64', 'i32'], arith.x87Store),
  x87('x87LoadSt', ['i32'], arith.x87LoadSt),
  x87('x87StoreSt', ['i32'], arith.x87StoreSt),
  x87('x87Xch', ['i32'], arith.x87Xch),
  x87('x87Cmov', ['i32', 'i32'], arith.x87Cmov),

  x87('x87Chs', [], unary.x87Chs),
  x87('x87Abs', [], unary.x87Abs),
  x87('x87Xam', [], unary.x87Xam),
  x87('x87Sqrt', [], unary.x87Sqrt),
  x87('x87Rndint', [], unary.x87Rndint),
  x87('x87Scale', [], unary.x87Scale),
  x87('x87Xtract', [], unary.x87Xtract),
  x87('x87Prem', [], unary.x87Prem),
  x87('x87Prem1', [], unary.x87Prem1),
  x87('x87Const', ['i32'], unary.x87Const),

  x87('x87F2xm1', [], functions.x87F2xm1),
  x87('x87Yl2x', [], functions.x87Yl2x),
  x87('x87Yl2xp1', [], functions.x87Yl2xp1),
  x87('x87Ptan', [], functions.x87Ptan),
  x87('x87Patan', [], functions.x87Patan),
  x87('x87Sin', [], functions.x87Sin),
  x87('x87Cos', [], functions.x87Cos),
  x87('x87Sincos', [], functions.x87Sincos),

  x87('x87Check', [], control.x87Check),
  x87('x87Ldcw', ['i32'], control.x87Ldcw),
  pureHelper('x87Sw', 'i32', [], X87_VARS, control.x87Sw),
  x87('x87Clex', [], control.x87Clex),
  environment('x87Init', [], control.x87Init),
  x87('x87Free', ['i32'], control.x87Free),
  x87('x87FreePop', ['i32'], control.x87FreePop),
  x87('x87Rotate', ['i32'], control.x87Rotate),
  environment('x87Stenv', ['i64', 'i32'], control.x87Stenv),
  environment('x87Ldenv', ['i64', 'i32'], control.x87Ldenv),
  environment('x87Save', ['i64', 'i32'], control.x87Save),
  environment('x87Rstor', ['i64', 'i32'], control.x87Rstor),

  x87('mmxEnter', [], control.mmxEnter),
  x87('mmxWrite', ['i64', 'i32'], control.mmxWrite),
  x87('emms', [], control.emms),

  environment('ldmxcsr', ['i32'], control.ldmxcsr),
  environment('fxsave', ['i64'], control.fxsaveHelper),
  environment('fxrstor', ['i64'], control.fxrstorHelper),
  {
    name: 'maskmov',
    result: null,
    args: ['i64', 'v128', 'v128'],
    reads: [],
    writes: [],
    mayFault: true,
    fn: control.maskmov,
  },
  pureHelper('pcmpstr', 'i64', ['v128', 'v128', 'i32'], vars('rax', 'rdx'), pcmpstr),
  {
    name: 'pcmpstrMask',
    result: null,
    args: ['i32', 'i32'],
    reads: [],
    writes: vars('xmm0'),
    mayFault: false,
    fn: pcmpstrMask,
  },
];
