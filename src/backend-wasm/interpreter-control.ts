/** Bodies of micro operations that begin and end blocks, and how the interpreter goes on from block to block. */

import {
  ENG_CODE_GEN,
  ENG_INTERP_BLOCK,
  ENG_INTERP_PASS,
  HITS_BASE,
  JUMP_CACHE_BASE,
  JUMP_CACHE_P,
  REGION_CACHE_BASE,
  REGION_CACHE_SLOT,
} from '../common/layout.ts';
import { EXIT_LINK, EXIT_REGION } from '../ir/interp-words.ts';
import { M_HEAD, RECENT_TARGETS } from '../ir/micro.ts';
import { EXIT, STRIDE } from '../ir/ops.ts';
import { JUMP_CACHE, pushFound, REGION_CACHE } from './by-pc.ts';
import { MMU_CALLS } from './imports.ts';
import { at, type InterpreterCode, LEAVE, NEXT } from './interpreter-code.ts';
import { W } from './opcodes.ts';

/** Runs regions, from that in a slot on: `enter` of the dispatcher. */
export const ENTER_REGION: number = MMU_CALLS.length + 2;

function charge(c: InterpreterCode, op: number): void {
  c.f.get(c.budget);
  c.field(2);
  c.f.op(op);
  c.f.tee(c.budget);
}

/** Leaves at a head: at the block's pc, uncharged. */
function leaveAtHead(c: InterpreterCode, code: number, charged = true): void {
  if (charged) {
    charge(c, W.i32Add);
    c.f.op(W.drop);
  }
  c.store(W.i64Store, c.pc, () => {
    c.f.get(c.p);
    c.f.memory(W.i64Load, at(3));
  });
  c.leave(code);
}

function enterBlock(c: InterpreterCode): void {
  c.store(W.i32Store, ENG_INTERP_BLOCK * 4, () => c.field(1));
}

/** Charges the block, and leaves if the budget is used up. */
function chargeBlock(c: InterpreterCode): void {
  charge(c, W.i32Sub);
  c.f.i32(0);
  c.f.op(W.i32LtS);
  c.f.openIf(false);
  leaveAtHead(c, EXIT.budget);
  c.f.close();
}

export function head(c: InterpreterCode): void {
  const { f } = c;
  enterBlock(c);
  chargeBlock(c);
  c.field(1);
  f.i32(2);
  f.op(W.i32Shl);
  f.tee(c.i);
  f.get(c.i);
  f.memory(W.i32Load, HITS_BASE);
  f.i32(1);
  f.op(W.i32Sub);
  f.tee(c.j);
  f.memory(W.i32Store, HITS_BASE);
  f.get(c.j);
  f.op(W.i32Eqz);
  f.openIf(false);
  leaveAtHead(c, EXIT.hot);
  f.close();
}

/** Goes on at the arena index that `push` pushes, where a head is: most often that of a block without a region. */
function goToHead(c: InterpreterCode, push: () => void): void {
  const { f } = c;
  push();
  f.i32(2);
  f.op(W.i32Shl);
  f.set(c.p);
  c.field(0);
  f.i32(M_HEAD);
  f.op(W.i32Ne);
  f.br(NEXT, W.brIf);
  head(c);
  c.next();
}

export function dead(c: InterpreterCode): void {
  enterBlock(c);
  leaveAtHead(c, EXIT.next, false);
}

export function region(c: InterpreterCode): void {
  enterBlock(c);
  c.load(W.i32Load, ENG_INTERP_PASS * 4);
  c.f.open(W.if);
  chargeBlock(c);
  c.next();
  c.f.close();
  enterRegion(c);
  leaveAtHead(c, EXIT_REGION, false);
}

/** Runs the region and those that it leads to, and goes on behind them; falls through if the region cache has it not. */
function enterRegion(c: InterpreterCode): void {
  const { f } = c;
  f.get(c.budget);
  f.i32(0);
  f.op(W.i32GeS);
  f.get(c.p);
  f.memory(W.i64Load, at(3));
  f.set(c.x);
  pushFound(f, REGION_CACHE, c.x, c.i);
  f.op(W.i32And);
  f.openIf(true);
  c.storeBudget();
  f.get(c.i);
  f.memory(W.i32Load, REGION_CACHE_BASE + REGION_CACHE_SLOT * 4);
  f.call(ENTER_REGION);
  f.set(c.code);
  c.reload();
  c.store(W.i32Store, ENG_INTERP_BLOCK * 4, () => f.i32(0));
  // EXIT.next is 0.
  f.get(c.code);
  c.load(W.i32Load, c.options.stopWord);
  f.i32(c.options.stopBits);
  f.op(W.i32And, W.i32Or);
  f.br(LEAVE, W.brIf);
  c.load(W.i64Load, c.pc);
  f.set(c.x);
  goTo(c);
  f.br(LEAVE);
  f.close();
}

/** Follows the link at `p` (link, generation, pc word), or leaves to have it made. */
function follow(c: InterpreterCode): void {
  const { f } = c;
  c.field(1);
  c.load(W.i32Load, ENG_CODE_GEN * 4);
  f.op(W.i32Eq);
  f.openIf(true);
  c.field(0);
  f.tee(c.i);
  f.openIf(true);
  goToHead(c, () => f.get(c.i));
  f.close();
  f.close();
  c.pcFromSlot(() => c.field(2));
  c.leave(EXIT_LINK);
}

/** Goes on at one of two links, by the condition on the stack. */
export function branch(c: InterpreterCode): void {
  const { f } = c;
  f.set(c.i);
  f.get(c.p);
  f.i32(STRIDE * 4);
  f.i32((STRIDE + 3) * 4);
  f.get(c.i);
  f.op(W.select, W.i32Add);
  f.set(c.p);
  follow(c);
}

export function jump(c: InterpreterCode): void {
  c.step();
  follow(c);
}

export function jumpIndirect(c: InterpreterCode): void {
  const { f } = c;
  c.pushI64(1);
  f.set(c.x);
  // Writes down where it goes.
  f.get(c.p);
  c.slot(2);
  f.op(W.i32Add);
  f.get(c.x);
  f.memory(W.i64Store, at(STRIDE));
  f.get(c.p);
  c.field(2);
  f.i32(2);
  f.op(W.i32Add);
  f.i32(2 * RECENT_TARGETS - 1);
  f.op(W.i32And);
  f.memory(W.i32Store, at(2));
  goTo(c);
  c.store(W.i64Store, c.pc, () => f.get(c.x));
  c.leave(EXIT.next);
}

/** Goes on at the block whose pc is in `x`, if the jump cache knows it. */
function goTo(c: InterpreterCode): void {
  const { f } = c;
  pushFound(f, JUMP_CACHE, c.x, c.i);
  f.openIf(true);
  goToHead(c, () => {
    f.get(c.i);
    f.memory(W.i32Load, JUMP_CACHE_BASE + JUMP_CACHE_P * 4);
  });
  f.close();
}

export function exit(c: InterpreterCode): void {
  c.pcFromSlot(() => c.field(1));
  c.field(2);
  c.f.set(c.code);
  c.f.br(LEAVE);
}
