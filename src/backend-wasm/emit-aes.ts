/**
 * The AES operations in line (semantics: ir/slot-aes.ts), on sixteen bytes at once: a look-up of a byte in a table of
 * 1 KB is four instructions, and there would be sixteen of them. See aes-tables.ts.
 */

import type { VEC_OPS } from '../ir/ops-vec.ts';
import type { Ref } from '../ir/refs.ts';
import { aesTables, type SubBytesTables } from './aes-tables.ts';
import type { EmitContext } from './context.ts';
import type { EmitSlot } from './emit-vector.ts';
import { V } from './opcodes.ts';

type VecName = (typeof VEC_OPS)[number]['name'];

/** Byte r of column c is at 4 * c + r; where each comes from (FIPS 197, 5.1.2 and 5.3.1). */
const place = (from: (row: number, column: number) => number): number[] =>
  Array.from({ length: 16 }, (_, at) => from(at & 3, at >> 2));
const SHIFT_ROWS = place((r, c) => 4 * ((c + r) & 3) + r);
const INV_SHIFT_ROWS = place((r, c) => 4 * ((c - r) & 3) + r);
const NEXT_ROW = place((r, c) => 4 * c + ((r + 1) & 3));
const ROW_AFTER = place((r, c) => 4 * c + ((r + 2) & 3));

/** What multiplication by x^8 leaves (FIPS 197, 4.2). */
const REDUCED = 0x1b;

class Rounds {
  private readonly e: EmitContext;
  private readonly taken: number[] = [];

  constructor(e: EmitContext) {
    this.e = e;
  }

  local(): number {
    const local = this.e.f.takeLocal('v128');
    this.taken.push(local);
    return local;
  }

  release(): void {
    for (const local of this.taken) this.e.f.giveLocal('v128', local);
  }

  bytes(value: number): void {
    const word = Math.imul(value, 0x01010101);
    this.e.f.v128([word, word, word, word]);
  }

  table(t: readonly number[]): void {
    const word = (i: number): number =>
      t[i]! | (t[i + 1]! << 8) | (t[i + 2]! << 16) | (t[i + 3]! << 24);
    this.e.f.v128([word(0), word(4), word(8), word(12)]);
  }

  xor(): void {
    this.e.f.simd(V.xor);
  }

  /** Pushes a local with its bytes in another order. */
  moved(local: number, order: readonly number[]): void {
    const { f } = this.e;
    f.get(local);
    f.get(local);
    f.shuffle(order);
  }

  /** Pushes the low or the high four bits of each byte. */
  private nibbles(local: number, high: boolean): void {
    const { f } = this.e;
    f.get(local);
    if (high) {
      f.i32(4);
      f.simd(V.i16x8ShrU);
    }
    this.bytes(15);
    f.simd(V.and);
  }

  /** SubBytes of `x` (but for the constant) to itself. */
  substitute(x: number, sub: SubBytesTables): void {
    const { f } = this.e;
    const { reciprocal, quotient } = aesTables();
    const [i, j, k] = [this.local(), this.local(), this.local()];
    const lookUp = (): void => f.simd(V.swizzle);
    this.table(sub.low);
    this.nibbles(x, false);
    lookUp();
    this.table(sub.high);
    this.nibbles(x, true);
    lookUp();
    this.xor();
    f.set(x);
    this.nibbles(x, true);
    f.set(i);
    this.nibbles(x, false);
    f.set(k);
    f.get(i);
    f.get(k);
    this.xor();
    f.set(j);
    this.table(quotient);
    f.get(k);
    lookUp();
    f.set(k);
    const half = (out: readonly number[], one: number, other: number): void => {
      this.table(out);
      this.table(reciprocal);
      this.table(reciprocal);
      f.get(one);
      lookUp();
      f.get(k);
      this.xor();
      lookUp();
      f.get(other);
      this.xor();
      lookUp();
    };
    half(sub.fromP, i, j);
    half(sub.fromQ, j, i);
    this.xor();
    f.set(x);
  }

  /** Multiplies what is on the stack by x. */
  private twice(): void {
    const { f } = this.e;
    const v = this.local();
    f.tee(v);
    f.get(v);
    f.simd(V.i8x16Add);
    this.bytes(0);
    f.get(v);
    f.simd(V.i8x16GtS);
    this.bytes(REDUCED);
    f.simd(V.and);
    this.xor();
  }

  /** Pushes MixColumns of `x`: each byte 2 s0 + 3 s1 + s2 + s3, with s1 to s3 from the rows below. */
  mixed(x: number): void {
    const { f } = this.e;
    const [double, pair] = [this.local(), this.local()];
    f.get(x);
    this.twice();
    f.set(double);
    f.get(x);
    this.moved(x, NEXT_ROW);
    this.xor();
    f.set(pair);
    // 2 s0 + (2 s1 + s1) + (s2 + s3)
    f.get(double);
    this.moved(double, NEXT_ROW);
    this.xor();
    this.moved(x, NEXT_ROW);
    this.xor();
    this.moved(pair, ROW_AFTER);
    this.xor();
  }

  /** Pushes InvMixColumns of `x`: MixColumns of 5 s0 + 4 s2 (Daemen and Rijmen, The Design of Rijndael, 4.1.3). */
  unmixed(x: number): void {
    const { f } = this.e;
    f.get(x);
    this.moved(x, ROW_AFTER);
    this.xor();
    this.twice();
    this.twice();
    f.get(x);
    this.xor();
    f.set(x);
    this.mixed(x);
  }
}

/** Pushes key and constant, combines them with what is on the stack, and sets the result. */
function addKey(e: EmitContext, r: Rounds, d: Ref, key: Ref, constant: number): void {
  e.pushV128(key);
  r.xor();
  if (constant !== 0) {
    r.bytes(constant);
    r.xor();
  }
  e.setV128(d);
  r.release();
}

function round(inverse: boolean, last: boolean): EmitSlot {
  return (e, { d, a, b }) => {
    const { f } = e;
    const r = new Rounds(e);
    const sub = inverse ? aesTables().invSub : aesTables().sub;
    const x = r.local();
    e.pushV128(a);
    e.pushV128(a);
    f.shuffle(inverse ? INV_SHIFT_ROWS : SHIFT_ROWS);
    f.set(x);
    r.substitute(x, sub);
    if (last) f.get(x);
    else if (inverse) r.unmixed(x);
    else r.mixed(x);
    // MixColumns leaves a column of equal bytes as it is.
    addKey(e, r, d, b, sub.constant);
  };
}

const aesimc: EmitSlot = (e, { d, a }) => {
  const r = new Rounds(e);
  const x = r.local();
  e.pushV128(a);
  e.f.set(x);
  r.unmixed(x);
  e.setV128(d);
  r.release();
};

/** SubWord of columns 1 and 3, and RotWord of it plus the round constant. */
const KEY_ORDER = [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12];

const aeskeygen: EmitSlot = (e, { d, a, imm }) => {
  const { f } = e;
  const r = new Rounds(e);
  const { sub } = aesTables();
  const x = r.local();
  e.pushV128(a);
  f.set(x);
  r.substitute(x, sub);
  r.moved(x, KEY_ORDER);
  const same = Math.imul(sub.constant, 0x01010101);
  f.v128([same, same ^ imm, same, same ^ imm]);
  r.xor();
  e.setV128(d);
  r.release();
};

export const AES_EMIT: Readonly<Partial<Record<VecName, EmitSlot>>> = {
  vaesenc: round(false, false),
  vaesenclast: round(false, true),
  vaesdec: round(true, false),
  vaesdeclast: round(true, true),
  vaesimc: aesimc,
  vaeskeygen: aeskeygen,
};
