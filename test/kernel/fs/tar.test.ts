import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { importTar, readTar, TarError } from '../../../src/kernel/fs/tar.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine } from '../vfs/harness.ts';

const test = suite('tar import');

/** Builds a tree with a shell script and archives it with GNU tar. */
function archive(script: string, ...options: string[]): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-tar-'));
  try {
    execFileSync('sh', ['-ec', `mkdir "$1/t"; cd "$1/t"; ${script}`, 'sh', dir]);
    execFileSync('tar', [...options, '-C', join(dir, 't'), '-cf', join(dir, 'out.tar'), '.']);
    return new Uint8Array(readFileSync(join(dir, 'out.tar')));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const SCRIPT = `
  printf hello > file; chmod 4711 file; ln file hard; ln -s file sym
  mkdir -p d/e; echo deep > d/e/deep; chmod 1777 d; mkfifo fifo
  long=$(printf 'n%.0s' $(seq 120)); mkdir $long; echo long > $long/$long
  ln -s $long/$long/$long linklong
  head -c 10000 /dev/zero | tr '\\0' x > big; touch -d @1234567890.123456789 big
  touch -d @1000000000 d
`;

for (const format of ['gnu', 'posix', 'ustar'] as const) {
  test(`takes over everything that GNU tar stores (--format=${format})`, () => {
    // ustar splits at a slash: 100 bytes of name, 155 of prefix, and 100 of link target.
    const script =
      format === 'ustar'
        ? SCRIPT.replace('seq 120', 'seq 95').replace(/ {2}ln -s \$long.*\n/, '')
        : SCRIPT;
    const m = new Machine();
    const counts = importTar(m.vfs.root.mount.fs, archive(script, `--format=${format}`));
    const u = m.user();
    const long = 'n'.repeat(format === 'ustar' ? 95 : 120);
    assert.is(counts.files, 4);
    assert.is(u.cat('/file'), 'hello');
    assert.is(u.cat('/sym'), 'hello');
    assert.is(u.cat('/d/e/deep'), 'deep\n');
    assert.is(u.cat(`/${long}/${long}`), 'long\n');
    assert.is(u.cat('/big'), 'x'.repeat(10000));
    const file = u.stat('/file');
    const hard = u.stat('/hard');
    if (typeof file === 'number' || typeof hard === 'number') throw new Error('no file');
    assert.is(file.ino, hard.ino);
    assert.is(file.nlink, 2);
    assert.is(file.mode, 0o104711);
    const at = (name: string): { mode: number; mtime: number } => {
      const st = u.stat(name);
      if (typeof st === 'number') throw new Error(name);
      return st;
    };
    assert.is(at('/d').mode, 0o041777);
    assert.is(at('/d').mtime, 1000000000);
    assert.is(at('/fifo').mode & 0o170000, 0o010000);
    assert.is(at('/big').mtime, 1234567890);
    if (format !== 'ustar') assert.is(u.readlink('/linklong'), `${long}/${long}/${long}`);
  });
}

test('keeps imported bytes when a file is changed, shortened and extended', () => {
  const m = new Machine();
  importTar(m.vfs.root.mount.fs, archive(SCRIPT));
  const u = m.user();
  const fd = u.open('/big', 2);
  u.call('lseek', fd, 5000, 0);
  u.write(fd, 'YY');
  assert.is(u.cat('/big'), `${'x'.repeat(5000)}YY${'x'.repeat(4998)}`);
  u.call('ftruncate', fd, 6000);
  u.call('ftruncate', fd, 7000);
  assert.is(u.cat('/big'), `${'x'.repeat(5000)}YY${'x'.repeat(998)}${'\0'.repeat(1000)}`);
  u.call('fallocate', fd, 3, 0, 4500);
  assert.is(u.cat('/big').slice(0, 4502), `${'\0'.repeat(4500)}xx`);
});

test('refuses names that leave the target, cut off archives and other formats', () => {
  const fails = (bytes: Uint8Array, text: RegExp): void => {
    assert.throws(
      () => importTar(new Machine().vfs.root.mount.fs, bytes),
      (e: unknown) => e instanceof TarError && text.test(e.message),
    );
  };
  const good = archive('printf hello > abc');
  fails(good.subarray(0, 1600), /cut off|checksum/);
  fails(new Uint8Array(2000).fill(65), /checksum/);
  fails(new Uint8Array(0), /empty/);
  fails(new Uint8Array([0x1f, 0x8b, 8, 0]), /gzip/);
  const evil = archive('printf hello > abc');
  let at = 0;
  readTar(evil, (e) => {
    if (e.name.endsWith('abc')) at = e.offset;
  });
  const name = Buffer.from('../../x', 'latin1');
  const block = evil.subarray(at, at + 512);
  block.fill(0, 0, 100);
  block.set(name);
  block.fill(32, 148, 156);
  const sum = block.reduce((a, b) => a + b, 0);
  block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  fails(evil, /\.\./);
});

test('flipped bits give a tree or a clear error, never anything else', () => {
  const good = archive(SCRIPT, '--format=posix');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(7)), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (flips, fixSums) => {
        const bad = good.slice();
        for (const [at, bit] of flips) bad[at]! ^= 1 << bit;
        if (fixSums) repairChecksums(bad);
        try {
          importTar(new Machine().vfs.root.mount.fs, bad);
        } catch (e) {
          if (!(e instanceof TarError)) throw e;
        }
      },
    ),
    { numRuns: 150 },
  );
});

/** Makes every block whose magic is right pass the checksum, so that the fields behind it are reached. */
function repairChecksums(bytes: Uint8Array): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (Buffer.from(block.subarray(257, 262)).toString() !== 'ustar') continue;
    block.fill(32, 148, 156);
    const sum = block.reduce((a, b) => a + b, 0);
    block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  }
}

test('attributes as bsdtar stores them, by themselves or beside those of others', () => {
  const record = (key: string, value: string): string => {
    const rest = ` ${key}=${value}\n`;
    let length = rest.length + 1;
    while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
    return `${length}${rest}`;
  };
  const block = (name: string, type: string, data: string): Buffer => {
    const header = Buffer.alloc(512);
    const field = (at: number, text: string): number => header.write(text, at, 'latin1');
    field(0, name);
    field(100, '0000644');
    field(108, '0000000');
    field(116, '0000000');
    field(124, data.length.toString(8).padStart(11, '0'));
    field(136, '00000000000');
    field(156, type);
    field(257, 'ustar\x0000');
    const body = Buffer.alloc(Math.ceil(data.length / 512) * 512);
    body.write(data, 0, 'latin1');
    return Buffer.concat([header, body]);
  };
  const bytes = Buffer.from([0, 255, 61, 10]).toString('base64');
  const records = [
    record('LIBARCHIVE.xattr.user.odd%3Dname%25', bytes),
    record('LIBARCHIVE.xattr.user.both', Buffer.from('second').toString('base64')),
    record('SCHILY.xattr.user.both', 'first'),
    record('SCHILY.xattr.user.100%25%3D%20', 'all'),
    record('LIBARCHIVE.xattr.user.empty', ''),
    record('LIBARCHIVE.xattr.user.bare', Buffer.from('ab').toString('base64').replace('=', '')),
  ];
  const make = (pax: string): Uint8Array => {
    const all = [block('x', 'x', pax), block('file', '0', ''), Buffer.alloc(1024)];
    const out = new Uint8Array(Buffer.concat(all));
    repairChecksums(out);
    return out;
  };
  const fs = new Machine().vfs.root.mount.fs;
  importTar(fs, make(records.join('')));
  const inode = fs.root.lookup('file')!;
  assert.equal(inode.listxattr().sort(), [
    'user.100%=%20',
    'user.bare',
    'user.both',
    'user.empty',
    'user.odd=name%',
  ]);
  const value = (name: string): number[] => [...(inode.getxattr(name) ?? [-1])];
  assert.equal(value('user.odd=name%'), [0, 255, 61, 10]);
  assert.equal(value('user.both'), [...Buffer.from('first')]);
  assert.equal(value('user.bare'), [...Buffer.from('ab')]);
  assert.equal(value('user.empty'), []);
  for (const wrong of ['a', '!!!!', 'ab=c'])
    assert.throws(
      () => importTar(fs, make(record('LIBARCHIVE.xattr.user.x', wrong))),
      /LIBARCHIVE\.xattr\.user\.x is not base64/,
    );
});
