/**
 * Status flags while lifting: what the last ccset of the block was, and conditions as direct
 * comparisons of its operands.
 *
 * Invariant: `kind` is -1 (unknown: a pure helper evaluates the state), or the kind that ccKind holds
 * here, and a, b, c name values equal to ccA, ccB, ccC: the ccset's own operands as long as nobody has
 * overwritten them, else the state variables.
 */

import {
  CC_ADC,
  CC_ADD,
  CC_CARRY,
  CC_DEC,
  CC_EFLAGS,
  CC_INC,
  CC_LOGIC,
  CC_MUL,
  CC_SAR,
  CC_SBB,
  CC_SHL,
  CC_SHR,
  CC_SUB,
} from '../common/condition-codes.ts';
import { COND, OP } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import { HELPERS } from './helpers-table.ts';
import type { Lift } from './lift-context.ts';
import { CC_A, CC_B, CC_C, GPR, X86_STATE } from './state.ts';

/** Conditions in pairs, as the low bits of Jcc encode them. */
const O = 0;
const B = 1;
const Z = 2;
const BE = 3;
const S = 4;
const P = 5;
const L = 6;
const LE = 7;

/** Comparison that is the condition (even number: not negated), for a over b after CMP. */
const SUB_COND = [-1, COND.ltu, COND.eq, COND.leu, -1, -1, COND.lts, COND.les];
/** For r over 0 when OF = CF = 0. */
const LOGIC_COND = [-1, -1, COND.eq, COND.eq, COND.lts, -1, COND.lts, COND.les];
/** The opposite of each COND. */
const INVERSE = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8];

const LOG2 = [0, 0, 1, 1, 2, 2, 2, 2, 3];

/** Part of the record itself (the carry that ADC takes in): its name means something else once the record is set. */
const isRecord = (r: Ref): boolean => r === CC_A || r === CC_B || r === CC_C;

export class FlagTracker {
  private readonly cx: Lift;
  private kind = -1;
  private a: Ref = NONE;
  private b: Ref = NONE;
  private c: Ref = NONE;

  constructor(cx: Lift) {
    this.cx = cx;
  }

  /** @param kind the kind known to hold on entry, or -1 */
  startBlock(kind: number): void {
    this.kind = kind;
    this.useState();
  }

  private useState(): void {
    this.a = CC_A;
    this.b = CC_B;
    this.c = CC_C;
  }

  /** Sets the flags to those of operation `op` (CC_x) on `size` bytes. Operands: see flags.ts. */
  set(op: number, size: number, a: Ref, b: Ref = NONE, c: Ref = NONE): void {
    const kind = op < CC_ADD ? op : op + (LOG2[size] as number);
    this.cx.b.emit(OP.ccset, NONE, a, b, c, kind);
    this.kind = kind;
    this.a = isRecord(a) ? CC_A : a;
    this.b = isRecord(b) ? CC_B : b;
    this.c = isRecord(c) ? CC_C : c;
  }

  /** Sets all six status flags from their EFLAGS positions. */
  setEflags(v: Ref): void {
    this.set(CC_EFLAGS, 4, v);
  }

  /** Sets CF only; the others keep their values. @param cf 0 or 1 */
  setCarry(cf: Ref): void {
    this.set(CC_CARRY, 4, this.eflags(), cf);
  }

  registerWritten(n: number): void {
    const r = GPR[n];
    if (this.a === r) this.a = CC_A;
    if (this.b === r) this.b = CC_B;
    if (this.c === r) this.c = CC_C;
  }

  helperCalled(n: number): void {
    const writes = HELPERS[n]?.writes ?? [];
    if (writes.length === 0) return;
    if (writes === 'all' || writes.includes(X86_STATE.ccKind)) this.kind = -1;
    this.useState();
  }

  /** The six status flags in EFLAGS positions. */
  eflags(): Ref {
    return this.kind === CC_EFLAGS ? this.a : this.cx.callValue('eflags', 'i32');
  }

  /** CF: 0 or 1. */
  carry(): Ref {
    return this.condition(2);
  }

  /** Condition `cc` (low four opcode bits of Jcc): 0 or 1. */
  condition(cc: number): Ref {
    const pair = cc >> 1;
    const negate = cc & 1;
    if (this.kind < 0) return this.cx.callValue('condition', 'i32', this.cx.k(cc));
    const size = 1 << (this.kind & 3);
    switch (this.kind < CC_ADD ? this.kind : this.kind & ~3) {
      case CC_EFLAGS:
      case CC_CARRY:
        return this.fromBits(pair, negate);
      case CC_SUB:
        if ((SUB_COND[pair] as number) >= 0) {
          return this.compare(SUB_COND[pair] as number, negate, size, this.a, this.b);
        }
        break;
      case CC_LOGIC:
        if (pair === O || pair === B) return this.cx.k(negate);
        if (pair !== P) {
          const zero = this.cx.k(0);
          return this.compare(LOGIC_COND[pair] as number, negate, size, this.a, zero);
        }
        break;
    }
    return this.fromResult(pair, negate, size);
  }

  private compare(cond: number, negate: number, size: number, a: Ref, b: Ref): Ref {
    const cx = this.cx;
    const how = negate ? (INVERSE[cond] as number) : cond;
    if (size === 8) return cx.op('set.i64', a, b, NONE, how);
    const signed = cond >= COND.lts;
    const x = signed ? cx.signed32(a, size) : cx.zeroExtend(a, size);
    const y = signed ? cx.signed32(b, size) : cx.zeroExtend(b, size);
    return cx.op('set.i32', x, y, NONE, how);
  }

  private not(v: Ref, negate: number): Ref {
    return negate ? this.cx.op('xor.i32', v, this.cx.k(1)) : v;
  }

  /** Conditions over materialised flags. */
  private fromBits(pair: number, negate: number): Ref {
    const cx = this.cx;
    if (this.kind === CC_CARRY && pair === B) return this.not(this.b, negate);
    const f = this.kind === CC_EFLAGS ? this.a : this.eflags();
    const shifted = (n: number): Ref => (n === 0 ? f : cx.op('shr.i32', f, cx.k(n)));
    let v: Ref;
    if (pair === L || pair === LE) {
      v = cx.op('xor.i32', shifted(7), shifted(11));
      if (pair === LE) v = cx.op('or.i32', v, shifted(6));
    } else if (pair === BE) v = cx.op('or.i32', f, shifted(6));
    else v = shifted([11, 0, 6, 0, 7, 2][pair] as number);
    return this.not(cx.op('and.i32', v, cx.k(1)), negate);
  }

  /** Conditions from the result and the carry and overflow rules of each kind. */
  private fromResult(pair: number, negate: number, size: number): Ref {
    const cx = this.cx;
    switch (pair) {
      case O:
        return this.not(this.overflow(size), negate);
      case B:
        return this.not(this.carryOf(size), negate);
      case Z:
        return this.compare(COND.eq, negate, size, this.result(size), cx.k(0));
      case S:
        return this.compare(COND.lts, negate, size, this.result(size), cx.k(0));
      case P:
        return this.parity(negate, size);
      case BE: {
        const z = this.compare(COND.eq, 0, size, this.result(size), cx.k(0));
        return this.not(cx.op('or.i32', this.carryOf(size), z), negate);
      }
      default: {
        const r = this.result(size);
        const s = this.compare(COND.lts, 0, size, r, cx.k(0));
        const less = cx.op('xor.i32', s, this.overflow(size));
        if (pair === L) return this.not(less, negate);
        const z = this.compare(COND.eq, 0, size, r, cx.k(0));
        return this.not(cx.op('or.i32', less, z), negate);
      }
    }
  }

  private parity(negate: number, size: number): Ref {
    const cx = this.cx;
    const ones = cx.op('popcnt.i32', cx.op('ext8u.i32', this.result(size)));
    const odd = cx.op('and.i32', ones, cx.k(1));
    return this.not(odd, negate ^ 1);
  }

  private sub(size: number, a: Ref, b: Ref): Ref {
    return this.cx.op(size === 8 ? 'sub.i64' : 'sub.i32', a, b);
  }

  private xor(size: number, a: Ref, b: Ref): Ref {
    return this.cx.op(size === 8 ? 'xor.i64' : 'xor.i32', a, b);
  }

  private and(size: number, a: Ref, b: Ref): Ref {
    return this.cx.op(size === 8 ? 'and.i64' : 'and.i32', a, b);
  }

  /** The result: bits above the size unspecified. */
  private result(size: number): Ref {
    const op = this.kind & ~3;
    if (op !== CC_SUB && op !== CC_SBB) return this.a;
    const r = this.sub(size, this.a, this.b);
    return op === CC_SUB ? r : this.sub(size, r, this.c);
  }

  /** OF: 0 or 1. */
  private overflow(size: number): Ref {
    const cx = this.cx;
    const r = this.result(size);
    const op = this.kind & ~3;
    let v: Ref;
    switch (op) {
      case CC_ADD:
      case CC_ADC: {
        let a = this.sub(size, r, this.b);
        if (op === CC_ADC) a = this.sub(size, a, this.c);
        v = this.and(size, this.xor(size, a, r), this.xor(size, this.b, r));
        break;
      }
      case CC_SUB:
      case CC_SBB:
        v = this.and(size, this.xor(size, this.a, this.b), this.xor(size, this.a, r));
        break;
      case CC_MUL:
        return this.b;
      default:
        return cx.op('and.i32', cx.op('shr.i32', this.eflags(), cx.k(11)), cx.k(1));
    }
    return this.compare(COND.lts, 0, size, v, cx.k(0));
  }

  /** CF: 0 or 1. */
  private carryOf(size: number): Ref {
    const cx = this.cx;
    switch (this.kind & ~3) {
      case CC_ADD:
        return this.compare(COND.ltu, 0, size, this.a, this.b);
      case CC_SUB:
        return this.compare(COND.ltu, 0, size, this.a, this.b);
      case CC_INC:
      case CC_DEC:
      case CC_MUL:
        return this.b;
      case CC_ADC:
      case CC_SBB: {
        const below = this.compare(COND.ltu, 0, size, this.a, this.b);
        const equal = this.compare(COND.eq, 0, size, this.a, this.b);
        return cx.op('or.i32', below, cx.op('and.i32', equal, this.c));
      }
      case CC_SHL:
      case CC_SHR:
      case CC_SAR:
        return cx.op('and.i32', this.eflags(), cx.k(1));
      default:
        return this.cx.k(0);
    }
  }
}
