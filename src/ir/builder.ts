/**
 * Builds IrBlocks. One builder is reused for every block: its arrays grow and are never freed, and
 * `finish` copies out exactly what was used, unless the block is done with before the next one.
 */

import type { IrBlock } from './block.ts';
import { OP, OPS, type OpName, type OpRow, STRIDE } from './ops.ts';
import { KIND_CONST, NONE, type Ref } from './refs.ts';
import type { IrType } from './types.ts';

export class BlockBuilder {
  private code: Int32Array = new Int32Array(STRIDE * 512);
  private length = 0;
  private consts: Int32Array = new Int32Array(512);
  private constCount = 0;
  private tempTypes: IrType[] = [];
  private pcLo = 0;
  private pcHi = 0;

  /** Starts a block at guest address hi:lo. */
  reset(pcLo: number, pcHi: number): void {
    this.pcLo = pcLo | 0;
    this.pcHi = pcHi | 0;
    this.length = 0;
    this.constCount = 0;
    this.tempTypes = [];
  }

  /** A new temp. A v256 takes the slot of the next temp as well. */
  temp(type: IrType): Ref {
    const t = this.tempTypes.push(type) - 1;
    if (type === 'v256') this.tempTypes.push('v128');
    return t;
  }

  /** A 64-bit constant by halves. */
  const64(lo: number, hi: number): Ref {
    const c = this.consts;
    const n = this.constCount;
    for (let i = n - 1; i >= 0 && i >= n - 16; i--) {
      if (c[2 * i] === (lo | 0) && c[2 * i + 1] === (hi | 0)) return KIND_CONST | i;
    }
    if (2 * n === c.length) {
      this.consts = new Int32Array(c.length * 2);
      this.consts.set(c);
    }
    this.consts[2 * n] = lo;
    this.consts[2 * n + 1] = hi;
    this.constCount = n + 1;
    return KIND_CONST | n;
  }

  /** A 32-bit constant (zero-extended, as all i32 values). */
  const32(v: number): Ref {
    return this.const64(v | 0, 0);
  }

  /** A sign-extended constant. */
  constS(v: number): Ref {
    return this.const64(v | 0, v >> 31);
  }

  /** Appends an instruction by op number. */
  emit(op: number, d: Ref, a: Ref, b: Ref, c: Ref, imm: number): void {
    let code = this.code;
    const n = this.length;
    if (n + STRIDE > code.length) {
      code = new Int32Array(code.length * 2);
      code.set(this.code);
      this.code = code;
    }
    code[n] = op;
    code[n + 1] = d;
    code[n + 2] = a;
    code[n + 3] = b;
    code[n + 4] = c;
    code[n + 5] = imm;
    this.length = n + STRIDE;
  }

  /** Appends `name` with a fresh temp as result, and returns the temp. */
  op(name: OpName, a: Ref = NONE, b: Ref = NONE, c: Ref = NONE, imm = 0): Ref {
    const n = OP[name];
    const d = this.temp((OPS[n] as OpRow).d as IrType);
    this.emit(n, d, a, b, c, imm);
    return d;
  }

  /** Appends `name` with `d` as its result (or, for a store, the stored value). */
  opTo(d: Ref, name: OpName, a: Ref = NONE, b: Ref = NONE, c: Ref = NONE, imm = 0): void {
    this.emit(OP[name], d, a, b, c, imm);
  }

  get byteLength(): number {
    return this.length;
  }

  /**
   * @param byteLength bytes of guest code covered
   * @param insnCount guest instructions
   * @param borrowed the block is the builder's own arrays, and holds until the next one begins
   */
  finish(byteLength: number, insnCount: number, borrowed = false): IrBlock {
    const { code, length, consts, constCount } = this;
    return {
      pcLo: this.pcLo,
      pcHi: this.pcHi,
      byteLength,
      insnCount,
      code: borrowed ? code : code.slice(0, length),
      length,
      consts: borrowed ? consts : consts.slice(0, constCount * 2),
      constCount,
      tempTypes: this.tempTypes,
      pending: null,
      pendingCc: [],
    };
  }
}
