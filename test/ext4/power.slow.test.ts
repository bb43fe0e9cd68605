/**
 * Thousands of power cuts in random workloads of creates, appends, truncations, renames, fsyncs and deletes. What was
 * not flushed is lost, kept or torn sector by sector, in any order. Whoever opens the image then finds: every byte
 * that was synced; of a file replaced by rename(2) the old or the new content, whole; nothing that was on the disk
 * before; and neither our check nor e2fsck has anything to say. KEVLAR_EXT4_CUTS says how many cuts.
 */

import { MemoryBlockDevice, OverlayBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { copyOf, RecordingDevice, tornWrite } from './power-cut.ts';
import { haveE2fsprogs, mustBeClean, names, readFile, touch, writeFile } from './tools.ts';

const CUTS = Number(process.env['KEVLAR_EXT4_CUTS'] ?? 500);
const SEED = Number(process.env['KEVLAR_FUZZ_SEED'] ?? 1);
const CUTS_A_WORKLOAD = 200;
const OPERATIONS = 120;
/** e2fsck looks at one cut in so many; our check at all. */
const E2FSCK_EVERY = 10;
const STALE = 0xee;

const test = suite('ext4 power cuts in random workloads', { timeout: 3_600_000 });

/** Numbers from a seed. */
function numbers(seed: number): (n: number) => number {
  let x = (seed * 2654435761 + 12345) >>> 0;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 3) % n;
  };
}

/** A file is bytes of one value, which no other file has at the time, and zeros. */
interface Content {
  readonly byte: number;
  readonly length: number;
  /** All of it is on the disk. */
  readonly synced: boolean;
}

/** What the workload knows to be durable once the log has `at` entries. */
interface Mark {
  readonly at: number;
  readonly files: ReadonlyMap<string, Content>;
}

interface Change {
  /** Entries in the log when it began. */
  readonly at: number;
  readonly names: readonly string[];
}

class Workload {
  readonly device: RecordingDevice;
  readonly marks: Mark[] = [];
  readonly changes: Change[] = [];
  private readonly fs: Ext4FileSystem;
  private readonly dir: Ext4Inode;
  private readonly files = new Map<string, Content>();
  private readonly next: (n: number) => number;
  private byte = 0;

  constructor(base: MemoryBlockDevice, seed: number) {
    this.device = new RecordingDevice(copyOf(base));
    this.next = numbers(seed);
    this.fs = Ext4FileSystem.open(this.device);
    this.dir = this.fs.root.lookup('d') as Ext4Inode;
  }

  run(operations: number): void {
    for (let i = 0; i < operations; i++) this.step();
  }

  private step(): void {
    const name = `f${this.next(14)}${'-'.repeat([0, 40, 120][this.next(3)]!)}`;
    const what = this.next(12);
    if (what < 5) this.append(name);
    else if (what === 5) this.shorten(name);
    else if (what === 6) this.remove(name);
    else if (what < 9) this.replace(`slot${this.next(3)}`);
    else if (what === 9) this.rename(name, `f${this.next(14)}`);
    else if (what === 10) this.sync();
    else this.fsync(name);
  }

  private begin(...names: string[]): void {
    this.changes.push({ at: this.device.log.length, names });
  }

  private open(name: string): Ext4Inode | null {
    return this.dir.lookup(name) as Ext4Inode | null;
  }

  private newByte(): number {
    this.byte = (this.byte % 200) + 1;
    return this.byte;
  }

  private append(name: string): void {
    this.begin(name);
    const old = this.files.get(name) ?? { byte: this.newByte(), length: 0, synced: false };
    const length = 1 + this.next(this.next(5) === 0 ? 60_000 : 3000);
    const hole = this.next(4) === 0 ? this.next(9000) : 0;
    const inode = this.open(name) ?? touch(this.dir, name);
    writeFile(inode, old.length + hole, new Uint8Array(length).fill(old.byte));
    this.files.set(name, { ...old, length: old.length + hole + length, synced: false });
  }

  private shorten(name: string): void {
    const old = this.files.get(name);
    if (old === undefined) return;
    this.begin(name);
    const length = this.next(old.length + 1);
    this.open(name)!.setattr({ size: length });
    this.files.set(name, { ...old, length, synced: false });
  }

  private remove(name: string): void {
    if (!this.files.has(name)) return;
    this.begin(name);
    this.dir.unlink(name);
    this.files.delete(name);
  }

  private rename(name: string, to: string): void {
    const old = this.files.get(name);
    if (old === undefined || name === to) return;
    this.begin(name, to);
    this.dir.rename(name, this.dir, to, 0);
    this.files.delete(name);
    this.files.set(to, old);
  }

  /** As editors save: a new file is written, synced and renamed over the old one. */
  private replace(slot: string): void {
    const byte = this.newByte();
    this.begin('temporary');
    const inode = touch(this.dir, 'temporary');
    writeFile(inode, 0, new Uint8Array(slotLength(byte)).fill(byte));
    inode.fsync(false);
    this.begin(slot, 'temporary');
    this.dir.rename('temporary', this.dir, slot, 0);
    this.files.set(slot, { byte, length: slotLength(byte), synced: true });
  }

  private fsync(name: string): void {
    const inode = this.open(name);
    if (inode === null) return;
    inode.fsync(this.next(2) === 0);
    this.files.set(name, { ...this.files.get(name)!, synced: true });
    this.mark();
  }

  private sync(): void {
    this.fs.sync();
    for (const [name, content] of this.files) this.files.set(name, { ...content, synced: true });
    this.mark();
  }

  private mark(): void {
    this.marks.push({ at: this.device.log.length, files: new Map(this.files) });
  }
}

function slotLength(byte: number): number {
  return 500 + byte * 97;
}

/** What must hold of a directory after a cut at entry `cut` of the log. */
function judge(work: Workload, dir: Ext4Inode, cut: number): void {
  const mark = work.marks.filter((m) => m.at <= cut).pop();
  const changed = new Set(
    work.changes.filter((c) => c.at >= (mark?.at ?? 0) && c.at < cut).flatMap((c) => c.names),
  );
  const found = new Map<string, Uint8Array>();
  for (const name of names(dir)) {
    if (name === '.' || name === '..') continue;
    const data = readFile(dir.lookup(name) as Ext4Inode);
    const byte = data.find((b) => b !== 0) ?? 0;
    assert.ok(byte !== STALE && data.every((b) => b === byte || b === 0), `${name}: stale bytes`);
    if (name.startsWith('slot')) {
      assert.ok(data.length === slotLength(byte) && data.every((b) => b === byte), `${name}: torn`);
    }
    found.set(name, data);
  }
  for (const [name, content] of mark?.files ?? []) {
    if (name.startsWith('slot')) assert.ok(found.has(name), `${name} is gone`);
    if (changed.has(name)) continue;
    const data = found.get(name);
    assert.ok(data !== undefined, `${name} is gone`);
    if (!content.synced) continue;
    assert.is(data!.length, content.length, name);
    assert.ok(content.length === 0 || data!.at(-1) === content.byte || data!.at(-1) === 0, name);
  }
  for (const name of found.keys()) {
    assert.ok(changed.has(name) || mark?.files.has(name), `${name} came back`);
  }
}

function emptyImage(journal: boolean): MemoryBlockDevice {
  const device = new MemoryBlockDevice(8 << 20);
  const stale = new Uint8Array(1 << 20).fill(STALE);
  for (let at = 0; at < device.size; at += stale.length) device.write(at, stale);
  createExt4(device, { blockSize: 1024 });
  const fs = Ext4FileSystem.open(device);
  assert.is(fs.volume.sb.hasJournal, journal);
  fs.root.create('d', 0o040755, 0, 0, 0);
  fs.close();
  return device;
}

test(`cuts anywhere, with torn sectors and writes in any order`, () => {
  const base = emptyImage(true);
  let cuts = 0;
  let checked = 0;
  let writes = 0;
  for (let round = 0; cuts < CUTS; round++) {
    const work = new Workload(base, SEED + round);
    work.run(OPERATIONS);
    const { log } = work.device;
    writes += log.length;
    const stable = copyOf(base);
    const step = Math.max(1, Math.floor(log.length / CUTS_A_WORKLOAD));
    let flushed = 0;
    for (let cut = 1; cut <= log.length && cuts < CUTS; cut++) {
      if (log[cut - 1] === 'flush') {
        for (; flushed < cut; flushed++) {
          const entry = log[flushed]!;
          if (entry !== 'flush') stable.write(entry.offset, entry.bytes);
        }
      }
      if (cut % step !== 0 && log[cut - 1] !== 'flush') continue;
      const disk = new OverlayBlockDevice(stable);
      tornWrite(disk, log.slice(flushed, cut), numbers(cut * 31 + round));
      const at = `seed ${SEED + round}, cut ${cut} of ${log.length}`;
      try {
        const fs = Ext4FileSystem.open(disk);
        judge(work, fs.root.lookup('d') as Ext4Inode, cut);
        fs.close();
        assert.equal(checkExt4(disk).problems, []);
        if (cuts % E2FSCK_EVERY === 0) {
          mustBeClean(disk);
          checked++;
        }
      } catch (error) {
        throw new Error(`${at}: ${error instanceof Error ? error.message : String(error)}`);
      }
      cuts++;
    }
  }
  assert.ok(!haveE2fsprogs || checked > CUTS / E2FSCK_EVERY / 2);
  console.log(`${cuts} power cuts in ${writes} writes and flushes, ${checked} of them for e2fsck`);
});
