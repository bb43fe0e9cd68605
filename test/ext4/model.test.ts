/**
 * Random sequences of operations on ext4 and on a simple model in memory: both give the same results and
 * the same tree, also after mounting again, and e2fsck finds nothing at the end.
 */

import fc from 'fast-check';
import { LinuxError } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { mustBeClean, names, readFile, writeFile } from './tools.ts';

const test = suite('ext4 against a model', { timeout: 3_600_000 });
const RUNS = Number(process.env['KEVLAR_MODEL_RUNS'] ?? 25);
const SEED = Number(process.env['KEVLAR_FUZZ_SEED'] ?? 1);
/** The small ones fill up and have no journal. */
const IMAGE_BYTES = [3 << 18, 1 << 20, 3 << 20] as const;

interface Node {
  readonly kind: 'file' | 'dir' | 'link';
  data: Uint8Array;
  children: Map<string, Node>;
  links: number;
  attributes: Map<string, string>;
}

function node(kind: Node['kind'], data: Uint8Array = new Uint8Array(0)): Node {
  return { kind, data, children: new Map(), links: 1, attributes: new Map() };
}

interface State {
  fs: Ext4FileSystem;
  readonly device: MemoryBlockDevice;
  readonly root: Node;
  /** Directories of the model by number; operations choose among them. */
  dirs: [Node, string[]][];
}

/** Paths of all directories of the model. */
function directories(root: Node): [Node, string[]][] {
  const out: [Node, string[]][] = [[root, []]];
  for (const [dir, path] of out) {
    for (const [name, child] of dir.children)
      if (child.kind === 'dir') out.push([child, [...path, name]]);
  }
  return out;
}

function real(state: State, path: readonly string[]): Ext4Inode {
  return path.reduce((at, name) => at.lookup(name) as Ext4Inode, state.fs.root);
}

/** Runs the operation on the file system; the model's is run only if it worked. */
function attempt(action: () => void, model: () => void): number {
  try {
    action();
  } catch (error) {
    if (error instanceof LinuxError) return error.errno;
    throw error;
  }
  model();
  return 0;
}

type Operation = (state: State) => void;

const nat = fc.nat();
const number = fc.nat(9999);

/** Few names, so that operations meet; long enough that a directory outgrows its block. */
function someName(n: number): string {
  return `n${n % 20}${'-'.repeat([0, 3, 90, 200][n % 4]!)}`;
}

/** Mostly the name of an entry that exists. */
function someEntry(dir: Node, n: number): string {
  const known = [...dir.children.keys()];
  return known.length > 0 && n % 6 > 0 ? known[n % known.length]! : someName(n);
}

function pick(state: State, n: number): { dir: Node; inode: Ext4Inode; path: string[] } {
  state.dirs = directories(state.root);
  const [dir, path] = state.dirs[n % state.dirs.length]!;
  return { dir, inode: real(state, path), path };
}

function mustFail(errno: number, expected: readonly number[]): void {
  assert.ok(expected.includes(errno), `errno ${errno}, expected ${expected.join(' or ')}`);
}

const EINVAL = 22;
const ENOSPC = 28;
const BLOCK = 1024;
const COLLAPSE = 8;
const INSERT = 32;

const createArb = fc.tuple(nat, number, fc.constantFrom('file', 'file', 'file', 'dir', 'link')).map(
  ([where, n, kind]): Operation =>
    (state) => {
      const { dir, inode } = pick(state, where);
      const name = someName(n);
      const exists = dir.children.has(name);
      const target = `t${name}`.repeat(2);
      const errno = attempt(
        () => {
          if (kind === 'link') inode.symlink(name, target, 1, 2);
          else inode.create(name, kind === 'dir' ? 0o040755 : 0o100644, 1, 2, 0);
        },
        () =>
          dir.children.set(
            name,
            node(kind as Node['kind'], kind === 'link' ? Buffer.from(target) : new Uint8Array(0)),
          ),
      );
      if (exists) mustFail(errno, [17]);
      else mustFail(errno, [0, ENOSPC]);
    },
);

/** fast-check prefers small numbers; disks fill by large ones. */
const lengthArb = fc.oneof(fc.nat(5000), fc.integer({ min: 50_000, max: 250_000 }));

const writeArb = fc.tuple(nat, number, fc.nat(300_000), lengthArb, fc.nat(255)).map(
  ([where, n, offset, length, byte]): Operation =>
    (state) => {
      const { dir, inode } = pick(state, where);
      const name = someEntry(dir, n);
      const file = dir.children.get(name);
      if (file === undefined || file.kind !== 'file') return;
      const bytes = new Uint8Array(length + 1).fill(byte);
      const errno = attempt(
        () => writeFile(inode.lookup(name) as Ext4Inode, offset, bytes),
        () => {
          const grown = new Uint8Array(Math.max(file.data.length, offset + bytes.length));
          grown.set(file.data);
          grown.set(bytes, offset);
          file.data = grown;
        },
      );
      mustFail(errno, [0, ENOSPC]);
    },
);

const truncateArb = fc.tuple(nat, number, fc.nat(200_000)).map(
  ([where, n, size]): Operation =>
    (state) => {
      const { dir, inode } = pick(state, where);
      const name = someEntry(dir, n);
      const file = dir.children.get(name);
      if (file === undefined || file.kind !== 'file') return;
      inode.lookup(name)!.setattr({ size });
      const data = new Uint8Array(size);
      data.set(file.data.subarray(0, size));
      file.data = data;
    },
);

const fallocateArb = fc
  .tuple(nat, number, fc.constantFrom(0, 1, 3, 16), fc.nat(200_000), fc.nat(50_000))
  .map(
    ([where, n, mode, offset, length]): Operation =>
      (state) => {
        const { dir, inode } = pick(state, where);
        const name = someEntry(dir, n);
        const file = dir.children.get(name);
        if (file === undefined || file.kind !== 'file') return;
        const end = offset + length + 1;
        const errno = attempt(
          () => inode.lookup(name)!.fallocate(mode, offset, length + 1),
          () => {
            if (mode === 3 || mode === 16) file.data.fill(0, offset, end);
            if ((mode & 1) === 0 && end > file.data.length) {
              const grown = new Uint8Array(end);
              grown.set(file.data);
              file.data = grown;
            }
          },
        );
        // Zeroing may have got half way when space runs out; the model follows what is there.
        if (errno === ENOSPC) file.data = readFile(inode.lookup(name) as Ext4Inode);
        mustFail(errno, [0, ENOSPC]);
      },
  );

/** Whole blocks go out of a file, or holes of whole blocks into it. */
const moveArb = fc
  .tuple(
    nat,
    number,
    fc.constantFrom(COLLAPSE, INSERT),
    fc.nat(99),
    fc.integer({ min: 1, max: 40 }),
  )
  .map(
    ([where, n, mode, block, count]): Operation =>
      (state) => {
        const { dir, inode } = pick(state, where);
        const name = someEntry(dir, n);
        const file = dir.children.get(name);
        if (file === undefined || file.kind !== 'file') return;
        const size = file.data.length;
        // Mostly inside the file.
        const offset = (n % 5 === 0 ? block : block % Math.ceil((size + 1) / BLOCK)) * BLOCK;
        const length = count * BLOCK;
        const errno = attempt(
          () => inode.lookup(name)!.fallocate(mode, offset, length),
          () => {
            const change = mode === COLLAPSE ? -length : length;
            const moved = new Uint8Array(size + change);
            moved.set(file.data.subarray(0, offset));
            if (mode === COLLAPSE) moved.set(file.data.subarray(offset + length), offset);
            else moved.set(file.data.subarray(offset), offset + length);
            file.data = moved;
          },
        );
        const outside = mode === COLLAPSE ? offset + length >= size : offset >= size;
        mustFail(errno, outside ? [EINVAL] : [0, ENOSPC]);
      },
  );

const removeArb = fc.tuple(nat, number).map(
  ([where, n]): Operation =>
    (state) => {
      const { dir, inode } = pick(state, where);
      const name = someEntry(dir, n);
      const victim = dir.children.get(name);
      const isDir = victim?.kind === 'dir';
      const errno = attempt(
        () => (isDir ? inode.rmdir(name) : inode.unlink(name)),
        () => dir.children.delete(name),
      );
      if (victim === undefined) mustFail(errno, [2]);
      else mustFail(errno, victim.children.size > 0 ? [39] : [0]);
    },
);

const linkArb = fc.tuple(nat, number, nat, number).map(
  ([where, n, to, m]): Operation =>
    (state) => {
      const a = pick(state, where);
      const b = pick(state, to);
      const name = someEntry(a.dir, n);
      const toName = someName(m);
      const file = a.dir.children.get(name);
      if (file === undefined || file.kind === 'dir') return;
      const exists = b.dir.children.has(toName);
      const errno = attempt(
        () => b.inode.link(toName, a.inode.lookup(name)!),
        () => b.dir.children.set(toName, file),
      );
      mustFail(errno, exists ? [17] : [0, ENOSPC]);
    },
);

function contains(dir: Node, other: Node): boolean {
  return (
    dir === other || [...dir.children.values()].some((c) => c.kind === 'dir' && contains(c, other))
  );
}

const renameArb = fc.tuple(nat, number, nat, number, fc.constantFrom(0, 0, 1, 2)).map(
  ([where, n, to, m, flags]): Operation =>
    (state) => {
      const a = pick(state, where);
      const b = pick(state, to);
      const name = someEntry(a.dir, n);
      const toName = someEntry(b.dir, m);
      const source = a.dir.children.get(name);
      const target = b.dir.children.get(toName);
      const errno = attempt(
        () => a.inode.rename(name, b.inode, toName, flags),
        () => {
          if (source === target) return;
          if (flags === 2) a.dir.children.set(name, target!);
          else a.dir.children.delete(name);
          b.dir.children.set(toName, source!);
        },
      );
      if (source === undefined) return mustFail(errno, [2]);
      if (flags === 2 && target === undefined) return mustFail(errno, [2]);
      if (flags === 1 && target !== undefined) return mustFail(errno, [17]);
      if (source === target) return mustFail(errno, [0]);
      const loops =
        (source.kind === 'dir' && contains(source, b.dir)) ||
        (flags === 2 && target!.kind === 'dir' && contains(target!, a.dir));
      if (loops) return mustFail(errno, [22, 39]);
      if (flags !== 2 && target !== undefined) {
        if (source.kind === 'dir' && target.kind !== 'dir') return mustFail(errno, [20]);
        if (source.kind !== 'dir' && target.kind === 'dir') return mustFail(errno, [21]);
        if (target.children.size > 0) return mustFail(errno, [39]);
      }
      mustFail(errno, [0, ENOSPC]);
    },
);

const xattrArb = fc.tuple(nat, number, fc.nat(5), fc.constantFrom(0, 10, 200, 700)).map(
  ([where, n, key, length]): Operation =>
    (state) => {
      const { dir, inode } = pick(state, where);
      const name = someEntry(dir, n);
      const file = dir.children.get(name);
      if (file === undefined) return;
      const full = `user.k${key}`;
      const child = inode.lookup(name)!;
      if (length === 0) {
        const errno = attempt(
          () => child.removexattr(full),
          () => file.attributes.delete(full),
        );
        mustFail(errno, [0, 61, ENOSPC]);
        return;
      }
      const errno = attempt(
        () => child.setxattr(full, Buffer.alloc(length, key), 0),
        () => file.attributes.set(full, String(length)),
      );
      mustFail(errno, [0, ENOSPC]);
    },
);

const syncArb = fc.constantFrom(0, 1, 2).map(
  (how): Operation =>
    (state) => {
      if (how === 0) state.fs.sync();
      if (how !== 1) return;
      state.fs.close();
      state.fs = open(state.device);
    },
);

function open(device: MemoryBlockDevice): Ext4FileSystem {
  return Ext4FileSystem.open(device, {
    now: () => ({ sec: 1_700_000_000, nsec: 0 }),
    log: (line) => {
      throw new Error(line);
    },
  });
}

function compare(inode: Ext4Inode, model: Node): void {
  const attributes = inode.listxattr().sort();
  assert.equal(attributes, [...model.attributes.keys()].sort());
  if (model.kind === 'dir') {
    const expected = ['.', '..', ...model.children.keys()];
    assert.equal(
      names(inode).filter((n) => n !== 'lost+found'),
      expected.sort(),
    );
    for (const [name, child] of model.children) compare(inode.lookup(name) as Ext4Inode, child);
  } else if (model.kind === 'link') {
    assert.is(inode.readlink(), Buffer.from(model.data).toString());
  } else {
    assert.is(inode.size, model.data.length);
    assert.ok(Buffer.compare(readFile(inode), model.data) === 0, 'data differs');
  }
}

const operation = fc.oneof(
  { weight: 6, arbitrary: createArb },
  { weight: 5, arbitrary: writeArb },
  { weight: 2, arbitrary: truncateArb },
  { weight: 2, arbitrary: fallocateArb },
  { weight: 2, arbitrary: moveArb },
  { weight: 3, arbitrary: removeArb },
  { weight: 2, arbitrary: linkArb },
  { weight: 4, arbitrary: renameArb },
  { weight: 3, arbitrary: xattrArb },
  { weight: 1, arbitrary: syncArb },
);

test('random operations', () => {
  const sequences = fc.array(operation, { minLength: 60, maxLength: 300, size: 'max' });
  const property = fc.property(fc.constantFrom(...IMAGE_BYTES), sequences, (size, operations) => {
    const device = new MemoryBlockDevice(size);
    createExt4(device, { blockSize: BLOCK, inodes: 128, blank: true, reservedPercent: 0 });
    const state: State = { fs: open(device), device, root: node('dir'), dirs: [] };
    for (const op of operations) op(state);
    compare(state.fs.root, state.root);
    state.fs.close();
    state.fs = open(device);
    compare(state.fs.root, state.root);
    state.fs.close();
    assert.equal(checkExt4(device).problems, []);
    mustBeClean(device);
  });
  fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
  console.log(`${RUNS} sequences of 60 to 300 operations`);
});
