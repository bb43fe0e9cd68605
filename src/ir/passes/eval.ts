/**
 * Integer operations on constants: functions made from the semantic templates on first use, so that
 * folding cannot disagree with execution.
 */

import { generated } from '../../common/generated.ts';
import { COND_NAMES, type IntOpName, OP, OPS, type OpRow } from '../ops.ts';
import { SCRATCH_DECL, SEMANTICS } from '../semantics.ts';

type Evaluator = (al: number, ah: number, bl: number, bh: number, cl: number) => void;

/** Result halves of the last evaluation. */
export const RESULT: Int32Array = new Int32Array(2);

/** By op * 16 + condition. */
const evaluators: (Evaluator | undefined)[] = [];

function make(op: number, imm: number): Evaluator {
  const { name } = OPS[op] as OpRow;
  return generated(`eval ${name} ${imm}`, ['out'], () => source(name as IntOpName, imm))(
    RESULT,
  ) as Evaluator;
}

function source(name: IntOpName, imm: number): string {
  const r = SEMANTICS[name]({ al: 'al', ah: 'ah', bl: 'bl', bh: 'bh', cl: 'cl', c: 0, imm });
  return `return function(al,ah,bl,bh,cl){${SCRATCH_DECL}${r.pre ?? ''}out[0]=${r.lo};out[1]=${r.hi};}`;
}

/** Makes all of them: for the build, which keeps them. */
export function prepareEvaluators(): void {
  (OPS as readonly OpRow[]).forEach((row, op) => {
    if (row.cls !== 'int' || row.name === 'lea.i64') return;
    const conditions = row.imm === 'cond' ? COND_NAMES.length : 1;
    for (let imm = 0; imm < conditions; imm++) make(op, imm);
  });
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
