/**
 * Loads and stores: the TLB check in line (layout.ts), compared in 64 bits (tag and high half of the page
 * address at once), then the access itself. The slow path calls GuestAccess; a load's gives a host offset too, so
 * that the access is written once, a store's stores by itself.
 */

import { TLB_READ, TLB_WRITE } from '../common/layout.ts';
import { MEM_ALIGN, type MemOpName, OPS, type OpRow } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { ARG_BASE, type EmitContext } from './context.ts';
import { pushAddress } from './emit-int.ts';
import { V, W } from './opcodes.ts';
import { pushTlbMiss, setTlbHost } from './tlb-check.ts';
import type { AccessContext } from './values.ts';

export interface Load {
  readonly size: number;
  readonly op: number;
  readonly wide: boolean;
}

export const LOADS: Partial<Record<MemOpName, Load>> = {
  ld8u: { size: 1, op: W.i32Load8u, wide: false },
  ld8s: { size: 1, op: W.i32Load8s, wide: false },
  ld16u: { size: 2, op: W.i32Load16u, wide: false },
  ld16s: { size: 2, op: W.i32Load16s, wide: false },
  ld32: { size: 4, op: W.i32Load, wide: false },
  'ld8s.i64': { size: 1, op: W.i64Load8s, wide: true },
  'ld16s.i64': { size: 2, op: W.i64Load16s, wide: true },
  'ld32s.i64': { size: 4, op: W.i64Load32s, wide: true },
  ld64: { size: 8, op: W.i64Load, wide: true },
};

export const VECTOR_SIZE: Partial<Record<MemOpName, number>> = {
  ld128: 16,
  ld256: 32,
  st128: 16,
  st256: 32,
};
export const STORE_SIZE: Partial<Record<MemOpName, number>> = { st8: 1, st16: 2, st32: 4, st64: 8 };

/** The address to `ea`, faulting if it must be aligned and is not. */
function computeAddress(e: EmitContext, at: number, size: number): void {
  const { code } = e.ir;
  const { f } = e;
  pushAddress(e, { a: code[at + 2]!, b: code[at + 3]!, c: code[at + 4]!, imm: code[at + 5]! });
  f.set(e.ea);
  if (size < 16 || (code[at + 4]! & MEM_ALIGN) === 0) return;
  f.get(e.ea);
  f.op(W.i32WrapI64);
  f.i32(size - 1);
  f.op(W.i32And);
  f.openIf(false);
  f.i32(13);
  f.i32(0);
  f.callImport(e.imports.mmu('raise'));
  f.op(W.drop);
  e.fault(at);
  f.close();
}

/** Pushes whether the TLB does not have the page for this access. */
export function pushMiss(e: AccessContext, size: number, tag: number): void {
  const last = size > 1 ? (): void => e.f.i64(size - 1, 0) : null;
  pushTlbMiss(e, tag, last, () => e.pushGeneration());
}

/** Pushes the halves of the address. */
function pushHalves(e: EmitContext): void {
  const { f } = e;
  f.get(e.ea);
  f.op(W.i32WrapI64);
  f.get(e.ea);
  f.i64(32, 0);
  f.op(W.i64ShrU, W.i32WrapI64);
}

export function emitLoad(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const { f } = e;
  const name = (OPS[code[at]!] as OpRow).name as MemOpName;
  const load = LOADS[name];
  const size = load?.size ?? VECTOR_SIZE[name]!;
  computeAddress(e, at, size);
  pushMiss(e, size, TLB_READ);
  f.openIf(false);
  pushHalves(e);
  f.i32(size);
  f.callImport(e.imports.mmu('read'));
  f.tee(e.host);
  f.i32(0);
  f.op(W.i32LtS);
  f.openIf(false);
  e.fault(at);
  f.close();
  e.loadGeneration();
  f.otherwise();
  setTlbHost(e);
  f.close();
  const d = code[at + 1]!;
  if (d !== NONE) emitValue(e, d, load, size);
}

/** The value at `host` to d. */
function emitValue(e: EmitContext, d: Ref, load: Load | undefined, size: number): void {
  const { f } = e;
  f.get(e.host);
  if (load === undefined) {
    f.simdMemory(V.load, 0);
    e.setV128(d);
    if (size < 32) return;
    f.get(e.host);
    f.simdMemory(V.load, 16);
    e.setV128(d, 1);
    return;
  }
  f.memory(load.op, 0);
  if (load.wide) e.setI64(d);
  else e.setI32(d);
}

export function emitStore(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const { f } = e;
  const name = (OPS[code[at]!] as OpRow).name as MemOpName;
  const d = code[at + 1]!;
  const size = STORE_SIZE[name] ?? VECTOR_SIZE[name]!;
  computeAddress(e, at, size);
  pushMiss(e, size, TLB_WRITE);
  f.openIf(false);
  slowStore(e, d, size);
  const failed = f.takeLocal('i32');
  f.tee(failed);
  f.openIf(false);
  e.faultBy(at, failed);
  f.close();
  f.giveLocal('i32', failed);
  e.loadGeneration();
  f.otherwise();
  setTlbHost(e);
  fastStore(e, d, size);
  f.close();
}

/** Has GuestAccess store the value; pushes what it returns. */
function slowStore(e: EmitContext, d: Ref, size: number): void {
  const { f } = e;
  if (size >= 16) {
    for (let half = 0; half < size / 16; half++) {
      f.i32(0);
      e.pushV128(d, half);
      f.simdMemory(V.store, ARG_BASE + half * 16);
    }
    pushHalves(e);
    f.i32(ARG_BASE);
    f.i32(size);
    f.callImport(e.imports.mmu('writeBytes'));
    return;
  }
  pushHalves(e);
  e.pushI32(d);
  if (size === 8) {
    e.pushI64(d);
    f.i64(32, 0);
    f.op(W.i64ShrU, W.i32WrapI64);
  }
  const call = size === 1 ? 'write8' : size === 2 ? 'write16' : size === 4 ? 'write32' : 'write64';
  f.callImport(e.imports.mmu(call));
}

function fastStore(e: EmitContext, d: Ref, size: number): void {
  const { f } = e;
  f.get(e.host);
  if (size >= 16) {
    e.pushV128(d);
    f.simdMemory(V.store, 0);
    if (size < 32) return;
    f.get(e.host);
    e.pushV128(d, 1);
    f.simdMemory(V.store, 16);
  } else if (size === 8) {
    e.pushI64(d);
    f.memory(W.i64Store, 0);
  } else {
    e.pushI32(d);
    f.memory(size === 4 ? W.i32Store : size === 2 ? W.i32Store16 : W.i32Store8, 0);
  }
}
