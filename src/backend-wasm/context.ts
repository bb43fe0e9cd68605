/**
 * State of emitting one region: where every value of the current block is, and the exits.
 *
 * Values. State variables are in locals (registers.ts), temps too (temps.ts). An operation without code of its own, and
 * a helper, find their operands in memory: what is in a local is spilled to its slot first.
 */

import { ENG_BUDGET, ENG_TLB_GEN, TEMP_BASE } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from '../ir/block.ts';
import type { Region } from '../ir/cfg/region.ts';
import { FAST_MASK, FAST_VALUE, FP_ENV_WORD } from '../ir/fp-env.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { EXIT, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { type IrType, isIntType, type StateLayout } from '../ir/types.ts';
import { FunctionBody } from './function-body.ts';
import type { Imports } from './imports.ts';
import { V, W } from './opcodes.ts';
import { NOT_ORDINARY, OrdinaryScalars } from './ordinary.ts';
import { Registers } from './registers.ts';
import { Temps } from './temps.ts';

export interface EmitOptions {
  readonly layout: StateLayout;
  readonly helpers: readonly HelperRow[];
}

/** Label of the construct that every exit leaves. */
export const EXIT_LABEL = 0x10000;

const UNIT = 16;
/** Operands that are in no slot are put here, 16 bytes each; a result that nobody wants goes behind them. */
export const ARG_BASE: number = TEMP_BASE - 0x80;
export const SINK: number = TEMP_BASE - 0x20;

export class EmitContext {
  readonly region: Region;
  readonly options: EmitOptions;
  readonly f: FunctionBody = new FunctionBody();
  readonly imports: Imports;

  // Locals of the function's own.
  /** Budget, TLB generation, exit pc, exit code. */
  readonly n: number = this.f.newLocal('i32');
  readonly gen: number = this.f.newLocal('i64');
  readonly pc: number = this.f.newLocal('i64');
  readonly code: number = this.f.newLocal('i32');
  /** Scratch of memory accesses: address, its TLB entry, host offset. */
  readonly ea: number = this.f.newLocal('i64');
  readonly entry: number = this.f.newLocal('i32');
  readonly host: number = this.f.newLocal('i32');
  /** Which arm the next dispatch takes. */
  readonly selector: number = this.f.newLocal('i32');
  /** 0 if arithmetic may be done in line (see emit-float.ts), else NOT_ORDINARY, or -1 without or with that bit. */
  readonly slow: number = this.f.newLocal('i32');

  ir: IrBlock;
  blockIndex = 0;
  /** Index of the current guest instruction in its block, -1 before the first; its offset. */
  insn = -1;
  insnOffset = 0;
  /** Instructions executed since `n` was last adjusted. */
  carry = 0;

  readonly registers: Registers;
  readonly ordinary: OrdinaryScalars;
  private readonly temps: Temps;

  constructor(region: Region, options: EmitOptions, imports: Imports) {
    this.region = region;
    this.imports = imports;
    this.options = options;
    this.registers = new Registers(this.f, options.layout);
    this.ordinary = new OrdinaryScalars(this.registers);
    this.ir = region.blocks[0]!.ir;
    this.temps = new Temps(this.f, this.ir);
  }

  startBlock(index: number): void {
    this.blockIndex = index;
    this.ir = this.region.blocks[index]!.ir;
    this.insn = -1;
    this.insnOffset = 0;
    this.temps.startBlock(this.ir);
  }

  /** Gives back the locals of temps whose last use is the instruction at `at`. */
  release(at: number): void {
    this.temps.release(at);
  }

  // Reading values: pushes onto the stack.

  constLo(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2]! : panic('not a constant');
  }

  constHi(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2 + 1]! : panic('not a constant');
  }

  typeOf(ref: Ref): IrType {
    if (isTemp(ref)) return this.temps.typeOf(refIndex(ref));
    return isVar(ref) ? this.registers.typeOf(refIndex(ref)) : 'i64';
  }

  /** Pushes a value in the type of its local; integer variables without one from memory. */
  private pushInt(ref: Ref): IrType {
    const { f } = this;
    const type = this.typeOf(ref);
    if (isTemp(ref)) f.get(this.temps.local(refIndex(ref)));
    else {
      const v = refIndex(ref);
      const local = this.registers.local(v);
      if (local !== -1) f.get(local);
      else {
        f.i32(0);
        f.memory(type === 'i32' ? W.i32Load : W.i64Load, this.registers.offsetOf(v));
      }
    }
    return type;
  }

  /** The low 32 bits. */
  pushI32(ref: Ref): void {
    if (ref === NONE) this.f.i32(0);
    else if (isConst(ref)) this.f.i32(this.constLo(ref));
    else if (!isIntType(this.typeOf(ref))) {
      this.pushF32(ref);
      this.f.op(W.i32ReinterpretF32);
    } else if (this.pushInt(ref) !== 'i32') this.f.op(W.i32WrapI64);
  }

  /** 64 bits, zero-extended. */
  pushI64(ref: Ref): void {
    if (ref === NONE) this.f.i64(0, 0);
    else if (isConst(ref)) this.f.i64(this.constLo(ref), this.constHi(ref));
    else if (!isIntType(this.typeOf(ref))) {
      this.pushF64(ref);
      this.f.op(W.i64ReinterpretF64);
    } else if (this.pushInt(ref) === 'i32') this.f.op(W.i64ExtendI32u);
  }

  /** A vector, or the high half of one of 256 bits. */
  pushV128(ref: Ref, half = 0): void {
    if (isTemp(ref)) this.f.get(this.temps.local(refIndex(ref), half));
    else if (isVar(ref)) this.f.get(this.registers.unitLocal(refIndex(ref), half));
    else panic('a constant is no vector');
  }

  /** A double: of that type, the lowest lane of a vector, or the bits of an integer. */
  pushF64(ref: Ref): void {
    const { f } = this;
    if (isConst(ref)) {
      f.f64(this.constLo(ref), this.constHi(ref));
      return;
    }
    const type = this.typeOf(ref);
    if (isIntType(type)) {
      this.pushI64(ref);
      f.op(W.f64ReinterpretI64);
    } else if (isTemp(ref) && type === 'f64') f.get(this.temps.local(refIndex(ref)));
    else {
      this.pushV128(ref);
      f.lane(V.f64x2Extract, type === 'f64' ? this.registers.laneOf(refIndex(ref)) : 0);
    }
  }

  /** A float, likewise. */
  pushF32(ref: Ref): void {
    const { f } = this;
    if (isConst(ref)) {
      f.f32(this.constLo(ref));
      return;
    }
    const type = this.typeOf(ref);
    if (isIntType(type)) {
      this.pushI32(ref);
      f.op(W.f32ReinterpretI32);
    } else if (isTemp(ref) && type === 'f32') f.get(this.temps.local(refIndex(ref)));
    else if (isTemp(ref) && type === 'f64') {
      f.get(this.temps.local(refIndex(ref)));
      f.op(W.i64ReinterpretF64, W.i32WrapI64, W.f32ReinterpretI32);
    } else {
      this.pushV128(ref);
      const lane = isVar(ref) ? (this.registers.offsetOf(refIndex(ref)) & (UNIT - 1)) / 4 : 0;
      f.lane(V.f32x4Extract, lane);
    }
  }

  // Writing values: pops from the stack.

  setI32(d: Ref): void {
    if (this.typeOf(d) !== 'i32') this.f.op(W.i64ExtendI32u);
    this.setInt(d);
  }

  setI64(d: Ref): void {
    if (!isIntType(this.typeOf(d))) {
      this.f.op(W.f64ReinterpretI64);
      this.setF64(d);
      return;
    }
    if (this.typeOf(d) === 'i32') this.f.op(W.i32WrapI64);
    this.setInt(d);
  }

  private setInt(d: Ref): void {
    const { f } = this;
    if (isTemp(d)) {
      f.set(this.temps.define(refIndex(d)));
      return;
    }
    const v = refIndex(d);
    const local = this.registers.local(v);
    if (local !== -1) {
      f.set(local);
      return;
    }
    const type = this.registers.typeOf(v) === 'i32' ? 'i32' : 'i64';
    const value = f.takeLocal(type);
    f.set(value);
    f.i32(0);
    f.get(value);
    f.memory(type === 'i32' ? W.i32Store : W.i64Store, this.registers.offsetOf(v));
    f.giveLocal(type, value);
  }

  setV128(d: Ref, half = 0): void {
    if (isTemp(d)) this.f.set(this.temps.define(refIndex(d), half));
    else this.f.set(this.registers.unitLocal(refIndex(d), half));
  }

  setF64(d: Ref): void {
    if (isIntType(this.typeOf(d))) {
      this.f.op(W.i64ReinterpretF64);
      this.setI64(d);
    } else this.setLane(d, 'f64', V.f64x2Replace);
  }

  setF32(d: Ref): void {
    if (isIntType(this.typeOf(d))) {
      this.f.op(W.i32ReinterpretF32);
      this.setI32(d);
    } else this.setLane(d, 'f32', V.f32x4Replace);
  }

  private setLane(d: Ref, type: 'f32' | 'f64', replace: number): void {
    const { f } = this;
    if (isTemp(d)) {
      f.set(this.temps.define(refIndex(d)));
      return;
    }
    const v = refIndex(d);
    const value = f.takeLocal(type);
    f.set(value);
    f.get(this.registers.unitLocal(v, 0));
    f.get(value);
    f.lane(replace, this.registers.laneOf(v));
    this.setV128(d);
    f.giveLocal(type, value);
  }

  // Values in memory, for what is called.

  /** Puts an operand where a called function can read it. @returns its byte offset */
  toMemory(ref: Ref, k: number): number {
    const { f } = this;
    if (ref === NONE) return ARG_BASE + 3 * UNIT;
    if (isConst(ref)) {
      const at = ARG_BASE + k * UNIT;
      f.i32(0);
      f.i64(this.constLo(ref), this.constHi(ref));
      f.memory(W.i64Store, at);
      return at;
    }
    const i = refIndex(ref);
    if (isVar(ref)) {
      this.registers.spill([i]);
      return this.registers.offsetOf(i);
    }
    this.temps.store(i);
    return this.temps.slotOf(i);
  }

  /** Where a called function is to write a result; what surrounds it there is made current. @returns the byte offset */
  resultPlace(d: Ref): number {
    if (d === NONE) return SINK;
    const i = refIndex(d);
    if (isTemp(d)) return this.temps.slotOf(i);
    this.registers.spill([i]);
    return this.registers.offsetOf(i);
  }

  /** Brings a result that was written to `resultPlace` into its local. */
  fromMemory(d: Ref): void {
    if (d === NONE) return;
    const i = refIndex(d);
    if (isVar(d)) this.registers.reload([i]);
    else this.temps.load(i);
  }

  // Engine words.

  loadGeneration(): void {
    const { f } = this;
    f.i32(0);
    f.memory(W.i32Load, ENG_TLB_GEN * 4);
    f.op(W.i64ExtendI32u);
    f.set(this.gen);
  }

  pushGeneration(): void {
    this.f.get(this.gen);
  }

  loadBudget(): void {
    const { f } = this;
    f.i32(0);
    f.memory(W.i32Load, ENG_BUDGET * 4);
    f.set(this.n);
  }

  /** Looks whether the floating-point environment is the one that arithmetic in line is for. */
  loadEnvironment(): void {
    const { f } = this;
    f.i32(0);
    f.i32(0);
    f.memory(W.i32Load, FP_ENV_WORD * 4);
    f.i32(FAST_MASK);
    f.op(W.i32And);
    f.i32(FAST_VALUE);
    f.op(W.i32Ne, W.i32Sub);
    f.get(this.slow);
    f.i32(NOT_ORDINARY);
    f.op(W.i32And, W.i32Or);
    f.set(this.slow);
  }

  /** Subtracts instructions from the budget. */
  subtract(insns: number): void {
    if (insns === 0) return;
    const { f } = this;
    f.get(this.n);
    f.i32(insns);
    f.op(W.i32Sub);
    f.set(this.n);
  }

  // Exits.

  /** Leaves at a pc that is known. */
  leaveAt(pcLo: number, pcHi: number, code: number): void {
    this.f.i64(pcLo, pcHi);
    this.leave(code);
  }

  /** Leaves at the pc on the stack. */
  leave(code: number): void {
    const { f } = this;
    f.set(this.pc);
    this.subtract(this.carry);
    f.i32(code);
    f.set(this.code);
    f.br(EXIT_LABEL);
  }

  /** Leaves at the current instruction, which raised an exception; `at`: word index of the op. */
  fault(at: number): void {
    this.f.i32(EXIT.exception);
    this.faultAs(at);
  }

  /** Leaves at the current instruction after a call that returned -1 or -2, which is in `local`. */
  faultBy(at: number, local: number): void {
    const { f } = this;
    f.i32(0);
    f.get(local);
    f.i32(1);
    f.op(W.i32Shl, W.i32Sub);
    this.faultAs(at);
  }

  /** Leaves at the current instruction with the code on the stack. */
  private faultAs(at: number): void {
    const { ir, f } = this;
    f.set(this.code);
    this.applyPendingCc(at);
    const lo = (ir.pcLo + this.insnOffset) | 0;
    const hi = (ir.pcHi + (lo >>> 0 < ir.pcLo >>> 0 ? 1 : 0)) | 0;
    f.i64(lo, hi);
    f.set(this.pc);
    this.subtract(this.carry - ir.insnCount + Math.max(this.insn, 0));
    f.br(EXIT_LABEL);
  }

  /** Applies the ccset that a pass removed and that is due if the op at `at` faults. */
  private applyPendingCc(at: number): void {
    const { ir } = this;
    const k = ir.pending === null ? 0 : ir.pending[at / STRIDE]!;
    if (k === 0) return;
    const record = (k - 1) * 4;
    this.setCc(ir.pendingCc[record]!, ir.pendingCc.slice(record + 1, record + 4));
  }

  /** Sets the condition codes; operands may be cc variables themselves. */
  setCc(kind: number, operands: readonly Ref[]): void {
    const { f } = this;
    const { ccKind, ccA, ccB, ccC } = this.options.layout;
    const vars = [ccA, ccB, ccC];
    const set = operands.map((ref, i) => [ref, vars[i]!] as const).filter(([ref]) => ref !== NONE);
    for (const [ref] of set) this.pushI64(ref);
    for (const [, v] of set.reverse()) f.set(this.registers.local(v));
    f.i32(kind);
    f.set(this.registers.local(ccKind));
  }
}
