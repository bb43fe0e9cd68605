/**
 * Which doubles of a block are known in locals beside their slots: see emit-slot.ts.
 *
 * Registers that some block reads before it writes them have a local for the whole region, c640 for
 * the double at F64[640], so that a loop does not carry them through memory. Invariant: between blocks
 * it equals the slot (or both are NaNs). The slot itself is always current: leaving needs nothing.
 *
 * Ordinary numbers (normal or zero) need no test before arithmetic. Invariant: while `_q` is 0, the locals that
 * isOrdinary() vouches for are ordinary, the region's among them; whoever gives one something else sets `_q` to -1.
 */

import type { IrBlock } from '../ir/block.ts';
import { WRITES_D } from '../ir/fields.ts';
import { OP } from '../ir/ops.ts';
import { isVar, NONE, refIndex } from '../ir/refs.ts';
import { type StateLayout, TYPE_SIZE } from '../ir/types.ts';

export class Doubles {
  /** Names by word index of the slot. */
  private readonly known: Map<number, string> = new Map();
  private readonly lasting: Map<number, string> = new Map();
  /** Names of locals that are ordinary. */
  private readonly ordinary: Set<string> = new Set();
  private next = 0;
  /** Locals d0, d1 … that the function needs. */
  private count = 0;

  /** Gives the doubles at these word indices locals for the whole region. */
  keep(words: Iterable<number>): void {
    for (const word of words) this.lasting.set(word, `c${word >> 1}`);
  }

  /** Initializers of the region's locals. */
  declarations(): string[] {
    const kept = [...this.lasting].map(([word, name]) => `${name}=F64[${word >> 1}]`);
    return [...Array.from({ length: this.count }, (_, i) => `d${i}=0.1`), ...kept];
  }

  startBlock(): void {
    this.known.clear();
    this.ordinary.clear();
    this.ordinary.add('0');
    for (const [word, name] of this.lasting) {
      this.known.set(word, name);
      this.ordinary.add(name);
    }
    this.next = 0;
  }

  /** Statements that bring the region's locals up to date. */
  endBlock(): string {
    let first = '';
    let text = '';
    for (const [word, name] of this.lasting) {
      let value = this.known.get(word);
      if (value === name) continue;
      if (value?.startsWith('c')) {
        // That one may be assigned here too.
        const moved = this.local();
        first += `${moved}=${value};`;
        if (this.ordinary.has(value)) this.ordinary.add(moved);
        value = moved;
      }
      text += `${name}=${value ?? `F64[${word >> 1}]`};`;
      if (value === undefined || !this.ordinary.has(value)) text += checkOrdinary(name);
    }
    return first + text;
  }

  private local(): string {
    const name = `d${this.next++}`;
    this.count = Math.max(this.count, this.next);
    return name;
  }

  get(word: number): string | undefined {
    return this.known.get(word);
  }

  /** A new local for the double at `word`; `ordinary`: while _q is 0 it is. */
  define(word: number, ordinary: boolean): string {
    const name = this.local();
    this.known.set(word, name);
    if (ordinary) this.ordinary.add(name);
    return name;
  }

  isOrdinary(word: number): boolean {
    const name = this.known.get(word);
    return name !== undefined && this.ordinary.has(name);
  }

  /** The local has been found to be ordinary. */
  vouch(name: string): void {
    this.ordinary.add(name);
  }

  /** Statements that look at the region's locals on entry. */
  checkAll(): string {
    return [...this.lasting.values()].map(checkOrdinary).join('');
  }

  alias(word: number, name: string): void {
    this.known.set(word, name);
  }

  /** Forgets doubles in `bytes` bytes at a word index. */
  forget(word: number, bytes: number): void {
    for (const at of this.known.keys()) {
      if (at < word + bytes / 4 && word < at + 2) this.known.delete(at);
    }
  }

  /** Accounts for an instruction of another kind. */
  afterOther(ir: IrBlock, at: number, layout: StateLayout): void {
    const { code } = ir;
    if (this.known.size === 0) return;
    if (code[at] === OP.call) this.known.clear();
    const d = code[at + 1]!;
    if (WRITES_D[code[at]!] === 0 || d === NONE || !isVar(d)) return;
    const v = layout.vars[refIndex(d)]!;
    this.forget(v.offset >> 2, Math.max(TYPE_SIZE[v.type], 8));
  }
}

/** Statement for a local that may be anything. */
export function checkOrdinary(name: string): string {
  const size = `Math.abs(${name})`;
  return `if(!(${size}>=2.2250738585072014e-308&&${size}<=1.7976931348623157e308||${name}===0))_q=-1;`;
}
