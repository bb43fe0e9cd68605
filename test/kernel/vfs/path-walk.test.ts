import {
  EACCES,
  EEXIST,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
} from '../../../src/kernel/errno.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine } from './harness.ts';

const test = suite('path walk');

function tree(): { m: Machine; u: ReturnType<Machine['user']> } {
  const m = new Machine();
  const u = m.user();
  u.call('mkdir', '/a', 0o755);
  u.call('mkdir', '/a/b', 0o755);
  u.save('/a/b/file', 'hello');
  return { m, u };
}

test('finds files by absolute and relative names, with superfluous slashes and dots', () => {
  const { u } = tree();
  assert.is(u.cat('/a/b/file'), 'hello');
  assert.is(u.cat('//a///b/./../b/file'), 'hello');
  assert.is(u.call('chdir', '/a'), 0);
  assert.is(u.cat('b/file'), 'hello');
  assert.is(u.cwd(), '/a');
  assert.is(u.cat('../../../a/b/file'), 'hello');
});

test('reports what is wrong as Linux does', () => {
  const { u } = tree();
  assert.is(u.open('/none'), -ENOENT);
  assert.is(u.open('/none/x'), -ENOENT);
  assert.is(u.open('/a/b/file/x'), -ENOTDIR);
  assert.is(u.open('/a/b/file/'), -ENOTDIR);
  assert.is(u.open(''), -ENOENT);
  assert.is(u.open('/a/b/', 0o101), -EISDIR);
  assert.is(u.open('/a/new/', 0o101), -EISDIR);
  assert.is(u.open('/a/b', 1), -EISDIR);
  assert.is(u.open('/a/b/file', 0o301), -EEXIST);
  assert.is(u.open('/a/b/file', 0o200000), -ENOTDIR);
  assert.is(u.open(`/${'x'.repeat(256)}`), -ENAMETOOLONG);
  assert.is(u.open(`/${'x'.repeat(255)}`), -ENOENT);
  assert.is(u.open('/a/'.repeat(1400)), -ENAMETOOLONG);
});

test('follows symbolic links, 40 at most', () => {
  const { u } = tree();
  assert.is(u.call('symlink', 'a/b', '/rel'), 0);
  assert.is(u.call('symlink', '/rel/file', '/abs'), 0);
  assert.is(u.cat('/abs'), 'hello');
  assert.is(u.cat('/rel/file'), 'hello');
  assert.is(u.open('/abs', 0o400000), -ELOOP);
  assert.is(u.open('/abs/', 0), -ENOTDIR);
  u.call('symlink', 'loop', '/loop');
  assert.is(u.open('/loop'), -ELOOP);
  u.call('symlink', 'a/b/file', '/l0');
  for (let i = 1; i <= 40; i++) u.call('symlink', `l${i - 1}`, `/l${i}`);
  assert.is(u.cat('/l39'), 'hello');
  assert.is(u.open('/l40'), -ELOOP);
});

test('creates through a dangling link, but not with O_EXCL', () => {
  const { u } = tree();
  u.call('symlink', '/a/target', '/dangling');
  assert.is(u.open('/dangling', 0o301), -EEXIST);
  assert.is(u.open('/dangling'), -ENOENT);
  u.save('/dangling', 'made');
  assert.is(u.cat('/a/target'), 'made');
});

test('needs search permission on every directory', () => {
  const { m, u } = tree();
  const other = m.user(1000);
  assert.is(other.cat('/a/b/file'), 'hello');
  u.call('chmod', '/a', 0o700);
  assert.is(other.open('/a/b/file'), -EACCES);
  u.call('chmod', '/a', 0o711);
  assert.is(other.cat('/a/b/file'), 'hello');
  assert.is(other.open('/a'), -EACCES);
});

test('.. stays at the root of chroot, and leaves mounts', () => {
  const { m, u } = tree();
  const fs = m.tmpfs(2);
  m.vfs.mountAt(m.vfs.lookup(u.task, null, '/a/b', true), fs, 'tmpfs', 0);
  assert.is(u.open('/a/b/file'), -ENOENT);
  u.save('/a/b/inner', 'x');
  assert.equal(u.list('/a/b/..'), ['b']);
  u.call('chdir', '/a/b');
  assert.is(u.cwd(), '/a/b');
  assert.equal(u.list('..'), ['b']);
  const jailed = m.user();
  jailed.call('chdir', '/a');
  assert.is(jailed.call('chroot', '/a'), 0);
  assert.equal(jailed.list('/../..'), ['b']);
  assert.equal(jailed.list('../..'), ['b']);
});

test('remembers that names do not exist, and forgets when they appear', () => {
  const { u } = tree();
  for (let i = 0; i < 3; i++) assert.is(u.open('/a/later'), -ENOENT);
  u.save('/a/later', '1');
  assert.is(u.cat('/a/later'), '1');
  u.call('unlink', '/a/later');
  assert.is(u.open('/a/later'), -ENOENT);
  u.call('rename', '/a/b', '/a/later');
  assert.is(u.cat('/a/later/file'), 'hello');
  assert.is(u.open('/a/b'), -ENOENT);
});
