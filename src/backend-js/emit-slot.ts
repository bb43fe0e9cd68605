/**
 * Operations over memory slots (vectors and floating point): the in-line text of slot-ops.ts where there is
 * one, else a call. Values live in their slots, so that every bit of a NaN is kept.
 *
 * Beside its slot, a double may be known in a local d0, d1 … of the same value, for the arithmetic to
 * read: a load behind the store of a result, or behind two stores of its halves, costs more than
 * the arithmetic. Such a local is only read by arithmetic, never moved, so it may be any NaN; it is forgotten
 * when its slot is written. Integer operands and results are likewise put into the text directly.
 */

import { EFFECT_FP, EFFECTS, F_RAW, FIELDS, WRITES_D } from '../ir/fields.ts';
import { EXACT_MASK, FAST_MASK } from '../ir/fp-env.ts';
import { type Field, OP, OPS, type OpRow, type SlotOpName, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref } from '../ir/refs.ts';
import { operandCheck } from '../ir/slot-fp.ts';
import { SLOT_INLINE } from '../ir/slot-ops.ts';
import { TYPE_SIZE } from '../ir/types.ts';
import { type EmitContext, SINK_WORD } from './context.ts';
import { checkOrdinary } from './doubles.ts';
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

/** Makes the tests of the environment fail while _f is -1. */
function forceable(text: string): string {
  return [FAST_MASK, EXACT_MASK].reduce((t, m) => t.replaceAll(`& ${m})`, `& ${m} | _f)`), text);
}

export function emitSlotOp(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const op = code[at]!;
  const row = OPS[op] as OpRow;
  const d = code[at + 1]!;
  const result = d === NONE ? SINK_WORD : e.slot(d);
  const args = operands(e, at);
  const [a, b, c] = args.map((x) => String(x.word)) as [string, string, string];
  const inline =
    copyOfLoaded(e, at, result) ??
    SLOT_INLINE[row.name as SlotOpName]?.(String(result), a, b, c, code[at + 5]!);
  // While warming up the environment is found wanting now and then (_f), so that the call has been seen.
  let text = forceable(inline ?? '$SLOW');
  let before = '';
  let deferred = '';
  for (const [k, x] of args.entries()) {
    if (x.field === 'f64' && e.doubles.isOrdinary(x.word)) {
      text = text.replace(`${operandCheck('f64', k === 0 ? 'x0' : 'y0')} && `, '');
    }
    text = useDirectly(e, x, text, result);
    if (names(text, x.word) || inline === undefined) before += x.pre;
    else deferred += x.pre;
  }
  if (text.includes('_q')) e.arithmetic = true;
  const called = text.includes('$SLOW');
  // Some operands have no fast path at all.
  const hasFastPath = inline !== undefined && !/^[{\s]*\$SLOW/.test(inline);
  const leaves = e.lean && EFFECTS[op] === EFFECT_FP && hasFastPath;
  const slowCall = !called ? '' : leaves ? e.leaveSlow(at) : call(e, at, args, result);
  // From here on the result's slot holds something else.
  const aliased = copiedDouble(e, at, args);
  if (aliased?.load !== undefined) before += aliased.load;
  e.doubles.forget(result, Math.max(TYPE_SIZE[row.d as keyof typeof TYPE_SIZE], 8));
  e.high.step(e.ir, at);
  const [stored, fetch] = storeResult(e, row, d, text, result);
  text = stored.replaceAll('$SLOW', () => (leaves ? slowCall : `${deferred}${slowCall}${fetch}`));
  if (aliased !== undefined) e.doubles.alias(result, aliased.name);
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

/** Operations that copy a double, or a vector with it in the low lane. */
const COPIES: ReadonlySet<string> = new Set(['vmov', 'vmov.64', 'vzx.64']);

/**
 * A move of a double that is known in a local makes its result known too. One that is not known is loaded
 * from where it comes from if arithmetic will read the copy: a load behind the copy's two stores stalls.
 */
function copiedDouble(
  e: EmitContext,
  at: number,
  args: readonly Operand[],
): { readonly name: string; readonly load?: string } | undefined {
  const { code } = e.ir;
  const { name: op } = OPS[code[at]!] as OpRow;
  if (op === 'vzero') return { name: '0' };
  if (!COPIES.has(op)) return undefined;
  const { word, ref } = args[0]!;
  const known = e.doubles.get(word);
  if (known !== undefined) return { name: known };
  if (isConst(ref) || isInteger(e, ref) || !isReadAsDouble(e, code[at + 1]!, at + STRIDE))
    return undefined;
  const name = e.doubles.define(word, false);
  return { name, load: `${name}=F64[${word >> 1}];` };
}

/**
 * Text that zero-extends a double that has been loaded but as a double: into the slot as one, if it is no NaN, whose
 * bits need not survive that.
 */
function copyOfLoaded(e: EmitContext, at: number, result: number): string | undefined {
  const { code } = e.ir;
  const a = code[at + 2]!;
  const load = e.loadedLaterBy(a);
  if ((OPS[code[at]!] as OpRow).name !== 'vzx.64' || load === undefined) return undefined;
  const name = e.doubles.get(e.slot(a));
  if (name === undefined) return undefined;
  const bits = `I32[${result}]=${e.lo(a)};I32[${result + 1}]=${e.hi(a)};`;
  const store = `F64[${result >> 1}]=${name};`;
  const high = `F64[${(result >> 1) + 1}]=0;`;
  const vouched = e.lean && load.insn === e.insn;
  if (!vouched || !isReadByArithmetic(e, code[at + 1]!, at + STRIDE)) {
    return `if(${name}===${name})${store}else{${bits}}${high}`;
  }
  // What arithmetic would leave for, it leaves for here, and then need not look again.
  e.doubles.vouch(name);
  return `if(${operandCheck('f64', name)})${store}else if(${name}===0){${bits}}else{${e.leaveSlow(load.at)}}${high}`;
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
  const name = e.doubles.define(result, true);
  const at = text.indexOf(store);
  const end = text.indexOf(';', at);
  const value = text.slice(at + store.length, end);
  const both = `${name}=${value};F64[${result >> 1}]=${name}`;
  return [
    text.slice(0, at) + both + text.slice(end),
    `${name}=F64[${result >> 1}];${checkOrdinary(name)}`,
  ];
}

function call(e: EmitContext, at: number, args: readonly Operand[], result: number): string {
  const op = e.ir.code[at]!;
  e.slotsUsed.add(op);
  const words = args.map((x) => x.word).join(',');
  const text = `v${op}(env,${result},${words},${e.ir.code[at + 5]!})`;
  return EFFECTS[op] === EFFECT_FP ? `_s=${text}|0;if(_s!==0){_r=_s;${e.fault(at)}}` : `${text};`;
}

/** Is the value read as a double by arithmetic of the block, from `from` on? Then a local is worth while. */
export function isReadAsDouble(e: EmitContext, ref: Ref, from: number): boolean {
  if (ref === NONE) return false;
  const { code, length } = e.ir;
  const word = e.slot(ref);
  const same = (r: Ref): boolean => r !== NONE && !isConst(r) && e.slot(r) === word;
  for (let at = from; at < length; at += STRIDE) {
    const row = OPS[code[at]!] as OpRow;
    if (row.effect === 'mark') continue;
    if (row.cls === 'slot' && row.a === 'f64' && same(code[at + 2]!)) return true;
    if (row.cls === 'slot' && row.b === 'f64' && same(code[at + 3]!)) return true;
    if (WRITES_D[code[at]!] === 1 && same(code[at + 1]!)) return false;
  }
  return false;
}

/** Does an operation of the block that may raise a floating-point exception read the double, from `from` on? */
function isReadByArithmetic(e: EmitContext, ref: Ref, from: number): boolean {
  const { code, length } = e.ir;
  const word = e.slot(ref);
  const same = (r: Ref): boolean => r !== NONE && !isConst(r) && e.slot(r) === word;
  for (let at = from; at < length; at += STRIDE) {
    const row = OPS[code[at]!] as OpRow;
    if (row.cls === 'slot' && EFFECTS[code[at]!] === EFFECT_FP) {
      if (row.a === 'f64' && same(code[at + 2]!)) return true;
      if (row.b === 'f64' && same(code[at + 3]!)) return true;
    }
    if (WRITES_D[code[at]!] === 1 && row.effect !== 'mark' && same(code[at + 1]!)) return false;
  }
  return false;
}

/**
 * Is arithmetic on doubles all that the temp `d` is for, once in a local? Then its halves need no locals: they can
 * be loaded again where a slow path wants them, provided that nothing is stored before.
 */
export function isReadOnlyAsDouble(e: EmitContext, d: Ref, from: number): boolean {
  if (!isTemp(d) || e.ir.pendingCc.includes(d)) return false;
  const { code, length } = e.ir;
  let stored = false;
  for (let at = from; at < length; at += STRIDE) {
    const op = code[at]!;
    const row = OPS[op] as OpRow;
    if (row.effect === 'mark') continue;
    if (code[at + 1] === d && WRITES_D[op] === 0) return false;
    for (const [k, field] of [row.a, row.b, row.c].entries()) {
      if (code[at + 2 + k] !== d || FIELDS[op * 4 + 1 + k] === F_RAW) continue;
      if (stored || row.cls !== 'slot' || field !== 'f64') return false;
    }
    if (row.effect === 'store' || op === OP.call) stored = true;
  }
  return isReadAsDouble(e, d, from);
}

/** Doubles with a local for the whole region at most: V8 has 15 registers for them. */
const MAX_CARRIED = 8;

/** Word indices of registers that a block's arithmetic reads as doubles before the block writes them. */
export function carriedDoubles(e: EmitContext): Set<number> {
  const found = new Set<number>();
  for (const { ir } of e.region.blocks) {
    const { code } = ir;
    const written = new Set<number>();
    for (let at = 0; at < ir.length; at += STRIDE) {
      const row = OPS[code[at]!] as OpRow;
      if (row.cls !== 'slot') continue;
      const read = (field: Field, ref: Ref): void => {
        if (field !== 'f64' || !isVar(ref) || e.isLocalVar(ref)) return;
        if (written.has(e.slot(ref))) return;
        if (found.size < MAX_CARRIED) found.add(e.slot(ref));
      };
      read(row.a, code[at + 2]!);
      read(row.b, code[at + 3]!);
      const d = code[at + 1]!;
      if (WRITES_D[code[at]!] === 1 && isVar(d)) written.add(e.slot(d));
    }
  }
  return found;
}
