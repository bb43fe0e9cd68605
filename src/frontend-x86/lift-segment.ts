/**
 * Lifters of instructions about segments and descriptor tables: far transfers (SDM vol. 2, CALL, JMP, RET, IRET), LAR,
 * LSL, VERR, VERW, and those that Linux emulates because UMIP forbids them (arch/x86/kernel/umip.c).
 */

import { EXIT, type MemOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { type Lift, VECTOR } from './lift-context.ts';
import { moveStack } from './lift-move.ts';
import { USER_CS, USER_SS } from './segments.ts';
import { GPR } from './state.ts';
import type { LiftFn } from './table-format.ts';

const RSP = 4;
const ZF = 0x40;

/** An offset of `size` bytes is an address: #GP(0) if it is not canonical. */
function checkOffset(cx: Lift, offset: Ref, size: number): void {
  if (size === 8) cx.call('checkCanonical', NONE, offset);
}

type Size = 2 | 4 | 8;
const sizeOf = (cx: Lift): Size => cx.d.opSize as Size;

/** On to another place, where TF may be set: the dispatcher looks. */
function leave(cx: Lift, target: Ref): void {
  if (cx.singleStep) cx.trap(VECTOR.DB, target);
  else cx.exit(target, EXIT.next);
}

const OFFSETS = { 2: 'ld16u', 4: 'ld32', 8: 'ld64' } as const;

/** Far pointer operand: offset, then selector. @returns the offset */
function farPointer(cx: Lift, size: Size): Ref {
  const offset = cx.loadAs(OFFSETS[size]);
  cx.call('farTarget', NONE, cx.loadAs('ld16u', size));
  return offset;
}

export const liftJmpFar: LiftFn = (cx) => {
  const size = sizeOf(cx);
  const target = farPointer(cx, size);
  checkOffset(cx, target, size);
  cx.jumpIndirect(target);
};

/** Pushes CS and the return address, each with the operand's size, before it looks at the offset. */
export const liftCallFar: LiftFn = (cx) => {
  const size = sizeOf(cx);
  const wide = size === 8;
  const target = farPointer(cx, size);
  cx.useAddress(GPR[RSP] as Ref, -size);
  cx.store(size, wide ? cx.b.const64(USER_CS, 0) : cx.k(USER_CS));
  cx.useAddress(GPR[RSP] as Ref, -2 * size);
  cx.store(size, wide ? cx.nextPc() : cx.k((cx.d.pcLo + cx.d.length) | 0));
  checkOffset(cx, target, size);
  moveStack(cx, -2 * size);
  cx.jumpIndirect(target);
};

/** What is `n` places up the stack. */
function fromStack(cx: Lift, n: number, size: Size, name: MemOpName = OFFSETS[size]): Ref {
  cx.useAddress(GPR[RSP] as Ref, n * size);
  return cx.loadAs(name);
}

/** RETF and RETF iw, to user mode as it is. */
export const liftRetFar: LiftFn = (cx) => {
  const size = sizeOf(cx);
  const offset = fromStack(cx, 0, size);
  cx.call('farReturn', NONE, fromStack(cx, 1, size, 'ld16u'), cx.k(USER_SS));
  checkOffset(cx, offset, size);
  moveStack(cx, 2 * size + (cx.row.operands.length > 0 ? cx.d.immLo & 0xffff : 0));
  cx.jumpIndirect(offset);
};

/** IRET always pops RSP and SS in 64-bit mode. */
export const liftIret: LiftFn = (cx) => {
  const size = sizeOf(cx);
  cx.call('checkNotNested');
  const offset = fromStack(cx, 0, size);
  const cs = fromStack(cx, 1, size, 'ld16u');
  const flags = fromStack(cx, 2, size, size === 2 ? 'ld16u' : 'ld32');
  const sp = fromStack(cx, 3, size);
  cx.call('farReturn', NONE, cs, fromStack(cx, 4, size, 'ld16u'));
  checkOffset(cx, offset, size);
  cx.call('popf', NONE, flags, cx.k(size));
  cx.setGpr(RSP, size === 8 ? 8 : 4, sp);
  leave(cx, offset);
};

function setZf(cx: Lift, zf: Ref): void {
  cx.flags.setEflags(cx.op('or.i32', cx.op('and.i32', cx.flags.eflags(), cx.k(~ZF)), zf));
}

/** LAR, LSL: the destination is written if the segment is visible. */
export function segmentTo(what: number): LiftFn {
  return (cx) => {
    const r = cx.callValue('segment', 'i64', cx.raw(1), cx.k(what));
    const zf = cx.op('hi.i32', r);
    const n = cx.regNo(0);
    const d = GPR[n] as Ref;
    const value = cx.size(0) === 2 ? cx.op('ins16.i64', d, r) : cx.op('mov.i32', r);
    setZf(cx, zf);
    cx.b.opTo(d, 'select.i64', value, d, zf);
    cx.wroteGpr(n);
  };
}

/** VERR, VERW. */
export function segmentCheck(what: number): LiftFn {
  return (cx) => setZf(cx, cx.op('hi.i32', cx.callValue('segment', 'i64', cx.raw(0), cx.k(what))));
}

/** SGDT, SIDT as Linux emulates them: no limit, and addresses that are not those of the tables. */
export function descriptorTable(baseLo: number): LiftFn {
  return (cx) => {
    cx.storeAs('st16', cx.k(0));
    cx.storeAs('st64', cx.b.const64(baseLo, -1), 2);
  };
}

/** SLDT, STR, SMSW as Linux emulates them: memory gets 2 bytes, a register just the operand's size. */
export function systemWord(value: number): LiftFn {
  return (cx) => {
    const size = cx.d.opSize;
    if (cx.isMem(0)) return cx.store(2, cx.k(value));
    const n = cx.regNo(0);
    const kept = cx.op('concat.i64', cx.k(value), cx.op('hi.i32', GPR[n]));
    if (size === 2) cx.setGpr(n, 2, cx.k(value));
    else cx.setGpr(n, 8, size === 8 ? cx.b.const64(value, 0) : kept);
  };
}

/** MOV from and to CRn and DRn: #UD for those that do not exist. */
export function privilegedRegister(i: number, existing: readonly number[]): LiftFn {
  return (cx) => cx.raise(existing.includes(cx.regNo(i)) ? VECTOR.GP : VECTOR.UD);
}
