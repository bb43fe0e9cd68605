/** Bodies of micro operations within a block. */

import { TLB_READ, TLB_WRITE } from '../common/layout.ts';
import { F_I32, FIELDS } from '../ir/fields.ts';
import type { MicroOp } from '../ir/micro.ts';
import {
  EXIT,
  type IntOpName,
  MEM_ALIGN,
  MEM_SCALE,
  type MemOpName,
  OPS,
  type OpRow,
  type SlotOpName,
} from '../ir/ops.ts';
import { INT_EMIT } from './emit-int.ts';
import { LOADS, pushMiss, STORE_SIZE, VECTOR_SIZE } from './emit-mem.ts';
import { VECTOR_EMIT } from './emit-vector.ts';
import { MMU_CALLS, type MmuCall } from './imports.ts';
import { A, at, B, C, D, IMM, type InterpreterCode } from './interpreter-code.ts';
import { V, W } from './opcodes.ts';
import { setTlbHost } from './tlb-check.ts';

/** What is called with the micro operation's index: a helper's function, a slot operation's. */
export const CALL_HELPER: number = MMU_CALLS.length;
export const CALL_SLOT: number = MMU_CALLS.length + 1;

export function conditionCodes(c: InterpreterCode, { cond }: MicroOp): void {
  const { f } = c;
  const values = [c.x, c.y, c.z].slice(0, cond);
  values.forEach((local, k) => {
    c.pushI64(A + k);
    f.set(local);
  });
  values.forEach((local, k) => {
    c.store(W.i64Store, c.cc[k]!, () => f.get(local));
  });
  c.store(W.i32Store, c.ccKind, () => c.field(D));
}

/** Calls what does the operation with the index of its micro code. */
function call(c: InterpreterCode, imported: number): void {
  const { f } = c;
  f.get(c.p);
  f.i32(2);
  f.op(W.i32ShrU);
  f.call(imported);
}

export function helper(c: InterpreterCode): void {
  c.storeBudget();
  call(c, CALL_HELPER);
  c.reload();
  c.leaveIfFailed();
}

export function slotCall(c: InterpreterCode): void {
  call(c, CALL_SLOT);
  c.leaveIfFailed();
}

export function vector(c: InterpreterCode, name: SlotOpName): void {
  VECTOR_EMIT[name as keyof typeof VECTOR_EMIT]!(c, { d: D, a: A, b: B, c: C, imm: 0 });
}

/** Pushes the effective address. */
function address(c: InterpreterCode, { hasIndex }: MicroOp): void {
  const { f } = c;
  c.pushI64(A);
  if (hasIndex) {
    c.pushI64(B);
    c.field(C);
    f.i32(MEM_SCALE);
    f.op(W.i32And, W.i64ExtendI32u, W.i64Shl, W.i64Add);
  }
  f.get(c.p);
  f.memory(W.i64Load32s, at(IMM));
  f.op(W.i64Add);
}

export function int(c: InterpreterCode, m: MicroOp): void {
  const name = (OPS[m.op] as OpRow).name as IntOpName;
  c.slot(D);
  if (name === 'lea.i64') address(c, m);
  else INT_EMIT[name](c, { a: A, b: B, c: C, imm: m.cond });
  if (FIELDS[m.op * 4] === F_I32) c.f.op(W.i64ExtendI32u);
  c.f.memory(W.i64Store, 0);
}

function mmu(c: InterpreterCode, call: MmuCall): void {
  c.f.call(MMU_CALLS.indexOf(call));
}

function pushHalves(c: InterpreterCode): void {
  const { f } = c;
  f.get(c.ea);
  f.op(W.i32WrapI64);
  f.get(c.ea);
  f.i64(32, 0);
  f.op(W.i64ShrU, W.i32WrapI64);
}

/** The address to `ea`; raises #GP(0) if it must be aligned and is not. */
function accessAddress(c: InterpreterCode, m: MicroOp, size: number): void {
  const { f } = c;
  address(c, m);
  f.set(c.ea);
  if (size < 16) return;
  c.field(C);
  f.i32(MEM_ALIGN);
  f.op(W.i32And);
  f.i32(0);
  f.op(W.i32Ne);
  f.get(c.ea);
  f.op(W.i32WrapI64);
  f.i32(size - 1);
  f.op(W.i32And);
  f.i32(0);
  f.op(W.i32Ne, W.i32And);
  f.openIf(false);
  f.i32(13);
  f.i32(0);
  mmu(c, 'raise');
  c.leaveIfFailed();
  f.close();
}

export function loadOp(c: InterpreterCode, m: MicroOp): void {
  const { f } = c;
  const name = (OPS[m.op] as OpRow).name as MemOpName;
  const load = LOADS[name];
  const size = load?.size ?? VECTOR_SIZE[name]!;
  accessAddress(c, m, size);
  pushMiss(c, size, TLB_READ);
  f.openIf(false);
  pushHalves(c);
  f.i32(size);
  mmu(c, 'read');
  f.tee(c.host);
  f.i32(0);
  f.op(W.i32LtS);
  f.openIf(false);
  c.leave(EXIT.exception);
  f.close();
  f.otherwise();
  setTlbHost(c);
  f.close();
  c.slot(D);
  f.get(c.host);
  if (load === undefined) {
    f.simdMemory(V.load, 0);
    f.simdMemory(V.store, 0);
    if (size === 32) {
      c.slot(D);
      f.get(c.host);
      f.simdMemory(V.load, 16);
      f.simdMemory(V.store, 16);
    }
  } else {
    f.memory(load.op, 0);
    if (!load.wide) f.op(W.i64ExtendI32u);
    f.memory(W.i64Store, 0);
  }
}

export function storeOp(c: InterpreterCode, m: MicroOp): void {
  const { f } = c;
  const name = (OPS[m.op] as OpRow).name as MemOpName;
  const size = STORE_SIZE[name] ?? VECTOR_SIZE[name]!;
  accessAddress(c, m, size);
  pushMiss(c, size, TLB_WRITE);
  f.openIf(false);
  slowStore(c, size);
  c.leaveIfFailed();
  f.otherwise();
  setTlbHost(c);
  f.get(c.host);
  if (size >= 16) {
    c.pushV128(D);
    f.simdMemory(V.store, 0);
    if (size === 32) {
      f.get(c.host);
      c.pushV128(D, 1);
      f.simdMemory(V.store, 16);
    }
  } else if (size === 8) {
    c.pushI64(D);
    f.memory(W.i64Store, 0);
  } else {
    c.pushI32(D);
    f.memory(size === 4 ? W.i32Store : size === 2 ? W.i32Store16 : W.i32Store8, 0);
  }
  f.close();
}

function slowStore(c: InterpreterCode, size: number): void {
  pushHalves(c);
  if (size >= 16) {
    c.slot(D);
    c.f.i32(size);
    mmu(c, 'writeBytes');
    return;
  }
  c.pushI32(D);
  if (size === 8) {
    c.slot(D);
    c.f.memory(W.i32Load, 4);
  }
  mmu(c, size === 1 ? 'write8' : size === 2 ? 'write16' : size === 4 ? 'write32' : 'write64');
}
