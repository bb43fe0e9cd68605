/**
 * Calls out of compiled code: helpers, and operations over memory slots. Both take word indices, so
 * integer operands are stored to their slots first and integer results loaded after.
 */

import { ENG_BUDGET, ENG_TLB_GEN } from '../common/layout.ts';
import { EFFECT_FP, EFFECTS, F_RAW, FIELDS } from '../ir/fields.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { SLOT_INLINE } from '../ir/slot-ops.ts';
import { type EmitContext, SINK_WORD } from './context.ts';
import { destination } from './emit-int.ts';

/** Loads an integer result from its slot into its local. */
function fetchResult(e: EmitContext, d: Ref): string {
  if (!e.isIntTemp(d) && !e.isLocalVar(d)) return '';
  const { l, h } = destination(e, d);
  return `${l}=I32[${e.slot(d)}];${h === '' ? '' : `${h}=I32[${e.slot(d) + 1}];`}`;
}

function resultWord(e: EmitContext, d: Ref): number {
  return d === NONE ? SINK_WORD : e.slot(d);
}

export function emitHelperCall(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const number = code[at + 5]!;
  const row = e.options.helpers[number]!;
  const d = code[at + 1]!;
  e.helpersUsed.add(number);
  let text = '';
  const words: number[] = [];
  for (let k = 0; k < 3; k++) {
    const arg = e.argument(code[at + 2 + k]!, k);
    text += arg.pre;
    words.push(arg.word);
  }
  // A helper that fails leaves what it writes as it was: in the state page, so that must be current.
  text += e.spill(row.reads);
  if (row.writes !== row.reads) text += e.spill(row.writes);
  const fault = e.fault(at);
  e.line(
    `${text}I32[${ENG_BUDGET}]=_n+_k-${e.carry}|0;` +
      `_r=h${number}(env,${resultWord(e, d)},${words.join(',')})|0;` +
      `_n=I32[${ENG_BUDGET}]-_k+${e.carry}|0;_g=I32[${ENG_TLB_GEN}]|_f;${e.reload(row.writes)}` +
      (row.mayFault ? `if(_r!==0){${fault}}` : ''),
  );
  e.high.step(e.ir, at);
  if (d !== NONE) e.line(fetchResult(e, d));
}

/** The operation on word indices: in line where there is text for it, else a call. */
function slotText(e: EmitContext, at: number, args: readonly number[], result: number): string {
  const op = e.ir.code[at]!;
  const imm = e.ir.code[at + 5]!;
  const inline = SLOT_INLINE[(OPS[op] as OpRow).name as SlotOpName];
  const [a, b, c] = args.map(String) as [string, string, string];
  const text = inline?.(String(result), a, b, c, imm) ?? '$SLOW';
  if (!text.includes('$SLOW')) return text;
  e.slotsUsed.add(op);
  const call = `v${op}(env,${result},${args.join(',')},${imm})`;
  const slow = EFFECTS[op] === EFFECT_FP ? `_r=${call}|0;if(_r!==0){${e.fault(at)}}` : `${call};`;
  return text.replaceAll('$SLOW', () => slow);
}

export function emitSlotOp(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const op = code[at]!;
  const d = code[at + 1]!;
  let text = '';
  const args: number[] = [];
  for (let k = 0; k < 3; k++) {
    const raw = code[at + 2 + k]!;
    if (FIELDS[op * 4 + 1 + k] === F_RAW) {
      args.push(raw);
      continue;
    }
    const arg = e.argument(raw, k);
    text += arg.pre;
    args.push(arg.word);
  }
  e.line(text + slotText(e, at, args, resultWord(e, d)));
  e.high.step(e.ir, at);
  if (d !== NONE) e.line(fetchResult(e, d));
}
