/**
 * What helpers as WebAssembly functions are written with: expressions that push a value. Parameters are those of
 * helpers: word indices d, a, b, c.
 */

import { FunctionBody } from './function-body.ts';
import { MEMORY_COPY, MEMORY_FILL, W, type WasmType } from './opcodes.ts';

/** Pushes a value. */
export type Expr = () => void;

/** Label of the block whose end is the slow way; of loops. */
const SLOW = 0;
const LOOP = 1;

export class HelperCode {
  readonly f: FunctionBody = new FunctionBody(4);

  constructor() {
    this.f.open(W.block, SLOW);
  }

  // Values.

  local(type: WasmType): number {
    return this.f.takeLocal(type);
  }

  get(local: number): Expr {
    return () => this.f.get(local);
  }

  i32(value: number): Expr {
    return () => this.f.i32(value);
  }

  i64(lo: number, hi = 0): Expr {
    return () => this.f.i64(lo, hi);
  }

  f64(lo: number, hi: number): Expr {
    return () => this.f.f64(lo, hi);
  }

  op(code: number, ...args: readonly Expr[]): Expr {
    return () => {
      for (const push of args) push();
      this.f.op(code);
    };
  }

  set(local: number, value: Expr): void {
    value();
    this.f.set(local);
  }

  /** A new local with this value. */
  let(type: WasmType, value: Expr): number {
    const local = this.local(type);
    this.set(local, value);
    return local;
  }

  load(op: number, address: Expr, offset = 0): Expr {
    return () => {
      address();
      this.f.memory(op, offset);
    };
  }

  store(op: number, address: Expr, offset: number, value: Expr): void {
    address();
    value();
    this.f.memory(op, offset);
  }

  /** The argument at a word index. */
  argument(op: number, param: 1 | 2 | 3, words = 0): Expr {
    return this.load(op, this.op(W.i32Shl, this.get(param), this.i32(2)), words * 4);
  }

  when(condition: Expr, then: () => void, otherwise?: () => void): void {
    condition();
    this.f.open(W.if);
    then();
    if (otherwise !== undefined) {
      this.f.otherwise();
      otherwise();
    }
    this.f.close();
  }

  /** Repeats while what the body returns is not 0. No loop within it. */
  loop(body: () => Expr): void {
    this.f.open(W.loop, LOOP);
    body()();
    this.f.br(LOOP, W.brIf);
    this.f.close();
  }

  /** Copies bytes, which may overlap. */
  copy(to: Expr, from: Expr, bytes: Expr): void {
    for (const push of [to, from, bytes]) push();
    this.f.op(...MEMORY_COPY);
  }

  /** Sets bytes to the low eight bits of a value. */
  fill(to: Expr, value: Expr, bytes: Expr): void {
    for (const push of [to, value, bytes]) push();
    this.f.op(...MEMORY_FILL);
  }

  // Ends.

  /** Leaves it to the helper. */
  slowIf(condition: Expr): void {
    condition();
    this.f.br(SLOW, W.brIf);
  }

  done(): void {
    this.f.i32(0);
    this.f.op(W.return);
  }

  /** @param helper function that does everything */
  end(helper: number): FunctionBody {
    const { f } = this;
    f.close();
    for (let param = 0; param < 4; param++) f.get(param);
    f.call(helper);
    return f;
  }
}
