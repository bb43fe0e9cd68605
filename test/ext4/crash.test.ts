/**
 * Power cuts: the device stops at any write, and writes since the last flush may be lost in any
 * combination. Whoever opens the image then finds every file that was synced, and e2fsck nothing.
 */

import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { afterCut, copyOf, RecordingDevice } from './power-cut.ts';
import {
  bytesOf,
  latin1,
  mustBeClean,
  names,
  readFile,
  tinyTransactions,
  walk,
  withTools,
  writeFile,
} from './tools.ts';

const COLLAPSE = 8;
const INSERT = 32;

const test = suite('ext4 power cuts');
const tooled = withTools(test);

/** Puts blocks in and takes them out again, so that the file is as it was. */
function moveRanges(f: Ext4Inode, i: number): void {
  if (f.size <= 1024) return;
  f.fallocate(INSERT, 1024, ((i % 3) + 1) * 1024);
  f.fallocate(INSERT, 0, 2048);
  if (i % 2 === 0) f.fsync(false);
  f.fallocate(COLLAPSE, 0, 2048);
  f.fallocate(COLLAPSE, 1024, ((i % 3) + 1) * 1024);
}

tooled('at any write, every synced file is there and the image is clean', () => {
  const base = new MemoryBlockDevice(8 << 20);
  createExt4(base, { blockSize: 1024, blank: true });
  const device = new RecordingDevice(copyOf(base));
  const fs = Ext4FileSystem.open(device);
  const dir = fs.root.create('d', 0o040755, 0, 0, 0) as Ext4Inode;
  const marks: { at: number; files: string[] }[] = [];
  const files: string[] = [];
  for (let i = 0; i < 25; i++) {
    const name = `file-${i}-${'n'.repeat(i * 5)}`;
    const f = dir.create(name, 0o100644, 0, 0, 0) as Ext4Inode;
    writeFile(f, 0, bytesOf(name.repeat(i * 3 + 1)));
    files.push(name);
    if (i % 4 === 3) dir.unlink(files.splice(files.length - 3, 1)[0]!);
    if (i % 5 === 4) dir.rename(files[0]!, dir, files[0]!, 0);
    moveRanges(f, i);
    f.fsync(false);
    marks.push({ at: device.log.length, files: [...files] });
  }
  const { log } = device;
  const step = Math.max(1, Math.floor(log.length / 60));
  for (let cut = 0; cut <= log.length; cut += step) {
    for (const seed of [0, cut + 1]) {
      const disk = afterCut(base, log, cut, seed);
      const again = Ext4FileSystem.open(disk);
      const sure = marks.filter((m) => m.at <= cut).pop();
      const next = marks.find((m) => m.at > cut);
      for (const name of sure?.files ?? []) {
        if (next !== undefined && !next.files.includes(name)) continue;
        const i = Number(name.split('-')[1]);
        assert.is(latin1(readFile(walk(again, `d/${name}`))), name.repeat(i * 3 + 1), `cut ${cut}`);
      }
      again.close();
      if (cut % (step * 6) === 0) mustBeClean(disk);
    }
  }
});

/** The numbers at the start of the blocks of a file that are not holes; nothing else is in it. */
function numbersIn(f: Ext4Inode): number[] {
  const data = readFile(f);
  const words = new DataView(data.buffer, data.byteOffset);
  const out: number[] = [];
  for (let at = 0; at + 4 <= data.length; at += 1024) {
    const word = words.getUint32(at, true);
    if (word !== 0) out.push(word);
    assert.ok(
      data.subarray(at + 4, at + 1024).every((b) => b === 0),
      `block ${at / 1024}`,
    );
  }
  return out;
}

tooled('a move cut off leaves every block of the file, in order, and shows no others', () => {
  const blocks = 500;
  const base = new MemoryBlockDevice(8 << 20);
  createExt4(base, { blockSize: 1024, blank: true });
  const first = Ext4FileSystem.open(base);
  // What a block must not show: the content of a file that has gone.
  const old = first.root.create('old', 0o100644, 0, 0, 0) as Ext4Inode;
  writeFile(old, 0, new Uint8Array(5 << 20).fill(0xee));
  first.sync();
  first.root.unlink('old');
  first.sync();
  const made = first.root.create('f', 0o100644, 0, 0, 0) as Ext4Inode;
  // Every other one later, which splits leaves: more of them move.
  for (const from of [0, 1]) {
    for (let i = from; i < blocks; i += 2) {
      writeFile(made, i * 2048, Uint8Array.of((i + 1) & 0xff, (i + 1) >> 8, 0, 0));
    }
    first.sync();
  }
  // Something behind the end in the last block.
  writeFile(made, made.size, new Uint8Array(1020).fill(0xdd));
  first.sync();
  made.setattr({ size: (blocks - 1) * 2048 + 4 });
  first.close();
  const all = Array.from({ length: blocks }, (_, i) => i + 1);
  const kept = all.filter((n) => n <= 50 || n > 56);
  for (const [mode, offset, length] of [
    [INSERT, 51, 300],
    [COLLAPSE, 100, 12],
  ] as const) {
    const device = new RecordingDevice(copyOf(base));
    const fs = Ext4FileSystem.open(device);
    tinyTransactions(fs);
    const f = walk(fs, 'f');
    const { size } = f;
    const start = device.log.length;
    f.fallocate(mode, offset * 1024, length * 1024);
    const flushes = device.log.slice(start).filter((entry) => entry === 'flush').length;
    assert.ok(flushes >= 24, `${flushes} flushes: few transactions only`);
    f.fsync(false);
    const { log } = device;
    // After each flush, so that every transaction is the last one once, and in between.
    const step = Math.max(1, Math.floor(log.length / 10));
    const cuts = log.flatMap((entry, i) =>
      entry === 'flush' ? [i + 1] : i % step === 0 ? [i] : [],
    );
    for (const [i, cut] of cuts.entries()) {
      const disk = afterCut(base, log, cut, cut);
      const again = Ext4FileSystem.open(disk);
      const found = walk(again, 'f');
      const numbers = numbersIn(found);
      const removed = all.filter((n) => !numbers.includes(n));
      assert.equal(
        numbers,
        all.filter((n) => !removed.includes(n)),
        `cut ${cut}`,
      );
      if (mode === INSERT) assert.equal(removed, [], `cut ${cut}`);
      else
        assert.ok(
          removed.every((n) => !kept.includes(n)),
          `cut ${cut}: ${removed}`,
        );
      assert.ok([size, size + length * 1024, size - length * 1024].includes(found.size));
      again.close();
      if (i % 3 === 0) mustBeClean(disk);
    }
    assert.equal(numbersIn(f), mode === INSERT ? all : kept);
    fs.close();
  }
});

tooled(
  'a journal left by a crash is replayed for a read-only mount without touching the image',
  () => {
    const base = new MemoryBlockDevice(8 << 20);
    createExt4(base, { blockSize: 1024, blank: true });
    const device = new RecordingDevice(copyOf(base));
    const fs = Ext4FileSystem.open(device);
    writeFile(fs.root.create('f', 0o100644, 0, 0, 0) as Ext4Inode, 0, bytesOf('synced'));
    fs.sync();
    // Cut after the commit record's flush, before anything is in its place.
    const flushes = device.log.flatMap((e, i) => (e === 'flush' ? [i] : []));
    const log: string[] = [];
    let replayed = 0;
    for (const cut of flushes) {
      const disk = afterCut(base, device.log, cut + 1, 0);
      const before = new Uint8Array(disk.size);
      disk.read(0, before);
      const ro = Ext4FileSystem.open(disk, { readOnly: true, log: (l) => log.push(l) });
      if (names(ro.root).includes('f')) replayed++;
      const after = new Uint8Array(disk.size);
      disk.read(0, after);
      assert.ok(Buffer.compare(before, after) === 0, 'the image changed');
    }
    assert.ok(replayed >= 2, `${replayed}`);
    assert.match(log.join('\n'), /journal replayed: 1 transactions/);
  },
);
