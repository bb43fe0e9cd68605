/** Lifters of data movement, extension, stack and bit instructions (SDM vol. 1, 7.3.1, 7.3.6, 7.3.7). */

import { CC_LOGIC } from '../common/condition-codes.ts';
import { COND, type MemOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { FS_BASE, GPR, GS_BASE } from './state.ts';
import type { LiftFn } from './table-format.ts';

const RSP = 4;
const RBP = 5;

/** Loads that fill a register, by bytes read. */
const LOADS_ZERO: Record<number, MemOpName> = { 1: 'ld8u', 2: 'ld16u', 4: 'ld32', 8: 'ld64' };
const LOADS_SIGN: Record<number, MemOpName> = { 1: 'ld8s', 2: 'ld16s', 4: 'ld32' };
const LOADS_SIGN64: Record<number, MemOpName> = {
  1: 'ld8s.i64',
  2: 'ld16s.i64',
  4: 'ld32s.i64',
};

/** Operand 0 = memory, for a destination register of 4 or 8 bytes: one op. */
function loadsRegister(cx: Lift, loads: Record<number, MemOpName>): boolean {
  if (cx.isMem(0) || !cx.isMem(1) || cx.size(0) < 4) return false;
  cx.loadGpr(cx.regNo(0), loads[cx.size(1)] as MemOpName);
  return true;
}

export const liftMov: LiftFn = (cx) => {
  if (!loadsRegister(cx, LOADS_ZERO)) cx.set(0, cx.raw(1));
};

/** MOVZX: the source has a size of its own. */
export const liftMovzx: LiftFn = (cx) => {
  if (!loadsRegister(cx, LOADS_ZERO)) cx.set(0, cx.get(1));
};

/** MOVSX, MOVSXD. */
export const liftMovsx: LiftFn = (cx) => {
  const wide = cx.size(0) === 8;
  if (loadsRegister(cx, wide ? LOADS_SIGN64 : LOADS_SIGN)) return;
  cx.set(0, wide ? cx.getSigned64(1) : cx.signed32(cx.raw(1), cx.size(1)));
};

export const liftLea: LiftFn = (cx) => {
  if (cx.size(0) === 8) cx.leaGpr(cx.regNo(0));
  else cx.set(0, cx.effectiveAddress());
};

export const liftXchg: LiftFn = (cx) => {
  const size = cx.size(0);
  const a = cx.copy(cx.raw(0), size);
  const b = cx.copy(cx.raw(1), size);
  cx.set(0, b);
  cx.set(1, a);
};

/** XCHG r,rAX; with rAX itself it is NOP, which does not clear an upper half. */
export const liftXchgAcc: LiftFn = (cx) => {
  if (cx.regNo(0) !== 0) liftXchg(cx);
};

export const liftBswap: LiftFn = (cx) => {
  // The 16-bit form is undefined; CPUs clear the register's low word.
  if (cx.size(0) === 2) cx.set(0, cx.k(0));
  else cx.set(0, cx.op(cx.size(0) === 8 ? 'bswap.i64' : 'bswap.i32', cx.raw(0)));
};

export const liftMovbe: LiftFn = (cx) => {
  const size = cx.size(0);
  const v = cx.raw(1);
  if (size === 8) cx.set(0, cx.op('bswap.i64', v));
  else if (size === 4) cx.set(0, cx.op('bswap.i32', v));
  else cx.set(0, cx.op('shr.i32', cx.op('bswap.i32', v), cx.k(16)));
};

/** CBW, CWDE, CDQE: the lower half of rAX sign-extended to all of it. */
export const liftCbw: LiftFn = (cx) => {
  const size = cx.d.opSize;
  const half = size / 2;
  cx.setGpr(0, size, size === 8 ? cx.op('sext.i64', GPR[0]) : cx.signed32(GPR[0] as Ref, half));
};

/** CWD, CDQ, CQO: rDX = sign of rAX. */
export const liftCwd: LiftFn = (cx) => {
  const size = cx.d.opSize;
  if (size === 8) cx.setGpr(2, 8, cx.op('sar.i64', GPR[0], cx.k(63)));
  else cx.setGpr(2, size, cx.op('sar.i32', cx.signed32(GPR[0] as Ref, size), cx.k(31)));
};

/** XLAT: AL = [rBX + AL]. */
export const liftXlat: LiftFn = (cx) => {
  const sum = cx.op('lea.i64', GPR[3], cx.op('ext8u.i32', GPR[0]), 0, 0);
  cx.useSegmented(sum);
  cx.setGpr(0, 1, cx.load(1));
};

export const liftCmov: LiftFn = (cx) => {
  const size = cx.size(0);
  const v = cx.raw(1);
  const old = cx.raw(0);
  const cond = cx.flags.condition(cx.d.opcode & 15);
  const select = size === 8 ? 'select.i64' : 'select.i32';
  if (size === 2) {
    cx.set(0, cx.op(select, v, old, cond));
    return;
  }
  cx.b.opTo(old, select, v, old, cond);
  cx.wroteGpr(cx.regNo(0));
};

export const liftSetcc: LiftFn = (cx) => cx.set(0, cx.flags.condition(cx.d.opcode & 15));

// ── stack ───────────────────────────────────────────────────────────────────────────────────────

/** Stores `v` below the stack pointer, then moves it. */
export function push(cx: Lift, size: number, v: Ref): void {
  cx.useAddress(GPR[RSP] as Ref, -size);
  cx.store(size, v);
  cx.b.opTo(GPR[RSP] as Ref, 'lea.i64', GPR[RSP], NONE, 0, -size);
  cx.wroteGpr(RSP);
}

/** The value on top of the stack; the caller moves the pointer. */
export function loadTop(cx: Lift, size: number): Ref {
  cx.useAddress(GPR[RSP] as Ref);
  return cx.load(size);
}

export function moveStack(cx: Lift, by: number): void {
  cx.b.opTo(GPR[RSP] as Ref, 'lea.i64', GPR[RSP], NONE, 0, by);
  cx.wroteGpr(RSP);
}

export const liftPush: LiftFn = (cx) => push(cx, cx.d.opSize, cx.raw(0));

/** POP r: POP rSP leaves the loaded value. */
export const liftPopReg: LiftFn = (cx) => {
  const size = cx.d.opSize;
  const n = cx.regNo(0);
  if (size === 8 && n !== RSP) {
    cx.useAddress(GPR[RSP] as Ref);
    cx.loadGpr(n, 'ld64');
    moveStack(cx, 8);
    return;
  }
  const v = loadTop(cx, size);
  moveStack(cx, size);
  cx.setGpr(n, size, v);
};

/** POP m: an address with rSP as base uses its value after the increment. */
export const liftPopMem: LiftFn = (cx) => {
  if (!cx.isMem(0)) return liftPopReg(cx);
  const size = cx.d.opSize;
  const v = loadTop(cx, size);
  if (cx.d.base === RSP) cx.d.disp += size;
  cx.useOperandAddress();
  cx.store(size, v);
  moveStack(cx, size);
};

/** PUSH FS, PUSH GS: the selectors are 0. */
export const liftPushSeg: LiftFn = (cx) => push(cx, cx.d.opSize, cx.k(0));

/** POP FS, POP GS: only the null selector can be loaded. */
export const liftPopSeg: LiftFn = (cx) => {
  const size = cx.d.opSize;
  loadSelector(cx, loadTop(cx, size), cx.regNo(0));
  moveStack(cx, size);
};

/** PUSHF: RF and VM read as 0. */
export const liftPushf: LiftFn = (cx) => {
  const flags = cx.callValue('rflags', 'i32');
  push(cx, cx.d.opSize, cx.op('and.i32', flags, cx.k(0xfcffff)));
};

export const liftPopf: LiftFn = (cx) => {
  const size = cx.d.opSize;
  const v = loadTop(cx, size);
  cx.call('popf', NONE, v, cx.k(size));
  moveStack(cx, size);
  // TF may be set now.
  cx.jump(cx.nextPc(), 3);
};

/** LAHF: AH = SF ZF 0 AF 0 PF 1 CF. */
export const liftLahf: LiftFn = (cx) => {
  const f = cx.op('or.i32', cx.op('and.i32', cx.flags.eflags(), cx.k(0xd5)), cx.k(2));
  cx.b.opTo(GPR[0] as Ref, 'ins8h.i64', GPR[0], f);
  cx.wroteGpr(0);
};

export const liftSahf: LiftFn = (cx) => {
  const ah = cx.op('and.i32', cx.op('ext8h.i32', GPR[0]), cx.k(0xd5));
  cx.flags.setEflags(cx.op('or.i32', cx.op('and.i32', cx.flags.eflags(), cx.k(0x800)), ah));
};

/** LEAVE: rSP = rBP, pop rBP. */
export const liftLeave: LiftFn = (cx) => {
  const size = cx.d.opSize;
  cx.useAddress(GPR[RBP] as Ref);
  const v = cx.load(size);
  cx.b.opTo(GPR[RSP] as Ref, 'lea.i64', GPR[RBP], NONE, 0, size);
  cx.wroteGpr(RSP);
  cx.setGpr(RBP, size, v);
};

/** ENTER with its nesting level: copies the enclosing frame pointers; registers change at the end. */
export const liftEnter: LiftFn = (cx) => {
  const size = cx.d.opSize;
  const level = cx.d.imm2 & 31;
  const store = (at: number, v: Ref): void => {
    cx.useAddress(GPR[RSP] as Ref, -size * at);
    cx.store(size, v);
  };
  const frame = cx.op('lea.i64', GPR[RSP], NONE, 0, -size);
  store(1, GPR[RBP] as Ref);
  for (let i = 1; i < level; i++) {
    cx.useAddress(GPR[RBP] as Ref, -size * i);
    store(1 + i, cx.load(size));
  }
  if (level > 0) store(level + 1, frame);
  const used = size * (level === 0 ? 1 : level + 1) + (cx.d.immLo & 0xffff);
  // The CPU checks that it could write where the new stack pointer is.
  cx.useAddress(GPR[RSP] as Ref, -used);
  cx.load(size);
  moveStack(cx, -used);
  cx.setGpr(RBP, size, frame);
};

// ── segment registers: user mode has only null selectors and the flat ones ──────────────────────

/** Selectors that Linux gives 64-bit user code: CS 0x33, SS 0x2b, the others 0. */
const SELECTORS = [0, 0x33, 0x2b, 0, 0, 0];

/** MOV Ev,Sw. */
export const liftMovFromSeg: LiftFn = (cx) => {
  const n = cx.regNo(1);
  const selector = SELECTORS[n];
  if (selector === undefined) return cx.raise(6);
  if (cx.isMem(0)) cx.store(2, cx.k(selector));
  else cx.setGpr(cx.regNo(0), cx.d.opSize, cx.k(selector));
};

/** Loads a selector: null into a data segment (which clears the base of FS and GS), else #GP. */
function loadSelector(cx: Lift, v: Ref, n: number): void {
  cx.call('loadSelector', NONE, v, cx.k(n));
  if (n === 4) cx.b.opTo(FS_BASE, 'mov.i32', cx.k(0));
  if (n === 5) cx.b.opTo(GS_BASE, 'mov.i32', cx.k(0));
}

/** MOV Sw,Ew. */
export const liftMovToSeg: LiftFn = (cx) => {
  const n = cx.regNo(0);
  if (n === 1 || n > 5) return cx.raise(6);
  loadSelector(cx, cx.get(1), n);
};

// ── bits ────────────────────────────────────────────────────────────────────────────────────────

/** Address of the operand-sized word that a register bit offset selects, from the memory operand on. */
function bitStringAddress(cx: Lift, size: number, offset: Ref): void {
  const bytes = cx.op('sar.i64', cx.signed64(offset, size), cx.k(3));
  const aligned = cx.op('and.i64', bytes, cx.b.constS(-size));
  cx.useSegmented(cx.op('lea.i64', cx.effectiveAddress(), aligned, 0, 0));
}

type BitOp = 'bt' | 'bts' | 'btr' | 'btc';

const CHANGE: Record<BitOp, 'or' | 'and' | 'xor' | null> = {
  bt: null,
  bts: 'or',
  btr: 'and',
  btc: 'xor',
};

/** BT BTS BTR BTC: CF is the bit; ZF stays, the others are undefined (and stay). */
function liftBit(name: BitOp): LiftFn {
  const change = CHANGE[name];
  return (cx) => {
    const size = cx.size(0);
    const immediate = cx.operand(1).letter === 'I';
    const offset = immediate ? cx.k(cx.imm8 & (size * 8 - 1)) : cx.raw(1);
    if (!immediate && cx.isMem(0)) bitStringAddress(cx, size, offset);
    const n = immediate ? offset : cx.op('and.i32', offset, cx.k(size * 8 - 1));
    const t = size === 8 ? 'i64' : 'i32';
    const v = cx.raw(0);
    const bit = cx.op('and.i32', cx.op(`shr.${t}`, v, n), cx.k(1));
    if (change === null) return cx.flags.setCarry(bit);
    let mask = cx.op(`shl.${t}`, cx.k(1), n);
    if (change === 'and') mask = cx.op(`not.${t}`, mask);
    const r = cx.op(`${change}.${t}`, v, mask);
    if (cx.isMem(0)) cx.store(size, r);
    cx.flags.setCarry(bit);
    if (!cx.isMem(0)) cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftBt: LiftFn = liftBit('bt');
export const liftBts: LiftFn = liftBit('bts');
export const liftBtr: LiftFn = liftBit('btr');
export const liftBtc: LiftFn = liftBit('btc');

/** BSF, BSR: a zero source leaves the destination (of 32 bits: and its upper half) as it was. */
function liftBitScan(name: 'ctz' | 'clz'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    const v = cx.get(1);
    const t = size === 8 ? 'i64' : 'i32';
    let r = cx.op(`${name}.${t}`, v);
    if (name === 'clz') r = cx.op('xor.i32', r, cx.k(size === 8 ? 63 : 31));
    const found = cx.op(`set.${t}`, v, cx.k(0), NONE, COND.ne);
    cx.flags.set(CC_LOGIC, size, v);
    const n = cx.regNo(0);
    const old = GPR[n] as Ref;
    if (size === 2) cx.setGpr(n, 2, cx.op('select.i32', r, old, found));
    else {
      cx.b.opTo(old, 'select.i64', r, old, found);
      cx.wroteGpr(n);
    }
  };
}

export const liftBsf: LiftFn = liftBitScan('ctz');
export const liftBsr: LiftFn = liftBitScan('clz');

/** LZCNT, TZCNT: a zero source counts the operand size; CF is set for it, ZF for a zero result. */
function liftCount(name: 'ctz' | 'clz'): LiftFn {
  return (cx) => {
    const size = cx.size(0);
    let v = cx.get(1);
    let r: Ref;
    if (size === 8) r = cx.op(`${name}.i64`, v);
    else {
      if (size === 2 && name === 'ctz') v = cx.op('or.i32', v, cx.k(0x10000));
      r = cx.op(`${name}.i32`, v);
      if (size === 2 && name === 'clz') r = cx.op('sub.i32', r, cx.k(16));
    }
    const cf = cx.op('set.i32', r, cx.k(size * 8), NONE, COND.eq);
    const zf = cx.op('set.i32', r, cx.k(0), NONE, COND.eq);
    cx.flags.setEflags(cx.op('or.i32', cf, cx.op('shl.i32', zf, cx.k(6))));
    cx.setGpr(cx.regNo(0), size, r);
  };
}

export const liftTzcnt: LiftFn = liftCount('ctz');
export const liftLzcnt: LiftFn = liftCount('clz');
