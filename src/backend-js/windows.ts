/**
 * Windows: the page that a register's accesses were in last, so that the next access through the register
 * needs no TLB lookup. Stacks and arrays that are walked through profit.
 *
 * A window is five engine words: the page's address (low half), the high half, its host offset, and how many of
 * its bytes loads and stores may begin in: 0 or WINDOW_BYTES, which leaves out the page's end, so that an
 * access of up to 16 bytes stays in the page. They are words and not locals because what changes on the slow path
 * would be moved between registers and the stack on the fast one (memory_seq of bench/programs/kernels.c: 15 %).
 * A region fills its windows when it is entered, so nothing is left of another's.
 *
 * Invariants: a window holds no more than a valid TLB entry would, so it is emptied whenever the TLB may have
 * changed: behind each slow path and each helper that can touch memory. A window that is not empty has the
 * register's high half, or it is emptied when that is set (`follow`), so accesses compare low halves only
 * (sse2_matrix: 7 %). The address's high half is the register's, since displacements are smaller than TLB_EDGE and
 * no page closer than that to a multiple of 4 GiB is ever in the TLB.
 */

import {
  ENG_WINDOW_COUNT,
  ENG_WINDOWS,
  TLB_ADDEND,
  TLB_EDGE,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../common/layout.ts';
import type { IrBlock } from '../ir/block.ts';
import type { Region } from '../ir/cfg/region.ts';
import { WRITES_D } from '../ir/fields.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { OP, OPS, type OpRow, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';

const WINDOW_BYTES = 4096 - 15;
/** Words of a window, by what they are. */
const PAGE = 0;
const HIGH = 1;
const OFFSET = 2;
const READ = 3;
const WRITE = 4;
const WINDOW_WORDS = 5;
/** Windows of a region at most. */
const MAX_WINDOWS = ENG_WINDOW_COUNT;
/** Accesses that must come, by the counts, on each time that the register is set to something else. */
const ACCESSES_PER_JUMP = 8;
/** Accesses per entry of the region that make filling the window worth while. */
const ACCESSES_PER_ENTRY = 3;
/** Rounds that a loop at the region's entry is taken to make. */
const ROUNDS = 16;
/** Steps up to this size walk through a page. */
const MAX_STEP = 512;

/** How a register is used in a region, weighted with the blocks' counts. */
interface Use {
  accesses: number;
  jumps: number;
}

export interface Window {
  /** Index among the region's windows. */
  readonly k: number;
  /** The register. */
  readonly v: number;
}

/** Chooses the registers of a region that get a window: those accessed far more often than set. */
export function chooseWindows(
  region: Region,
  helpers: readonly HelperRow[],
  usable: (v: number) => boolean,
): Window[] {
  const uses = new Map<number, Use>();
  const use = (v: number): Use => {
    let u = uses.get(v);
    if (u === undefined) uses.set(v, (u = { accesses: 0, jumps: 0 }));
    return u;
  };
  for (const { ir, count } of region.blocks) {
    for (let at = 0; at < ir.length; at += STRIDE) {
      const v = windowRegister(ir, at);
      if (v >= 0) use(v).accesses += count;
      for (const w of jumps(ir, at, helpers)) use(w).jumps += count;
    }
  }
  const entries = entriesOf(region);
  return [...uses]
    .filter(([v, u]) => usable(v) && u.accesses >= ACCESSES_PER_ENTRY * entries)
    .filter(([, u]) => u.accesses >= ACCESSES_PER_JUMP * u.jumps)
    .sort((a, b) => b[1].accesses - a[1].accesses)
    .slice(0, MAX_WINDOWS)
    .map(([v], k) => ({ k, v }));
}

/** About how often the region will be entered, in the unit of the blocks' counts. */
function entriesOf({ blocks }: Region): number {
  const loops = blocks.some((b) => b.succ.includes(0));
  return Math.max(blocks[0]!.count, 1) / (loops ? ROUNDS : 1);
}

/** The register that the access at `at` goes through, if it is one with a small displacement; else -1. */
export function windowRegister(ir: IrBlock, at: number): number {
  const { code } = ir;
  const row = OPS[code[at]!] as OpRow;
  if (row.cls !== 'mem' || code[at + 3] !== NONE || !isVar(code[at + 2]!)) return -1;
  if (row.name.endsWith('256') || Math.abs(code[at + 5]!) >= TLB_EDGE / 2) return -1;
  return refIndex(code[at + 2]!);
}

/** Variables that the instruction at `at` sets to something that is not close to what they were. */
function jumps(ir: IrBlock, at: number, helpers: readonly HelperRow[]): readonly number[] {
  const { code } = ir;
  const op = code[at]!;
  const d = code[at + 1]!;
  const found: number[] = [];
  if (op === OP.call) {
    const { writes } = helpers[code[at + 5]!]!;
    if (writes !== 'all') found.push(...writes);
  }
  if (WRITES_D[op] === 1 && d !== NONE && isVar(d) && !isStep(ir, at, d)) found.push(refIndex(d));
  return found;
}

/** Is it `d = d ± a few bytes`, perhaps by way of a temp? */
function isStep(ir: IrBlock, at: number, d: Ref): boolean {
  const { code } = ir;
  const op = code[at]!;
  const a = code[at + 2]!;
  if (op === OP['mov.i64'] && isTemp(a)) {
    for (let i = at - STRIDE; i >= 0; i -= STRIDE) {
      if (code[i + 1] === a && code[i] !== OP.insn) return isStep(ir, i, d);
    }
    return false;
  }
  if (a !== d) return false;
  if (op === OP['lea.i64']) return code[at + 3] === NONE && Math.abs(code[at + 5]!) <= MAX_STEP;
  if (op !== OP['add.i64'] && op !== OP['sub.i64']) return false;
  const b = code[at + 3]!;
  return isConst(b) && Math.abs(ir.consts[refIndex(b) * 2]!) <= MAX_STEP;
}

/** The text of a window's word. */
function word(k: number, field: number): string {
  return `I32[${ENG_WINDOWS + k * WINDOW_WORDS + field}]`;
}

/** Text of a region's windows. */
export class Windows {
  readonly list: readonly Window[];
  private readonly byVariable: Map<number, Window>;

  constructor(list: readonly Window[]) {
    this.list = list;
    this.byVariable = new Map(list.map((w) => [w.v, w]));
  }

  /** The window that the access at `at` uses, or undefined. */
  at(ir: IrBlock, at: number): Window | undefined {
    const v = this.list.length === 0 ? -1 : windowRegister(ir, at);
    return this.byVariable.get(v);
  }

  /** Statements that fill all windows from the TLB, given the registers' locals. */
  fill(local: (v: number) => string): string {
    return this.list
      .map(({ k, v }) => {
        const r = local(v);
        const page = `${word(k, PAGE)}=${r}_l&-4096;${word(k, HIGH)}=${r}_h;`;
        const entry = `_i=(${r}_l>>>${TLB_INDEX_SHIFT}&${TLB_INDEX_MASK})+${TLB_WORD};`;
        const valid = (tag: number): string =>
          `I32[_i+${tag}]===(${word(k, PAGE)}|_g)&&I32[_i+${TLB_HI}]===${word(k, HIGH)}?_p:0`;
        return (
          `${page}${entry}${word(k, OFFSET)}=${word(k, PAGE)}+I32[_i+${TLB_ADDEND}]|0;` +
          `${word(k, READ)}=${valid(TLB_READ)};${word(k, WRITE)}=${valid(TLB_WRITE)};`
        );
      })
      .join('');
  }

  /** Statements that empty all windows. */
  empty(): string {
    if (this.list.length === 0) return '';
    return `${this.list.map(({ k }) => `${word(k, READ)}=${word(k, WRITE)}`).join('=')}=0;`;
  }

  /** Statements behind those that set variable v: its window is empty if it is not for the high half. */
  follow(v: number, local: string): string {
    const window = this.byVariable.get(v);
    if (window === undefined) return '';
    const { k } = window;
    return `if(${local}_h!==${word(k, HIGH)})${word(k, READ)}=${word(k, WRITE)}=0;`;
  }

  /** The window's host offset. */
  offset({ k }: Window): string {
    return word(k, OFFSET);
  }

  /** `_a=offset in the window;if(it is inside`, to be continued. */
  check({ k }: Window, low: string, disp: number, store: boolean): string {
    const at = disp === 0 ? `${low}-${word(k, PAGE)}|0` : `${low}-${word(k, PAGE)}+(${disp})|0`;
    return `_a=${at};if(_a>>>0<${word(k, store ? WRITE : READ)}>>>0`;
  }

  /** Statements that move the window to the page whose TLB entry, at _i, was just found valid for h:l. */
  move({ k }: Window, l: string, h: string, store: boolean): string {
    const other = store ? TLB_READ : TLB_WRITE;
    return (
      `${word(k, PAGE)}=${l}&-4096;${word(k, HIGH)}=${h};${word(k, OFFSET)}=${word(k, PAGE)}+I32[_i+${TLB_ADDEND}]|0;${word(k, store ? WRITE : READ)}=_p;` +
      `${word(k, store ? READ : WRITE)}=I32[_i+${other}]===(${word(k, PAGE)}|_g)?_p:0;`
    );
  }
}

/** Value of `_p`: what windows allow, 0 while warming up without them. */
export const WINDOW_LIMIT: number = WINDOW_BYTES;
