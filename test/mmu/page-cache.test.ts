/** The page cache by itself: read, write, size changes, write-back, memory pressure. */

import { PAGE_SIZE } from '../../src/common/layout.ts';
import { EFAULT, EIO, linuxError } from '../../src/kernel/errno.ts';
import { PageCache } from '../../src/kernel/mm/page-cache.ts';
import type { IoSink, IoSource } from '../../src/kernel/vfs/types.ts';
import { frameHost } from '../../src/mmu/frames.ts';
import { assert, suite } from '../lib/suite.ts';
import { checkAudit, errnoOf, makeRig, pattern, TestFile } from './rig.ts';

const test = suite('page cache');
const P = PAGE_SIZE;

/** A kernel buffer as source or sink; moves at most `limit` bytes, then fails. */
class Buffer implements IoSink, IoSource {
  readonly bytes: Uint8Array;
  private done = 0;
  private readonly limit: number;

  constructor(bytes: Uint8Array, limit: number = bytes.length) {
    this.bytes = bytes;
    this.limit = limit;
  }

  get remaining(): number {
    return this.bytes.length - this.done;
  }

  put(src: Uint8Array, start: number, end: number): number {
    const n = this.advance(end - start);
    this.bytes.set(src.subarray(start, start + n), this.done - n);
    return n;
  }

  take(dst: Uint8Array, start: number, end: number): number {
    const n = this.advance(end - start);
    dst.set(this.bytes.subarray(this.done - n, this.done), start);
    return n;
  }

  private advance(wanted: number): number {
    const n = Math.min(wanted, this.limit - this.done);
    if (n === 0) throw linuxError(EFAULT);
    this.done += n;
    return n;
  }
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

function readAll(file: TestFile): Uint8Array {
  const to = new Buffer(new Uint8Array(file.size));
  assert.is(file.pages.read(0, file.size, to), file.size);
  return to.bytes;
}

/** write(2) as a regular file does it: the cache, then the size. */
function append(file: TestFile, offset: number, bytes: Uint8Array): void {
  assert.is(file.pages.write(offset, bytes.length, new Buffer(bytes)), bytes.length);
  if (offset + bytes.length > file.size) file.grow(offset + bytes.length);
}

test('read and write cross pages and agree', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(3 * P));
  append(file, P - 100, new Uint8Array(200).fill(7));
  const expected = pattern(3 * P).fill(7, P - 100, P + 100);
  assert.equal(readAll(file), expected);
  assert.is(file.pages.dirtyPages, 2);
  file.pages.sync();
  assert.equal(file.disk, expected);
  assert.equal(file.writes, [2], 'neighbours are written at once');
  checkAudit(rig);
});

test('a write beyond the end leaves zeros between, and setting the size keeps it', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(100));
  append(file, 50, pattern(100, 3));
  append(file, 2 * P + 10, pattern(20, 5));
  const expected = new Uint8Array(2 * P + 30);
  expected.set(pattern(50));
  expected.set(pattern(100, 3), 50);
  expected.set(pattern(20, 5), 2 * P + 10);
  assert.equal(readAll(file), expected);
  file.pages.sync();
  assert.equal(file.disk, expected);
});

test('bytes stored behind the end through a mapping vanish when the file grows', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(100));
  const host = frameHost(file.pages.frame(0, true));
  rig.memory.U8.fill(0xff, host + 100, host + 300);
  append(file, 200, Uint8Array.of(1));
  assert.equal(
    readAll(file).slice(98),
    Uint8Array.of(...pattern(100).slice(98), ...new Uint8Array(100), 1),
  );
  rig.memory.U8.fill(0xff, host + 201, host + 300);
  file.grow(250);
  assert.is(readAll(file)[249], 0);
});

test('shrinking and growing again reads as zeros', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(2 * P));
  readAll(file);
  file.truncate(10);
  file.grow(2 * P);
  const expected = new Uint8Array(2 * P);
  expected.set(pattern(10));
  assert.equal(readAll(file), expected);
  checkAudit(rig);
});

test('a transfer that faults reports what it moved, or EFAULT if nothing', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(2 * P));
  assert.is(file.pages.read(0, 2 * P, new Buffer(new Uint8Array(2 * P), 10)), 10);
  assert.is(file.pages.read(0, 2 * P, new Buffer(new Uint8Array(2 * P), P)), P);
  assert.is(
    errnoOf(() => file.pages.read(0, 10, new Buffer(new Uint8Array(10), 0))),
    EFAULT,
  );
  assert.is(file.pages.write(0, 2 * P, new Buffer(new Uint8Array(2 * P), P)), P);
  assert.is(
    errnoOf(() => file.pages.write(0, 10, new Buffer(new Uint8Array(10), 0))),
    EFAULT,
  );
});

test('whole pages that are overwritten are not read, those in part are', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(10 * P + 100));
  append(file, 2 * P - 10, pattern(4 * P + 20, 9));
  assert.is(sum(file.reads), 2);
  file.pages.sync();
  const expected = pattern(10 * P + 100);
  expected.set(pattern(4 * P + 20, 9), 2 * P - 10);
  assert.equal(file.disk, expected);
  append(file, 8 * P, pattern(3 * P, 11));
  assert.is(sum(file.reads), 2, 'not the last one either, whose rest is new');
  const longer = new Uint8Array(11 * P);
  longer.set(expected);
  longer.set(pattern(3 * P, 11), 8 * P);
  assert.equal(readAll(file), longer);
  file.pages.sync();
  assert.equal(file.disk, longer);
  checkAudit(rig);
});

test('what a source does not give of whole pages stays as it is', () => {
  for (const given of [0, 1, P - 1, P, P + 1, 3 * P - 1]) {
    const rig = makeRig();
    const { free } = rig.paging.frames;
    const file = new TestFile(rig, pattern(3 * P - 50));
    const write = (): number =>
      file.pages.write(0, 3 * P, new Buffer(new Uint8Array(3 * P).fill(7), given));
    if (given === 0) assert.is(errnoOf(write), EFAULT);
    else assert.is(write(), given);
    assert.is(rig.paging.frames.free, free - file.pages.resident);
    if (given > file.size) file.grow(given);
    const expected = new Uint8Array(file.size);
    expected.set(pattern(3 * P - 50));
    assert.equal(readAll(file), expected.fill(7, 0, given));
    file.pages.sync();
    assert.equal(file.disk, expected);
    checkAudit(rig);
  }
});

test('a source that needs the page that it is to overwrite sees the file', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(4 * P));
  const { free } = rig.paging.frames;
  const from: IoSource = {
    remaining: 3 * P,
    take: (dst, start, end) => {
      // The page behind the one that it gives: a mapping that is written to its own file.
      for (let at = start; at < end; at += P) {
        const host = frameHost(file.pages.frame(1 + (at - start) / P, false));
        dst.copyWithin(at, host, host + P);
      }
      return end - start;
    },
  };
  assert.is(file.pages.write(0, 3 * P, from), 3 * P);
  const expected = pattern(4 * P);
  expected.copyWithin(0, P);
  assert.equal(readAll(file), expected);
  file.pages.sync();
  assert.equal(file.disk, expected);
  assert.is(rig.paging.frames.free, free - 4);
  checkAudit(rig);
});

test('of pages of which the last cannot be kept, as its rest is damaged, the others are written', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(3 * P));
  const { free } = rig.paging.frames;
  file.unreadable = 2;
  const write = (offset: number): number =>
    file.pages.write(
      offset,
      3 * P - offset,
      new Buffer(new Uint8Array(3 * P).fill(7), 2 * P + 5 - offset),
    );
  assert.is(write(0), 2 * P);
  assert.is(
    errnoOf(() => write(2 * P)),
    EIO,
  );
  assert.is(rig.paging.frames.free, free - 2);
  append(file, 2 * P, new Uint8Array(P).fill(8));
  checkAudit(rig);
});

test('without a file behind it, holes read as zeros and take no memory', () => {
  const rig = makeRig();
  const tmp = { size: 100 * P };
  const pages = new PageCache(rig.paging, tmp);
  const free = rig.paging.frames.free;
  const to = new Buffer(new Uint8Array(5 * P).fill(1));
  pages.read(3 * P, 5 * P, to);
  assert.ok(to.bytes.every((b) => b === 0));
  assert.is(rig.paging.frames.free, free);
  pages.write(4 * P, 10, new Buffer(pattern(10)));
  assert.is(pages.resident, 1);
  assert.is(pages.dropClean(), 0);
  pages.sync();
  assert.is(pages.dropClean(), 0, 'nothing else has the data');
  pages.dispose();
  assert.is(rig.paging.frames.free, free);
});

test('a page that cannot be read is an error and costs no frame', () => {
  const rig = makeRig();
  const pages = new PageCache(rig.paging, {
    size: P,
    readPages: () => {
      throw linuxError(EIO);
    },
  });
  const free = rig.paging.frames.free;
  assert.is(
    errnoOf(() => pages.frame(0, false)),
    EIO,
  );
  assert.is(rig.paging.frames.free, free);
});

test('writing more than fits in memory writes back as it goes', () => {
  const rig = makeRig(64);
  const file = new TestFile(rig, new Uint8Array(0));
  for (let i = 0; i < 200; i++) append(file, i * P, pattern(P, i));
  assert.ok(sum(file.writes) > 100);
  assert.is(file.size, 200 * P);
  file.pages.sync();
  for (const i of [0, 77, 199]) assert.equal(file.disk.slice(i * P, (i + 1) * P), pattern(P, i));
  checkAudit(rig);
});

test('a file that is read in order is read ahead, more each time, and others page by page', () => {
  const rig = makeRig(1024);
  const content = pattern(200 * P + 5);
  const file = new TestFile(rig, content);
  for (let i = 0; i <= 200; i++) {
    const to = new Buffer(new Uint8Array(100));
    file.pages.read(i * P, i === 200 ? 5 : 100, to);
    assert.equal(to.bytes.slice(0, 5), content.slice(i * P, i * P + 5));
  }
  assert.equal(file.reads, [4, 8, 16, 32, 64, 64, 13]);
  checkAudit(rig);
  file.pages.dropClean();
  file.reads.length = 0;
  for (const i of [90, 20, 150]) file.pages.read(i * P, 100, new Buffer(new Uint8Array(100)));
  assert.equal(file.reads, [1, 1, 1]);
  file.pages.read(60 * P, 10 * P, new Buffer(new Uint8Array(10 * P)));
  assert.equal(file.reads, [1, 1, 1, 10], 'what is asked for is read at once');
  file.pages.read(85 * P, 10 * P, new Buffer(new Uint8Array(10 * P)));
  assert.equal(file.reads, [1, 1, 1, 10, 5, 4], 'around a page that is there');
  checkAudit(rig);
});

test('reading ahead stops where memory gets scarce, and at what is there', () => {
  const rig = makeRig(64);
  const content = pattern(300 * P);
  const file = new TestFile(rig, content);
  assert.is(
    readAll(file).findIndex((b, i) => b !== content[i]),
    -1,
  );
  assert.ok(Math.max(...file.reads) <= 8);
  checkAudit(rig);
});

test('who reads a large file in order leaves no more than a part of memory behind', () => {
  const rig = makeRig(1024);
  const content = pattern(700 * P);
  const file = new TestFile(rig, content);
  for (let i = 0; i < 700; i++) {
    const to = new Buffer(new Uint8Array(P));
    file.pages.read(i * P, P, to);
    assert.ok(to.bytes.every((b, at) => b === content[i * P + at]));
    if (i === 3) append(file, 2 * P, new Uint8Array(P));
    assert.ok(file.pages.resident <= 1024 / 8 + 64 + 1, `${file.pages.resident} at page ${i}`);
  }
  assert.is(sum(file.reads), 700, 'each is read once');
  assert.ok(file.pages.peek(2) >= 0, 'what is to be written back stays');
  checkAudit(rig);
  // Here and there: nothing is left behind.
  const random = new TestFile(rig, content);
  for (let i = 0; i < 500; i++)
    random.pages.read(((i * 37) % 700) * P, P, new Buffer(new Uint8Array(P)));
  assert.is(random.pages.resident, 500);
});

test('under pressure what was not used for longest goes first, of all files', () => {
  const rig = makeRig(512);
  const hot = new TestFile(rig, pattern(40 * P));
  const cold = new TestFile(rig, pattern(200 * P));
  const one = (file: TestFile, i: number): void =>
    void file.pages.read(i * P, 10, new Buffer(new Uint8Array(10)));
  const stream = new TestFile(rig, pattern(4000 * P));
  for (let i = 0; i < 200; i++) one(cold, (i * 37) % 200);
  const reads: number[] = [];
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 40; i++) one(hot, (i * 7) % 40);
    for (let i = 0; i < 30; i++) one(stream, (i * 997 + round * 31) % 4000);
    reads.push(sum(hot.reads));
  }
  assert.ok(cold.pages.resident < 100, `${cold.pages.resident} pages that nobody uses`);
  const again = (reads.at(-1) as number) - 40;
  assert.ok(again < 100, `${again} of 4,000 pages in use were read again`);
  assert.ok(sum(stream.reads) > 2500, 'or there was no pressure');
  checkAudit(rig);
});

test('a page that cannot be read ends a transfer: what came before it counts', () => {
  const rig = makeRig();
  const content = pattern(20 * P);
  const bad = 7;
  const pages = new PageCache(rig.paging, {
    size: content.length,
    readPages: (index, count, host) => {
      if (index <= bad && bad < index + count) throw linuxError(EIO);
      rig.memory.U8.set(content.subarray(index * P, (index + count) * P), host);
    },
    writePages: () => {},
  });
  const to = new Buffer(new Uint8Array(20 * P));
  assert.is(pages.read(10, 20 * P - 10, to), bad * P - 10);
  assert.equal(to.bytes.slice(0, bad * P - 10), content.slice(10, bad * P));
  assert.is(
    errnoOf(() => pages.read(bad * P, P, new Buffer(new Uint8Array(P)))),
    EIO,
  );
  assert.is(pages.read((bad + 1) * P, P, new Buffer(new Uint8Array(P))), P);
  const half = new Buffer(new Uint8Array(5 * P));
  assert.is(pages.write((bad - 2) * P, 2 * P + 10, half), 2 * P, 'the bad page has to be read');
  const { free } = rig.paging.frames;
  pages.dispose();
  assert.ok(rig.paging.frames.free > free);
});

test('a write that ends early leaves no pages beyond the end of the file', () => {
  const rig = makeRig();
  const tmp = { size: 0 };
  const pages = new PageCache(rig.paging, tmp);
  assert.is(pages.write(0, 10 * P, new Buffer(new Uint8Array(10 * P), 2 * P + 1)), 2 * P + 1);
  assert.is(pages.resident, 3);
  assert.is(
    errnoOf(() => pages.write(20 * P, 10 * P, new Buffer(new Uint8Array(10 * P), 0))),
    EFAULT,
  );
  assert.is(pages.resident, 3);
});

test('pages that are written back while a write fills them are dirty afterwards', () => {
  const rig = makeRig();
  const file = new TestFile(rig, pattern(4 * P));
  const bytes = pattern(4 * P, 9);
  const source: IoSource = {
    remaining: 4 * P,
    take(dst, start, end) {
      file.pages.sync();
      dst.set(bytes.subarray(0, end - start), start);
      return end - start;
    },
  };
  assert.is(file.pages.write(0, 4 * P, source), 4 * P);
  file.pages.sync();
  assert.equal(file.disk, bytes);
  checkAudit(rig);
});
