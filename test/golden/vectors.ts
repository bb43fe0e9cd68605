/**
 * What the CPU makes of each row of the instruction table, recorded, so that it can be compared where there is no
 * such CPU. What goes in is generated anew, from a seed that is the row's own: a row more changes no other row's
 * vectors. What comes out is stored as the bytes that changed.
 *
 * File: brotli of JSON, by row { hash of what goes in, per program and state the changes in base64 }. Changes are
 * runs of (offset, length, bytes), both numbers of 16 bits, over the layout of CpuState.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { type DiffProgram, single } from '../diff/generate.ts';
import { Random } from '../diff/random.ts';
import { CODE_AT, CpuState, DATA_AT, FX, FX_AT, STATE_BYTES, YMM_HIGH_AT } from '../diff/state.ts';

const FILE = fileURLToPath(new URL('./insn.json.br', import.meta.url));
const PROGRAMS = 3;
const STATES = 4;

export interface RowVectors {
  readonly hash: number;
  /** Per program and state. */
  readonly changes: readonly (readonly string[])[];
}

export type Vectors = Readonly<Record<string, RowVectors>>;

export const keyOf = (row: InsnRow): string => `${row.text} [${row.encoding}]`;

/** FNV-1a. */
function hash(bytes: Uint8Array, h = 0x811c9dc5): number {
  for (const b of bytes) h = Math.imul(h ^ b, 0x01000193);
  return h >>> 0;
}

/** The row's programs, the same ones each time. */
export function programsOf(row: InsnRow): DiffProgram[] {
  const rng = new Random(hash(Buffer.from(keyOf(row))));
  return Array.from({ length: PROGRAMS }, () => {
    const program = single(rng, row);
    return { ...program, states: program.states.slice(0, STATES) };
  });
}

export function inputHash(programs: readonly DiffProgram[]): number {
  return programs.flatMap((p) => p.states).reduce((h, s) => hash(s.bytes, h), 0x811c9dc5);
}

/** Where a run leaves something: not the code, nor what the kernel keeps behind an FXSAVE image. */
const isOutput = (at: number): boolean =>
  at < FX_AT + FX.end || (at >= YMM_HIGH_AT && at < CODE_AT) || at >= DATA_AT;

export function encodeChanges(before: CpuState, after: CpuState): string {
  const out: number[] = [];
  const differs = (at: number): boolean => isOutput(at) && before.bytes[at] !== after.bytes[at];
  for (let at = 0; at < STATE_BYTES; at++) {
    if (!differs(at)) continue;
    let end = at + 1;
    while (end < STATE_BYTES && differs(end)) end++;
    const length = end - at;
    out.push(at & 255, at >> 8, length & 255, length >> 8, ...after.bytes.subarray(at, end));
    at = end;
  }
  return Buffer.from(out).toString('base64');
}

export function decodeChanges(before: CpuState, changes: string): CpuState {
  const after = new CpuState(before.bytes.slice());
  const runs = Buffer.from(changes, 'base64');
  for (let at = 0; at < runs.length; ) {
    const length = runs.readUInt16LE(at + 2);
    after.bytes.set(runs.subarray(at + 4, at + 4 + length), runs.readUInt16LE(at));
    at += 4 + length;
  }
  return after;
}

export function readVectors(): Vectors {
  return JSON.parse(brotliDecompressSync(readFileSync(FILE)).toString()) as Vectors;
}

export function writeVectors(vectors: Vectors): void {
  writeFileSync(FILE, brotliCompressSync(JSON.stringify(vectors)));
}
