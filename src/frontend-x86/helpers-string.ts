/**
 * Repeated string instructions (SDM vol. 2, REP): bulk work page by page, at most WORK_LIMIT bytes a call.
 *
 * Every helper is name(how, segment base) with the bits of REP in how, and returns 1
 * if the instruction is finished, 0 if it is to be executed again (work limit, or once: one iteration, after which
 * EFLAGS.TF traps). rcx, rsi and rdi always describe a state between two iterations: at a fault, at a store to
 * translated code, at the limit. The flags do too, but at a fault are those of before.
 */

import { CC_SUB } from '../common/condition-codes.ts';
import { PAGE_SIZE } from '../common/layout.ts';
import { REP, type StringLayout } from '../common/strings.ts';
import type { HelperEnv, HelperFn, HelperRow } from '../ir/helpers.ts';
import { W_A, W_B, W_KIND } from './flags.ts';
import { CC_VARS } from './helpers-system.ts';
import { stateVar, stateWord } from './state.ts';

const RAX = stateWord('rax');
const RCX = stateWord('rcx');
const RSI = stateWord('rsi');
const RDI = stateWord('rdi');
const DF = stateWord('df');

export const STRING_LAYOUT: StringLayout = {
  rax: RAX * 4,
  rcx: RCX * 4,
  rsi: RSI * 4,
  rdi: RDI * 4,
  df: DF * 4,
};

const WORK_LIMIT = 0x10000;
const TWO32 = 0x100000000;

/** The instruction being executed, as the helper's arguments and the state describe it. */
const op = {
  size: 1,
  addr32: false,
  repne: false,
  /** Base of an overridden segment of the source. */
  segLo: 0,
  segHi: 0,
  /** Bytes per step: size, or -size if DF is set. */
  step: 1,
  /** Bytes of work left in this call. */
  budget: 0,
};

function start(env: HelperEnv, a: number, b: number): void {
  const { I32 } = env;
  const how = I32[a] as number;
  op.size = how & REP.size;
  op.addr32 = (how & REP.addr32) !== 0;
  op.repne = (how & REP.repne) !== 0;
  op.segLo = I32[b] as number;
  op.segHi = I32[b + 1] as number;
  op.step = I32[DF] === 0 ? op.size : -op.size;
  op.budget = (how & REP.once) === 0 ? WORK_LIMIT : op.size;
}

/** Iterations left, as far as they matter for one call. */
function count(I32: Int32Array): number {
  const lo = (I32[RCX] as number) >>> 0;
  return op.addr32 ? lo : lo + ((I32[RCX + 1] as number) >>> 0) * TWO32;
}

/** Adds to a register, modulo the address size (which zero-extends). */
function add(I32: Int32Array, reg: number, n: number): void {
  const lo = ((I32[reg] as number) >>> 0) + n;
  I32[reg] = lo;
  if (op.addr32) I32[reg + 1] = 0;
  else I32[reg + 1] = (I32[reg + 1] as number) + Math.floor(lo / TWO32);
}

/** Linear address of the source and destination. */
const src = { lo: 0, hi: 0 };
const dst = { lo: 0, hi: 0 };

function locate(I32: Int32Array): void {
  const sLo = ((I32[RSI] as number) >>> 0) + (op.segLo >>> 0);
  src.lo = sLo | 0;
  src.hi = ((op.addr32 ? 0 : (I32[RSI + 1] as number)) + op.segHi + (sLo >= TWO32 ? 1 : 0)) | 0;
  dst.lo = I32[RDI] as number;
  dst.hi = op.addr32 ? 0 : (I32[RDI + 1] as number);
}

function leftInPage(lo: number): number {
  return PAGE_SIZE - (lo & (PAGE_SIZE - 1));
}

/** Stores one element from host offset `from`. */
function storeElement(env: HelperEnv, from: number): number {
  return env.mem.writeBytes(dst.lo, dst.hi, from, op.size);
}

/** Copies `bytes` forward as repeated element moves would, which replicate when the ranges overlap. */
function copyForward(env: HelperEnv, from: number, to: number, bytes: number): void {
  const { U8 } = env;
  const distance = to - from;
  if (distance <= 0 || distance >= bytes) {
    U8.copyWithin(to, from, from + bytes);
  } else if (distance >= op.size) {
    for (let done = 0; done < bytes; done += distance) {
      const n = Math.min(distance, bytes - done);
      U8.copyWithin(to + done, from + done, from + done + n);
    }
  } else {
    for (let i = 0; i < bytes; i += op.size) {
      U8.copyWithin(to + i, from + i, from + i + op.size);
    }
  }
}

/** Elements that going down from `lo` reaches in its page; 0 if the first one crosses its end. */
function downInPage(lo: number): number {
  const at = lo & (PAGE_SIZE - 1);
  return at + op.size > PAGE_SIZE ? 0 : Math.floor(at / op.size) + 1;
}

/** Copies `bytes` from the last element to the first; `from` and `to` are the lowest bytes. */
function copyBackward(env: HelperEnv, from: number, to: number, bytes: number): void {
  const { U8 } = env;
  const distance = from - to;
  // What has been written is not read again if it is above.
  const run = distance <= 0 ? bytes : distance >= op.size ? distance : op.size;
  for (let done = 0; done < bytes; done += run) {
    const n = Math.min(run, bytes - done);
    const at = bytes - done - n;
    U8.copyWithin(to + at, from + at, from + at + n);
  }
}

/** At least two elements, downwards. @returns as movsChunk; 0: not in one go */
function movsDown(env: HelperEnv, n: number): number {
  const { size } = op;
  const limit = Math.floor(op.budget / size);
  const run = Math.min(n, downInPage(src.lo), downInPage(dst.lo), limit);
  if (run < 2) return 0;
  // Faults are those of the first element.
  const from = env.mem.read(src.lo, src.hi, size);
  if (from < 0) return from;
  const to = env.mem.writable(dst.lo, dst.hi, size);
  if (to < 0) return to;
  const below = (run - 1) * size;
  if (env.mem.writable(dst.lo - below, dst.hi, run * size) < 0) return 0;
  copyBackward(env, from - below, to - below, run * size);
  return run;
}

/** @returns iterations done, or a negative fault */
function movsChunk(env: HelperEnv, n: number): number {
  const { size } = op;
  if (op.step < 0) {
    const moved = movsDown(env, n);
    if (moved !== 0) return moved;
  }
  const bytes = Math.min(n * size, leftInPage(src.lo), leftInPage(dst.lo), op.budget);
  const whole = op.step > 0 ? bytes - (bytes % size) : 0;
  if (whole === 0) {
    const from = env.mem.read(src.lo, src.hi, size);
    if (from < 0) return from;
    const stored = storeElement(env, from);
    return stored < 0 ? stored : 1;
  }
  const from = env.mem.read(src.lo, src.hi, 1);
  if (from < 0) return from;
  const to = env.mem.writable(dst.lo, dst.hi, whole);
  if (to < 0) return to;
  copyForward(env, from, to, whole);
  return whole / size;
}

function stosChunk(env: HelperEnv, n: number): number {
  const { size } = op;
  const bytes = Math.min(n * size, leftInPage(dst.lo), op.budget);
  const whole = op.step > 0 ? bytes - (bytes % size) : 0;
  if (whole === 0) {
    const stored = storeElement(env, RAX << 2);
    return stored < 0 ? stored : 1;
  }
  const to = env.mem.writable(dst.lo, dst.hi, whole);
  if (to < 0) return to;
  const { U8 } = env;
  if (size === 1) U8.fill(U8[RAX << 2] as number, to, to + whole);
  else {
    U8.copyWithin(to, RAX << 2, (RAX << 2) + size);
    for (let done = size; done < whole; done *= 2) {
      U8.copyWithin(to + done, to, to + Math.min(done, whole - done));
    }
  }
  return whole / size;
}

/** LODS: only the last element counts, but every page must be readable. */
function lodsChunk(env: HelperEnv, n: number): number {
  const { size, step } = op;
  const { U8 } = env;
  const bytes = Math.min(n * size, leftInPage(src.lo), op.budget);
  const done = step > 0 && bytes >= size ? Math.floor(bytes / size) : 1;
  const from = env.mem.read(src.lo, src.hi, done === 1 ? size : 1);
  if (from < 0) return from;
  const last = from + (done - 1) * size;
  U8.copyWithin(RAX << 2, last, last + size);
  if (size === 4) env.I32[RAX + 1] = 0;
  return done;
}

function sameElement(U8: Uint8Array, x: number, y: number, size: number): boolean {
  for (let i = 0; i < size; i++) {
    if (U8[x + i] !== U8[y + i]) return false;
  }
  return true;
}

/** Whether the last comparison ended the repetition. */
let found = false;

function setFlags(env: HelperEnv, x: number, y: number): void {
  const { U8, I32, D } = env;
  const { size } = op;
  I32[W_KIND] = CC_SUB + (size === 8 ? 3 : size >> 1);
  if (size === 8) {
    for (let i = 0; i < 2; i++) {
      I32[W_A + i] = D.getInt32(x + 4 * i, true);
      I32[W_B + i] = D.getInt32(y + 4 * i, true);
    }
    return;
  }
  let a = 0;
  let b = 0;
  for (let i = size - 1; i >= 0; i--) {
    a = (a << 8) | (U8[x + i] as number);
    b = (b << 8) | (U8[y + i] as number);
  }
  I32[W_A] = a;
  I32[W_B] = b;
}

/** Compares up to `n` elements from host offsets x and y (x steps by `xStep`, 0 for SCAS), and sets the flags of the last. */
function compareRun(env: HelperEnv, x: number, y: number, xStep: number, n: number): number {
  const { U8 } = env;
  const { size, repne } = op;
  let i = 0;
  found = false;
  while (i < n && !found) {
    found = sameElement(U8, x + i * xStep, y + i * size, size) === repne;
    i++;
  }
  setFlags(env, x + (i - 1) * xStep, y + (i - 1) * size);
  return i;
}

/** The operand at rDI is read first, as processors do: where both fault, the fault's address is its. */
function cmpsChunk(env: HelperEnv, n: number): number {
  const { size } = op;
  const bytes = Math.min(n * size, leftInPage(src.lo), leftInPage(dst.lo), op.budget);
  const run = op.step > 0 && bytes >= size ? Math.floor(bytes / size) : 1;
  const y = env.mem.read(dst.lo, dst.hi, run === 1 ? size : 1);
  if (y < 0) return y;
  if (run > 1) {
    const x = env.mem.read(src.lo, src.hi, 1);
    return x < 0 ? x : compareRun(env, x, y, size, run);
  }
  // Both operands may cross a page, and then share the scratch that read() assembles in.
  const { U8 } = env;
  for (let i = 0; i < size; i++) second[i] = U8[y + i] as number;
  const x = env.mem.read(src.lo, src.hi, size);
  if (x < 0) return x;
  return compareSaved(env, x);
}

/** The second operand of a single comparison. */
const second = new Uint8Array(8);
const saved = new DataView(second.buffer);

function compareSaved(env: HelperEnv, x: number): number {
  const { U8, I32 } = env;
  const { size } = op;
  found = true;
  for (let i = 0; i < size; i++) if (second[i] !== U8[x + i]) found = false;
  found = found === op.repne;
  setFlags(env, x, x);
  if (size === 1) I32[W_B] = second[0] as number;
  else if (size === 2) I32[W_B] = saved.getUint16(0, true);
  else I32[W_B] = saved.getInt32(0, true);
  if (size === 8) I32[W_B + 1] = saved.getInt32(4, true);
  return 1;
}

function scasChunk(env: HelperEnv, n: number): number {
  const { size } = op;
  const bytes = Math.min(n * size, leftInPage(dst.lo), op.budget);
  const run = op.step > 0 && bytes >= size ? Math.floor(bytes / size) : 1;
  const y = env.mem.read(dst.lo, dst.hi, run === 1 ? size : 1);
  if (y < 0) return y;
  return compareRun(env, RAX << 2, y, 0, run);
}

/** The flags' record before the repetition, which a fault brings back (SDM vol. 2, REP). */
const FLAG_WORDS = [W_KIND, W_A, W_A + 1, W_B, W_B + 1] as const;
const keptFlags: Int32Array = new Int32Array(FLAG_WORDS.length);

function keepFlags(I32: Int32Array): void {
  for (let i = 0; i < FLAG_WORDS.length; i++) keptFlags[i] = I32[FLAG_WORDS[i]!]!;
}

function restoreFlags(I32: Int32Array): void {
  for (let i = 0; i < FLAG_WORDS.length; i++) I32[FLAG_WORDS[i]!] = keptFlags[i]!;
}

type Chunk = (env: HelperEnv, n: number) => number;

/** The repetition around a chunk function. */
function repeat(chunk: Chunk, useSrc: boolean, useDst: boolean, compares: boolean): HelperFn {
  return (env, d, a, b) => {
    const { I32 } = env;
    start(env, a, b);
    if (compares) keepFlags(I32);
    let n = count(I32);
    let stop = false;
    while (n > 0 && op.budget > 0 && !stop) {
      locate(I32);
      const done = chunk(env, n);
      if (done < 0) {
        if (compares) restoreFlags(I32);
        return done;
      }
      add(I32, RCX, -done);
      if (useSrc) add(I32, RSI, done * op.step);
      if (useDst) add(I32, RDI, done * op.step);
      n -= done;
      op.budget -= done * op.size;
      stop = compares && found;
    }
    I32[d] = n <= 0 || stop ? 1 : 0;
    I32[d + 1] = 0;
    return 0;
  };
}

const [VAR_RAX, VAR_RCX, VAR_RSI, VAR_RDI, VAR_DF] = ['rax', 'rcx', 'rsi', 'rdi', 'df'].map(
  stateVar,
) as [number, number, number, number, number];

function stringHelper(
  name: string,
  fn: HelperFn,
  reads: readonly number[],
  writes: readonly number[],
): HelperRow {
  return {
    name,
    result: 'i32',
    args: ['i32', 'i64'],
    reads: [...reads, VAR_RCX, VAR_DF],
    writes: [...writes, VAR_RCX],
    mayFault: true,
    fn,
  };
}

export const STRING_HELPERS: readonly HelperRow[] = [
  stringHelper(
    'repMovs',
    repeat(movsChunk, true, true, false),
    [VAR_RSI, VAR_RDI],
    [VAR_RSI, VAR_RDI],
  ),
  stringHelper('repStos', repeat(stosChunk, false, true, false), [VAR_RAX, VAR_RDI], [VAR_RDI]),
  stringHelper(
    'repLods',
    repeat(lodsChunk, true, false, false),
    [VAR_RAX, VAR_RSI],
    [VAR_RAX, VAR_RSI],
  ),
  stringHelper(
    'repCmps',
    repeat(cmpsChunk, true, true, true),
    [VAR_RSI, VAR_RDI, ...CC_VARS],
    [VAR_RSI, VAR_RDI, ...CC_VARS],
  ),
  stringHelper(
    'repScas',
    repeat(scasChunk, false, true, true),
    [VAR_RAX, VAR_RDI, ...CC_VARS],
    [VAR_RDI, ...CC_VARS],
  ),
];
