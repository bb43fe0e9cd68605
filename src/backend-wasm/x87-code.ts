/**
 * What the x87 functions are written with (x87-functions.ts): expressions that push a value, and the state they are
 * about. Parameters are those of helpers: word indices d, a, b, c.
 */

import { C1, SEL, type X87Layout } from '../common/x87.ts';
import { PE } from '../ir/fp-env.ts';
import { FunctionBody } from './function-body.ts';
import { W, type WasmType } from './opcodes.ts';

/** Pushes a value. */
export type Expr = () => void;

/** Label of the block whose end is the slow way. */
const SLOW = 0;
/** Error summary: an exception is pending. */
const ES = 0x80;
/** All exceptions masked. */
const MASKED = 0x3f;
/** Precision and rounding control, and masks, as FNINIT sets them: 64 bits, to nearest. */
const CONTROL = { bits: 0xf3f, usual: 0x33f } as const;
/** The same for operations that precision control does not concern. */
const ROUNDING = { bits: 0xc3f, usual: 0x03f } as const;

export const SIGN = 0x8000;
export const BIAS = 16383;
/** Exponents of numbers with an integer bit: 1 to 0x7ffe. */
const NORMAL = 0x7ffe;

/** A number in locals: significand (i64), sign and exponent (i32). */
export interface Num {
  readonly sig: number;
  readonly se: number;
}

export class X87Code {
  readonly f: FunctionBody = new FunctionBody(4);
  private readonly layout: X87Layout;

  constructor(layout: X87Layout) {
    this.layout = layout;
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
  argument(op: number, param: 1 | 2, words = 0): Expr {
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

  // State.

  private variable(name: Exclude<keyof X87Layout, 'registers'>): Expr {
    return this.load(W.i32Load, this.i32(0), this.layout[name]);
  }

  private setVariable(name: Exclude<keyof X87Layout, 'registers'>, value: Expr): void {
    this.store(W.i32Store, this.i32(0), this.layout[name], value);
  }

  get control(): Expr {
    return this.variable('control');
  }

  /** No exception is pending, and none of those to come is unmasked; rounding is the usual one. */
  checkUsual(which: 'arithmetic' | 'rounding' | 'masks'): void {
    this.checkPending();
    const { bits, usual } =
      which === 'arithmetic'
        ? CONTROL
        : which === 'rounding'
          ? ROUNDING
          : { bits: MASKED, usual: MASKED };
    this.slowIf(this.op(W.i32Ne, this.op(W.i32And, this.control, this.i32(bits)), this.i32(usual)));
  }

  checkPending(): void {
    this.slowIf(this.op(W.i32And, this.variable('status'), this.i32(ES)));
  }

  /** The number of the physical register that is ST(i). */
  physical(i: Expr): Expr {
    return this.op(W.i32And, this.op(W.i32Add, this.variable('top'), i), this.i32(7));
  }

  /** A field of three bits of a selector. */
  field(sel: number, shift: number): Expr {
    return this.op(W.i32And, this.op(W.i32ShrU, this.get(sel), this.i32(shift)), this.i32(7));
  }

  /** Byte offset of a physical register. */
  address(physical: number): Expr {
    const { registers } = this.layout;
    return this.op(
      W.i32Add,
      this.op(W.i32Shl, this.get(physical), this.i32(4)),
      this.i32(registers),
    );
  }

  private tag(physical: number): Expr {
    return this.op(W.i32ShrU, this.variable('tags'), this.get(physical));
  }

  /** Slow if one of these is empty. */
  checkThere(...physical: readonly number[]): void {
    const [first, ...others] = physical.map((p) => this.tag(p));
    const all = others.reduce((x, y) => this.op(W.i32And, x, y), first!);
    this.slowIf(this.op(W.i32Eqz, this.op(W.i32And, all, this.i32(1))));
  }

  checkEmpty(physical: number): void {
    this.slowIf(this.op(W.i32And, this.tag(physical), this.i32(1)));
  }

  /** A physical register's number. */
  read(physical: number): Num {
    const at = this.let('i32', this.address(physical));
    return {
      sig: this.let('i64', this.load(W.i64Load, this.get(at))),
      se: this.let('i32', this.load(W.i32Load16u, this.get(at), 8)),
    };
  }

  write(physical: number, sig: Expr, se: Expr): void {
    const at = this.let('i32', this.address(physical));
    this.store(W.i64Store, this.get(at), 0, sig);
    this.store(W.i32Store, this.get(at), 8, se);
  }

  private bit(physical: number): Expr {
    return this.op(W.i32Shl, this.i32(1), this.get(physical));
  }

  /** Sets the tag of a physical register. */
  mark(physical: number): void {
    this.setVariable('tags', this.op(W.i32Or, this.variable('tags'), this.bit(physical)));
  }

  /** Makes a physical register, the one before ST(0), the top. */
  push(physical: number): void {
    this.mark(physical);
    this.setVariable('top', this.get(physical));
  }

  pop(): void {
    const top = this.let('i32', this.variable('top'));
    const others = this.op(W.i32Xor, this.bit(top), this.i32(-1));
    this.setVariable('tags', this.op(W.i32And, this.variable('tags'), others));
    const next = this.op(W.i32Add, this.get(top), this.i32(1));
    this.setVariable('top', this.op(W.i32And, next, this.i32(7)));
  }

  /** Pops once if the selector says so. */
  popIf(sel: number): void {
    const pops = this.op(W.i32And, this.get(sel), this.i32(3 << SEL.pops));
    this.when(pops, () => this.pop());
  }

  /** Clears bits of the status word, then sets some. */
  setStatus(clear: number, bits: Expr): void {
    const kept = this.op(W.i32And, this.variable('status'), this.i32(~clear));
    this.setVariable('status', this.op(W.i32Or, kept, bits));
  }

  /** C1 and PE of a result. @param inexact @param up 0 or 1 */
  setRounded(inexact: Expr, up: Expr): void {
    const pe = this.op(W.i32Mul, inexact, this.i32(PE));
    this.setStatus(C1, this.op(W.i32Or, pe, this.op(W.i32Mul, up, this.i32(C1))));
  }

  // Numbers.

  exponent({ se }: Num): Expr {
    return this.op(W.i32And, this.get(se), this.i32(0x7fff));
  }

  private isNormal(x: Num): Expr {
    const exponent = this.op(W.i32Sub, this.exponent(x), this.i32(1));
    const integerBit = this.op(W.i64LtS, this.get(x.sig), this.i64(0));
    return this.op(W.i32And, this.op(W.i32LtU, exponent, this.i32(NORMAL)), integerBit);
  }

  isZero(x: Num): Expr {
    const exponent = this.op(W.i32Eqz, this.exponent(x));
    return this.op(W.i32And, exponent, this.op(W.i64Eqz, this.get(x.sig)));
  }

  checkNormal(x: Num): void {
    this.slowIf(this.op(W.i32Eqz, this.isNormal(x)));
  }

  checkNormalOrZero(x: Num): void {
    this.slowIf(this.op(W.i32Eqz, this.op(W.i32Or, this.isNormal(x), this.isZero(x))));
  }
}
