/**
 * The damaged images of e2fsprogs' own tests, and what becomes of one. They are not in the repository:
 * scripts/fetch-e2fsprogs-tests.sh fetches them.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4ImageError } from '../../src/kernel/fs/ext4/errors.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import type { BlockDevice } from '../../src/kernel/ports.ts';
import { allow, type Found, readAll } from './explore.ts';
import { haveE2fsprogs, inTemp, pattern, touch, writeFile } from './tools.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const FETCHED = `${PROJECT}.cache/e2fsprogs-tests`;
const EXCEPTIONS = `${PROJECT}test/ext4/corpus-exceptions.txt`;
const E2FSCK_MS = 60_000;
const MAX_FILES = 3000;
const MINE = 'kevlar-was-here';

/** Why the images cannot be opened here, or null. */
export function noCorpus(): string | null {
  if (!haveE2fsprogs) return 'e2fsck (e2fsprogs) is not installed';
  const row = readFileSync(`${PROJECT}scripts/lib/tests.list`, 'utf8')
    .split('\n')
    .find((line) => line.startsWith('e2fsprogs '));
  const [, version, , , sha256] = row?.split(/ +/) ?? [];
  const wanted = `${FETCHED}/wanted`;
  if (existsSync(wanted) && readFileSync(wanted, 'utf8') === `${version} ${sha256}\n`) return null;
  return 'e2fsprogs’ tests are not there: scripts/fetch-e2fsprogs-tests.sh fetches them';
}

/** Names of the tests that come with an image. */
export function corpus(): string[] {
  const tests = `${FETCHED}/tests`;
  return readdirSync(tests)
    .filter((name) => existsSync(join(tests, name, 'image.gz')))
    .sort();
}

export function imageOf(name: string): Uint8Array {
  return gunzipSync(readFileSync(join(FETCHED, 'tests', name, 'image.gz')));
}

/** Rows of `IMAGE WHAT REASON`: what differs, as "IMAGE WHAT". */
export function exceptions(): Map<string, string> {
  const out = new Map<string, string>();
  for (const line of readFileSync(EXCEPTIONS, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, what, reason] = /^(\S+) +(\S+) +(\S.*)$/.exec(line)!;
    out.set(`${name} ${what}`, reason!);
  }
  return out;
}

type Verdict = 'clean' | 'damaged';

/** What became of an image. */
export interface Outcome {
  readonly e2fsck: Verdict;
  readonly check: Verdict;
  readonly mount: 'refused' | 'read-only' | 'writable';
  readonly files: number;
  readonly unreadable: number;
  /** Differences, by the words of the exceptions: check, read, write, spread. */
  readonly differences: ReadonlyMap<string, string>;
}

function e2fsck(path: string, how: '-fn' | '-fy'): { ok: boolean; status: number } {
  const r = spawnSync('e2fsck', [how, path], {
    encoding: 'latin1',
    timeout: E2FSCK_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  // What it would mend and did not may leave the status 0.
  const lines = (r.stdout + r.stderr).split('\n').filter((line) => !line.includes('Optimize?'));
  const complains = lines.some((line) => /\? no\b|IGNORED|Superblock invalid/.test(line));
  return { ok: r.status === 0 && !complains, status: r.status ?? -1 };
}

/** Mends it as e2fsck does. @returns what is then in it; null if e2fsck fails, or leaves what we refuse */
function mended(bytes: Uint8Array): Found | null {
  return inTemp((dir) => {
    const path = join(dir, 'image');
    writeFileSync(path, bytes);
    let { status } = e2fsck(path, '-fy');
    if (status === 1) status = e2fsck(path, '-fy').status;
    if (status < 0 || status > 1) return null;
    let found: Found | null = null;
    allow(() => {
      const device = MemoryBlockDevice.from(readFileSync(path));
      found = readAll(Ext4FileSystem.open(device, { readOnly: true }), MAX_FILES);
    });
    return found;
  });
}

/** Reads and writes outside are our fault, not the image's. */
class FencedDevice implements BlockDevice {
  readonly size: number;
  readonly readOnly = false;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes.slice();
    this.size = bytes.length;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.range(offset, into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.range(offset, from.length).set(from);
  }

  flush(): void {}

  private range(offset: number, length: number): Uint8Array {
    if (offset >= 0 && offset + length <= this.size)
      return this.bytes.subarray(offset, offset + length);
    throw new RangeError(`${length} bytes at ${offset}, in an image of ${this.size}`);
  }
}

/** Makes a directory with files of its own, and touches nothing else. */
function change(fs: Ext4FileSystem): void {
  allow(() => {
    const dir = fs.root.create(MINE, 0o040755, 0, 0, 0) as Ext4Inode;
    for (let i = 0; i < 40; i++) {
      allow(() => writeFile(touch(dir, `file-${i}-${'n'.repeat(i)}`), i * 512, pattern(3000, i)));
      if (i % 3 === 2) allow(() => dir.unlink(`file-${i - 1}-${'n'.repeat(i - 1)}`));
      if (i % 9 === 8) allow(() => fs.sync());
    }
  });
  allow(() => fs.close());
}

/** Files that `later` has with another content than `earlier`. */
function changed(earlier: Found, later: Found): string[] {
  const out: string[] = [];
  for (const [path, content] of earlier) {
    const now = later.get(path);
    if (content === null || now === undefined || now === content) continue;
    // A file whose size was too small becomes longer.
    const was = bytesIn(content);
    const is = now === null ? null : bytesIn(now);
    if (was === null || is === null || !is.startsWith(was)) out.push(path);
  }
  return out;
}

function bytesIn(content: string): string | null {
  return content.startsWith('file of ') ? content.slice(content.indexOf(':')) : null;
}

function judge(bytes: Uint8Array): Verdict {
  try {
    return checkExt4(new FencedDevice(bytes)).problems.length === 0 ? 'clean' : 'damaged';
  } catch (error) {
    if (error instanceof Ext4ImageError) return 'damaged';
    throw error;
  }
}

/** Puts an image through everything. Exceptions that are no errors of Linux or of the image come out. */
export function examine(bytes: Uint8Array): Outcome {
  const differences = new Map<string, string>();
  const verdict = inTemp((dir) => {
    writeFileSync(join(dir, 'image'), bytes);
    return e2fsck(join(dir, 'image'), '-fn').ok ? 'clean' : 'damaged';
  });
  const check = judge(bytes);
  if (check !== verdict) differences.set('check', `e2fsck: ${verdict}, we: ${check}`);
  let found: Found = new Map();
  const opened = allow(() => {
    const options = { readOnly: true };
    found = readAll(Ext4FileSystem.open(new FencedDevice(bytes), options), MAX_FILES);
  });
  const unreadable = [...found.values()].filter((content) => content === null).length;
  const whole = opened ? mended(bytes) : null;
  if (whole !== null) {
    const wrong = changed(found, whole);
    if (wrong.length > 0) differences.set('read', wrong.slice(0, 5).join(' '));
  }
  const mount = opened ? write(bytes, found, verdict, differences) : 'refused';
  return { e2fsck: verdict, check, mount, files: found.size, unreadable, differences };
}

function write(
  bytes: Uint8Array,
  found: Found,
  verdict: Verdict,
  differences: Map<string, string>,
): Outcome['mount'] {
  const device = new FencedDevice(bytes);
  const fs = Ext4FileSystem.open(device);
  if (fs.readOnly) return 'read-only';
  change(fs);
  if (verdict === 'clean') {
    inTemp((dir) => {
      writeFileSync(join(dir, 'image'), device.bytes);
      if (!e2fsck(join(dir, 'image'), '-fn').ok) differences.set('write', 'e2fsck finds something');
    });
  }
  // What was readable, and right, before we wrote is so afterwards.
  const before = mended(bytes);
  const after = mended(device.bytes);
  if (before === null || after === null) return 'writable';
  const right = new Map([...found].filter(([path, content]) => before.get(path) === content));
  const hurt = changed(right, after);
  for (const path of right.keys()) if (!after.has(path)) hurt.push(path);
  if (hurt.length > 0) differences.set('spread', hurt.slice(0, 5).join(' '));
  return 'writable';
}
