/**
 * Which doubles of a block are known in locals beside their slots: see emit-slot.ts.
 *
 * Registers that some block reads before it writes them have a local for the whole region, c640 for
 * the double at F64[640], so that a loop does not carry them through memory. Invariant: between blocks
 * it equals the slot (or both are NaNs). The slot itself is always current: leaving needs nothing.
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
    for (const [word, name] of this.lasting) this.known.set(word, name);
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
        value = moved;
      }
      text += `${name}=${value ?? `F64[${word >> 1}]`};`;
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

  /** A new local for the double at `word`. */
  define(word: number): string {
    const name = this.local();
    this.known.set(word, name);
    return name;
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
