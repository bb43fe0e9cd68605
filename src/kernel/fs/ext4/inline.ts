/**
 * Inline data: files and directories small enough to live in the inode (fs/ext4/inline.c): 60 bytes in
 * i_block, the rest in the attribute system.data. Read only: such an image is mounted read-only.
 */

import { nameAt, recordsFill } from './dir-block.ts';
import type { DiskInode } from './disk-inode.ts';
import { I_BLOCK_SIZE, MODE_OF_DT } from './layout.ts';
import { inodeXattr } from './xattr.ts';

const XATTR_SYSTEM = 7;

/** The bytes, as many as the inode's size says. */
export function inlineData(inode: DiskInode): Uint8Array {
  const v = inode.view();
  const first = new Uint8Array(v.buffer, v.byteOffset + inode.iblock, I_BLOCK_SIZE);
  const rest = inodeXattr(inode, XATTR_SYSTEM, 'data');
  // The attribute is there even when 60 bytes are enough.
  if (rest === null || inode.size > I_BLOCK_SIZE + rest.length) {
    inode.vol.damaged(`inode ${inode.ino}: inline data is missing`);
  }
  const all = new Uint8Array(I_BLOCK_SIZE + rest.length);
  all.set(first);
  all.set(rest, I_BLOCK_SIZE);
  return all.subarray(0, inode.size);
}

export interface InlineEntry {
  readonly name: string;
  readonly ino: number;
  readonly type: number;
}

/** Entries of an inline directory: the parent's number, then records in two areas. */
export function inlineDirectory(dir: DiskInode): InlineEntry[] {
  const data = inlineData(dir);
  const v = new DataView(data.buffer, data.byteOffset, data.length);
  if (data.length < 4) dir.vol.damaged(`directory inode ${dir.ino}: damaged inline data`);
  const out: InlineEntry[] = [
    { name: '.', ino: dir.ino, type: 0o040000 },
    { name: '..', ino: v.getUint32(0, true), type: 0o040000 },
  ];
  const areas: [number, number][] = [[4, Math.min(I_BLOCK_SIZE, data.length)]];
  if (data.length > I_BLOCK_SIZE) areas.push([I_BLOCK_SIZE, data.length]);
  for (const [from, to] of areas) {
    if (!recordsFill(data, from, to))
      dir.vol.damaged(`directory inode ${dir.ino}: damaged inline data`);
    for (let at = from; at < to; at += v.getUint16(at + 4, true)) {
      const ino = v.getUint32(at, true);
      if (ino === 0) continue;
      out.push({ name: nameAt(data, at), ino, type: MODE_OF_DT[data[at + 7]!] ?? 0 });
    }
  }
  return out;
}
