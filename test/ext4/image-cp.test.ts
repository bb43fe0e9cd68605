/** `kevlar-jit image cp`: what is copied in and out again is the same; hostile images write nowhere else. */

import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { copy } from '../../src/cli/commands/image-cp.ts';
import { UserError } from '../../src/cli/errors.ts';
import { FileBlockDevice } from '../../src/host/node/file-block-device.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { haveE2fsprogs, inTemp, latin1, names, readFile, tool, walk, withTools } from './tools.ts';

const test = suite('image cp');
const testWithTools = withTools(test);

interface Result {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command in a process of its own, as its users have it. */
function image(...args: string[]): Result {
  const argv = ['--import', 'tsx', 'src/cli/main.ts', 'image', ...args];
  const r = spawnSync(process.execPath, argv, { encoding: 'latin1' });
  return { status: r.status, out: r.stdout, err: r.stderr };
}

/** The command in this process, which is quicker. */
function cp(...args: string[]): void {
  const paths = args.filter((arg) => arg !== '-r');
  copy(paths, { recursive: paths.length < args.length });
}

function fails(expected: RegExp, ...args: string[]): void {
  const name = args.join(' ');
  try {
    cp(...args);
  } catch (error) {
    assert.ok(error instanceof UserError, `${name}: ${(error as Error).stack}`);
    assert.match((error as UserError).message, expected, name);
    assert.is((error as UserError).message.includes('\n'), false, name);
    return;
  }
  assert.unreachable(`${name} did not fail`);
}

/** An empty image, and how to name files in the directory with it. */
function withImage(mib: number, body: (disk: string, at: (name: string) => string) => void): void {
  inTemp((dir) => {
    const at = (name: string): string => join(dir, name);
    const disk = at('disk');
    writeFileSync(disk, '');
    truncateSync(disk, mib << 20);
    const device = new FileBlockDevice(disk);
    createExt4(device, { blank: true });
    device.close();
    body(disk, at);
    if (!haveE2fsprogs) return;
    const checked = tool('e2fsck', ['-fn', disk]);
    assert.is(checked.status, 0, checked.out);
  });
}

/** Looks into an image. */
function inside<T>(disk: string, look: (fs: Ext4FileSystem) => T): T {
  const device = new FileBlockDevice(disk, { readOnly: true });
  try {
    return look(Ext4FileSystem.open(device));
  } finally {
    device.close();
  }
}

const namesAt = (disk: string, path: string): string[] =>
  inside(disk, (fs) => names(walk(fs, path)).filter((n) => !/^\.+$/.test(n)));
const contentOf = (disk: string, path: string): string =>
  inside(disk, (fs) => latin1(readFile(walk(fs, path))));

/** Everything below a directory: type, mode, owner, links, time in microseconds, content. */
function listing(root: string): string {
  const lines: string[] = [];
  const walk = (path: string): void => {
    const st = lstatSync(join(root, path), { bigint: true });
    const content = st.isSymbolicLink()
      ? readlinkSync(join(root, path))
      : st.isFile()
        ? readFileSync(join(root, path), 'latin1').length
        : '';
    const time = st.isSymbolicLink() ? '' : st.mtimeNs / 1000n;
    const links = st.isDirectory() ? '' : st.nlink;
    lines.push(`${path} ${st.mode.toString(8)} ${st.uid}:${st.gid} ${links} ${time} ${content}`);
    if (st.isDirectory()) for (const name of readdirSync(join(root, path))) walk(`${path}/${name}`);
  };
  walk('');
  return lines.join('\n');
}

function makeTree(root: string): void {
  mkdirSync(join(root, 'sub/deep'), { recursive: true });
  writeFileSync(join(root, 'sub/file'), Buffer.alloc(300_001, 'kevlar '), { mode: 0o640 });
  linkSync(join(root, 'sub/file'), join(root, 'sub/deep/hard'));
  symlinkSync('sub/file', join(root, 'link'));
  symlinkSync('/nowhere/at/all', join(root, 'sub/dangling'));
  writeFileSync(join(root, 'empty'), '', { mode: 0o755 });
  const stamps: [string, string][] = [
    ['sub/file', '2001-02-03 04:05:06.789012345Z'],
    ['empty', '1960-01-01 00:00:00.25Z'],
    ['sub/deep', '2010-01-01 00:00:00Z'],
    ['sub', '2011-01-01 00:00:00Z'],
    ['.', '2012-01-01 00:00:00Z'],
  ];
  for (const [name, date] of stamps) {
    assert.is(spawnSync('touch', ['-d', date, join(root, name)]).status, 0);
  }
}

test('a tree copied in and out again is the same', () => {
  withImage(16, (disk, at) => {
    makeTree(at('tree'));
    cp('-r', at('tree'), `${disk}:/`);
    cp('-r', `${disk}:/tree`, at('out'));
    assert.is(listing(at('out')), listing(at('tree')));
    assert.equal(readFileSync(at('out/sub/file')), readFileSync(at('tree/sub/file')));
    // A second time everything is replaced, directories are merged.
    writeFileSync(at('out/more'), 'kept');
    cp('-r', `${disk}:/tree/.`, at('out'));
    assert.is(readFileSync(at('out/more'), 'utf8'), 'kept');
    assert.is(lstatSync(at('out/sub/file')).nlink, 2);
    cp('-r', at('tree'), `${disk}:/`);
    cp('-r', at('tree'), `${disk}:/tree/sub`);
    cp('-r', `${disk}:/tree/sub/tree`, at('again'));
    assert.is(listing(at('again')), listing(at('tree')));
  });
});

testWithTools('debugfs sees what was copied in', () => {
  withImage(16, (disk, at) => {
    makeTree(at('tree'));
    cp('-r', at('tree'), at('tree/sub/file'), `${disk}:/`);
    tool('debugfs', ['-R', `dump /tree/sub/file ${at('dumped')}`, disk]);
    assert.equal(readFileSync(at('dumped')), readFileSync(at('tree/sub/file')));
    const { out } = tool('debugfs', ['-R', 'stat /tree/sub/deep/hard', disk]);
    assert.match(out, /Mode: {2}0640/);
    assert.match(out, new RegExp(`User: +${statSync(at('tree')).uid} `));
    // With nanoseconds, of which two bits are the epoch's.
    assert.match(
      out,
      new RegExp(`mtime: 0x${(981173106).toString(16)}:${(789012345 * 4).toString(16)}`),
    );
    // The same file from two sources is one file.
    assert.match(out, /Links: 3/);
  });
});

test('destinations are taken as cp(1) takes them', () => {
  withImage(8, (disk, at) => {
    writeFileSync(at('a'), 'first');
    writeFileSync(at('b'), 'second');
    mkdirSync(at('d'));
    symlinkSync('a', at('link'));
    cp(at('a'), `${disk}:/name`);
    cp(at('b'), `${disk}:/name`);
    cp(at('a'), at('link'), `${disk}:/lost+found`);
    cp('-r', at('d'), `${disk}:/new/`);
    cp('-r', at('link'), `${disk}:/new`);
    assert.equal(namesAt(disk, '/lost+found'), ['a', 'link']);
    assert.is(contentOf(disk, '/lost+found/link'), 'first');
    assert.is(contentOf(disk, '/name'), 'second');
    assert.is(
      inside(disk, (fs) => walk(fs, '/new/link').readlink()),
      'a',
    );
    cp(`${disk}:/name`, at('d'));
    cp(`${disk}:/name`, `${disk}:/lost+found/a`, at('d'));
    cp(`${disk}:/name`, at('d/other'));
    assert.equal(readdirSync(at('d')).sort(), ['a', 'name', 'other']);
    // A link that the user names is followed.
    cp(`${disk}:/name`, at('link'));
    assert.is(readFileSync(at('a'), 'utf8'), 'second');
    assert.ok(lstatSync(at('link')).isSymbolicLink());
    // A path of this computer with ':/' in it.
    mkdirSync(at('x:'));
    cp(`${disk}:/name`, at('x:/y'));
    assert.is(readFileSync(at('x:/y'), 'utf8'), 'second');
  });
});

test('links in the image lead within the image', () => {
  withImage(8, (disk, at) => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside/secret'), 'secret');
    writeFileSync(at('a'), 'new');
    symlinkSync(at('outside'), at('evil'));
    symlinkSync(at('outside/secret'), at('evil-file'));
    cp('-r', at('evil'), at('evil-file'), `${disk}:/`);
    fails(/there is no directory/, at('a'), `${disk}:/evil/secret`);
    fails(/there is no directory/, at('a'), `${disk}:/evil-file`);
    fails(/No such file/, `${disk}:/evil-file`, at('got'));
    assert.is(readFileSync(at('outside/secret'), 'utf8'), 'secret');
    assert.not(existsSync(at('got')));
    assert.equal(readdirSync(at('outside')), ['secret']);
  });
});

test('links that came out of an image are not written through', () => {
  withImage(8, (disk, at) => {
    mkdirSync(at('outside'));
    mkdirSync(at('first'));
    mkdirSync(at('second/dir'), { recursive: true });
    writeFileSync(at('outside/secret'), 'secret');
    symlinkSync(at('outside'), at('first/dir'));
    symlinkSync(at('outside/secret'), at('first/file'));
    writeFileSync(at('second/dir/secret'), 'overwritten');
    writeFileSync(at('second/file'), 'overwritten');
    cp('-r', at('first'), at('second'), `${disk}:/`);
    cp('-r', `${disk}:/first/.`, at('first')); // replaces links by themselves
    mkdirSync(at('out'));
    cp('-r', `${disk}:/first/.`, at('out'));
    cp(`${disk}:/second/file`, at('out'));
    assert.is(readFileSync(at('out/file'), 'utf8'), 'overwritten');
    assert.ok(lstatSync(at('out/file')).isFile());
    fails(/second\/dir: cannot be copied: Not a directory/, '-r', `${disk}:/second/.`, at('out'));
    assert.is(readFileSync(at('outside/secret'), 'utf8'), 'secret');
  });
});

testWithTools('names that are no names are refused', () => {
  withImage(8, (disk, at) => {
    mkdirSync(at('d'));
    mkdirSync(at('out/below'), { recursive: true });
    writeFileSync(at('d/QQqqXXxxZZ'), 'hostile');
    cp('-r', at('d'), `${disk}:/`);
    const bytes = readFileSync(disk);
    let found = 0;
    for (let i = bytes.indexOf('QQqqXXxxZZ'); i >= 0; i = bytes.indexOf('QQqqXXxxZZ', i + 1)) {
      bytes.write('../escaped', i, 'latin1');
      found++;
    }
    assert.ok(found > 0);
    writeFileSync(at('hostile'), bytes);
    // Only the checksum of the directory is wrong now.
    tool('debugfs', ['-w', '-R', 'feature ^metadata_csum', at('hostile')]);
    fails(/cannot be copied: Invalid argument/, '-r', `${at('hostile')}:/d/.`, at('out/below'));
    assert.not(existsSync(at('out/escaped')));
    assert.equal(readdirSync(at('out/below')), []);
  });
});

test('what does not fit leaves what was there, and says so', () => {
  withImage(1, (disk, at) => {
    writeFileSync(at('old'), 'old content');
    cp(at('old'), `${disk}:/file`);
    writeFileSync(at('big'), Buffer.alloc(3 << 20, 1));
    fails(/big: cannot be copied into the image: No space left/, at('big'), `${disk}:/file`);
    assert.is(contentOf(disk, '/file'), 'old content');
    fails(/No space left/, at('big'), `${disk}:/none`);
    assert.equal(namesAt(disk, '/'), ['file', 'lost+found']);
  });
});

const FULL = 'a full disk of this computer leaves no part of a file';
if (process.getuid?.() !== 0 || spawnSync('unshare', ['-m', 'true']).status !== 0) {
  test.skip(FULL, 'it needs root and mount namespaces');
} else {
  test(FULL, () => {
    withImage(8, (disk, at) => {
      writeFileSync(at('big'), Buffer.alloc(3 << 20, 1));
      cp(at('big'), `${disk}:/`);
      mkdirSync(at('small'));
      const script = `mount -t tmpfs -o size=1M none "$1" && cd "$2" && echo old >"$1/big" &&
        "$3" --import tsx src/cli/main.ts image cp "$4:/big" "$1"; echo $?; ls -A "$1"; cat "$1/big"`;
      const args = ['-m', 'sh', '-c', script, 'sh', at('small'), '.', process.execPath, disk];
      const r = spawnSync('unshare', args, { encoding: 'utf8' });
      assert.is(r.stdout, '125\nbig\nold\n', r.stderr);
      assert.match(r.stderr, /\/big: cannot be copied: No space left on device\n$/);
    });
  });
}

const NODES = 'devices are kept in images and left out elsewhere; set-user-ID goes with the owner';
if (process.getuid?.() !== 0) {
  test.skip(NODES, 'it needs root');
} else {
  test(NODES, () => {
    withImage(8, (disk, at) => {
      mkdirSync(at('d'));
      const made = 'mknod null c 1 3; mkfifo fifo; : >suid; chown 7:8 suid; chmod 4755 suid';
      assert.is(spawnSync('sh', ['-ec', made], { cwd: at('d') }).status, 0);
      fails(/not a regular file; use -r/, at('d/fifo'), `${disk}:/`);
      cp('-r', at('d'), `${disk}:/`);
      assert.match(image('ls', '-l', disk, '/d').out, /^prw.*\ncrw.* 1, 3 .*\n-rws.* 7 +8 .*\n$/);
      const r = image('cp', '-r', `${disk}:/d`, at('out'));
      assert.is(r.status, 1);
      assert.match(r.err, /^kevlar-jit: .*:\/d\/fifo: left out.*\n.*:\/d\/null: left out.*\n$/);
      assert.equal(readdirSync(at('out')), ['suid']);
      const { mode, uid, gid } = statSync(at('out/suid'));
      assert.equal([mode & 0o7777, uid, gid], [0o4755, 7, 8]);
      fails(/not a file that can be replaced/, `${disk}:/d/suid`, '/dev/null');
    });
  });
}

test('holes stay holes', () => {
  withImage(8, (disk, at) => {
    writeFileSync(at('sparse'), 'start');
    truncateSync(at('sparse'), (50 << 20) - 3);
    appendFileSync(at('sparse'), 'end');
    truncateSync(at('sparse'), 64 << 20);
    cp(at('sparse'), `${disk}:/`);
    cp(`${disk}:/sparse`, at('out'));
    assert.ok(statSync(at('out')).blocks < 2048);
    assert.ok(readFileSync(at('out')).equals(readFileSync(at('sparse'))));
  });
});

test('errors are one line', () => {
  withImage(8, (disk, at) => {
    writeFileSync(at('a'), 'a');
    mkdirSync(at('d'));
    fails(/not in an image; write IMAGE:\/PATH/, at('a'), at('b'));
    fails(/write image cp SOURCE/, at('a'));
    fails(/from image to image/, `${disk}:/a`, `${disk}:/b`);
    fails(/all SOURCEs/, `${disk}:/a`, at('a'), at('d'));
    fails(/is a directory; use -r/, at('d'), `${disk}:/`);
    fails(/is a directory; use -r/, `${disk}:/lost+found`, at('d'));
    fails(/none: no such file/, at('none'), `${disk}:/`);
    fails(/:\/none: No such file/, `${disk}:/none`, at('d'));
    fails(/no such file/, at('a'), `${at('none')}:/a`);
    fails(/not a directory/, at('a'), at('a'), `${disk}:/none`);
    fails(/not a directory/, at('a'), `${disk}:/none/`);
    fails(/there is no directory/, at('a'), `${disk}:/none/a`);
    fails(/File name too long/, at('a'), `${disk}:/${'n'.repeat(256)}`);
    fails(/no such directory/, '-r', `${disk}:/lost+found`, at('none/x'));
    fails(/cannot be copied into itself/, disk, `${disk}:/`);
    cp(at('a'), `${disk}:/disk`);
    fails(/cannot be copied: File exists/, `${disk}:/disk`, at('disk'));
    cp('-r', at('d'), `${disk}:/a`);
    fails(/into the image: Is a directory/, at('a'), `${disk}:/`);
    const held = new FileBlockDevice(disk);
    fails(/in use/, at('a'), `${disk}:/`);
    held.close();
  });
});
