/** The dentry cache is bounded, directories too; what somebody holds stays the same object, with the right name. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Dentry, DentryCache } from '../../../src/kernel/vfs/dentry.ts';
import { type Inode, S_IFDIR, S_IFREG } from '../../../src/kernel/vfs/types.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine } from './harness.ts';

const MOST = 64;
const MANY = 2000;

const test = suite('dentry cache');

/** A cache for few names, and the root of a file system with `a/b/c` and `a/file`. */
function small(): { cache: DentryCache; root: Dentry } {
  const cache = new DentryCache(MOST);
  const top = new Machine().vfs.host.fs.root.inode;
  const root = cache.root(top);
  const a = mkdir(cache, root, 'a');
  mkdir(cache, mkdir(cache, a, 'b'), 'c');
  cache.add(a, 'file', a.inode!.create('file', S_IFREG | 0o644, 0, 0, 0));
  return { cache, root };
}

function mkdir(cache: DentryCache, dir: Dentry, name: string): Dentry {
  return cache.add(dir, name, dir.inode!.create(name, S_IFDIR | 0o755, 0, 0, 0));
}

/** Makes and looks up many other directories below `dir`, some of which have names of their own. */
function flood(cache: DentryCache, dir: Dentry, prefix: string): void {
  for (let i = 0; i < MANY; i++) {
    const made = mkdir(cache, dir, `${prefix}${i}`);
    if (i % 3 === 0) mkdir(cache, made, 'below');
    cache.lookup(made, 'absent');
    cache.trim();
    assert.ok(cache.size <= 4 * MOST, `${cache.size} names`);
  }
}

const walk = (cache: DentryCache, from: Dentry, path: string): Dentry =>
  path.split('/').reduce((at, name) => cache.lookup(at, name), from);

function pathOf(d: Dentry): string {
  return d.parent === null ? '' : `${pathOf(d.parent)}/${d.name}`;
}

async function collect(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

test('of many directories few are in memory, and each is found again', async () => {
  const { cache, root } = small();
  const inode = walk(cache, root, 'a/b/c').inode;
  const seen = new WeakRef(walk(cache, root, 'a/b/c'));
  flood(cache, root, 'd');
  await collect();
  assert.ok(seen.deref() === undefined, 'nobody holds it');
  assert.ok(walk(cache, root, 'a/b/c').inode === inode);
  for (let i = 0; i < MANY; i += 3) assert.ok(walk(cache, root, `d${i}/below`).inode !== null);
});

test('a directory and a file that are held are what their names lead to', async () => {
  const { cache, root } = small();
  const c = walk(cache, root, 'a/b/c');
  const file = walk(cache, root, 'a/file');
  flood(cache, root, 'd');
  await collect();
  assert.ok(walk(cache, root, 'a/b/c') === c);
  assert.ok(walk(cache, root, 'a/file') === file);
  assert.ok(walk(cache, root, 'a/b').inode === c.parent!.inode);
});

test('what is held has the new name of a directory above it', async () => {
  const { cache, root } = small();
  const c = walk(cache, root, 'a/b/c');
  flood(cache, root, 'd');
  await collect();
  cache.move(cache.lookup(root, 'a'), root, 'z');
  assert.is(pathOf(c), '/z/b/c');
  cache.drop(walk(cache, root, 'z/b/c'));
  assert.ok(c.unlinked);
  assert.ok(cache.lookup(c, 'new').inode === null);
});

test('names below a directory that only a working directory holds are bounded, too', async () => {
  const { cache, root } = small();
  const c = walk(cache, root, 'a/b/c');
  flood(cache, root, 'd');
  await collect();
  flood(cache, c, 'e');
  assert.ok(walk(cache, root, 'a/b/c') === c);
  assert.ok(walk(cache, root, `a/b/c/e${MANY - 1}`).inode !== null);
  assert.ok((c.children?.size ?? 0) <= 4 * MOST);
});

test('a removed directory remembers no names that are not there', () => {
  const { cache, root } = small();
  const c = walk(cache, root, 'a/b/c');
  cache.drop(c);
  for (let i = 0; i < MANY; i++) cache.lookup(c, `n${i}`);
  assert.is(c.children?.size ?? 0, 0);
});

test('mount points stay', async () => {
  const { cache, root } = small();
  const b = new WeakRef(walk(cache, root, 'a/b'));
  b.deref()!.mounts = [];
  flood(cache, root, 'd');
  await collect();
  assert.ok(b.deref() !== undefined);
  assert.ok(walk(cache, root, 'a/b') === b.deref());
});

test('directories may be nested deeper than a program can call', () => {
  const { cache, root } = small();
  let at = root;
  const inode: Inode = root.inode!;
  for (let i = 0; i < 50_000; i++) {
    at = cache.add(at, 'd', inode);
    cache.trim();
  }
  cache.trim();
  cache.trim();
  assert.ok(cache.size > 0);
});
