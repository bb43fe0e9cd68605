import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeHostDirectory } from '../../../src/host/node/host-directory.ts';
import { EACCES, EEXIST, ENOENT, EPERM, EROFS, EXDEV } from '../../../src/kernel/errno.ts';
import { HostFs } from '../../../src/kernel/fs/hostfs/hostfs.ts';
import { frameHost } from '../../../src/mmu/frames.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine, type User } from '../vfs/harness.ts';

const test = suite('host volumes');

interface Shared {
  /** The shared folder; its parent holds things that must stay out of reach. */
  readonly dir: string;
  readonly outside: string;
  readonly u: User;
  readonly m: Machine;
}

function withShared(
  work: (s: Shared) => void,
  options: { readOnly?: boolean; descriptors?: boolean } = {},
): void {
  const top = fs.mkdtempSync(join(tmpdir(), 'kevlar-host-'));
  try {
    const dir = join(top, 'shared');
    const outside = join(top, 'secret');
    fs.mkdirSync(dir);
    fs.mkdirSync(outside);
    fs.writeFileSync(join(outside, 'key'), 'secret');
    const m = new Machine();
    const u = m.user();
    const port = new NodeHostDirectory(dir, options);
    const vol = new HostFs(port, m.mmu.paging, { dev: 9, ...NodeHostDirectory.ids() });
    u.call('mkdir', '/vol', 0o755);
    m.vfs.mountAt(m.vfs.lookup(u.task, null, '/vol', true), vol, dir, 0);
    work({ dir, outside, u, m });
  } finally {
    fs.rmSync(top, { recursive: true });
  }
}

for (const descriptors of [true, false]) {
  const how = descriptors ? 'by descriptors' : 'by checked paths';

  test(`passes reads and writes through (${how})`, () => {
    withShared(
      ({ dir, u }) => {
        fs.mkdirSync(join(dir, 'sub'));
        fs.writeFileSync(join(dir, 'sub', 'a'), 'from host');
        assert.is(u.cat('/vol/sub/a'), 'from host');
        u.save('/vol/sub/b', 'from guest', 0o750);
        assert.is(fs.readFileSync(join(dir, 'sub', 'b'), 'latin1'), 'from guest');
        assert.is(fs.statSync(join(dir, 'sub', 'b')).mode & 0o777, 0o750);
        fs.writeFileSync(join(dir, 'sub', 'a'), 'changed by the host');
        assert.is(u.cat('/vol/sub/a'), 'changed by the host');
        fs.writeFileSync(join(dir, 'new'), 'x');
        assert.equal(u.list('/vol').sort(), ['new', 'sub']);
        assert.is(u.call('rename', '/vol/new', '/vol/sub/moved'), 0);
        assert.is(u.cat('/vol/sub/moved'), 'x');
        assert.is(u.call('unlink', '/vol/sub/moved'), 0);
        assert.is(u.open('/vol/sub/moved'), -ENOENT);
        assert.is(u.call('mkdir', '/vol/d', 0o700), 0);
        assert.is(u.call('rmdir', '/vol/d'), 0);
        assert.is(u.call('link', '/vol/sub/a', '/vol/hard'), 0);
        assert.is(fs.readFileSync(join(dir, 'hard'), 'latin1'), 'changed by the host');
        assert.is(u.call('mkdir', '/vol/sub', 0o700), -EEXIST);
        assert.is(u.call('rename', '/vol/hard', '/hard'), -EXDEV);
        assert.is(u.call('mknod', '/vol/node', 0o020666, 0x103), -EPERM);
      },
      { descriptors },
    );
  });

  test(`links and .. lead nowhere outside (${how})`, () => {
    withShared(
      ({ dir, outside, u }) => {
        fs.symlinkSync(outside, join(dir, 'absolute'));
        fs.symlinkSync('../secret', join(dir, 'relative'));
        fs.symlinkSync('../secret/key', join(dir, 'file'));
        assert.is(u.open('/vol/absolute/key'), -ENOENT);
        assert.is(u.open('/vol/relative/key'), -ENOENT);
        assert.is(u.open('/vol/file'), -ENOENT);
        assert.is(u.open('/vol/../secret/key'), -ENOENT);
        assert.is(u.readlink('/vol/relative'), '../secret');
        // In the guest's view the links lead to the guest's own files.
        u.call('mkdir', '/secret', 0o755);
        u.save('/secret/key', 'of the guest');
        assert.is(u.cat('/vol/relative/key'), 'of the guest');
        u.save('/vol/file', 'overwritten');
        assert.is(fs.readFileSync(join(outside, 'key'), 'latin1'), 'secret');
      },
      { descriptors },
    );
  });

  test(`a directory that is swapped for a link while open stays inside (${how})`, () => {
    withShared(
      ({ dir, outside, u }) => {
        fs.mkdirSync(join(dir, 'd'));
        fs.writeFileSync(join(dir, 'd', 'key'), 'harmless');
        const fd = u.open('/vol/d', 0o200000);
        assert.is(u.call('fchdir', fd), 0);
        fs.renameSync(join(dir, 'd'), join(dir, 'old'));
        fs.symlinkSync(outside, join(dir, 'd'));
        const inner = u.open('key');
        if (inner >= 0) assert.is(u.read(inner), 'harmless');
        assert.is(u.open('/vol/d/key'), -ENOENT);
        u.call('unlink', 'key');
        assert.is(fs.readFileSync(join(outside, 'key'), 'latin1'), 'secret');
      },
      { descriptors },
    );
  });

  test(`a file that is swapped for a link between lookup and open stays inside (${how})`, () => {
    withShared(
      ({ dir, outside, m, u }) => {
        fs.writeFileSync(join(dir, 'f'), 'harmless');
        const path = m.vfs.lookup(u.task, null, '/vol/f', false);
        fs.unlinkSync(join(dir, 'f'));
        fs.symlinkSync(join(outside, 'key'), join(dir, 'f'));
        assert.throws(() => path.inode.open(u.sys, 2, path));
        path.inode.stat();
        assert.throws(() => path.inode.setattr({ size: 0 }));
        assert.is(fs.readFileSync(join(outside, 'key'), 'latin1'), 'secret');
        assert.is(fs.statSync(join(outside, 'key')).mode & 0o777, 0o644 & ~process.umask());
      },
      { descriptors },
    );
  });
}

test('a read-only volume cannot be changed in any way', () => {
  withShared(
    ({ dir, u }) => {
      fs.mkdirSync(join(dir, 'd'));
      fs.writeFileSync(join(dir, 'f'), 'x');
      const before = fs.statSync(join(dir, 'f'));
      assert.is(u.cat('/vol/f'), 'x');
      assert.is(u.open('/vol/f', 1), -EROFS);
      assert.is(u.open('/vol/f', 0o1000), -EROFS);
      assert.is(u.open('/vol/n', 0o101), -EROFS);
      assert.is(u.call('mkdir', '/vol/n', 0o755), -EROFS);
      assert.is(u.call('unlink', '/vol/f'), -EROFS);
      assert.is(u.call('rmdir', '/vol/d'), -EROFS);
      assert.is(u.call('rename', '/vol/f', '/vol/g'), -EROFS);
      assert.is(u.call('link', '/vol/f', '/vol/g'), -EROFS);
      assert.is(u.call('symlink', 'x', '/vol/g'), -EROFS);
      assert.is(u.call('chmod', '/vol/f', 0), -EROFS);
      assert.is(u.call('chown', '/vol/f', 1, 1), -EROFS);
      assert.is(u.call('truncate', '/vol/f', 0), -EROFS);
      assert.is(u.call('utime', '/vol/f', 0), -EROFS);
      const after = fs.statSync(join(dir, 'f'));
      assert.is(after.mtimeMs, before.mtimeMs);
      assert.is(after.mode, before.mode);
    },
    { readOnly: true },
  );
});

test('files stay usable after they lost their name, and mapped pages agree with reads', () => {
  withShared(({ dir, u, m }) => {
    fs.writeFileSync(join(dir, 'f'), 'abc'.repeat(3000));
    const fd = u.open('/vol/f', 2);
    const { inode } = m.vfs.lookup(u.task, null, '/vol/f', true);
    const pages = inode.pages!;
    const frame = pages.frame(0, false);
    const host = frameHost(frame);
    assert.is(m.memory.U8[host], 'a'.charCodeAt(0));
    u.write(fd, 'Z');
    assert.is(m.memory.U8[host], 'Z'.charCodeAt(0));
    m.memory.U8[host + 1] = 'Y'.charCodeAt(0);
    pages.frame(0, true);
    u.call('lseek', fd, 0, 0);
    assert.is(u.read(fd, 4), 'ZYca');
    u.call('unlink', '/vol/f');
    u.call('lseek', fd, 0, 0);
    assert.is(u.read(fd, 4), 'ZYca');
    assert.is(u.call('close', fd), 0);
  });
});

test('names are bytes', () => {
  withShared(({ dir, u }) => {
    const name = Buffer.from([0x66, 0xff, 0xc3, 0xa9]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'x');
    assert.equal(u.list('/vol'), ['fÿÃ©']);
    assert.is(u.cat('/vol/fÿÃ©'), 'x');
  });
});

test('other users of the guest are refused by mode', () => {
  withShared(({ dir, m }) => {
    fs.writeFileSync(join(dir, 'private'), 'x', { mode: 0o600 });
    assert.is(m.user(1000).open('/vol/private'), -EACCES);
  });
});
