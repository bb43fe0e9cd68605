/**
 * Integer operations on constants: functions made from the semantic templates on first use, so that
 * folding cannot disagree with execution.
 */

import { type IntOpName, OP, OPS, type OpRow } from '../ops.ts';
import { SCRATCH_DECL, SEMANTICS } from '../semantics.ts';

type Evaluator = (al: number, ah: number, bl: number, bh: number, cl: number) => void;

/** Result halves of the last evaluation. */
export const RESULT: Int32Array = new Int32Array(2);

/** By op * 16 + condition. */
const evaluators: (Evaluator | undefined)[] = [];

function make(op: number, imm: number): Evaluator {
  const x = { al: 'al', ah: 'ah', bl: 'bl', bh: 'bh', cl: 'cl', c: 0, imm };
  const r = SEMANTICS[(OPS[op] as OpRow).name as IntOpName](x);
  const body = `${SCRATCH_DECL}${r.pre ?? ''}out[0]=${r.lo};out[1]=${r.hi};`;
  return new Function('out', `return function(al,ah,bl,bh,cl){${body}}`)(RESULT) as Evaluator;
}

/** Evaluates an integer operation other than lea into RESULT. */
export function evaluate(
  op: number,
  imm: number,
  al: number,
  ah: number,
  bl: number,
  bh: number,
  cl: number,
): void {
  const key = op * 16 + (imm & 15);
  const f = (evaluators[key] ??= make(op, imm));
  f(al, ah, bl, bh, cl);
}

/** b << scale plus a plus disp, into RESULT. */
export function evaluateLea(
  al: number,
  ah: number,
  bl: number,
  bh: number,
  scale: number,
  disp: number,
): void {
  evaluate(OP['shl.i64'], 0, bl, bh, scale, 0, 0);
  evaluate(OP['add.i64'], 0, RESULT[0]!, RESULT[1]!, al, ah, 0);
  evaluate(OP['add.i64'], 0, RESULT[0]!, RESULT[1]!, disp, disp >> 31, 0);
}
