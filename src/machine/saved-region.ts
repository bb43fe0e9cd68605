/**
 * A region of WebAssembly as words of a chunk (translation-cache.ts): its object code, and the guest code of the blocks
 * that it was made from.
 *
 *     words | pcLo | members | imports | hints | calls | bytes of object code
 *     members: pcLo | pcHi | guest code
 *     imports: kind | number | parameters
 *     hints, calls (backend-wasm/function-body.ts); the object code, four bytes a word
 */

import type { RegionObject } from '../backend-wasm/emit-region.ts';
import { IMPORT_KINDS } from '../backend-wasm/imports.ts';
import type { WordWriter } from '../ir/micro-record.ts';
import type { CompiledRegion, Tb } from './code-cache.ts';

/** A region of an earlier run, and the blocks of this one that it stands for. */
export interface SavedRegion {
  readonly entry: Tb;
  readonly members: readonly Tb[];
  readonly object: RegionObject;
}

interface SavedMember {
  readonly pcLo: number;
  readonly pcHi: number;
  /** Index of its guest code. */
  readonly code: number;
}

const HEADER = 7;
/** Bytes of guest code in a block at most: 64 instructions. */
const MAX_CODE = 64 * 15;
/** Of a region; those of ours are far below. */
const MAX_MEMBERS = 1000;
const MAX_OBJECT = 1 << 20;

/** The index behind the guest code at words[at…]; -1 if there is none. */
export function codeEnd(words: Int32Array, at: number): number {
  const bytes = words[at] ?? 0;
  return bytes < 1 || bytes > MAX_CODE ? -1 : at + 1 + ((bytes + 3) >> 2);
}

/** @param code writes a block's guest code, or returns false @returns false if that did */
export function writeRegion(
  { entry, members }: CompiledRegion,
  { bytes, imports, hints, calls }: RegionObject,
  out: WordWriter,
  code: (member: Tb) => boolean,
): boolean {
  const at = out.length;
  out.append([0, entry.pcLo, members.length, imports.length]);
  out.append([hints.length, calls.length, bytes.length]);
  for (const m of members) {
    out.append([m.pcLo, m.pcHi]);
    if (!code(m)) return false;
  }
  for (const { kind, number, params } of imports) {
    out.append([IMPORT_KINDS.indexOf(kind), number, params]);
  }
  out.append(hints);
  out.append(calls);
  const padded = new Uint8Array((bytes.length + 3) & -4);
  padded.set(bytes);
  out.append(new Int32Array(padded.buffer));
  out.words[at] = out.length - at;
  return true;
}

/** The blocks of the region at words[at…]. */
export function membersOf(words: Int32Array, at: number): SavedMember[] {
  const members: SavedMember[] = [];
  let p = at + HEADER;
  for (let i = words[at + 2]!; i > 0; i--) {
    members.push({ pcLo: words[p]!, pcHi: words[p + 1]!, code: p + 2 });
    p = codeEnd(words, p + 2);
  }
  return members;
}

/** The index behind the members; -1 if there is none. */
function membersEnd(words: Int32Array, at: number): number {
  let p = at + HEADER;
  for (let i = words[at + 2]!; i > 0; i--) {
    p = codeEnd(words, p + 2);
    if (p < 0) return -1;
  }
  return p;
}

/** Whether the lengths in the entry at words[at…] are right. */
export function isRegion(words: Int32Array, at: number): boolean {
  if (at + HEADER > words.length) return false;
  const [length, , members, imports, hints, calls, bytes] = words.subarray(at, at + HEADER);
  if (members! < 1 || members! > MAX_MEMBERS || bytes! < 1 || bytes! > MAX_OBJECT) return false;
  if (imports! < 0 || hints! < 0 || calls! < 0) return false;
  const end = membersEnd(words, at);
  if (end < 0 || at + length! > words.length) return false;
  const size = imports! * 3 + hints! + calls! + ((bytes! + 3) >> 2);
  if (end + size !== at + length!) return false;
  for (let i = 0; i < imports!; i++) {
    if (IMPORT_KINDS[words[end + i * 3]!] === undefined) return false;
  }
  return true;
}

export function objectOf(words: Int32Array, at: number): RegionObject {
  const [, , , imports, hints, calls, bytes] = words.subarray(at, at + HEADER);
  let p = membersEnd(words, at);
  const list = Array.from({ length: imports! }, (_, i) => ({
    kind: IMPORT_KINDS[words[p + i * 3]!]!,
    number: words[p + i * 3 + 1]!,
    params: words[p + i * 3 + 2]!,
  }));
  p += list.length * 3;
  const hintList = [...words.subarray(p, p + hints!)];
  p += hints!;
  const callList = [...words.subarray(p, p + calls!)];
  p += calls!;
  const code = new Uint8Array(words.buffer, words.byteOffset + p * 4, bytes);
  return { bytes: code, hints: hintList, calls: callList, imports: list, name: '' };
}
