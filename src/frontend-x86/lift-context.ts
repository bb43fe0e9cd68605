/**
 * What a lifter works with: the decoded instruction, the block builder, access to operands by their
 * position in the row, flags, and the ways to end a block.
 *
 * Invariants a lifter keeps:
 * - every op that may fault comes before the first write to a state variable or ccset of the instruction;
 * - general registers are written only through `set`, `setGpr` and `wroteGpr`, because the lifter
 *   remembers which registers the last ccset still describes;
 * - integer values: an operand narrower than 8 bytes is an i32 whose bits above its size are
 *   unspecified in `raw` and zero in `get`.
 */

import { MAX_TEMPS } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import { BlockBuilder } from '../ir/builder.ts';
import { EXIT, JUMP, MEM_ALIGN, type MemOpName, OP, type OpName } from '../ir/ops.ts';
import { isConst, isTemp, NONE, type Ref } from '../ir/refs.ts';
import { BASE_RIP, Decoded, SEG } from './decoded.ts';
import { FlagTracker } from './flags-lift.ts';
import { HELPER } from './helpers-table.ts';
import { FS_BASE, GPR, GS_BASE, MM, XMM } from './state.ts';
import type { InsnRow, Operand } from './table-format.ts';

/** Exception vectors (SDM vol. 3, table 6-1). */
export const VECTOR = {
  DE: 0,
  DB: 1,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
  /** No vector of the processor's: a breakpoint of the machine's (machine/breakpoints.ts), which no guest sees. */
  BREAKPOINT: 0x100,
} as const;

const LOAD_ZX: Record<number, MemOpName> = {
  1: 'ld8u',
  2: 'ld16u',
  4: 'ld32',
  8: 'ld64',
  16: 'ld128',
  32: 'ld256',
};
const STORE: Record<number, MemOpName> = {
  1: 'st8',
  2: 'st16',
  4: 'st32',
  8: 'st64',
  16: 'st128',
  32: 'st256',
};

export class Lift {
  readonly b: BlockBuilder = new BlockBuilder();
  readonly d: Decoded = new Decoded();
  readonly flags: FlagTracker = new FlagTracker(this);
  /** The block has its terminator. */
  ended = false;
  /** Stop after one instruction and raise #DB (EFLAGS.TF). */
  singleStep = false;
  /** Row being lifted. */
  row: InsnRow = null as unknown as InsnRow;
  /** Bytes that a temp of the block is known to be zero-extended from, or 0. */
  private readonly narrow = new Uint8Array(MAX_TEMPS);
  private eaReady = false;
  private eaA: Ref = NONE;
  private eaB: Ref = NONE;
  private eaC = 0;
  private eaDisp = 0;

  /** @param ccIn the cc kind known to hold on entry, or -1 */
  startBlock(pcLo: number, pcHi: number, ccIn: number, singleStep: boolean): void {
    this.b.reset(pcLo, pcHi);
    this.flags.startBlock(ccIn);
    this.singleStep = singleStep;
    this.ended = false;
    this.narrow.fill(0);
  }

  /** The decoder has filled `d` with an instruction of `row`. */
  startInsn(row: InsnRow): void {
    this.row = row;
    this.eaReady = false;
  }

  // ── operands ──────────────────────────────────────────────────────────────────────────────────

  operand(i: number): Operand {
    return this.row.operands[i] as Operand;
  }

  /** Bytes of operand i. */
  size(i: number): number {
    return this.d.sizeOf(this.operand(i).size);
  }

  isMem(i: number): boolean {
    switch (this.operand(i).letter) {
      case 'E':
      case 'W':
      case 'Q':
      case 'M':
        return this.d.mod !== 3;
      case 'O':
      case 'X':
      case 'Y':
        return true;
      default:
        return false;
    }
  }

  /** Register number of operand i (which is not in memory): GPR, XMM, MM, segment, …, or i of ST(i). */
  regNo(i: number): number {
    const o = this.operand(i);
    const d = this.d;
    switch (o.letter) {
      case 'E':
      case 'R':
      case 'W':
      case 'U':
        return d.rm;
      case 'Q':
      case 'N':
      case 'i':
        return d.rm & 7;
      case 'G':
      case 'V':
      case 'C':
      case 'D':
        return d.reg;
      case 'P':
      case 'S':
        return o.fixed >= 0 ? o.fixed : d.reg & 7;
      case 'Z':
        return (d.opcode & 7) | ((d.rex & 1) << 3);
      case 'H':
      case 'B':
        return d.vvvv;
      case 'L':
        return (d.immLo >> 4) & 15;
      case 'F':
      case '0':
        return o.fixed;
      case 's':
        return 0;
      default:
        return panic(`operand ${o.text} of ${this.row.text} has no register`);
    }
  }

  /** Integer operand i, zero-extended from its size (i32 up to 4 bytes, i64 for 8). May be a register variable. */
  get(i: number): Ref {
    return this.read(i, true);
  }

  /** Like `get`, but for sizes 1 and 2 the bits above the size may be anything. */
  raw(i: number): Ref {
    return this.read(i, false);
  }

  private read(i: number, extend: boolean): Ref {
    const o = this.operand(i);
    const size = this.d.sizeOf(o.size);
    if (o.letter === 'I' || o.letter === 'J') return this.immRef(size);
    if (o.letter === '1') return this.b.const32(1);
    if (this.isMem(i)) return this.load(size);
    return this.gpr(this.regNo(i), size, extend);
  }

  /** Operand i, sign-extended to 64 bits (size 8: as it is). */
  getSigned64(i: number): Ref {
    const size = this.size(i);
    if (this.isMem(i) && size < 8) {
      return this.loadAs(size === 1 ? 'ld8s.i64' : size === 2 ? 'ld16s.i64' : 'ld32s.i64');
    }
    return this.signed64(this.raw(i), size);
  }

  /** Sign-extends a value of `size` bytes to 64 bits. */
  signed64(v: Ref, size: number): Ref {
    return size === 8 ? v : this.b.op('sext.i64', this.signed32(v, size));
  }

  /** Sign-extends a value of 1, 2 or 4 bytes to 32 bits. */
  signed32(v: Ref, size: number): Ref {
    return size === 1 ? this.b.op('ext8s.i32', v) : size === 2 ? this.b.op('ext16s.i32', v) : v;
  }

  /** Sign-extends within the type of its size: i32 up to 4 bytes, i64 for 8. */
  signed32Or64(v: Ref, size: number): Ref {
    return size === 8 ? v : this.signed32(v, size);
  }

  /** Zero-extends a value of `size` bytes whose upper bits are unspecified. */
  zeroExtend(v: Ref, size: number): Ref {
    // Constants are made zero-extended; temps may be known to be.
    if (size >= 4 || isConst(v)) return v;
    if (isTemp(v) && (this.narrow[v] as number) !== 0 && (this.narrow[v] as number) <= size)
      return v;
    const t = this.b.op(size === 1 ? 'ext8u.i32' : 'ext16u.i32', v);
    this.narrow[t] = size;
    return t;
  }

  /** The immediate, truncated to `size` bytes. */
  immRef(size: number): Ref {
    const d = this.d;
    if (size === 8) return this.b.const64(d.immLo, d.immHi);
    return this.b.const32(size === 1 ? d.immLo & 0xff : size === 2 ? d.immLo & 0xffff : d.immLo);
  }

  /** The immediate as an unsigned byte. */
  get imm8(): number {
    return this.d.immLo & 0xff;
  }

  /** General register n as a value of `size` bytes; n 4 to 7 are AH CH DH BH for bytes without REX. */
  gpr(n: number, size: number, extend = true): Ref {
    if (size >= 4) return GPR[n] as Ref;
    if (size === 1 && this.isHigh(n)) return this.b.op('ext8h.i32', GPR[n - 4] as Ref);
    return extend ? this.zeroExtend(GPR[n] as Ref, size) : (GPR[n] as Ref);
  }

  private isHigh(n: number): boolean {
    return n >= 4 && n < 8 && this.d.rex === 0;
  }

  /** Writes integer operand i (bits of `v` above the size are ignored). A memory write may fault. */
  set(i: number, v: Ref): void {
    const size = this.size(i);
    if (this.isMem(i)) this.store(size, v);
    else this.setGpr(this.regNo(i), size, v);
  }

  /** Writes general register n: size 4 clears the upper half, sizes 1 and 2 keep the rest. */
  setGpr(n: number, size: number, v: Ref): void {
    if (size === 1 && this.isHigh(n)) {
      this.b.opTo(GPR[n - 4] as Ref, 'ins8h.i64', GPR[n - 4] as Ref, v);
      this.wroteGpr(n - 4);
      return;
    }
    const r = GPR[n] as Ref;
    if (size === 8) this.b.opTo(r, 'mov.i64', v);
    else if (size === 4) this.b.opTo(r, 'mov.i32', v);
    else this.b.opTo(r, size === 2 ? 'ins16.i64' : 'ins8.i64', r, v);
    this.wroteGpr(n);
  }

  /** To be called after an op wrote GPR[n] directly. */
  wroteGpr(n: number): void {
    this.flags.registerWritten(n);
  }

  /** A copy that later writes to the register do not change. */
  copy(v: Ref, size: number): Ref {
    return this.b.op(size === 8 ? 'mov.i64' : 'mov.i32', v);
  }

  /** XMM register operand i as v128 (register operands only; see `isMem`). */
  xmm(i: number): Ref {
    return XMM[this.regNo(i)] as Ref;
  }

  /** MMX register operand i: 64 bits in the low part of the physical x87 register. */
  mm(i: number): Ref {
    return MM[this.regNo(i)] as Ref;
  }

  // ── memory ────────────────────────────────────────────────────────────────────────────────────

  /** Loads `size` bytes from the memory operand, zero-extended (16, 32: vectors). */
  load(size: number, align = false): Ref {
    return this.loadAs(LOAD_ZX[size] as MemOpName, 0, align);
  }

  /** Loads with a given op, `offset` bytes into the operand. */
  loadAs(name: MemOpName, offset = 0, align = false): Ref {
    this.prepareAddress(offset);
    const c = this.eaC | (align ? MEM_ALIGN : 0);
    const t = this.b.op(name, this.eaA, this.eaB, c as Ref, this.eaDisp + offset);
    if (name === 'ld8u') this.narrow[t] = 1;
    else if (name === 'ld16u') this.narrow[t] = 2;
    return t;
  }

  /** Loads straight into general register n, which the op's result must fill (i32 or i64). */
  loadGpr(n: number, name: MemOpName): void {
    this.prepareAddress(0);
    this.b.opTo(GPR[n] as Ref, name, this.eaA, this.eaB, this.eaC as Ref, this.eaDisp);
    this.wroteGpr(n);
  }

  /** Loads the memory operand straight into a vector variable: v128, or v256 with `wide`. */
  loadVector(d: Ref, wide: boolean, align: boolean): void {
    this.prepareAddress(0);
    const c = this.eaC | (align ? MEM_ALIGN : 0);
    this.b.opTo(d, wide ? 'ld256' : 'ld128', this.eaA, this.eaB, c as Ref, this.eaDisp);
  }

  /** Stores the low `size` bytes of `v` to the memory operand. */
  store(size: number, v: Ref, align = false): void {
    this.storeAs(STORE[size] as MemOpName, v, 0, align);
  }

  storeAs(name: MemOpName, v: Ref, offset = 0, align = false): void {
    this.prepareAddress(offset);
    const c = this.eaC | (align ? MEM_ALIGN : 0);
    this.b.opTo(v, name, this.eaA, this.eaB, c as Ref, this.eaDisp + offset);
  }

  /** The memory operand's linear address (segment base included) as an i64, for helpers. */
  address(): Ref {
    this.prepareAddress(0);
    if (this.eaB === NONE && this.eaDisp === 0 && this.eaA !== NONE) return this.eaA;
    return this.b.op('lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp);
  }

  /** The effective address without segment base, for LEA. */
  effectiveAddress(): Ref {
    this.baseAndIndex();
    this.narrowAddress();
    this.eaReady = false;
    return this.b.op('lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp);
  }

  /** LEA into general register n. */
  leaGpr(n: number): void {
    this.baseAndIndex();
    this.narrowAddress();
    this.eaReady = false;
    const r = GPR[n] as Ref;
    this.b.opTo(r, 'lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp);
    this.wroteGpr(n);
  }

  /** Makes the instruction's memory operand base + disp instead of what ModRM says. */
  useAddress(base: Ref, disp = 0): void {
    this.eaA = base;
    this.eaB = NONE;
    this.eaC = 0;
    this.eaDisp = disp;
    this.eaReady = true;
  }

  /** Makes base (an effective address) with the segment override the memory operand. */
  useSegmented(base: Ref): void {
    this.useAddress(base);
    this.narrowAddress();
    this.addSegment();
  }

  /** Back to what ModRM says, after `useAddress`. */
  useOperandAddress(): void {
    this.eaReady = false;
  }

  private prepareAddress(offset: number): void {
    if (!this.eaReady) {
      this.baseAndIndex();
      this.narrowAddress();
      this.addSegment();
      this.eaReady = true;
    }
    // The displacement is an int32: one near the limit moves into the base.
    if (((this.eaDisp + offset) | 0) !== this.eaDisp + offset) {
      this.useAddress(this.b.op('lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp));
    }
  }

  private baseAndIndex(): void {
    const d = this.d;
    this.eaB = NONE;
    this.eaC = 0;
    this.eaDisp = d.disp;
    if (this.row.imm === 21 /* moffs */) {
      this.eaA = this.b.const64(d.immLo, d.immHi);
      this.eaDisp = 0;
      return;
    }
    if (d.base === BASE_RIP) {
      this.eaA = this.pcRelative(d.length, d.disp);
      this.eaDisp = 0;
      return;
    }
    this.eaA = d.base < 0 ? NONE : (GPR[d.base] as Ref);
    if (d.index >= 0) {
      this.eaB = GPR[d.index] as Ref;
      this.eaC = d.scale;
    }
  }

  /** Address size 32: the sum is taken modulo 2^32. */
  private narrowAddress(): void {
    if (this.d.addrSize === 8) return;
    const sum = this.b.op('lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp);
    this.useAddress(this.b.op('mov.i32', sum));
  }

  private addSegment(): void {
    const seg = this.d.seg;
    if (seg === SEG.none) return;
    const base = seg === SEG.fs ? FS_BASE : GS_BASE;
    if (this.eaB !== NONE) {
      this.useAddress(this.b.op('lea.i64', this.eaA, this.eaB, this.eaC as Ref, this.eaDisp));
    }
    if (this.eaA === NONE) this.eaA = base;
    else this.eaB = base;
  }

  // ── addresses of code ─────────────────────────────────────────────────────────────────────────

  /** Constant: address of this instruction + offset + disp. */
  pcRelative(offset: number, disp: number): Ref {
    const d = this.d;
    const lo = (d.pcLo >>> 0) + offset;
    const sumLo = lo + (disp >>> 0);
    const hi = d.pcHi + (disp >> 31) + Math.floor(sumLo / 0x100000000);
    return this.b.const64(sumLo | 0, hi | 0);
  }

  /** Address of this instruction; of the next one. */
  pc(): Ref {
    return this.pcRelative(0, 0);
  }

  nextPc(): Ref {
    return this.pcRelative(this.d.length, 0);
  }

  // ── helpers, exceptions, ends ─────────────────────────────────────────────────────────────────

  /** Calls helper `name`; `d` receives its result (NONE: there is none). */
  call(name: string, d: Ref = NONE, a: Ref = NONE, b: Ref = NONE, c: Ref = NONE): void {
    const n = HELPER[name] ?? panic(`no helper ${name}`);
    this.b.emit(OP.call, d, a, b, c, n);
    this.flags.helperCalled(n);
  }

  /** Calls a helper with an i64 (or i32) result and returns it. */
  callValue(name: string, type: 'i32' | 'i64', a: Ref = NONE, b: Ref = NONE, c: Ref = NONE): Ref {
    const d = this.b.temp(type);
    this.call(name, d, a, b, c);
    return d;
  }

  /** Raises an exception with the state before this instruction, and ends the block. */
  raise(vector: number, error = 0): void {
    this.call('raise', NONE, this.b.const32(vector), this.b.const32(error));
    this.exit(this.pc(), EXIT.exception);
  }

  /** A trap: the instruction completes, then the exception is raised with pc at the next one. */
  trap(vector: number, next: Ref): void {
    this.call('trap', NONE, this.b.const32(vector));
    this.exit(next, EXIT.exception);
  }

  exit(pc: Ref, reason: number): void {
    this.endWith(OP.exit, pc, NONE, NONE, reason);
  }

  /** Ends the block with a jump to a constant address. For a call, `ret` is the return address. */
  jump(target: Ref, kind: number = JUMP.jump, ret: Ref = NONE): void {
    if (this.singleStep) this.trap(VECTOR.DB, target);
    else this.endWith(OP.jump, target, ret, NONE, kind);
  }

  jumpIndirect(target: Ref, kind: number = JUMP.jump, ret: Ref = NONE): void {
    if (this.singleStep) this.trap(VECTOR.DB, target);
    else this.endWith(OP.jumpind, target, ret, NONE, kind);
  }

  /** To `taken` if cond != 0, else to the next instruction. */
  branch(cond: Ref, taken: Ref): void {
    this.branchTo(cond, taken, this.nextPc());
  }

  /** To `taken` if cond != 0, else to `other` (constants). */
  branchTo(cond: Ref, taken: Ref, other: Ref): void {
    if (this.singleStep) {
      this.trap(VECTOR.DB, this.b.op('select.i64', taken, other, cond));
    } else this.endWith(OP.branch, taken, other, cond, 0);
  }

  private endWith(op: number, a: Ref, b: Ref, c: Ref, imm: number): void {
    this.b.emit(op, NONE, a, b, c, imm);
    this.ended = true;
  }

  /** Shorthand for the builder: emits `name` and returns its result. */
  op(name: OpName, a: Ref = NONE, b: Ref = NONE, c: Ref = NONE, imm = 0): Ref {
    return this.b.op(name, a, b, c, imm);
  }

  /** A 32-bit constant. */
  k(v: number): Ref {
    return this.b.const32(v);
  }
}
