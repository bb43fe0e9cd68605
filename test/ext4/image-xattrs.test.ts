/** Extended attributes go into an image and out of it with `image cp`, by attr's programs or Python; losses are named. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileBlockDevice } from '../../src/host/node/file-block-device.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { assert, suite } from '../lib/suite.ts';
import { bytesOf, inTemp, walk } from './tools.ts';

const test = suite('attributes of image cp', { timeout: 120_000 });

const MAKE = `
import os
os.makedirs(b'sub/odd \\xff\\n\\\\=')
for path in [b'sub/file', b'plain', b'sub/read-only']: open(path, 'w').write('content')
for name, value in [('user.text', b'hello'), ('user.bytes', bytes(range(256))), ('user.empty', b''), (b'user.e=\\xff\\n\\\\', b'odd')]:
    os.setxattr('sub/file', name, value)
os.setxattr('sub/read-only', 'user.a', b'1')
os.setxattr('sub', 'user.directory', b'2')
os.setxattr(b'sub/odd \\xff\\n\\\\=', 'user.b', b'3')
os.link('sub/file', 'hard')
os.symlink('sub/file', 'link')
os.chmod('sub/read-only', 0o444)
`;

const LIST = `
import os, sys
root = os.fsencode(sys.argv[1])
for at, dirs, files in sorted(os.walk(root)):
    for name in sorted(dirs + files):
        path = os.path.join(at, name)
        kept = [a for a in sorted(os.listxattr(path, follow_symlinks=False)) if a.startswith('user.')]
        print(path[len(root):], oct(os.lstat(path).st_mode), [(a, os.getxattr(path, a, follow_symlinks=False)) for a in kept])
`;

interface Ended {
  readonly status: number | null;
  readonly err: string;
}

function image(env: Readonly<Record<string, string>>, ...args: string[]): Ended {
  const argv = ['--import', 'tsx', 'src/cli/main.ts', 'image', ...args];
  const r = spawnSync(process.execPath, argv, {
    encoding: 'latin1',
    env: { ...process.env, ...env },
  });
  return { status: r.status, err: r.stderr };
}

function python(script: string, cwd: string, ...args: string[]): string {
  const r = spawnSync('python3', ['-c', script, ...args], { cwd, encoding: 'latin1' });
  assert.is(r.status, 0, r.stderr);
  return r.stdout;
}

/** A directory of the programs named, as the only one in PATH. */
function pathOf(dir: string, name: string, programs: readonly string[]): { PATH: string } {
  const bin = join(dir, name);
  mkdirSync(bin);
  for (const program of programs) {
    const ask =
      program === 'python3'
        ? ['python3', '-c', 'import sys; print(sys.executable)']
        : ['which', program];
    const where = spawnSync(ask[0] as string, ask.slice(1), { encoding: 'utf8' });
    symlinkSync(where.stdout.trim(), join(bin, program));
  }
  return { PATH: bin };
}

function have(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

const READY = ['python3', 'setfattr', 'getfattr'].every(have);

if (!READY) test.skip('all', 'it needs python3 and package attr');
else {
  for (const programs of [['getfattr', 'setfattr'], ['python3']]) {
    test(`what comes out is what went in: ${programs}`, () => {
      inTemp((dir) => {
        const at = (name: string): string => join(dir, name);
        for (const name of ['tree', 'out']) mkdirSync(at(name));
        python(MAKE, at('tree'));
        const env = pathOf(dir, 'bin', programs);
        assert.is(image({}, 'create', at('image'), '--size', '8M').status, 0);
        const into = image(env, 'cp', '-r', `${at('tree')}/.`, `${at('image')}:/`);
        assert.equal(into, { status: 0, err: '' });
        const from = image(
          env,
          'cp',
          '-r',
          `${at('image')}:/sub`,
          `${at('image')}:/plain`,
          at('out'),
        );
        assert.equal(from, { status: 0, err: '' });
        for (const name of ['hard', 'link'])
          assert.equal(image(env, 'cp', '-r', `${at('image')}:/${name}`, at('out')), {
            status: 0,
            err: '',
          });
        const listed = python(LIST, dir, at('out'));
        assert.match(listed, /user\.bytes/);
        assert.is(listed, python(LIST, dir, at('tree')));
      });
    });
  }

  test('what cannot be set is named, and the file is there', () => {
    inTemp((dir) => {
      const at = (name: string): string => join(dir, name);
      assert.is(image({}, 'create', at('image'), '--size', '8M').status, 0);
      writeFileSync(at('file'), 'content');
      python("import os; os.setxattr('file', 'user.a', b'1')", dir);
      assert.is(image({}, 'cp', at('file'), `${at('image')}:/`).status, 0);
      const none = image(pathOf(dir, 'nothing', []), 'cp', `${at('image')}:/file`, at('copy'));
      assert.is(none.status, 1);
      assert.match(
        none.err,
        /:\/file: its extended attributes are left out: neither setfattr .*\n$/,
      );
      // Linux lets nobody set these of a symbolic link.
      const device = new FileBlockDevice(at('image'));
      const fs = Ext4FileSystem.open(device);
      fs.root.symlink('link', 'file', 0, 0);
      walk(fs, '/link').setxattr('user.a', bytesOf('1'), 0);
      fs.close();
      device.close();
      for (const programs of [['setfattr'], ['python3']]) {
        const env = pathOf(dir, `only-${programs}`, programs);
        const refused = image(env, 'cp', '-r', `${at('image')}:/link`, at(`to-${programs}`));
        assert.is(refused.status, 1);
        assert.match(
          refused.err,
          /:\/link: its extended attributes are left out: Operation not permitted\n$/,
        );
        assert.is(readlinkSync(at(`to-${programs}`)), 'file');
      }
    });
  });
}
