/**
 * State variables in locals: integer ones, and the 16-byte units of the vector registers, from a region's entry to its
 * exit.
 *
 * Invariant: a local that is not dirty equals its slot in the state page.
 */

import { type IrType, isIntType, type StateLayout, TYPE_SIZE } from '../ir/types.ts';
import type { FunctionBody } from './function-body.ts';
import { V, W, type WasmType } from './opcodes.ts';

const UNIT = 16;

interface Unit {
  readonly local: number;
  dirty: boolean;
}

export class Registers {
  private readonly f: FunctionBody;
  private readonly layout: StateLayout;
  /** Per integer variable: its local, or -1; whether the region may write it. */
  private readonly locals: Int32Array;
  private readonly dirty: Uint8Array;
  private readonly used: number[] = [];
  /** By byte offset. */
  private readonly units: Map<number, Unit> = new Map();

  constructor(f: FunctionBody, layout: StateLayout) {
    this.f = f;
    this.layout = layout;
    this.locals = new Int32Array(layout.vars.length).fill(-1);
    this.dirty = new Uint8Array(layout.vars.length);
  }

  typeOf(v: number): IrType {
    return this.layout.vars[v]!.type;
  }

  offsetOf(v: number): number {
    return this.layout.vars[v]!.offset;
  }

  /** The lane of its unit that a variable is, counted in its own size. */
  laneOf(v: number): number {
    return (this.offsetOf(v) & (UNIT - 1)) / TYPE_SIZE[this.typeOf(v)];
  }

  /** The local of an integer variable, or -1. */
  local(v: number): number {
    return this.locals[v]!;
  }

  /** The local of a vector variable, or of its second half. */
  unitLocal(v: number, half: number): number {
    return this.units.get((this.offsetOf(v) & -UNIT) + half * UNIT)!.local;
  }

  /** Says that the region reads or writes a variable; before the prologue. */
  use(v: number, written: boolean): void {
    const { pc, fpEnv } = this.layout;
    const type = this.typeOf(v);
    if (v === pc || v === fpEnv || type === 'f80') return;
    if (!isIntType(type)) {
      for (const at of this.unitsOf(v)) this.useUnit(at, written);
      return;
    }
    if (this.locals[v] === -1) {
      this.locals[v] = this.f.newLocal(type as WasmType);
      this.used.push(v);
    }
    if (written) this.dirty[v] = 1;
  }

  private useUnit(at: number, written: boolean): void {
    const unit = this.units.get(at);
    if (unit === undefined) {
      this.units.set(at, { local: this.f.newLocal('v128'), dirty: written });
    } else if (written) unit.dirty = true;
  }

  private unitsOf(v: number): number[] {
    const at = this.offsetOf(v) & -UNIT;
    return TYPE_SIZE[this.typeOf(v)] > UNIT ? [at, at + UNIT] : [at];
  }

  /** Copies locals to the state page: of the variables listed those that the region may have written. */
  spill(vars: readonly number[] | 'all'): void {
    for (const v of vars === 'all' ? this.used : vars) {
      if (this.locals[v] !== -1 && this.dirty[v] === 1) this.store(v);
    }
    for (const at of this.listedUnits(vars)) if (this.units.get(at)!.dirty) this.storeUnit(at);
  }

  /** Loads the locals of variables again, which somebody may have written in the state page. */
  reload(vars: readonly number[] | 'all'): void {
    for (const v of vars === 'all' ? this.used : vars) if (this.locals[v] !== -1) this.load(v);
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
      if (isIntType(this.typeOf(v))) continue;
      for (const at of this.unitsOf(v)) if (this.units.has(at)) found.add(at);
    }
    return found;
  }

  private store(v: number): void {
    const { f } = this;
    f.i32(0);
    f.get(this.locals[v]!);
    f.memory(this.typeOf(v) === 'i32' ? W.i32Store : W.i64Store, this.offsetOf(v));
  }

  private load(v: number): void {
    const { f } = this;
    f.i32(0);
    f.memory(this.typeOf(v) === 'i32' ? W.i32Load : W.i64Load, this.offsetOf(v));
    f.set(this.locals[v]!);
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
}
