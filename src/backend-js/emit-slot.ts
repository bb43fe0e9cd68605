/**
 * Operations over memory slots (vectors and floating point): the in-line text of slot-ops.ts where there is
 * one, else a call. Values live in their slots, so that every bit of a NaN is kept.
 *
 * Beside its slot, a double may be known in a local d0, d1 … of the same value, for the arithmetic to
 * read: a load behind the store of a result, or behind two stores of its halves, costs more than
 * the arithmetic. Such a local is only read by arithmetic, never moved, so it may be any NaN; it is forgotten
 * when its slot is written. Integer operands and results are likewise put into the text directly.
 */

import { EFFECT_FP, EFFECTS, F_RAW, FIELDS } from '../ir/fields.ts';
import { type Field, OPS, type OpRow, type SlotOpName, STRIDE } from '../ir/ops.ts';
import { isTemp, NONE, type Ref } from '../ir/refs.ts';
import { SLOT_INLINE } from '../ir/slot-ops.ts';
import { TYPE_SIZE } from '../ir/types.ts';
import { type EmitContext, SINK_WORD } from './context.ts';
import { destination } from './emit-int.ts';

interface Operand {
  readonly ref: Ref;
  readonly word: number;
  /** Stores an integer or constant to the slot. */
  readonly pre: string;
  readonly field: Field;
}

function operands(e: EmitContext, at: number): Operand[] {
  const { code } = e.ir;
  const op = code[at]!;
  const row = OPS[op] as OpRow;
  return [row.a, row.b, row.c].map((field, k) => {
    const ref = code[at + 2 + k]!;
    if (FIELDS[op * 4 + 1 + k] === F_RAW) return { ref: NONE, word: ref, pre: '', field };
    return { ref, field, ...e.argument(ref, k) };
  });
}

/** Does the text name this slot? */
function names(text: string, word: number): boolean {
  return new RegExp(`\\b${word}\\b`).test(text);
}

function isInteger(e: EmitContext, ref: Ref): boolean {
  return ref !== NONE && (e.isIntTemp(ref) || e.isLocalVar(ref));
}

export function emitSlotOp(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const op = code[at]!;
  const row = OPS[op] as OpRow;
  const d = code[at + 1]!;
  const result = d === NONE ? SINK_WORD : e.slot(d);
  const args = operands(e, at);
  const [a, b, c] = args.map((x) => String(x.word)) as [string, string, string];
  const inline = SLOT_INLINE[row.name as SlotOpName]?.(String(result), a, b, c, code[at + 5]!);
  let text = inline ?? '$SLOW';
  let before = '';
  let deferred = '';
  for (const x of args) {
    text = useDirectly(e, x, text, result);
    if (names(text, x.word) || inline === undefined) before += x.pre;
    else deferred += x.pre;
  }
  const called = text.includes('$SLOW');
  const slowCall = called ? call(e, at, args, result) : '';
  // From here on the result's slot holds something else.
  const aliased = copiedDouble(e, row, args);
  e.doubles.forget(result, Math.max(TYPE_SIZE[row.d as keyof typeof TYPE_SIZE], 8));
  e.high.step(e.ir, at);
  const [stored, fetch] = storeResult(e, row, d, text, result);
  text = stored.replaceAll('$SLOW', () => `${deferred}${slowCall}${fetch}`);
  if (aliased !== undefined) e.doubles.alias(result, aliased);
  e.line(before + text);
}

/** Reads operand `x` from its locals instead of its slot, where the text permits. */
function useDirectly(e: EmitContext, x: Operand, text: string, result: number): string {
  if (x.ref === NONE || text === '$SLOW') return text;
  if (isInteger(e, x.ref) && x.word !== result) {
    text = text.replaceAll(`I32[${x.word}]`, e.lo(x.ref));
    text = text.replaceAll(`I32[${x.word} + 1]`, e.hi(x.ref));
  }
  if (x.field !== 'f64') return text;
  const load = `F64[(${x.word} >> 1) + 0]`;
  const written = `${load} = `;
  const known = e.doubles.get(x.word);
  if (known === undefined) return text;
  return text.replaceAll(written, '$DST').replaceAll(load, known).replaceAll('$DST', written);
}

/** A move of a double that is known in a local makes its result known too. */
function copiedDouble(e: EmitContext, row: OpRow, args: readonly Operand[]): string | undefined {
  if (row.name !== 'vzx.64' && row.name !== 'vmov.64') return undefined;
  return e.doubles.get(args[0]!.word);
}

/** @returns the text, with its result in locals, and what a call must do to that end after it */
function storeResult(
  e: EmitContext,
  row: OpRow,
  d: Ref,
  text: string,
  result: number,
): [string, string] {
  if (d === NONE) return [text, ''];
  if (isInteger(e, d)) {
    const { l, h } = destination(e, d);
    const fetch = `${l}=I32[${result}];${h === '' ? '' : `${h}=I32[${result + 1}];`}`;
    if (text === '$SLOW') return [text, fetch];
    return [`${text}${fetch}`, ''];
  }
  if (row.d !== 'f64') return [text, ''];
  const store = `F64[(${result} >> 1) + 0] = `;
  if (!text.includes(store)) return [text, ''];
  const name = e.doubles.define(result);
  const at = text.indexOf(store);
  const end = text.indexOf(';', at);
  const value = text.slice(at + store.length, end);
  const both = `${name}=${value};F64[${result >> 1}]=${name}`;
  return [text.slice(0, at) + both + text.slice(end), `${name}=F64[${result >> 1}];`];
}

function call(e: EmitContext, at: number, args: readonly Operand[], result: number): string {
  const op = e.ir.code[at]!;
  e.slotsUsed.add(op);
  const words = args.map((x) => x.word).join(',');
  const text = `v${op}(env,${result},${words},${e.ir.code[at + 5]!})`;
  return EFFECTS[op] === EFFECT_FP ? `_r=${text}|0;if(_r!==0){${e.fault(at)}}` : `${text};`;
}

/** Is the temp read as a double by arithmetic of the block? Then a load keeps it in a local. */
export function isReadAsDouble(e: EmitContext, t: Ref, from: number): boolean {
  const { code, length } = e.ir;
  if (!isTemp(t)) return false;
  for (let at = from; at < length; at += STRIDE) {
    const row = OPS[code[at]!] as OpRow;
    if (row.cls !== 'slot') continue;
    if (row.a === 'f64' && code[at + 2] === t) return true;
    if (row.b === 'f64' && code[at + 3] === t) return true;
  }
  return false;
}
