/** Integer operations: the semantic templates instantiated with locals and literals. */

import { F_I32, FIELDS } from '../ir/fields.ts';
import { type IntOpName, OP, OPS, type OpRow } from '../ir/ops.ts';
import { isConst, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { isLiteral, SEMANTICS, type SemInput, type SemResult } from '../ir/semantics.ts';
import { condition64 } from './conditions.ts';
import type { EmitContext, Halves } from './context.ts';

/** The operands of the instruction at word index `at`, as templates want them. */
export function templateInput(e: EmitContext, at: number): SemInput {
  const { code } = e.ir;
  const op = code[at]!;
  const raw = op === OP['lea.i64'] || (OPS[op] as OpRow).cls === 'mem';
  return {
    al: e.lo(code[at + 2]!),
    ah: e.hi(code[at + 2]!),
    bl: e.lo(code[at + 3]!),
    bh: e.hi(code[at + 3]!),
    cl: raw ? '0' : e.lo(code[at + 4]!),
    c: raw ? code[at + 4]! : 0,
    imm: code[at + 5]!,
  };
}

/** @returns whether the instruction moved an address on, without a carry */
export function emitInt(e: EmitContext, at: number): boolean {
  const { code } = e.ir;
  const op = code[at]!;
  const d = code[at + 1]!;
  if (emitStep(e, at)) return true;
  const x = templateInput(e, at);
  const result = special(op, x) ?? SEMANTICS[(OPS[op] as OpRow).name as IntOpName](x);
  const isI32 = FIELDS[op * 4] === F_I32;
  e.high.step(e.ir, at);
  if (d === NONE) return false;
  e.line(assign(tidy(result), destination(e, d), [x.al, x.ah, x.bl, x.bh, x.cl], isI32));
  return false;
}

/** A register that is moved on by a constant, if that cannot carry: see carryFree. @returns whether it was that */
function emitStep(e: EmitContext, at: number): boolean {
  const { code } = e.ir;
  const d = code[at + 1]!;
  if (!isVar(d) || code[at + 2] !== d) return false;
  const step = constantStep(e, at);
  const free = e.carryFree.get(refIndex(d)) ?? -1;
  if (step === 0 || Math.abs(step) > free) return false;
  const { l } = e.define(d);
  e.high.step(e.ir, at);
  e.line(`${l}=${l}+(${step})|0;`);
  e.carryFree.set(refIndex(d), free - Math.abs(step));
  return true;
}

/** What the 64-bit addition or subtraction at `at` adds, if it is a constant of 31 bits and sign; else 0. */
function constantStep(e: EmitContext, at: number): number {
  const { code, consts } = e.ir;
  const op = code[at]!;
  const b = code[at + 3]!;
  if (op === OP['lea.i64']) return b === NONE ? code[at + 5]! : 0;
  if ((op !== OP['add.i64'] && op !== OP['sub.i64']) || !isConst(b)) return 0;
  const value = consts[refIndex(b) * 2]!;
  if (value >> 31 !== consts[refIndex(b) * 2 + 1]) return 0;
  return op === OP['sub.i64'] ? -value : value;
}

/** What the backend writes differently from the templates, for V8's sake. */
function special(op: number, x: SemInput): SemResult | null {
  if (op === OP['set.i64']) {
    return { lo: `(${condition64(x.imm, x.al, x.ah, x.bl, x.bh)}|0)`, hi: '0' };
  }
  if (op === OP['rotl.i32'] && isLiteral(x.bl) && (Number(x.bl) & 31) !== 0) {
    // The form that V8 makes a rotate instruction of.
    const n = Number(x.bl) & 31;
    return { lo: `${x.al}<<${n}|${x.al}>>>${32 - n}`, hi: '0' };
  }
  return null;
}

/** Leaves out zeros in sums. */
export function tidyText(text: string): string {
  return text
    .replace(/\+0(?=[+)|;])/g, '')
    .replace(/-\(0\)/g, '')
    .replace(/=0\+(?=[a-z(])/g, '=');
}

function tidy(r: SemResult): SemResult {
  return r.pre === undefined ? r : { pre: tidyText(r.pre), lo: r.lo, hi: r.hi };
}

/** Where to write d; the high half of a temp that is known to be zero is never read, nor written. */
export function destination(e: EmitContext, d: Ref): Halves {
  const dest = e.define(d);
  if (e.isIntTemp(d) && e.high.isZero(e.ir, d)) dest.h = '';
  return dest;
}

/** Text that computes `r` into `dest`, whose names may be among the operands. */
function assign(r: SemResult, dest: Halves, operands: readonly string[], isI32: boolean): string {
  const { l, h } = dest;
  const pre = r.pre ?? '';
  if (r.lo === 's0' && pre !== '' && !operands.includes(l)) {
    // Not through the scratch locals, but straight into the destination.
    if (isI32) return `${pre.replace(/\bs0\b/g, l)}${h === '' ? '' : `${h}=0;`}`;
    if (r.hi === 's1' && h !== '' && !operands.includes(h)) {
      return pre.replace(/\bs0\b/g, l).replace(/\bs1\b/g, h);
    }
  }
  const hi = h === '' ? '' : `${h}=${isI32 ? '0' : r.hi};`;
  return `${pre}${l === r.lo ? '' : `${l}=${r.lo};`}${h === r.hi ? '' : hi}`;
}
