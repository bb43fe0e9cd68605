import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeHostDirectory } from '../../../src/host/node/host-directory.ts';
import { HostFs } from '../../../src/kernel/fs/hostfs/hostfs.ts';
import { createLazyTree } from '../../../src/kernel/fs/hostfs/lazy-tree.ts';
import { assert, suite } from '../../lib/suite.ts';
import { walk } from '../../lib/walk.ts';
import { Machine, type User } from '../vfs/harness.ts';

const test = suite('host folder as root');

function withRoot(make: (dir: string) => void, work: (u: User, dir: string) => void): void {
  const dir = fs.mkdtempSync(join(tmpdir(), 'kevlar-root-'));
  try {
    make(dir);
    const m = new Machine((machine) => {
      const port = new NodeHostDirectory(dir, { readOnly: true });
      const { paging } = machine.mmu;
      const lower = new HostFs(port, paging, { dev: 8, ...NodeHostDirectory.ids() });
      return createLazyTree(lower, paging, machine.clock, { dev: 2 });
    });
    work(m.user(), dir);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/** Name → content of all files below a host directory. */
function snapshot(dir: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const e of walk(dir)) {
    const path = join(e.parentPath, e.name);
    files[path] = e.isFile() ? fs.readFileSync(path, 'latin1') : String(fs.lstatSync(path).mode);
  }
  return files;
}

function makeTree(dir: string): void {
  fs.mkdirSync(join(dir, 'etc/deep'), { recursive: true });
  fs.writeFileSync(join(dir, 'etc/conf'), 'line\n'.repeat(2000));
  fs.linkSync(join(dir, 'etc/conf'), join(dir, 'etc/hard'));
  fs.symlinkSync('conf', join(dir, 'etc/link'));
  fs.writeFileSync(join(dir, 'etc/deep/x'), 'deep', { mode: 0o640 });
}

test('shows the folder, and keeps every change away from it', () => {
  withRoot(makeTree, (u, dir) => {
    const before = snapshot(dir);
    assert.equal(u.list('/etc').sort(), ['conf', 'deep', 'hard', 'link']);
    assert.is(u.cat('/etc/link'), 'line\n'.repeat(2000));
    const fd = u.open('/etc/conf', 2);
    u.call('lseek', fd, 5000, 0);
    u.write(fd, 'LINE');
    assert.is(u.cat('/etc/hard').slice(4995, 5010), 'line\nLINE\nline\n');
    u.save('/etc/new', 'new');
    assert.is(u.call('rename', '/etc/deep', '/moved'), 0);
    assert.is(u.cat('/moved/x'), 'deep');
    assert.is(u.call('unlink', '/etc/link'), 0);
    assert.is(u.call('unlink', '/moved/x'), 0);
    assert.is(u.call('rmdir', '/moved'), 0);
    assert.is(u.call('chmod', '/etc/conf', 0o600), 0);
    assert.is(u.call('chown', '/etc/conf', 5, 6), 0);
    assert.equal(u.list('/etc').sort(), ['conf', 'hard', 'new']);
    assert.equal(snapshot(dir), before);
  });
});

test('reads thousands of files without running out of descriptors', () => {
  const many = (dir: string): void => {
    for (let i = 0; i < 300; i++) {
      fs.mkdirSync(join(dir, `d${i}`));
      for (let j = 0; j < 5; j++) fs.writeFileSync(join(dir, `d${i}`, `f${j}`), `${i} ${j}`);
    }
  };
  withRoot(many, (u) => {
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < 5; j++) assert.is(u.cat(`/d${i}/f${j}`), `${i} ${j}`);
    }
    assert.ok(fs.readdirSync('/proc/self/fd').length < before + 250);
  });
});
