/**
 * One WebAssembly function being written: instructions, locals, and the labels of open constructs. Everything in it
 * is made from the tables here and numbers: nothing is text of the guest's.
 */

import { ByteWriter } from './encode.ts';
import { TYPE, V, W, type WasmType } from './opcodes.ts';

/** Block type of constructs that leave nothing on the stack. */
const VOID = 0x40;

/** A function, encoded. */
export interface Code {
  readonly bytes: ByteWriter;
  /** Offset and 1 (taken) or 0 of each hinted branch. */
  readonly hints: readonly number[];
  /** Offsets of the indices of imported functions: LEB128 of five bytes each, so that they can be replaced. */
  readonly calls: readonly number[];
}

export class FunctionBody {
  readonly out: ByteWriter = new ByteWriter();
  private readonly localTypes: WasmType[] = [];
  private readonly free: Record<WasmType, number[]> = {
    i32: [],
    i64: [],
    f32: [],
    f64: [],
    v128: [],
  };
  private depth = 0;
  /** Where instructions of `if` and `br_if` are, in `out`, and whether they are taken: offset, 1 or 0. */
  private readonly hints: number[] = [];
  /** Where indices of imported functions are. */
  private readonly calls: number[] = [];
  private readonly params: number;
  /** Depth at which each label's construct was opened. */
  private readonly labels: Map<number, number> = new Map();

  /** @param params number of parameters: the first locals */
  constructor(params = 0) {
    this.params = params;
  }

  // Locals.

  /** A local of its own. */
  newLocal(type: WasmType): number {
    return this.params + this.localTypes.push(type) - 1;
  }

  /** A local for a while. */
  takeLocal(type: WasmType): number {
    return this.free[type].pop() ?? this.newLocal(type);
  }

  giveLocal(type: WasmType, local: number): void {
    this.free[type].push(local);
  }

  // Instructions.

  op(...bytes: number[]): void {
    for (const b of bytes) this.out.byte(b);
  }

  get(local: number): void {
    this.out.byte(W.localGet);
    this.out.u32(local);
  }

  set(local: number): void {
    this.out.byte(W.localSet);
    this.out.u32(local);
  }

  tee(local: number): void {
    this.out.byte(W.localTee);
    this.out.u32(local);
  }

  i32(value: number): void {
    this.out.byte(W.i32Const);
    this.out.s32(value);
  }

  i64(lo: number, hi: number): void {
    this.out.byte(W.i64Const);
    this.out.s64(lo, hi);
  }

  /** A double by its bits. */
  f64(lo: number, hi: number): void {
    this.out.byte(W.f64Const);
    this.out.word(lo);
    this.out.word(hi);
  }

  /** A float by its bits. */
  f32(bits: number): void {
    this.out.byte(W.f32Const);
    this.out.word(bits);
  }

  /** A load or store at the address on the stack plus `offset`; unaligned ones are as fast. */
  memory(op: number, offset: number): void {
    this.out.byte(op);
    this.out.u32(0);
    this.out.u32(offset);
  }

  simd(op: number): void {
    this.out.byte(W.simd);
    this.out.u32(op);
  }

  simdMemory(op: number, offset: number): void {
    this.simd(op);
    this.out.u32(0);
    this.out.u32(offset);
  }

  /** An extract_lane or replace_lane. */
  lane(op: number, lane: number): void {
    this.simd(op);
    this.out.byte(lane);
  }

  v128(words: readonly number[]): void {
    this.simd(V.const);
    for (const w of words) this.out.word(w);
  }

  /** Bytes of the two vectors on the stack, 0 to 15 of the first, 16 to 31 of the second. */
  shuffle(bytes: readonly number[]): void {
    this.simd(V.shuffle);
    for (const b of bytes) this.out.byte(b);
  }

  call(fn: number): void {
    this.out.byte(W.call);
    this.out.u32(fn);
  }

  /** Calls an imported function. */
  callImport(index: number): void {
    this.out.byte(W.call);
    this.calls.push(this.out.length);
    this.out.paddedU32(index);
  }

  /** Calls the function at the position on the stack of the module's only table. */
  callIndirect(type: number): void {
    this.out.byte(W.callIndirect);
    this.out.u32(type);
    this.out.byte(0);
  }

  // Constructs.

  /** Opens a construct; `label` < 0: nobody branches to it. */
  open(op: number, label = -1): void {
    this.out.byte(op);
    this.out.byte(VOID);
    if (label >= 0) this.labels.set(label, this.depth);
    this.depth++;
  }

  /** Opens an `if` that is hardly ever taken, or nearly always. */
  openIf(likely: boolean): void {
    this.hints.push(this.out.length, likely ? 1 : 0);
    this.open(W.if);
  }

  otherwise(): void {
    this.out.byte(W.else);
  }

  close(): void {
    this.out.byte(W.end);
    this.depth--;
  }

  br(label: number, op: number = W.br): void {
    this.out.byte(op);
    this.out.u32(this.depth - 1 - this.labels.get(label)!);
  }

  /** Branches to the label at the position on the stack; to the last one if there is none. */
  table(labels: readonly number[]): void {
    this.out.byte(W.brTable);
    this.out.u32(labels.length - 1);
    for (const label of labels) this.out.u32(this.depth - 1 - this.labels.get(label)!);
  }

  /** The whole entry of the code section: declarations of locals, then `instructions`, then end. */
  encode(): Code {
    const code = new ByteWriter(this.out.length + 64);
    const groups: [WasmType, number][] = [];
    for (const type of this.localTypes) {
      const last = groups[groups.length - 1];
      if (last?.[0] === type) last[1]++;
      else groups.push([type, 1]);
    }
    code.u32(groups.length);
    for (const [type, count] of groups) {
      code.u32(count);
      code.byte(TYPE[type]);
    }
    const first = code.length;
    code.append(this.out.view());
    code.byte(W.end);
    return {
      bytes: code,
      hints: this.hints.map((n, i) => (i % 2 === 0 ? n + first : n)),
      calls: this.calls.map((n) => n + first),
    };
  }
}
