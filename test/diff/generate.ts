/**
 * Random test cases from the instruction table: one instruction over edge values, or a short sequence
 * (which exercises flags across instructions). Flags that an instruction leaves undefined are tracked,
 * so that nothing later reads them and the comparison ignores them.
 */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { ADDRESS_REGS, encodeRow, STRING_MNEMONICS } from './encode.ts';
import { hostHas } from './host-features.ts';
import type { Random } from './random.ts';
import { CODE, CpuState, DATA, FX, FX_AT, MAX_CODE, YMM_HIGH_AT } from './state.ts';

export interface DiffCase {
  readonly state: CpuState;
  readonly rows: readonly InsnRow[];
  readonly length: number;
  /** EFLAGS bits to compare. */
  readonly flags: number;
  /** The same if the case ends in a fault somewhere on the way. */
  readonly faultFlags: number;
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
    !['ud1', 'ud2', 'leave', 'enter', 'xlat', 'popf', 'pop', 'push', 'std'].includes(r.mnemonic),
);
const JUMPS: readonly InsnRow[] = FUZZ_ROWS.filter(
  (r) => r.mnemonic.startsWith('j') && r.flagsRead !== 0,
);

/** What sequences are made of. */
export interface SequencePlan {
  readonly rows: readonly InsnRow[];
  readonly readers: readonly InsnRow[];
}

export function sequencePlan(from: readonly InsnRow[]): SequencePlan {
  const rows = SEQUENCE_ROWS.filter((r) => from.includes(r));
  const readers = rows.filter((r) => r.flagsRead !== 0);
  return { rows, readers: readers.length > 0 ? readers : rows };
}

/** Registers, flags, data and floating-point state. */
function randomState(rng: Random): CpuState {
  const s = new CpuState();
  for (let i = 0; i < 16; i++) s.setGpr(i, rng.value());
  s.setGpr(4, BigInt(DATA + 0x800 + rng.below(0x200)));
  s.rflags = (rng.u32() & 0x8d5) | 2 | (rng.chance(25) ? 0x400 : 0);
  for (let at = 0x3c0; at < 0xc40; at += 8) {
    new DataView(s.data.buffer, s.data.byteOffset).setBigUint64(at, rng.lane(), true);
  }
  for (let at = 0; at < 64; at++) s.data[s.data.length - 1 - at] = rng.below(256);
  randomFx(rng, s);
  s.codeOffset = rng.chance(97) ? rng.below(256) : 4096 - 40 + rng.below(30);
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
    view.setBigUint64(FX.xmm + i * 16, rng.lane(), true);
    view.setBigUint64(FX.xmm + i * 16 + 8, rng.lane(), true);
  }
  // Without AVX the CPU cannot load them.
  const high = new DataView(s.bytes.buffer, s.bytes.byteOffset + YMM_HIGH_AT, 256);
  for (let at = 0; at < 256 && hostHas('avx'); at += 8) high.setBigUint64(at, rng.lane(), true);
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

/** One instruction of `row`. */
export function singleCase(rng: Random, row: InsnRow): DiffCase {
  const state = randomState(rng);
  const bytes = encodeRow(row, { rng, state, pc: CODE + state.codeOffset, single: true });
  defineCount(row, state, bytes);
  state.code.fill(0xcc);
  state.code.set(bytes);
  const flags = STATUS_AND_DF & ~undefinedFlags(row, state, bytes);
  return { state, rows: [row], length: bytes.length, flags, faultFlags: flags };
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

/** A few instructions in a row; a flag reader or a conditional jump at the end, often. */
export function sequenceCase(rng: Random, plan: SequencePlan): DiffCase {
  const state = randomState(rng);
  for (const r of ADDRESS_REGS) state.setGpr(r, BigInt(DATA + 0x600 + rng.below(0x400)));
  const used: InsnRow[] = [];
  const bytes: number[] = [];
  let tainted = 0;
  let everTainted = 0;
  const n = 2 + rng.below(5);
  for (let i = 0; i < n; i++) {
    const last = i === n - 1;
    const from = last && rng.chance(50) ? JUMPS : rng.chance(35) ? plan.readers : plan.rows;
    const row = rng.pick(from);
    if ((row.flagsRead & tainted) !== 0) continue;
    const pc = CODE + state.codeOffset + bytes.length;
    const next = encodeRow(row, { rng, state, pc, single: false });
    if (bytes.length + next.length > MAX_CODE - 2) break;
    if (hasUndefinedResult(row, next)) continue;
    bytes.push(...next);
    used.push(row);
    // An undefined flag may also be kept, so it stays tainted until it is written for sure.
    if (!row.options.flagsKeptAtZero) tainted &= ~row.flagsWritten;
    tainted |= row.flagsUndefined;
    everTainted |= tainted;
  }
  state.code.fill(0xcc);
  state.code.set(bytes);
  return {
    state,
    rows: used,
    length: bytes.length,
    flags: STATUS_AND_DF & ~tainted,
    faultFlags: STATUS_AND_DF & ~everTainted,
  };
}
