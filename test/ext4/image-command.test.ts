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

function run(...args: string[]): { status: number | null; out: string; err: string } {
  const argv = ['--import', 'tsx', 'src/cli/main.ts', 'image', ...args];
  const r = spawnSync(process.execPath, argv, { encoding: 'latin1' });
  return { status: r.status, out: r.stdout, err: r.stderr };
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
