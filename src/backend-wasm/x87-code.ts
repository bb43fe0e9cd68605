/** The state that the x87 functions are about (x87-functions.ts). */

import { C1, SEL, type X87Layout } from '../common/x87.ts';
import { PE } from '../ir/fp-env.ts';
import { type Expr, HelperCode } from './helper-code.ts';
import { W } from './opcodes.ts';

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

export class X87Code extends HelperCode {
  private readonly layout: X87Layout;

  constructor(layout: X87Layout) {
    super();
    this.layout = layout;
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
