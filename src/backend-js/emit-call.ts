/**
 * Calls of helpers. They take word indices, so integer operands are stored to their slots first and
 * integer results loaded after.
 */

import { ENG_BUDGET, ENG_TLB_GEN } from '../common/layout.ts';
import { NONE, type Ref } from '../ir/refs.ts';
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
      `_s=h${number}(env,${resultWord(e, d)},${words.join(',')})|0;` +
      `_n=I32[${ENG_BUDGET}]-_k+${e.carry}|0;_g=I32[${ENG_TLB_GEN}]|_f;${row.mayFault ? e.windows.empty() : ''}${e.reload(row.writes)}` +
      (row.writes === 'all' || row.writes.includes(e.options.layout.fpEnv) ? '_q=-1;' : '') +
      (row.mayFault ? `if(_s!==0){_r=_s;${fault}}` : ''),
  );
  e.high.step(e.ir, at);
  if (d !== NONE) e.line(fetchResult(e, d));
}
