/**
 * Random test cases from the instruction table: one instruction over edge values, or a short sequence
 * (which exercises flags across instructions). Flags that an instruction leaves undefined are tracked,
 * so that nothing later reads them and the comparison ignores them.
 */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import {
  ADDRESS_REGS,
  encodeRow,
  newPinned,
  type Pinned,
  prepares,
  STRING_MNEMONICS,
} from './encode.ts';
import type { Random } from './random.ts';
import { CODE, CpuState, DATA, FX, FX_AT, MAX_CODE, YMM_HIGH_AT } from './state.ts';

export interface DiffInsn {
  readonly row: InsnRow;
  /** Where in the program's code. */
  readonly at: number;
  readonly length: number;
}

/** A few instructions, and states to run them from. */
export interface DiffProgram {
  readonly insns: readonly DiffInsn[];
  readonly rows: readonly InsnRow[];
  readonly length: number;
  /** EFLAGS bits to compare. */
  readonly flags: number;
  /** The same if it ends in a fault somewhere on the way. */
  readonly faultFlags: number;
  readonly states: readonly CpuState[];
  /** Bytes of the data page that are not compared: from, to. */
  readonly ignored: readonly (readonly [number, number])[];
}

export const STATUS_AND_DF = 0xcd5;

export function fuzzable(row: InsnRow): boolean {
  return row.lift !== null && row.options.noFuzz === undefined;
}

export const FUZZ_ROWS: readonly InsnRow[] = ROWS.filter(fuzzable);

/** Rows that may stand inside a sequence: they do not leave the block and use no fixed memory registers. */
const SEQUENCE_ROWS: readonly InsnRow[] = FUZZ_ROWS.filter(
  (r) =>
    !r.operands.some((o) => 'JXYO'.includes(o.letter)) &&
    !r.options.privileged &&
    // What differs from CPU to CPU must not reach an integer register or memory.
    r.options.approximate === undefined &&
    r.options.vendors !== 'NaN' &&
    !STRING_MNEMONICS.has(r.mnemonic) &&
    !prepares(r) &&
    !['ud1', 'ud2', 'int3', 'int1', 'pop', 'push', 'std'].includes(r.mnemonic),
);
const JUMPS: readonly InsnRow[] = FUZZ_ROWS.filter(
  (r) => r.mnemonic.startsWith('j') && r.flagsRead !== 0,
);

export const SEQUENCE_SET: ReadonlySet<InsnRow> = new Set(SEQUENCE_ROWS);

/** Which rows to draw from: those that the host has, each as often as the others. */
export class Plan {
  /** Times that each row was executed, counted by the caller. */
  readonly counts = new Map<InsnRow, number>();
  readonly rows: readonly InsnRow[];
  private readonly inSequences: readonly InsnRow[];
  private readonly readers: readonly InsnRow[];

  constructor(rows: readonly InsnRow[]) {
    this.rows = rows;
    for (const row of rows) this.counts.set(row, 0);
    this.inSequences = rows.filter((r) => SEQUENCE_SET.has(r));
    this.readers = this.inSequences.filter((r) => r.flagsRead !== 0);
  }

  count(row: InsnRow, n: number): void {
    this.counts.set(row, (this.counts.get(row) ?? 0) + n);
  }

  /** The row that was executed least. */
  rarest(rng: Random): InsnRow {
    let best = rng.pick(this.rows);
    let least = this.counts.get(best) as number;
    for (const row of this.rows) {
      const n = this.counts.get(row) as number;
      if (n < least) [best, least] = [row, n];
    }
    return best;
  }

  /** Any row that may stand in a sequence, rather a rare one; after flags were written, often one that reads them. */
  next(rng: Random, flagsWritten: boolean): InsnRow {
    const from = flagsWritten && this.readers.length > 0 ? this.readers : this.inSequences;
    let best = rng.pick(from);
    for (let i = 0; i < 3; i++) {
      const other = rng.pick(from);
      if ((this.counts.get(other) as number) < (this.counts.get(best) as number)) best = other;
    }
    return best;
  }
}

/** Registers, flags, data and floating-point state. */
function randomState(rng: Random): CpuState {
  const s = new CpuState();
  for (let i = 0; i < 16; i++) s.setGpr(i, rng.value());
  s.setGpr(4, BigInt(DATA + 0x800 + rng.below(0x200)));
  s.rflags = randomFlags(rng);
  randomData(rng, s);
  randomFx(rng, s);
  s.codeOffset = rng.chance(97) ? rng.below(256) : 4096 - 40 + rng.below(30);
  return s;
}

function randomFlags(rng: Random): number {
  return (rng.u32() & 0x8d5) | 2 | (rng.chance(25) ? 0x400 : 0);
}

function randomData(rng: Random, s: CpuState): void {
  const view = new DataView(s.data.buffer, s.data.byteOffset, s.data.byteLength);
  for (let at = 0x3c0; at < 0xc40; at += 8) rng.lane(view, at);
  for (let at = 0; at < 64; at++) s.data[s.data.length - 1 - at] = rng.below(256);
}

/** Another state for the same code: what the code addresses memory with stays. */
function variation(rng: Random, first: CpuState, pinned: Pinned): CpuState {
  const s = new CpuState(first.bytes.slice());
  for (let i = 0; i < 16; i++) if (i !== 4 && !pinned.gprs.has(i)) s.setGpr(i, rng.value());
  s.rflags = randomFlags(rng);
  if (!pinned.data) randomData(rng, s);
  randomFx(rng, s);
  for (const n of pinned.vectors) {
    const at = FX.xmm + 16 * n;
    s.fx.set(first.fx.subarray(at, at + 16), at);
    s.ymmHigh.set(first.ymmHigh.subarray(16 * n, 16 * n + 16), 16 * n);
  }
  return s;
}

/** MXCSR: exceptions masked but for one case in 20; DAZ, FZ and rounding at random. */
function randomMxcsr(rng: Random): number {
  const masks = rng.chance(95) ? 0x1f80 : rng.below(64) << 7;
  const rounding = rng.chance(70) ? 0 : rng.below(4) << 13;
  const zeroes = rng.chance(85) ? 0 : rng.pick([0x40, 0x8000, 0x8040]);
  return masks | rounding | zeroes | (rng.chance(50) ? 0 : rng.below(64));
}

function randomFx(rng: Random, s: CpuState): void {
  const view = new DataView(s.bytes.buffer, s.bytes.byteOffset + FX_AT, 512);
  const precision = rng.chance(80) ? 0x300 : rng.pick([0, 0x200]);
  const rounding = rng.chance(70) ? 0 : rng.below(4) << 10;
  view.setUint16(FX.fcw, 0x7f | precision | rounding, true);
  view.setUint16(FX.fsw, (rng.below(8) << 11) | (rng.u32() & 0x4700), true);
  view.setUint8(FX.ftw, rng.chance(75) ? 0xff : rng.below(256));
  view.setUint32(FX.mxcsr, randomMxcsr(rng), true);
  for (let i = 0; i < 8; i++) {
    const [significand, exponent] = randomExtended(rng);
    view.setBigUint64(FX.st + i * 16, significand, true);
    view.setUint16(FX.st + i * 16 + 8, exponent, true);
  }
  for (let i = 0; i < 16; i++) {
    rng.lane(view, FX.xmm + i * 16);
    rng.lane(view, FX.xmm + i * 16 + 8);
  }
  const high = new DataView(s.bytes.buffer, s.bytes.byteOffset + YMM_HIGH_AT, 256);
  for (let at = 0; at < 256; at += 8) rng.lane(high, at);
}

/** An 80-bit number: mostly normal, some zeros, infinities, NaNs, denormals and unnormals. */
function randomExtended(rng: Random): [bigint, number] {
  const sign = rng.below(2) << 15;
  switch (rng.below(10)) {
    case 0:
      return [0n, sign];
    case 1:
      return [0x8000000000000000n, 0x7fff | sign];
    case 2:
      return [rng.u64(), rng.pick([0x7fff, 0, 0x7ffe, 1]) | sign];
    case 3:
      return [BigInt(rng.below(1000)) << 54n, (0x3fff + rng.below(10)) | sign];
    case 4:
      return [0x8000000000000000n, (0x3fff + rng.below(64)) | sign];
    default:
      return [rng.u64() | 0x8000000000000000n, (0x3fff - 70 + rng.below(140)) | sign];
  }
}

/** States of a program. */
const STATES = 8;

interface Parts {
  readonly insns: readonly DiffInsn[];
  readonly bytes: readonly number[];
  readonly flags: number;
  readonly faultFlags: number;
}

function finish(rng: Random, state: CpuState, pinned: Pinned, parts: Parts): DiffProgram {
  state.code.fill(0xcc);
  state.code.set(parts.bytes);
  const states = [state];
  while (states.length < STATES) states.push(variation(rng, state, pinned));
  const { insns, bytes, flags, faultFlags } = parts;
  const rows = insns.map((i) => i.row);
  const { ignored } = pinned;
  return { insns, rows, length: bytes.length, flags, faultFlags, states, ignored };
}

/** A program around `row`: alone where it must be, else often among others. */
export function programFor(rng: Random, plan: Plan, row: InsnRow): DiffProgram {
  if (SEQUENCE_SET.has(row) && rng.chance(75)) return sequence(rng, plan, row);
  return single(rng, row);
}

/** One instruction of `row`. */
export function single(rng: Random, row: InsnRow): DiffProgram {
  const state = randomState(rng);
  const pinned = newPinned();
  const pc = CODE + state.codeOffset;
  const bytes = encodeRow(row, { rng, state, pc, single: true, pinned });
  defineCount(row, state, bytes);
  // The count says which flags are defined.
  if (row.options.flagsKeptAtZero) pinned.gprs.add(1);
  const flags = STATUS_AND_DF & ~undefinedFlags(row, state, bytes);
  const insns = [{ row, at: 0, length: bytes.length }];
  return finish(rng, state, pinned, { insns, bytes, flags, faultFlags: flags });
}

/** A 16-bit SHLD or SHRD, which by more than 16 has no defined result. */
function hasUndefinedResult(row: InsnRow, bytes: readonly number[]): boolean {
  return (row.mnemonic === 'shld' || row.mnemonic === 'shrd') && bytes.slice(0, 2).includes(0x66);
}

/** Limits the count of an instruction whose result could be undefined. */
function defineCount(row: InsnRow, state: CpuState, bytes: number[]): void {
  if (!hasUndefinedResult(row, bytes)) return;
  if (row.operands.some((o) => o.text === 'CL')) state.setGpr(1, state.gpr(1) & ~0x1fn);
  else bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) & 15;
}

/** Flags that the row leaves undefined, given its operands. */
function undefinedFlags(row: InsnRow, state: CpuState, bytes: readonly number[]): number {
  if (!row.options.flagsKeptAtZero) return row.flagsUndefined;
  // A masked count of 0 keeps all flags. Only the 32-bit mask is looked at: 32 is 0 to it, and not to 64 bits.
  const byCl = row.operands.some((o) => o.text === 'CL');
  const count = byCl ? Number(state.gpr(1) & 0xffn) : (bytes[bytes.length - 1] as number);
  return (count & 63) === 0 ? 0 : row.flagsUndefined;
}

/** A few instructions in a row, one of them of `row`; a flag reader or a conditional jump at the end, often. */
function sequence(rng: Random, plan: Plan, row: InsnRow): DiffProgram {
  const state = randomState(rng);
  const pinned = newPinned();
  for (const r of ADDRESS_REGS) state.setGpr(r, BigInt(DATA + 0x600 + rng.below(0x400)));
  for (const r of ADDRESS_REGS) pinned.gprs.add(r);
  const insns: DiffInsn[] = [];
  const bytes: number[] = [];
  let tainted = 0;
  let everTainted = 0;
  let written = 0;
  const add = (r: InsnRow): boolean => {
    if ((r.flagsRead & tainted) !== 0) return true;
    const pc = CODE + state.codeOffset + bytes.length;
    const next = encodeRow(r, { rng, state, pc, single: false, pinned });
    if (bytes.length + next.length > MAX_CODE - 2) return false;
    if (hasUndefinedResult(r, next)) return true;
    insns.push({ row: r, at: bytes.length, length: next.length });
    bytes.push(...next);
    // An undefined flag may also be kept, so it stays tainted until it is written for sure.
    if (!r.options.flagsKeptAtZero) tainted &= ~r.flagsWritten;
    tainted |= r.flagsUndefined;
    everTainted |= tainted;
    written |= r.flagsWritten;
    return true;
  };
  const n = 2 + rng.below(6);
  const lead = rng.below(n);
  for (let i = 0; i < n; i++) {
    const reads = written !== 0 && rng.chance(35);
    if (!add(i === lead ? row : plan.next(rng, reads))) break;
  }
  if (rng.chance(40)) add(rng.pick(JUMPS));
  const flags = STATUS_AND_DF & ~tainted;
  return finish(rng, state, pinned, {
    insns,
    bytes,
    flags,
    faultFlags: STATUS_AND_DF & ~everTainted,
  });
}

export function alwaysFaults(row: InsnRow): boolean {
  return row.options.privileged === true || /^ud\d$/.test(row.mnemonic);
}
