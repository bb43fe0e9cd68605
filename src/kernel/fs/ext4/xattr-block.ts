/**
 * Extended attributes as bytes (fs/ext4/xattr.h), in an inode's spare space or a block of their own.
 *
 *   block   magic 4, refcount 4, blocks 4, hash 4, checksum 4, reserved 12
 *   inode   magic 4
 *   entry   name_len 1, name_index 1, value_offs 2, value_inum 4, value_size 4, hash 4, name; padded to 4
 *
 * Entries grow up, values grow down from the end. value_offs counts from the block's start, or from the
 * first entry in an inode. Entries in a block are sorted by index, name length, name.
 */

import type { MetaBlock } from './buffers.ts';
import { crc32c, crc32cLe32, crc32cZeros } from './crc.ts';
import type { Volume } from './volume.ts';

export const ENTRY_SIZE = 16;

export interface Attribute {
  readonly index: number;
  /** Latin-1. */
  readonly name: string;
  readonly value: Uint8Array;
  /** The inode that holds the value (ea_inode). */
  readonly holder?: number;
  /** e_hash, of one that was read. */
  readonly hash?: number;
}

/** Bytes an attribute needs: entry and value. */
export function attributeSize(a: Attribute): number {
  return pad4(ENTRY_SIZE + a.name.length) + pad4(a.value.length);
}

export function pad4(n: number): number {
  return (n + 3) & ~3;
}

/**
 * Parses the entries in area[first, length); values count from `valueBase`. `where` is for the log, `external` reads
 * a value that is an inode's. Entries and values have room in the area without sharing bytes, so it can be written
 * again without one of them.
 */
export function parseAttributes(
  vol: Volume,
  area: Uint8Array,
  first: number,
  valueBase: number,
  where: string,
  external: (ino: number, size: number) => Uint8Array,
): Attribute[] {
  const v = new DataView(area.buffer, area.byteOffset, area.length);
  const out: Attribute[] = [];
  let room = area.length - first - 4;
  let lowest = area.length;
  for (let at = first; ; ) {
    if (at + 4 > area.length) vol.damaged(`${where}: damaged extended attributes`);
    if (v.getUint32(at, true) === 0) {
      if (lowest < at + 4) vol.damaged(`${where}: extended attributes share their bytes`);
      return out;
    }
    const nameLength = area[at]!;
    const next = at + pad4(ENTRY_SIZE + nameLength);
    if (next > area.length) vol.damaged(`${where}: damaged extended attributes`);
    const holder = v.getUint32(at + 4, true);
    const size = v.getUint32(at + 8, true);
    const hash = v.getUint32(at + 12, true);
    let name = '';
    for (let i = 0; i < nameLength; i++) name += String.fromCharCode(area[at + ENTRY_SIZE + i]!);
    const index = area[at + 1]!;
    if (holder !== 0) {
      out.push({ index, name, value: external(holder, size), holder, hash });
      at = next;
      continue;
    }
    const value = valueBase + v.getUint16(at + 2, true);
    if (size > 0) {
      if (value + size > area.length) vol.damaged(`${where}: damaged extended attributes`);
      lowest = Math.min(lowest, value);
    }
    const bytes = size > 0 ? area.slice(value, value + size) : new Uint8Array(0);
    const attribute = { index, name, value: bytes, hash };
    room -= attributeSize(attribute);
    if (room < 0) vol.damaged(`${where}: extended attributes share their bytes`);
    out.push(attribute);
    at = next;
  }
}

/** Writes attributes into area[first, length), which must have room. @returns their entries' hashes */
export function writeAttributes(
  area: Uint8Array,
  first: number,
  valueBase: number,
  attributes: readonly Attribute[],
): number[] {
  const v = new DataView(area.buffer, area.byteOffset, area.length);
  area.fill(0, first);
  const hashes: number[] = [];
  let at = first;
  let end = area.length & ~3;
  for (const { index, name, value } of attributes) {
    const size = pad4(value.length);
    end -= size;
    area[at] = name.length;
    area[at + 1] = index;
    v.setUint16(at + 2, value.length > 0 ? end - valueBase : 0, true);
    v.setUint32(at + 8, value.length, true);
    for (let i = 0; i < name.length; i++) area[at + ENTRY_SIZE + i] = name.charCodeAt(i);
    area.set(value, end);
    const hash = entryHash(name, v, end, size, 0);
    v.setUint32(at + 12, hash, true);
    hashes.push(hash);
    at += pad4(ENTRY_SIZE + name.length);
  }
  return hashes;
}

/** Whether an attribute that was read has the hash of its name and value, whichever way characters were counted. */
export function hashRight({ name, value, hash, holder }: Attribute): boolean {
  if (hash === undefined || hash === 0 || holder !== undefined) return true;
  const padded = new Uint8Array(pad4(value.length));
  padded.set(value);
  const v = new DataView(padded.buffer);
  return [0, 24].some((shift) => entryHash(name, v, 0, padded.length, shift) === hash);
}

/**
 * ext4_xattr_hash_entry, values as little-endian words, names as unsigned characters; with a `shift` of 24 they are
 * signed, as some machines had them.
 */
function entryHash(name: string, v: DataView, value: number, size: number, shift: number): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = (hash << 5) ^ (hash >>> 27) ^ ((name.charCodeAt(i) << shift) >> shift);
  }
  for (let i = 0; i < size; i += 4) {
    hash = (hash << 16) ^ (hash >>> 16) ^ v.getInt32(value + i, true);
  }
  return hash >>> 0;
}

/** ext4_xattr_rehash: over the hashes of a block's entries; 0 if one of them is 0. */
export function blockHash(hashes: readonly number[]): number {
  let hash = 0;
  for (const h of hashes) {
    if (h === 0) return 0;
    hash = (hash << 16) ^ (hash >>> 16) ^ h;
  }
  return hash >>> 0;
}

/** Checksum of a block; `seed` is the file system's. */
export function xattrBlockCsum(block: MetaBlock, seed: number): number {
  let crc = crc32cLe32(seed, block.nr % 2 ** 32);
  crc = crc32cLe32(crc, Math.floor(block.nr / 2 ** 32));
  crc = crc32c(crc, block.data, 0, 16);
  return crc32c(crc32cZeros(crc, 4), block.data, 20, block.data.length);
}
