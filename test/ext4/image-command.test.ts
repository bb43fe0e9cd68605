/** `kevlar-jit image`: what it makes is clean and complete; what cannot be is one clear line. */

import { spawnSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FileBlockDevice } from '../../src/host/node/file-block-device.ts';
import { assert, suite } from '../lib/suite.ts';
import { haveE2fsprogs, inTemp, tool } from './tools.ts';

const test = suite('image command');

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function runWith(env: Readonly<Record<string, string>>, ...args: string[]): Ended {
  const argv = ['--import', 'tsx', 'src/cli/main.ts', 'image', ...args];
  const r = spawnSync(process.execPath, argv, {
    encoding: 'latin1',
    env: { ...process.env, ...env },
  });
  return { status: r.status, out: r.stdout, err: r.stderr };
}

function run(...args: string[]): Ended {
  return runWith({}, ...args);
}

test('create, import, ls, cat, check', () => {
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    mkdirSync(join(tree, 'sub'), { recursive: true });
    writeFileSync(join(tree, 'sub/file'), Buffer.alloc(100_000, 'kevlar '), { mode: 0o640 });
    linkSync(join(tree, 'sub/file'), join(tree, 'hard'));
    symlinkSync('sub/file', join(tree, 'link'));
    const image = join(dir, 'image');
    assert.equal(run('create', image, '--size', '8M', '--from', tree), {
      status: 0,
      out: '',
      err: '',
    });
    if (haveE2fsprogs) assert.is(tool('e2fsck', ['-fn', image]).status, 0);
    assert.is(run('ls', image, '/').out, 'hard\nlink\nlost+found\nsub\n');
    assert.match(run('ls', '-l', image, '/sub').out, /^-rw-r----- {3}2 .* 100000 .* file\n$/);
    assert.is(run('cat', image, '/link').out, readFileSync(join(tree, 'sub/file'), 'latin1'));
    const tar = join(dir, 'x.tar.gz');
    spawnSync('tar', ['-czf', tar, '-C', tree, '.']);
    assert.equal(run('import', image, tar, '--to', '/from/tar'), { status: 0, out: '', err: '' });
    assert.is(run('ls', image, '/from/tar').out, 'hard\nlink\nsub\n');
    const checked = run('check', image);
    assert.is(checked.status, 0);
    assert.match(checked.out, /clean; /);
  });
});

/** What is below a directory, as find(1) shows it, with the attributes and a sum of the content. */
const LIST = `
import os, hashlib, sys
root = os.fsencode(sys.argv[1])
for at, dirs, files in sorted(os.walk(root)):
    for name in sorted(dirs + files):
        path = os.path.join(at, name)
        st = os.lstat(path)
        regular = (st.st_mode & 0o170000) == 0o100000
        print(path[len(root):], oct(st.st_mode), st.st_uid, st.st_gid, st.st_nlink, st.st_rdev, st.st_mtime_ns)
        if os.path.islink(path): print(os.readlink(path))
        if regular: print(hashlib.sha256(open(path, 'rb').read()).hexdigest())
        print([(a, os.getxattr(path, a, follow_symlinks=False)) for a in os.listxattr(path, follow_symlinks=False) if a.startswith('user.')])
`;

const MAKE = `
set -e
mkdir -p sub/deep
head -c 100000 /dev/urandom >sub/file
ln sub/file hard
ln -s sub/file link
long=$(printf 'n%.0s' $(seq 140))
ln -s $long longlink
mkfifo fifo
mknod null c 1 3
mknod blk b 8 17
mkdir $long
echo long >$long/$long
printf raw >"$(printf 'name\\377\\376')"
: >empty
python3 -c "
import os
os.setxattr('sub/file', 'user.text', b'hello')
os.setxattr('sub/file', 'user.bytes', bytes(range(256)))
os.setxattr('sub', 'user.empty', b'')
os.mkdir(b'back\\\\slash\\nnew')
os.setxattr(b'back\\\\slash\\nnew', b'user.e=\\xff', b'odd')
"
touch -d '2001-02-03 04:05:06.789012345' empty
touch -d '1960-01-01 00:00:00.25' fifo
chmod 4751 empty
chown 3000000:7 sub/deep
`;

/** A directory where of the programs that can read attributes there is Python. */
function onlyPython(dir: string): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  const where = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  });
  symlinkSync(where.stdout.trim(), join(bin, 'python3'));
  return bin;
}

function have(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

const EXPORT = 'what is exported and unpacked is what was imported';
if (process.getuid?.() !== 0 || !have('tar') || !have('python3')) {
  test.skip(EXPORT, 'it needs root, tar and python3');
} else {
  test(EXPORT, () => {
    inTemp((dir) => {
      const at = (name: string): string => join(dir, name);
      mkdirSync(at('tree'));
      mkdirSync(at('out'));
      const made = spawnSync('bash', ['-c', MAKE], { cwd: at('tree'), encoding: 'utf8' });
      assert.is(made.status, 0, made.stderr);
      // Of directories the time is that of their last entry, which is imported after it is made.
      assert.is(run('create', at('image'), '--size', '8M').status, 0);
      spawnSync('tar', ['--xattrs', '-cf', at('in.tar'), '-C', at('tree'), '.']);
      assert.is(run('import', at('image'), at('in.tar'), '--to', '/in').status, 0);
      const done = run('export', at('image'), at('out.tar.gz'), '--from', '/in');
      assert.equal(done, { status: 0, out: '', err: '' });
      const unpacked = spawnSync(
        'tar',
        ['--xattrs', '--xattrs-include=*', '-xpf', at('out.tar.gz'), '-C', at('out')],
        { encoding: 'utf8' },
      );
      assert.is(unpacked.status, 0, unpacked.stderr);
      const list = (name: string): string =>
        spawnSync('python3', ['-c', LIST, at(name)], { encoding: 'utf8' }).stdout;
      assert.match(list('tree'), /user\.bytes/);
      assert.is(list('out'), list('tree'));
      // By getfattr, or by Python where it is not installed.
      for (const [i, env] of [{}, { PATH: onlyPython(dir) }].entries()) {
        mkdirSync(at(`direct${i}`));
        const read = runWith(env, 'import', at('image'), at('tree'), '--to', `/direct${i}`);
        assert.equal(read, { status: 0, out: '', err: '' });
        assert.is(
          run('export', at('image'), at(`direct${i}.tar`), '--from', `/direct${i}`).status,
          0,
        );
        const options = ['--xattrs', '--xattrs-include=*', '-xpf', at(`direct${i}.tar`)];
        assert.is(spawnSync('tar', [...options, '-C', at(`direct${i}`)]).status, 0);
        assert.is(list(`direct${i}`), list('tree'), 'imported without an archive');
      }
      const again = run('export', at('image'), at('out.tar.gz'));
      assert.is(again.status, 125);
      assert.match(again.err, /exists; use --force/);
      assert.is(run('export', at('image'), '-', '--from', '/in/sub/deep').out.length, 10_240);
    });
  });
}

test('a directory is imported with its times to the nanosecond', () => {
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    mkdirSync(tree);
    const made = spawnSync('touch', ['-d', '2001-02-03 04:05:06.789012345Z', join(tree, 'f')]);
    assert.is(made.status, 0);
    const image = join(dir, 'image');
    assert.is(run('create', image, '--size', '8M', '--from', tree).status, 0);
    const tar = run('export', image, '-').out;
    assert.match(tar, / mtime=981173106\.789012345\n/);
  });
});

test('errors are one line', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    const fails = (expected: RegExp, ...args: string[]): void => {
      const r = run(...args);
      assert.is(r.status, 125, `${args.join(' ')}: ${r.err}`);
      assert.match(r.err, expected);
      assert.is(r.err.trim().split('\n').length, 1, r.err);
    };
    fails(/no such file/i, 'ls', join(dir, 'none'));
    writeFileSync(image, 'x'.repeat(5000));
    fails(/not an ext4 image/, 'ls', image);
    fails(/exists; use --force/, 'create', image, '--size', '8M');
    fails(/is not a size/, 'create', join(dir, 'i'), '--size', 'big');
    fails(/too small/, 'create', join(dir, 'i'), '--size', '8K');
    assert.is(run('create', '--force', image, '--size', '1M').status, 0);
    fails(/\/none: No such file/, 'cat', image, '/none');
    fails(/Is a directory/, 'cat', image, '/lost+found');
    writeFileSync(join(dir, 'big'), Buffer.alloc(2 << 20, 1));
    mkdirSync(join(dir, 'tree'));
    writeFileSync(join(dir, 'tree/big'), Buffer.alloc(2 << 20, 1));
    fails(/No space left/, 'import', image, join(dir, 'tree'));
    fails(/tar archive/, 'import', image, join(dir, 'big'));
    assert.match(run('check', image).out, /clean/);
    const held = new FileBlockDevice(image);
    fails(/in use/, 'import', image, join(dir, 'tree'));
    held.close();
    truncateSync(image, 500_000);
    fails(/truncated/, 'check', image);
  });
});
