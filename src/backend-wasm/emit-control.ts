/**
 * Control flow of a region: the structured tree, terminators, the instruction budget.
 *
 * The budget counts guest instructions down. Executed instructions are collected at translation time along
 * straight paths (`carry`) and subtracted where paths meet or leave; it is examined at loop heads.
 */

import { panic } from '../common/panic.ts';
import type { Stmt } from '../ir/cfg/structure.ts';
import { EXIT, OP, OPS, type OpRow, STRIDE } from '../ir/ops.ts';
import { isConst, type Ref, varRef } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { emitHelperCall } from './emit-call.ts';
import { emitInt } from './emit-int.ts';
import { emitLoad, emitStore } from './emit-mem.ts';
import { doubtScalars, startScalars } from './emit-scalar.ts';
import { emitSlotOp } from './emit-slot.ts';
import { W } from './opcodes.ts';
import type { Scalar } from './ordinary.ts';

type Arms = readonly (readonly Stmt[] | null)[];

/** A pc and what follows if a jumpind goes there. */
interface Target {
  readonly lo: number;
  readonly hi: number;
  readonly arm: readonly Stmt[];
}

/** Targets that are compared with one after the other. */
const MAX_COMPARES = 4;

export class ControlEmitter {
  private readonly e: EmitContext;
  /** The block whose end is being written. */
  private from = 0;
  /** By block: what is known at its start, of those that are loops by themselves. */
  private readonly lasting: Map<number, readonly Scalar[]> = new Map();
  /** Labels of the loops that begin with a dispatch. */
  private readonly dispatchLoops = new Set<number>();
  /** Labels of the arms of dispatches: behind those of the tree. */
  private armLabels = 0x8000;

  constructor(e: EmitContext) {
    this.e = e;
  }

  list(stmts: readonly Stmt[]): void {
    for (const s of stmts) this.stmt(s);
  }

  private stmt(s: Stmt): void {
    const { e } = this;
    switch (s.kind) {
      case 'block':
        e.f.open(W.block, s.label);
        this.list(s.body);
        e.f.close();
        e.carry = 0;
        return;
      case 'loop':
        this.loop(s);
        return;
      case 'code':
        this.code(s.node, s.arms);
        return;
      case 'dispatch':
        this.dispatch(s.arms);
        return;
      case 'select':
        e.f.i32(s.value);
        e.f.set(e.selector);
        return;
      case 'break':
        this.charge();
        e.f.br(s.label);
        return;
      case 'continue':
        if (this.dispatchLoops.has(s.label)) this.checkBudget(s.target);
        else this.charge();
        if (s.target !== this.from && this.lasting.has(s.target)) doubtScalars(e);
        e.f.br(s.label);
        return;
      default:
        s satisfies never;
    }
  }

  private loop(s: Extract<Stmt, { kind: 'loop' }>): void {
    const { e } = this;
    this.charge();
    this.findLasting(s.head);
    e.f.open(W.loop, s.label);
    if (s.head < e.region.blocks.length) this.checkBudget(s.head);
    else this.dispatchLoops.add(s.label);
    this.list(s.body);
    e.f.close();
  }

  /** If the block at a loop's head leads to itself: finds what lasts. */
  private findLasting(head: number): void {
    const { e } = this;
    const block = e.region.blocks[head];
    if (block === undefined || !block.succ.includes(head)) return;
    const lasting = e.ordinary.lasting(block.ir);
    if (lasting.length === 0) return;
    this.lasting.set(head, lasting);
    doubtScalars(e);
  }

  /** Subtracts what has been executed since the last time. */
  private charge(): void {
    this.e.subtract(this.e.carry);
    this.e.carry = 0;
  }

  /** Leaves at the start of block `target` if the budget is used up. */
  private checkBudget(target: number): void {
    const { e } = this;
    const { pcLo, pcHi } = e.region.blocks[target]!.ir;
    this.charge();
    e.f.get(e.n);
    e.f.i32(0);
    e.f.op(W.i32LtS);
    e.f.openIf(false);
    e.leaveAt(pcLo, pcHi, EXIT.budget);
    e.f.close();
  }

  private dispatch(arms: readonly (readonly Stmt[])[]): void {
    const { e } = this;
    const { f } = e;
    if (arms.length === 1) {
      this.list(arms[0]!);
      return;
    }
    const labels = arms.map(() => this.armLabels++);
    for (let i = arms.length - 1; i >= 0; i--) f.open(W.block, labels[i]!);
    f.get(e.selector);
    f.table(labels);
    for (const arm of arms) {
      f.close();
      e.carry = 0;
      this.list(arm);
    }
  }

  // Blocks.

  private code(node: number, arms: Arms): void {
    const { e } = this;
    this.from = node;
    e.startBlock(node);
    const { ir } = e;
    e.carry += ir.insnCount;
    startScalars(e, this.lasting.get(node) ?? []);
    const last = ir.length - STRIDE;
    for (let at = 0; at < last; at += STRIDE) this.instruction(at);
    this.terminator(last, arms);
  }

  private instruction(at: number): void {
    const { e } = this;
    const { code } = e.ir;
    const op = code[at]!;
    if (op === OP.insn) {
      e.insn++;
      e.insnOffset = code[at + 5]!;
      return;
    }
    if (op === OP.ccset) e.setCc(code[at + 5]!, [code[at + 2]!, code[at + 3]!, code[at + 4]!]);
    else if (op === OP.call) emitHelperCall(e, at);
    else {
      const row = OPS[op] as OpRow;
      if (row.cls === 'int') emitInt(e, at);
      else if (row.cls === 'slot') emitSlotOp(e, at);
      else if (row.effect === 'load') emitLoad(e, at);
      else if (row.effect === 'store') emitStore(e, at);
      else panic(`${row.name} in the middle of a block`);
    }
    e.ordinary.step(e.ir, at);
    if (code[at + 1] === varRef(e.options.layout.fpEnv)) e.loadEnvironment();
    e.release(at);
  }

  // Terminators.

  private terminator(last: number, arms: Arms): void {
    const { e } = this;
    const { code } = e.ir;
    switch (code[last]) {
      case OP.jump:
        this.arm(arms[0], code[last + 2]!);
        return;
      case OP.branch:
        this.branch(last, arms);
        return;
      case OP.jumpind:
        this.jumpind(last, arms);
        return;
      case OP.exit:
        e.pushI64(code[last + 2]!);
        e.leave(code[last + 5]!);
        return;
      default:
        panic('block without terminator');
    }
  }

  private branch(last: number, arms: Arms): void {
    const { e } = this;
    const { code } = e.ir;
    // Printing an arm moves on to other blocks.
    const other = this.constant(code[last + 3]!);
    const { carry } = e;
    const { from } = this;
    e.pushI32(code[last + 4]!);
    e.f.open(W.if);
    this.arm(arms[0], code[last + 2]!);
    e.f.close();
    e.carry = carry;
    this.from = from;
    if (arms[1] == null) e.leaveAt(other.lo, other.hi, EXIT.next);
    else this.list(arms[1]);
  }

  private arm(arm: readonly Stmt[] | null | undefined, pc: Ref): void {
    const { e } = this;
    if (arm == null) e.leaveAt(e.constLo(pc), e.constHi(pc), EXIT.next);
    else this.list(arm);
  }

  private constant(pc: Ref): { lo: number; hi: number } {
    return { lo: this.e.constLo(pc), hi: this.e.constHi(pc) };
  }

  private jumpind(last: number, arms: Arms): void {
    const { e } = this;
    const pc = e.ir.code[last + 2]!;
    const { guards } = e.region.blocks[e.blockIndex]!;
    if (isConst(pc) || guards.length === 0) {
      e.pushI64(pc);
      e.leave(EXIT.next);
      return;
    }
    const to = e.f.takeLocal('i64');
    e.pushI64(pc);
    e.f.set(to);
    const targets = guards.map((guard, k): Target => {
      return { lo: guard | 0, hi: Math.floor(guard / 4294967296) | 0, arm: arms[k] ?? [] };
    });
    this.choose(targets, to, e.carry, this.from);
    e.f.giveLocal('i64', to);
  }

  /** Compares with each target in turn if they are few, else halves them first; leaves if it is none. */
  private choose(targets: readonly Target[], to: number, carry: number, from: number): void {
    const { e } = this;
    const { f } = e;
    if (targets.length > MAX_COMPARES) {
      const sorted = [...targets].sort((a, b) => a.hi - b.hi || (a.lo >>> 0) - (b.lo >>> 0));
      const half = sorted.length >> 1;
      f.get(to);
      f.i64(sorted[half]!.lo, sorted[half]!.hi);
      f.op(W.i64LtU);
      f.open(W.if);
      this.choose(sorted.slice(0, half), to, carry, from);
      f.close();
      this.choose(sorted.slice(half), to, carry, from);
      return;
    }
    for (const { lo, hi, arm } of targets) {
      f.get(to);
      f.i64(lo, hi);
      f.op(W.i64Eq);
      f.open(W.if);
      e.carry = carry;
      this.from = from;
      this.list(arm);
      f.close();
    }
    e.carry = carry;
    f.get(to);
    e.leave(EXIT.next);
  }
}
