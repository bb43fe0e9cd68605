/**
 * What the interpreter of WebAssembly is written with: the micro operation's fields, memory slots as values, engine words,
 * and how a body ends.
 */

import { ARENA_BASE, ENG_BUDGET } from '../common/layout.ts';
import { STRIDE } from '../ir/ops.ts';
import type { StateLayout } from '../ir/types.ts';
import type { DispatcherOptions } from './dispatcher.ts';
import { FunctionBody } from './function-body.ts';
import { V, W } from './opcodes.ts';
import { pushGeneration } from './tlb-check.ts';
import type { AccessContext, ValueContext } from './values.ts';

/** Labels; bodies have those from BODY on. */
export const LEAVE = 0;
export const NEXT = 1;
export const BODY = 2;

/** Fields of a micro operation, in words. */
export const D = 1;
export const A = 2;
export const B = 3;
export const C = 4;
export const IMM = 5;
/** Byte offset of a field of the micro operation at `p`, which is a byte offset into the arena. */
export const at = (word: number): number => ARENA_BASE + word * 4;

/** Values are known by the field that names their slot. */
export class InterpreterCode implements ValueContext, AccessContext {
  /** Parameter 0 is `p`, at first an index into the arena, then in bytes. */
  readonly f: FunctionBody = new FunctionBody(1);
  readonly p = 0;
  readonly budget: number = this.f.newLocal('i32');
  readonly code: number = this.f.newLocal('i32');
  readonly i: number = this.f.newLocal('i32');
  readonly j: number = this.f.newLocal('i32');
  readonly x: number = this.f.newLocal('i64');
  readonly y: number = this.f.newLocal('i64');
  readonly z: number = this.f.newLocal('i64');
  readonly v: number = this.f.newLocal('v128');
  // What emit-mem.ts wants.
  readonly ea: number = this.f.newLocal('i64');
  readonly entry: number = this.f.newLocal('i32');
  readonly host: number = this.f.newLocal('i32');
  readonly pc: number;
  readonly cc: readonly number[];
  readonly ccKind: number;
  readonly options: DispatcherOptions;

  constructor(layout: StateLayout, options: DispatcherOptions) {
    const { vars, pc, ccKind, ccA, ccB, ccC } = layout;
    this.options = options;
    const offset = (v: number): number => vars[v]!.offset;
    this.pc = offset(pc);
    this.ccKind = offset(ccKind);
    this.cc = [ccA, ccB, ccC].map(offset);
  }

  // Fields and slots.

  /** Pushes a word of the micro operation. */
  field(word: number): void {
    this.f.get(this.p);
    this.f.memory(W.i32Load, at(word));
  }

  /** Pushes the byte offset of the slot that a field names. */
  slot(word: number): void {
    this.field(word);
    this.f.i32(2);
    this.f.op(W.i32Shl);
  }

  pushI32(word: number): void {
    this.slot(word);
    this.f.memory(W.i32Load, 0);
  }

  pushI64(word: number): void {
    this.slot(word);
    this.f.memory(W.i64Load, 0);
  }

  pushV128(word: number, half = 0): void {
    this.slot(word);
    this.f.simdMemory(V.load, half * 16);
  }

  setI32(word: number): void {
    this.f.op(W.i64ExtendI32u);
    this.setI64(word);
  }

  setI64(word: number): void {
    this.f.set(this.x);
    this.slot(word);
    this.f.get(this.x);
    this.f.memory(W.i64Store, 0);
  }

  pushF64(word: number): void {
    this.slot(word);
    this.f.memory(W.f64Load, 0);
  }

  pushF32(word: number): void {
    this.slot(word);
    this.f.memory(W.f32Load, 0);
  }

  setF64(word: number): void {
    this.f.op(W.i64ReinterpretF64);
    this.setI64(word);
  }

  setF32(word: number): void {
    this.f.op(W.i32ReinterpretF32);
    this.f.set(this.i);
    this.slot(word);
    this.f.get(this.i);
    this.f.memory(W.i32Store, 0);
  }

  setV128(word: number, half = 0): void {
    this.f.set(this.v);
    this.slot(word);
    this.f.get(this.v);
    this.f.simdMemory(V.store, half * 16);
  }

  // Engine words.

  load(op: number, offset: number): void {
    this.f.i32(0);
    this.f.memory(op, offset);
  }

  /** Stores what `push` pushes. */
  store(op: number, offset: number, push: () => void): void {
    this.f.i32(0);
    push();
    this.f.memory(op, offset);
  }

  pushGeneration(): void {
    pushGeneration(this.f);
  }

  storeBudget(): void {
    this.store(W.i32Store, ENG_BUDGET * 4, () => this.f.get(this.budget));
  }

  /** After something was called that may have changed engine words. */
  reload(): void {
    this.load(W.i32Load, ENG_BUDGET * 4);
    this.f.set(this.budget);
  }

  // Ends of bodies.

  step(): void {
    const { f } = this;
    f.get(this.p);
    f.i32(STRIDE * 4);
    f.op(W.i32Add);
    f.set(this.p);
  }

  next(): void {
    this.step();
    this.f.br(NEXT);
  }

  leave(code: number): void {
    this.f.i32(code);
    this.f.set(this.code);
    this.f.br(LEAVE);
  }

  /** Leaves if the word on the stack is -1 or -2, as MMU and helpers say that an exception or a store into code is due. */
  leaveIfFailed(): void {
    const { f } = this;
    f.tee(this.code);
    f.openIf(false);
    f.i32(0);
    f.get(this.code);
    f.i32(1);
    f.op(W.i32Shl, W.i32Sub);
    f.set(this.code);
    f.br(LEAVE);
    f.close();
  }

  /** Sets the pc to that in the slot whose word index `push` pushes. */
  pcFromSlot(push: () => void): void {
    this.store(W.i64Store, this.pc, () => {
      push();
      this.f.i32(2);
      this.f.op(W.i32Shl);
      this.f.memory(W.i64Load, 0);
    });
  }
}
