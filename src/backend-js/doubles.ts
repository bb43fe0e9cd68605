/** Which doubles of a block are known in locals beside their slots: see emit-slot.ts. */

import type { IrBlock } from '../ir/block.ts';
import { WRITES_D } from '../ir/fields.ts';
import { OP } from '../ir/ops.ts';
import { isVar, NONE, refIndex } from '../ir/refs.ts';
import { type StateLayout, TYPE_SIZE } from '../ir/types.ts';

export class Doubles {
  /** Names by word index of the slot. */
  private readonly known: Map<number, string> = new Map();
  private next = 0;
  /** Locals that the function needs. */
  count = 0;

  clear(): void {
    this.known.clear();
    this.next = 0;
  }

  get(word: number): string | undefined {
    return this.known.get(word);
  }

  /** A new local for the double at `word`. */
  define(word: number): string {
    const name = `d${this.next++}`;
    this.count = Math.max(this.count, this.next);
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
