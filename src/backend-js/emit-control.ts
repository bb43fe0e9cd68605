/**
 * Control flow of a region: the structured tree printed, terminators, the instruction budget.
 *
 * The budget `_n` counts guest instructions down. Executed instructions are collected at translation time
 * along straight paths (`carry`) and subtracted where paths meet or leave; it is examined at loop
 * heads. (ENG_STOP is looked at when a slice of the budget is used up, see emit-region.ts.)
 */

import { panic } from '../common/panic.ts';
import type { Stmt } from '../ir/cfg/structure.ts';
import { WRITES_D } from '../ir/fields.ts';
import { EXIT, OP, OPS, type OpRow, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, type Ref, refIndex, varRef } from '../ir/refs.ts';
import { condExpr32, condition64 } from './conditions.ts';
import { COUNTERS, type EmitContext } from './context.ts';
import { emitHelperCall } from './emit-call.ts';
import { emitInt } from './emit-int.ts';
import { emitLoad, emitStore } from './emit-mem.ts';
import { emitSlotOp } from './emit-slot.ts';

/** No label is reached by running off the end. */
export const NOWHERE = -1;

export class ControlEmitter {
  private readonly e: EmitContext;
  private readonly known: readonly (Uint8Array | null)[];
  /** Labels of the loops that begin with a dispatch. */
  private readonly dispatchLoops = new Set<number>();

  constructor(e: EmitContext, known: readonly (Uint8Array | null)[]) {
    this.e = e;
    this.known = known;
  }

  /** @param fall the label that running off the end of the list continues at */
  list(stmts: readonly Stmt[], fall: number): void {
    stmts.forEach((s, i) => {
      this.stmt(s, i === stmts.length - 1 ? fall : NOWHERE);
    });
  }

  private stmt(s: Stmt, fall: number): void {
    const { e } = this;
    switch (s.kind) {
      case 'block':
        e.line(`L${s.label}:{`);
        this.list(s.body, s.label);
        e.line('}');
        e.carry = 0;
        return;
      case 'loop':
        this.loop(s);
        return;
      case 'code':
        this.code(s.node, s.arms, fall);
        return;
      case 'dispatch':
        this.dispatch(s.arms);
        return;
      case 'select':
        e.line(`_w=${s.value};`);
        return;
      case 'break':
        this.charge();
        if (s.label !== fall) e.line(`break L${s.label};`);
        return;
      case 'continue':
        if (this.dispatchLoops.has(s.label)) this.checkBudget(s.target);
        else this.charge();
        if (s.label !== fall) e.line(`continue L${s.label};`);
        return;
      default:
        s satisfies never;
    }
  }

  private loop(s: Extract<Stmt, { kind: 'loop' }>): void {
    const { e } = this;
    this.charge();
    e.line(`L${s.label}:for(;;){`);
    if (s.head < e.region.blocks.length) this.checkBudget(s.head);
    else this.dispatchLoops.add(s.label);
    this.list(s.body, s.label);
    e.line('}');
  }

  /** Subtracts what has been executed since the last time. */
  private charge(): void {
    const { e } = this;
    if (e.carry !== 0) e.line(`_n=_n-${e.carry}|0;`);
    e.carry = 0;
  }

  /** Leaves at the start of block `target` if the budget is used up. */
  private checkBudget(target: number): void {
    const { e } = this;
    const { pcLo, pcHi } = e.region.blocks[target]!.ir;
    this.charge();
    e.line(`if(_n<0){${e.leaveAt(pcLo, pcHi, EXIT.budget)}}`);
  }

  private dispatch(arms: readonly (readonly Stmt[])[]): void {
    const { e } = this;
    if (arms.length === 1) {
      this.list(arms[0]!, NOWHERE);
      return;
    }
    e.line('switch(_w){');
    arms.forEach((arm, i) => {
      e.line(i === arms.length - 1 ? 'default:{' : `case ${i}:{`);
      e.carry = 0;
      this.list(arm, NOWHERE);
      e.line('}');
    });
    e.line('}');
  }

  // Blocks.

  private code(node: number, arms: readonly (readonly Stmt[] | null)[], fall: number): void {
    const { e } = this;
    e.startBlock(node, this.known[node]!);
    if (e.options.profile === true) e.line(`W[${COUNTERS + node}]=W[${COUNTERS + node}]+1|0;`);
    const { ir } = e;
    e.carry += ir.insnCount;
    const last = ir.length - STRIDE;
    const fused = this.fusedCompare(last);
    let condition = '';
    for (let at = 0; at < last; at += STRIDE) {
      if (at === fused) continue;
      this.instruction(at);
    }
    const doubles = e.doubles.endBlock();
    if (doubles !== '') e.line(doubles);
    if (ir.code[last] === OP.branch) condition = this.condition(last, fused);
    this.terminator(last, condition, arms, fall);
  }

  private instruction(at: number): void {
    const { e } = this;
    const op = e.ir.code[at]!;
    if (op === OP.insn) {
      e.insn++;
      e.insnOffset = e.ir.code[at + 5]!;
      return;
    }
    let movedOn = false;
    if (op === OP.ccset) this.ccset(at);
    else if (op === OP.call) emitHelperCall(e, at);
    else {
      const row = OPS[op] as OpRow;
      if (row.cls === 'int') movedOn = emitInt(e, at);
      else if (row.cls === 'slot') emitSlotOp(e, at);
      else if (row.effect === 'load') emitLoad(e, at);
      else if (row.effect === 'store') emitStore(e, at);
      else panic(`${row.name} in the middle of a block`);
    }
    // The environment changed: the functions look at it.
    if (e.ir.code[at + 1] === varRef(e.options.layout.fpEnv)) e.line('_q=-1;');
    const d = e.ir.code[at + 1]!;
    if (op === OP.call) this.afterCall(at);
    else if (!movedOn && WRITES_D[op] === 1 && isVar(d)) this.afterWrite(refIndex(d));
    if ((OPS[op] as OpRow).cls !== 'slot') e.doubles.afterOther(e.ir, at, e.options.layout);
    e.release(at);
  }

  private afterCall(at: number): void {
    const { e } = this;
    const { writes } = e.options.helpers[e.ir.code[at + 5]!]!;
    e.carryFree.clear();
    const d = e.ir.code[at + 1]!;
    for (const { v } of e.windows.list) {
      if (writes === 'all' || writes.includes(v) || d === varRef(v)) this.afterWrite(v);
    }
  }

  /** The variable has been set to something. */
  private afterWrite(v: number): void {
    const { e } = this;
    e.carryFree.delete(v);
    const text = e.windows.follow(v, e.locals[v]!);
    if (text !== '') e.line(text);
  }

  private ccset(at: number): void {
    const { e } = this;
    const { code } = e.ir;
    const { ccKind, ccA, ccB, ccC } = e.options.layout;
    let lows = '';
    let highs = '';
    // An operand may be another cc variable: both reads come before either write.
    const vars = [ccA, ccB, ccC];
    const crossed = vars.some(
      (_, k) => isVar(code[at + 2 + k]!) && vars.includes(refIndex(code[at + 2 + k]!)),
    );
    vars.forEach((v, k) => {
      const ref = code[at + 2 + k]!;
      if (ref < 0) return;
      const name = e.locals[v]!;
      if (!crossed) {
        lows += `${name}_l=${e.lo(ref)};${name}_h=${e.hi(ref)};`;
        return;
      }
      lows += `let q${k}l=${e.lo(ref)},q${k}h=${e.hi(ref)};`;
      highs += `${name}_l=q${k}l;${name}_h=q${k}h;`;
    });
    const body = crossed ? `{${lows}${highs}}` : lows;
    e.line(`${e.locals[ccKind]}_l=${code[at + 5]!};${body}`);
    e.high.step(e.ir, at);
  }

  // Terminators.

  /** Word index of the `set` whose result only the branch at `last` uses, or -1. */
  private fusedCompare(last: number): number {
    const { ir } = this.e;
    const { code } = ir;
    const c = code[last + 4]!;
    if (code[last] !== OP.branch || !isTemp(c)) return -1;
    for (let at = last - STRIDE; at >= 0; at -= STRIDE) {
      if (code[at + 1] !== c) {
        if (mentions(code, at, c)) return -1;
        continue;
      }
      const op = code[at];
      if (op !== OP['set.i32'] && op !== OP['set.i64']) return -1;
      if (this.isOverwritten(code[at + 2]!, at, last)) return -1;
      if (this.isOverwritten(code[at + 3]!, at, last)) return -1;
      this.e.keepUntil(code[at + 2]!, last);
      this.e.keepUntil(code[at + 3]!, last);
      return at;
    }
    return -1;
  }

  /** Does anything between word indices `from` and `to` write the variable `ref`? */
  private isOverwritten(ref: Ref, from: number, to: number): boolean {
    const { ir, options } = this.e;
    if (!isVar(ref)) return false;
    const { ccKind, ccA, ccB, ccC } = options.layout;
    for (let at = from + STRIDE; at < to; at += STRIDE) {
      const op = ir.code[at];
      if (op === OP.insn) continue;
      if (ir.code[at + 1] === ref) return true;
      if (op === OP.ccset && [ccKind, ccA, ccB, ccC].includes(refIndex(ref))) return true;
      if (op !== OP.call) continue;
      const { writes } = options.helpers[ir.code[at + 5]!]!;
      if (writes === 'all' || writes.includes(refIndex(ref))) return true;
    }
    return false;
  }

  private condition(last: number, fused: number): string {
    const { e } = this;
    const { code } = e.ir;
    if (fused < 0) return `${e.lo(code[last + 4]!)}!==0`;
    const a = code[fused + 2]!;
    const b = code[fused + 3]!;
    const cond = code[fused + 5]!;
    if (code[fused] === OP['set.i32']) return condExpr32(cond, e.lo(a), e.lo(b));
    return condition64(cond, e.lo(a), e.hi(a), e.lo(b), e.hi(b));
  }

  private terminator(
    last: number,
    condition: string,
    arms: readonly (readonly Stmt[] | null)[],
    fall: number,
  ): void {
    const { e } = this;
    const { code } = e.ir;
    switch (code[last]) {
      case OP.jump:
        this.arm(arms[0] ?? null, code[last + 2]!, fall);
        return;
      case OP.branch:
        this.branch(last, condition, arms, fall);
        return;
      case OP.jumpind:
        this.jumpind(last, arms, fall);
        return;
      case OP.exit:
        this.leaveDynamic(code[last + 2]!, code[last + 5]!);
        return;
      default:
        panic('block without terminator');
    }
  }

  private branch(
    last: number,
    condition: string,
    arms: readonly (readonly Stmt[] | null)[],
    fall: number,
  ): void {
    const { e } = this;
    const { code } = e.ir;
    const [taken, other] = [code[last + 2]!, code[last + 3]!];
    // Resolve both pcs first: printing an arm moves on to other blocks.
    const leaveTaken = arms[0] == null ? this.leaveText(taken) : '';
    const leaveOther = arms[1] == null ? this.leaveText(other) : '';
    if (arms[0] == null) {
      e.line(`if(${condition}){${leaveTaken}}`);
      this.armOr(arms[1], leaveOther, fall);
      return;
    }
    if (arms[1] == null) {
      e.line(`if(!(${condition})){${leaveOther}}`);
      this.armOr(arms[0], leaveTaken, fall);
      return;
    }
    const { carry } = e;
    e.line(`if(${condition}){`);
    this.list(arms[0], fall);
    e.carry = carry;
    if (endsElsewhere(arms[0], fall)) {
      e.line('}');
      this.list(arms[1], fall);
      return;
    }
    e.line('}else{');
    this.list(arms[1], fall);
    e.line('}');
  }

  private armOr(arm: readonly Stmt[] | null | undefined, leave: string, fall: number): void {
    if (arm == null) this.e.line(leave);
    else this.list(arm, fall);
  }

  private arm(arm: readonly Stmt[] | null, pc: Ref, fall: number): void {
    this.armOr(arm, arm === null ? this.leaveText(pc) : '', fall);
  }

  /** Leaves at a constant pc, by a link if there are links. */
  private leaveText(pc: Ref): string {
    const { e } = this;
    const lo = e.constLo(pc);
    const hi = e.constHi(pc);
    return e.leaveAt(lo, hi, e.options.link?.(lo, hi) ?? EXIT.next);
  }

  private jumpind(last: number, arms: readonly (readonly Stmt[] | null)[], fall: number): void {
    const { e } = this;
    const pc = e.ir.code[last + 2]!;
    const { guards } = e.region.blocks[e.blockIndex]!;
    const targets = guards.map((guard, k): Target => {
      return { lo: guard | 0, hi: Math.floor(guard / 4294967296) | 0, arm: arms[k]! };
    });
    // The arms move on to other blocks: what leaves is written down first.
    const leave = this.leaveDynamicText(pc, EXIT.next);
    if (targets.length === 0) {
      e.line(leave);
      return;
    }
    const { hi } = targets[0]!;
    const choice: Choice = { lo: e.lo(pc), hi: e.hi(pc), leave, carry: e.carry, fall };
    if (!targets.every((t) => t.hi === hi)) {
      this.oneByOne(targets, choice);
      return;
    }
    e.line(`if(${choice.hi}!==${hi}){${leave}}`);
    this.choose(targets, { ...choice, hi: '' });
  }

  /** Compares with each target in turn if they are few, else halves them first. */
  private choose(targets: readonly Target[], choice: Choice): void {
    if (targets.length <= MAX_COMPARES) {
      this.oneByOne(targets, choice);
      return;
    }
    const { e } = this;
    const sorted = [...targets].sort((a, b) => (a.lo >>> 0) - (b.lo >>> 0));
    const half = sorted.length >> 1;
    e.line(`if(${choice.lo}>>>0<${sorted[half]!.lo >>> 0}){`);
    this.choose(sorted.slice(0, half), choice);
    e.line('}else{');
    this.choose(sorted.slice(half), choice);
    e.line('}');
  }

  private oneByOne(targets: readonly Target[], choice: Choice): void {
    const { e } = this;
    for (const { lo, hi, arm } of targets) {
      const more = choice.hi === '' ? '' : `&&${choice.hi}===${hi}`;
      e.line(`if(${choice.lo}===${lo}${more}){`);
      e.carry = choice.carry;
      this.list(arm ?? [], choice.fall);
      e.line('}else{');
    }
    e.line(`${choice.leave}${'}'.repeat(targets.length)}`);
  }

  private leaveDynamic(pc: Ref, code: number): void {
    this.e.line(this.leaveDynamicText(pc, code));
  }

  private leaveDynamicText(pc: Ref, code: number): string {
    const { e } = this;
    if (isConst(pc)) return e.leaveAt(e.constLo(pc), e.constHi(pc), code);
    return `_e=${e.lo(pc)};_o=${e.hi(pc)};${e.leaveDynamic(code)}`;
  }
}

/** A pc and what follows if a jumpind goes there. */
interface Target {
  readonly lo: number;
  readonly hi: number;
  readonly arm: readonly Stmt[] | null;
}

/** A jumpind: names of the pc's halves (`hi` empty: it has been compared), text that leaves. */
interface Choice {
  readonly lo: string;
  readonly hi: string;
  readonly leave: string;
  readonly carry: number;
  readonly fall: number;
}

/** Targets that are compared with one after the other. */
const MAX_COMPARES = 4;

function mentions(code: Int32Array, at: number, ref: Ref): boolean {
  for (let k = 1; k < 5; k++) if (code[at + k] === ref && code[at] !== OP.insn) return true;
  return false;
}

/** Does the arm consist of nothing but a jump to somewhere else than `fall`? */
function endsElsewhere(arm: readonly Stmt[], fall: number): boolean {
  const s = arm[arm.length - 1]!;
  return (s.kind === 'break' || s.kind === 'continue') && s.label !== fall;
}
