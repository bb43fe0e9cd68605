/** Lifters of control transfer, system and string instructions (SDM vol. 1, 7.3.8 and 7.3.9). */

import { CC_SUB } from '../common/condition-codes.ts';
import { COND, EXIT, JUMP, type MemOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { SEG } from './decoded.ts';
import { type Lift, VECTOR } from './lift-context.ts';
import { loadTop, moveStack, push } from './lift-move.ts';
import { DF, FS_BASE, GPR, GS_BASE } from './state.ts';
import type { LiftFn } from './table-format.ts';

const RCX = 1;
const RSI = 6;
const RDI = 7;

/** Target of a relative branch. */
function relative(cx: Lift): Ref {
  return cx.pcRelative(cx.d.length, cx.d.immLo);
}

export const liftJcc: LiftFn = (cx) =>
  cx.branch(cx.flags.condition(cx.d.opcode & 15), relative(cx));

export const liftJmp: LiftFn = (cx) => cx.jump(relative(cx));

export const liftJmpIndirect: LiftFn = (cx) => cx.jumpIndirect(cx.raw(0));

export const liftCall: LiftFn = (cx) => {
  const next = cx.nextPc();
  push(cx, 8, next);
  cx.jump(relative(cx), JUMP.call, next);
};

export const liftCallIndirect: LiftFn = (cx) => {
  const next = cx.nextPc();
  let target = cx.raw(0);
  // CALL rSP uses its value before the push.
  if (target === GPR[4]) target = cx.copy(target, 8);
  push(cx, 8, next);
  cx.jumpIndirect(target, JUMP.call, next);
};

/** RET and RET iw. */
export const liftRet: LiftFn = (cx) => {
  const target = loadTop(cx, 8);
  moveStack(cx, 8 + (cx.row.operands.length > 0 ? cx.d.immLo & 0xffff : 0));
  cx.jumpIndirect(target, JUMP.ret);
};

/** rCX by address size, as a value that compares with zero. */
function counter(cx: Lift): { type: 'i32' | 'i64'; v: Ref } {
  return { type: cx.d.addrSize === 8 ? 'i64' : 'i32', v: GPR[RCX] as Ref };
}

export const liftJrcxz: LiftFn = (cx) => {
  const { type, v } = counter(cx);
  cx.branch(cx.op(`set.${type}`, v, cx.k(0), NONE, COND.eq), relative(cx));
};

/** LOOPNE (E0), LOOPE (E1), LOOP (E2): the flags do not change. */
export const liftLoop: LiftFn = (cx) => {
  const { type, v } = counter(cx);
  const zf = cx.d.opcode === 0xe2 ? NONE : cx.flags.condition(cx.d.opcode === 0xe1 ? 4 : 5);
  cx.b.opTo(v, `sub.${type}`, v, cx.k(1));
  cx.wroteGpr(RCX);
  const more = cx.op(`set.${type}`, v, cx.k(0), NONE, COND.ne);
  cx.branch(zf === NONE ? more : cx.op('and.i32', more, zf), relative(cx));
};

// ── system ──────────────────────────────────────────────────────────────────────────────────────

/** SYSCALL: rCX = return address, R11 = RFLAGS. */
export const liftSyscall: LiftFn = (cx) => {
  const next = cx.nextPc();
  const flags = cx.callValue('rflags', 'i32');
  cx.setGpr(11, 4, flags);
  cx.setGpr(RCX, 8, next);
  cx.exit(next, EXIT.syscall);
};

export const liftInt3: LiftFn = (cx) => cx.trap(VECTOR.BP, cx.nextPc());
export const liftInt1: LiftFn = (cx) => cx.trap(VECTOR.DB, cx.nextPc());

/** INT n: the gates of #BP and #OF have DPL 3; for others the error code is the gate's selector. */
export const liftInt: LiftFn = (cx) => {
  if (cx.imm8 === VECTOR.BP || cx.imm8 === VECTOR.OF) cx.trap(cx.imm8, cx.nextPc());
  else cx.raise(VECTOR.GP, (cx.imm8 << 3) | 2);
};

export const liftUd: LiftFn = (cx) => cx.raise(VECTOR.UD);

/** Privileged instructions in user mode. */
export const liftPrivileged: LiftFn = (cx) => cx.raise(VECTOR.GP);

/** NOP, ENDBR64, PAUSE, PREFETCH and fences: no effect that a single-threaded memory could show. */
export const liftNop: LiftFn = () => {};

/** CLFLUSH, CLFLUSHOPT and CLWB only check that the operand can be read. */
export const liftClflush: LiftFn = (cx) => {
  cx.load(1);
};

export const liftCpuid: LiftFn = (cx) => cx.call('cpuid');
export const liftRdtsc: LiftFn = (cx) => cx.call('rdtsc');

/** RDTSCP: rCX = TSC_AUX, which is 0 (CPU 0, node 0). */
export const liftRdtscp: LiftFn = (cx) => {
  cx.call('rdtsc');
  cx.setGpr(RCX, 4, cx.k(0));
};

/** RDPID: the same. */
export const liftRdpid: LiftFn = (cx) => cx.setGpr(cx.regNo(0), 8, cx.b.const64(0, 0));

/** RDRAND, RDSEED: there always is a number, which CF says. */
export const liftRdrand: LiftFn = (cx) => {
  cx.set(0, cx.callValue('random', 'i64'));
  cx.flags.setEflags(cx.k(1));
};

/** RDFSBASE, RDGSBASE. */
export const liftReadBase: LiftFn = (cx) => {
  cx.set(0, (cx.d.modrm & 8) === 0 ? FS_BASE : GS_BASE);
};

/** WRFSBASE, WRGSBASE: #GP if the address is not canonical. */
export const liftWriteBase: LiftFn = (cx) => {
  const v = cx.raw(0);
  const wide = cx.size(0) === 8;
  if (wide) cx.call('checkCanonical', NONE, v);
  const which = (cx.d.modrm & 8) === 0 ? FS_BASE : GS_BASE;
  cx.b.opTo(which, wide ? 'mov.i64' : 'mov.i32', v);
};

export const liftCmc: LiftFn = (cx) => {
  cx.flags.setCarry(cx.op('xor.i32', cx.flags.carry(), cx.k(1)));
};
export const liftClc: LiftFn = (cx) => cx.flags.setCarry(cx.k(0));
export const liftStc: LiftFn = (cx) => cx.flags.setCarry(cx.k(1));
export const liftCld: LiftFn = (cx) => cx.b.opTo(DF, 'mov.i32', cx.k(0));
export const liftStd: LiftFn = (cx) => cx.b.opTo(DF, 'mov.i32', cx.k(1));

// ── string instructions ─────────────────────────────────────────────────────────────────────────

/**
 * One call does up to the work limit, or one iteration if each is traced; then the block goes on here or at the
 * next instruction.
 */
function repeated(cx: Lift, helper: string, size: number): void {
  const { d } = cx;
  const repne = d.rep === 0xf2 ? 0x200 : 0;
  const base = d.seg === SEG.fs ? FS_BASE : d.seg === SEG.gs ? GS_BASE : cx.b.const64(0, 0);
  const done = cx.callValue(
    helper,
    'i32',
    cx.k(size | (d.addrSize === 4 ? 0x100 : 0) | repne | (cx.singleStep ? 0x400 : 0)),
    base,
  );
  cx.branchTo(done, cx.nextPc(), cx.pc());
}

/** Makes [rSI] with its segment, or [rDI] without, the memory operand. */
function stringOperand(cx: Lift, n: number): void {
  if (n === RSI) cx.useSegmented(GPR[RSI] as Ref);
  else cx.useAddress(cx.d.addrSize === 8 ? (GPR[RDI] as Ref) : cx.op('mov.i32', GPR[RDI]));
}

/** Bytes to add to the pointers: size or -size, as DF says. */
function stride(cx: Lift, size: number): Ref {
  const back = cx.op('mul.i32', DF, cx.k(2 * size));
  return cx.op('sext.i64', cx.op('sub.i32', cx.k(size), back));
}

function advance(cx: Lift, n: number, by: Ref): void {
  const r = GPR[n] as Ref;
  cx.b.opTo(r, cx.d.addrSize === 8 ? 'add.i64' : 'add.i32', r, by);
  cx.wroteGpr(n);
}

const LOADS: Record<number, MemOpName> = { 1: 'ld8u', 2: 'ld16u', 4: 'ld32', 8: 'ld64' };

function loadString(cx: Lift, n: number, size: number): Ref {
  stringOperand(cx, n);
  return cx.loadAs(LOADS[size] as MemOpName);
}

export const liftMovs: LiftFn = (cx) => {
  const size = cx.size(0);
  if (cx.d.rep !== 0) return repeated(cx, 'repMovs', size);
  const v = loadString(cx, RSI, size);
  const by = stride(cx, size);
  stringOperand(cx, RDI);
  cx.store(size, v);
  advance(cx, RSI, by);
  advance(cx, RDI, by);
};

export const liftStos: LiftFn = (cx) => {
  const size = cx.size(0);
  if (cx.d.rep !== 0) return repeated(cx, 'repStos', size);
  stringOperand(cx, RDI);
  cx.store(size, GPR[0] as Ref);
  advance(cx, RDI, stride(cx, size));
};

export const liftLods: LiftFn = (cx) => {
  const size = cx.size(1);
  if (cx.d.rep !== 0) return repeated(cx, 'repLods', size);
  const v = loadString(cx, RSI, size);
  cx.setGpr(0, size, v);
  advance(cx, RSI, stride(cx, size));
};

export const liftCmps: LiftFn = (cx) => {
  const size = cx.size(0);
  if (cx.d.rep !== 0) return repeated(cx, 'repCmps', size);
  // The order that processors read in shows where both fault.
  const b = loadString(cx, RDI, size);
  const a = loadString(cx, RSI, size);
  cx.flags.set(CC_SUB, size, a, b);
  const by = stride(cx, size);
  advance(cx, RSI, by);
  advance(cx, RDI, by);
};

export const liftScas: LiftFn = (cx) => {
  const size = cx.size(0);
  if (cx.d.rep !== 0) return repeated(cx, 'repScas', size);
  const b = loadString(cx, RDI, size);
  cx.flags.set(CC_SUB, size, GPR[0] as Ref, b);
  advance(cx, RDI, stride(cx, size));
};
