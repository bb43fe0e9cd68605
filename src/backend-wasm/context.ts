/**
 * State of emitting one region: where every value of the current block is, and the exits.
 *
 * Values. Integer state variables that the region uses live in locals from entry to exit; so do the 16-byte units of
 * the vector registers. Temps are locals, recycled after their last use. An operation without code of its own, and a
 * helper, find their operands in memory: what is in a local is spilled to its slot first.
 *
 * Invariant: locals that are not dirty equal their slots.
 */

import { ENG_BUDGET, ENG_TLB_GEN, TEMP_BASE, TEMP_SIZE } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from '../ir/block.ts';
import type { Region } from '../ir/cfg/region.ts';
import { F_RAW, FIELDS } from '../ir/fields.ts';
import { FAST_MASK, FAST_VALUE, FP_ENV_WORD } from '../ir/fp-env.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { EXIT, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { type IrType, isIntType, type StateLayout, TYPE_SIZE } from '../ir/types.ts';
import { FunctionBody } from './function-body.ts';
import type { Imports } from './imports.ts';
import { V, W, type WasmType } from './opcodes.ts';

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

/** The local types that a temp takes. */
const TEMP_LOCALS: Record<IrType, readonly WasmType[]> = {
  i32: ['i32'],
  i64: ['i64'],
  f32: ['f32'],
  f64: ['f64'],
  f80: [],
  v128: ['v128'],
  v256: ['v128', 'v128'],
};

interface Unit {
  readonly local: number;
  dirty: boolean;
}

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
  /** Not 0 unless arithmetic may be done in line: see emit-float.ts. */
  readonly slow: number = this.f.newLocal('i32');

  ir: IrBlock;
  blockIndex = 0;
  /** Index of the current guest instruction in its block, -1 before the first; its offset. */
  insn = -1;
  insnOffset = 0;
  /** Instructions executed since `n` was last adjusted. */
  carry = 0;

  /** Per state variable of integer type: its local, or -1; whether the region may write it. */
  private readonly varLocal: Int32Array;
  private readonly varDirty: Uint8Array;
  private readonly usedVars: number[] = [];
  /** By byte offset. */
  private readonly units: Map<number, Unit> = new Map();
  private temps: (readonly number[] | undefined)[] = [];
  private lastUse: Int32Array = new Int32Array(256);

  constructor(region: Region, options: EmitOptions, imports: Imports) {
    this.region = region;
    this.imports = imports;
    this.options = options;
    this.varLocal = new Int32Array(options.layout.vars.length).fill(-1);
    this.varDirty = new Uint8Array(options.layout.vars.length);
    this.ir = region.blocks[0]!.ir;
  }

  // Variables.

  private typeOfVar(v: number): IrType {
    return this.options.layout.vars[v]!.type;
  }

  offsetOf(v: number): number {
    return this.options.layout.vars[v]!.offset;
  }

  /** Says that the region reads or writes a variable; before the prologue. */
  use(v: number, written: boolean): void {
    const { pc, fpEnv } = this.options.layout;
    const type = this.typeOfVar(v);
    if (v === pc || v === fpEnv || type === 'f80') return;
    if (!isIntType(type)) {
      for (const at of this.unitsOf(v)) {
        const unit = this.units.get(at);
        if (unit === undefined) {
          this.units.set(at, { local: this.f.newLocal('v128'), dirty: written });
        } else if (written) unit.dirty = true;
      }
      return;
    }
    if (this.varLocal[v] === -1) {
      this.varLocal[v] = this.f.newLocal(type as WasmType);
      this.usedVars.push(v);
    }
    if (written) this.varDirty[v] = 1;
  }

  private unitsOf(v: number): number[] {
    const at = this.offsetOf(v) & -UNIT;
    return TYPE_SIZE[this.typeOfVar(v)] > UNIT ? [at, at + UNIT] : [at];
  }

  private storeVar(v: number): void {
    const { f } = this;
    f.i32(0);
    f.get(this.varLocal[v]!);
    f.memory(this.typeOfVar(v) === 'i32' ? W.i32Store : W.i64Store, this.offsetOf(v));
  }

  private loadVar(v: number): void {
    const { f } = this;
    f.i32(0);
    f.memory(this.typeOfVar(v) === 'i32' ? W.i32Load : W.i64Load, this.offsetOf(v));
    f.set(this.varLocal[v]!);
  }

  private storeUnit(at: number): void {
    const { f } = this;
    f.i32(0);
    f.get(this.units.get(at)!.local);
    f.simdMemory(V.store, at);
  }

  private loadUnit(at: number): void {
    const { f } = this;
    f.i32(0);
    f.simdMemory(V.load, at);
    f.set(this.units.get(at)!.local);
  }

  /** Copies locals to the state page: of the variables listed those that the region may have written. */
  spill(vars: readonly number[] | 'all'): void {
    const list = vars === 'all' ? this.usedVars : vars;
    for (const v of list) if (this.varLocal[v] !== -1 && this.varDirty[v] === 1) this.storeVar(v);
    for (const at of this.listedUnits(vars)) if (this.units.get(at)!.dirty) this.storeUnit(at);
  }

  /** Loads the locals of variables again, which somebody may have written in the state page. */
  reload(vars: readonly number[] | 'all'): void {
    const list = vars === 'all' ? this.usedVars : vars;
    for (const v of list) if (this.varLocal[v] !== -1) this.loadVar(v);
    for (const at of this.listedUnits(vars)) this.loadUnit(at);
  }

  /** Copies the vector registers to the state page, and back: for helpers that find them there by number. */
  spillUnits(): void {
    for (const [at, unit] of this.units) if (unit.dirty) this.storeUnit(at);
  }

  reloadUnits(): void {
    for (const at of this.units.keys()) this.loadUnit(at);
  }

  private listedUnits(vars: readonly number[] | 'all'): Iterable<number> {
    if (vars === 'all') return this.units.keys();
    const found = new Set<number>();
    for (const v of vars) {
      if (isIntType(this.typeOfVar(v))) continue;
      for (const at of this.unitsOf(v)) if (this.units.has(at)) found.add(at);
    }
    return found;
  }

  // Temps of the current block.

  startBlock(index: number): void {
    this.temps.forEach((locals, t) => {
      if (locals !== undefined) this.freeTemp(t);
    });
    this.blockIndex = index;
    this.ir = this.region.blocks[index]!.ir;
    this.insn = -1;
    this.insnOffset = 0;
    this.temps = [];
    this.findLastUses();
  }

  private findLastUses(): void {
    const { code, length, tempTypes, pending, pendingCc } = this.ir;
    if (this.lastUse.length < tempTypes.length) this.lastUse = new Int32Array(tempTypes.length * 2);
    const { lastUse } = this;
    lastUse.fill(-1, 0, tempTypes.length);
    for (let at = 0; at < length; at += STRIDE) {
      const fields = code[at]! * 4;
      for (let k = 0; k < 4; k++) {
        const ref = code[at + 1 + k]!;
        const field = FIELDS[fields + k];
        if (isTemp(ref) && field !== 0 && field !== F_RAW) lastUse[refIndex(ref)] = at;
      }
      const p = pending === null ? 0 : pending[at / STRIDE]!;
      if (p === 0) continue;
      for (let k = 1; k < 4; k++) {
        const ref = pendingCc[(p - 1) * 4 + k]!;
        if (isTemp(ref)) lastUse[refIndex(ref)] = at;
      }
    }
  }

  /** Gives back the locals of temps whose last use is the instruction at `at`. */
  release(at: number): void {
    const { code, pending, pendingCc } = this.ir;
    for (let k = 1; k < 5; k++) {
      if (FIELDS[code[at]! * 4 + k - 1] !== F_RAW) this.releaseRef(code[at + k]!, at);
    }
    const p = pending === null ? 0 : pending[at / STRIDE]!;
    if (p === 0) return;
    for (let k = 1; k < 4; k++) this.releaseRef(pendingCc[(p - 1) * 4 + k]!, at);
  }

  private releaseRef(ref: Ref, at: number): void {
    if (!isTemp(ref) || this.lastUse[refIndex(ref)]! > at) return;
    if (this.temps[refIndex(ref)] !== undefined) this.freeTemp(refIndex(ref));
  }

  private freeTemp(t: number): void {
    const types = TEMP_LOCALS[this.ir.tempTypes[t]!];
    this.temps[t]!.forEach((local, i) => {
      this.f.giveLocal(types[i]!, local);
    });
    this.temps[t] = undefined;
  }

  /** The locals of a temp: one, or two for 256 bits. */
  private tempLocals(t: number): readonly number[] {
    return this.temps[t] ?? panic(`temp ${t} is read before it is written, or after release`);
  }

  private defineTemp(t: number): readonly number[] {
    let locals = this.temps[t];
    if (locals === undefined) {
      locals = TEMP_LOCALS[this.ir.tempTypes[t]!].map((type) => this.f.takeLocal(type));
      this.temps[t] = locals;
    }
    return locals;
  }

  // Reading values: pushes onto the stack.

  constLo(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2]! : panic('not a constant');
  }

  constHi(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2 + 1]! : panic('not a constant');
  }

  typeOf(ref: Ref): IrType {
    if (isTemp(ref)) return this.ir.tempTypes[refIndex(ref)]!;
    return isVar(ref) ? this.typeOfVar(refIndex(ref)) : 'i64';
  }

  /** Pushes a value in the type of its local; integer variables without one from memory. */
  private pushInt(ref: Ref): IrType {
    const { f } = this;
    const type = this.typeOf(ref);
    if (isTemp(ref)) f.get(this.tempLocals(refIndex(ref))[0]!);
    else {
      const v = refIndex(ref);
      const local = this.varLocal[v]!;
      if (local !== -1) f.get(local);
      else {
        f.i32(0);
        f.memory(type === 'i32' ? W.i32Load : W.i64Load, this.offsetOf(v));
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

  private pushUnit(v: number, half: number): void {
    const at = (this.offsetOf(v) & -UNIT) + half * UNIT;
    this.f.get(this.units.get(at)!.local);
  }

  /** A vector, or the high half of one of 256 bits. */
  pushV128(ref: Ref, half = 0): void {
    if (isTemp(ref)) this.f.get(this.tempLocals(refIndex(ref))[half]!);
    else if (isVar(ref)) this.pushUnit(refIndex(ref), half);
    else panic('a constant is no vector');
  }

  /** The lane that a variable is, counted in its own size. */
  private laneOf(v: number): number {
    return (this.offsetOf(v) & (UNIT - 1)) / TYPE_SIZE[this.typeOfVar(v)];
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
    } else if (isTemp(ref) && type === 'f64') f.get(this.tempLocals(refIndex(ref))[0]!);
    else {
      this.pushV128(ref);
      f.lane(V.f64x2Extract, type === 'f64' ? this.laneOf(refIndex(ref)) : 0);
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
    } else if (isTemp(ref) && type === 'f32') f.get(this.tempLocals(refIndex(ref))[0]!);
    else if (isTemp(ref) && type === 'f64') {
      f.get(this.tempLocals(refIndex(ref))[0]!);
      f.op(W.i64ReinterpretF64, W.i32WrapI64, W.f32ReinterpretI32);
    } else {
      this.pushV128(ref);
      const lane = isVar(ref) ? (this.offsetOf(refIndex(ref)) & (UNIT - 1)) / 4 : 0;
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
      f.set(this.defineTemp(refIndex(d))[0]!);
      return;
    }
    const v = refIndex(d);
    const local = this.varLocal[v]!;
    if (local !== -1) {
      f.set(local);
      return;
    }
    const type = this.typeOfVar(v) === 'i32' ? 'i32' : 'i64';
    const value = f.takeLocal(type);
    f.set(value);
    f.i32(0);
    f.get(value);
    f.memory(type === 'i32' ? W.i32Store : W.i64Store, this.offsetOf(v));
    f.giveLocal(type, value);
  }

  setV128(d: Ref, half = 0): void {
    if (isTemp(d)) this.f.set(this.defineTemp(refIndex(d))[half]!);
    else this.f.set(this.units.get((this.offsetOf(refIndex(d)) & -UNIT) + half * UNIT)!.local);
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
      f.set(this.defineTemp(refIndex(d))[0]!);
      return;
    }
    const v = refIndex(d);
    const value = f.takeLocal(type);
    f.set(value);
    this.pushUnit(v, 0);
    f.get(value);
    f.lane(replace, this.laneOf(v));
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
      this.spill([i]);
      return this.offsetOf(i);
    }
    const at = TEMP_BASE + i * TEMP_SIZE;
    this.storeTemp(i, at);
    return at;
  }

  private storeTemp(t: number, at: number): void {
    const { f } = this;
    const [low, high] = this.tempLocals(t);
    const type = this.ir.tempTypes[t]!;
    f.i32(0);
    f.get(low!);
    if (type === 'i32') f.op(W.i64ExtendI32u);
    if (isIntType(type)) f.memory(W.i64Store, at);
    else if (type === 'f32') f.memory(W.f32Store, at);
    else if (type === 'f64') f.memory(W.f64Store, at);
    else f.simdMemory(V.store, at);
    if (high === undefined) return;
    f.i32(0);
    f.get(high);
    f.simdMemory(V.store, at + UNIT);
  }

  /** Where a called function is to write a result; what surrounds it there is made current. @returns the byte offset */
  resultPlace(d: Ref): number {
    if (d === NONE) return SINK;
    const i = refIndex(d);
    if (isTemp(d)) return TEMP_BASE + i * TEMP_SIZE;
    this.spill([i]);
    return this.offsetOf(i);
  }

  /** Brings a result that was written to `resultPlace` into its local. */
  fromMemory(d: Ref): void {
    if (d === NONE) return;
    const i = refIndex(d);
    if (isVar(d)) {
      this.reload([i]);
      return;
    }
    const { f } = this;
    const at = TEMP_BASE + i * TEMP_SIZE;
    const type = this.ir.tempTypes[i]!;
    const [low, high] = this.defineTemp(i);
    f.i32(0);
    if (type === 'i32') f.memory(W.i32Load, at);
    else if (type === 'i64') f.memory(W.i64Load, at);
    else if (type === 'f32') f.memory(W.f32Load, at);
    else if (type === 'f64') f.memory(W.f64Load, at);
    else f.simdMemory(V.load, at);
    f.set(low!);
    if (high === undefined) return;
    f.i32(0);
    f.simdMemory(V.load, at + UNIT);
    f.set(high);
  }

  // Engine words.

  loadGeneration(): void {
    const { f } = this;
    f.i32(0);
    f.memory(W.i32Load, ENG_TLB_GEN * 4);
    f.op(W.i64ExtendI32u);
    f.set(this.gen);
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
    f.memory(W.i32Load, FP_ENV_WORD * 4);
    f.i32(FAST_MASK);
    f.op(W.i32And);
    f.i32(FAST_VALUE);
    f.op(W.i32Ne);
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
    for (const [, v] of set.reverse()) f.set(this.varLocal[v]!);
    f.i32(kind);
    f.set(this.varLocal[ccKind]!);
  }
}
