/** The temps of the current block in locals, which are recycled after a temp's last use; and their memory slots. */

import { TEMP_BASE, TEMP_SIZE } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from '../ir/block.ts';
import { forEachTemp, LastUses } from '../ir/last-uses.ts';
import type { IrType } from '../ir/types.ts';
import type { FunctionBody } from './function-body.ts';
import { V, W, type WasmType } from './opcodes.ts';

/** The local types that a temp takes. */
const LOCALS: Record<IrType, readonly WasmType[]> = {
  i32: ['i32'],
  i64: ['i64'],
  f32: ['f32'],
  f64: ['f64'],
  f80: [],
  v128: ['v128'],
  v256: ['v128', 'v128'],
};

const HALF = 16;

export class Temps {
  private readonly f: FunctionBody;
  private ir: IrBlock;
  private locals: (readonly number[] | undefined)[] = [];
  private readonly lastUses: LastUses = new LastUses();

  constructor(f: FunctionBody, ir: IrBlock) {
    this.f = f;
    this.ir = ir;
  }

  startBlock(ir: IrBlock): void {
    this.locals.forEach((locals, t) => {
      if (locals !== undefined) this.free(t);
    });
    this.ir = ir;
    this.locals = [];
    this.lastUses.find(ir);
  }

  typeOf(t: number): IrType {
    return this.ir.tempTypes[t]!;
  }

  /** Gives back the locals of temps whose last use is the instruction at word index `at`. */
  release(at: number): void {
    forEachTemp(this.ir, at, (t) => {
      if (this.locals[t] !== undefined && this.lastUses.isOver(t, at)) this.free(t);
    });
  }

  private free(t: number): void {
    const types = LOCALS[this.typeOf(t)];
    this.locals[t]!.forEach((local, i) => {
      this.f.giveLocal(types[i]!, local);
    });
    this.locals[t] = undefined;
  }

  /** The local of a temp that has been set; the second one of 256 bits. */
  local(t: number, half = 0): number {
    return (
      this.locals[t]?.[half] ?? panic(`temp ${t} is read before it is written, or after release`)
    );
  }

  /** The local to set a temp by. */
  define(t: number, half = 0): number {
    let locals = this.locals[t];
    if (locals === undefined) {
      locals = LOCALS[this.typeOf(t)].map((type) => this.f.takeLocal(type));
      this.locals[t] = locals;
    }
    return locals[half]!;
  }

  /** Byte offset of a temp's slot. */
  slotOf(t: number): number {
    return TEMP_BASE + t * TEMP_SIZE;
  }

  /** Copies a temp to its slot; integers take 64 bits there. */
  store(t: number): void {
    const { f } = this;
    const at = this.slotOf(t);
    const type = this.typeOf(t);
    f.i32(0);
    f.get(this.local(t));
    if (type === 'i32') f.op(W.i64ExtendI32u);
    if (type === 'i32' || type === 'i64') f.memory(W.i64Store, at);
    else if (type === 'f32') f.memory(W.f32Store, at);
    else if (type === 'f64') f.memory(W.f64Store, at);
    else f.simdMemory(V.store, at);
    if (type !== 'v256') return;
    f.i32(0);
    f.get(this.local(t, 1));
    f.simdMemory(V.store, at + HALF);
  }

  /** Sets a temp from its slot. */
  load(t: number): void {
    const { f } = this;
    const at = this.slotOf(t);
    const type = this.typeOf(t);
    f.i32(0);
    if (type === 'i32') f.memory(W.i32Load, at);
    else if (type === 'i64') f.memory(W.i64Load, at);
    else if (type === 'f32') f.memory(W.f32Load, at);
    else if (type === 'f64') f.memory(W.f64Load, at);
    else f.simdMemory(V.load, at);
    f.set(this.define(t));
    if (type !== 'v256') return;
    f.i32(0);
    f.simdMemory(V.load, at + HALF);
    f.set(this.define(t, 1));
  }
}
