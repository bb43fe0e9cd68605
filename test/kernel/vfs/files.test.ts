import {
  EBADF,
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  EMFILE,
  ENODATA,
  ENOSPC,
  ENXIO,
  EPERM,
  ERANGE,
  ESPIPE,
  EXDEV,
} from '../../../src/kernel/errno.ts';
import { createDevFs } from '../../../src/kernel/fs/devfs/devfs.ts';
import { registerMemoryDevices } from '../../../src/kernel/fs/devfs/memory-devices.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine, type User } from './harness.ts';

const test = suite('files and descriptors');
const RDWR_CREAT = 0o102;

test('appends, seeks, leaves holes and finds them', () => {
  const u = new Machine().user();
  const fd = u.open('/f', RDWR_CREAT);
  assert.is(u.write(fd, 'abc'), 3);
  assert.is(u.call('lseek', fd, 10000, 0), 10000);
  assert.is(u.write(fd, 'end'), 3);
  assert.is(u.call('lseek', fd, 0, 0), 0);
  assert.is(u.read(fd, 20000), `abc${'\0'.repeat(9997)}end`);
  assert.is(u.call('lseek', fd, 0, 3), 0);
  assert.is(u.call('lseek', fd, 0, 4), 4096);
  assert.is(u.call('lseek', fd, 4096, 3), 8192);
  assert.is(u.call('lseek', fd, 8192, 4), 10003);
  assert.is(u.call('lseek', fd, 10003, 3), -ENXIO);
  assert.is(u.call('lseek', fd, -1, 0), -EINVAL);
  assert.is(u.call('lseek', fd, -3, 2), 10000);
  const a = u.open('/f', 0o2001);
  assert.is(u.write(a, '!'), 1);
  const st = u.stat('/f');
  assert.ok(typeof st !== 'number' && st.size === 10004 && st.blocks === 16);
});

test('pread and pwrite leave the position alone; vectors are whole', () => {
  const u = new Machine().user();
  const fd = u.open('/f', RDWR_CREAT);
  u.write(fd, 'hello world');
  const at = u.space(5);
  assert.is(u.call('pread64', fd, at, 5, 6), 5);
  assert.is(Buffer.from(u.get(at, 5)).toString(), 'world');
  assert.is(u.call('pwrite64', fd, u.put('J'), 1, 0), 1);
  assert.is(u.call('lseek', fd, 0, 1), 11);
  const iov = Buffer.alloc(32);
  iov.writeBigUInt64LE(BigInt(u.put('one ')), 0);
  iov.writeBigUInt64LE(4n, 8);
  iov.writeBigUInt64LE(BigInt(u.put('two')), 16);
  iov.writeBigUInt64LE(3n, 24);
  assert.is(u.call('writev', fd, u.put(new Uint8Array(iov)), 2), 7);
  assert.is(u.cat('/f'), 'Jello worldone two');
});

test('descriptors are the lowest free ones, up to the limit', () => {
  const u = new Machine().user();
  u.save('/f', 'x');
  const fds = [u.open('/f'), u.open('/f'), u.open('/f')];
  assert.equal(fds, [0, 1, 2]);
  u.call('close', 1);
  assert.is(u.call('dup', 2), 1);
  assert.is(u.call('dup2', 2, 9), 9);
  assert.is(u.call('dup2', 2, 2), 2);
  assert.is(u.call('dup3', 2, 2, 0), -EINVAL);
  assert.is(u.call('fcntl', 0, 0, 7), 7);
  assert.is(u.call('fcntl', 0, 1030, 7), 8);
  assert.is(u.call('fcntl', 8, 1), 1);
  u.task.files.limit = 4;
  assert.is(u.open('/f'), 3);
  assert.is(u.open('/f'), -EMFILE);
  assert.is(u.call('dup2', 0, 4), -EBADF);
  assert.is(u.call('fcntl', 0, 0, 4), -EINVAL);
  assert.is(u.call('close', 77), -EBADF);
  assert.is(u.call('close_range', 1, 0xffffffff, 0), 0);
  assert.is(u.call('dup', 8), -EBADF);
  assert.is(u.open('/f'), 1);
});

test('access modes hold', () => {
  const u = new Machine().user();
  u.save('/f', 'x');
  const r = u.open('/f', 0);
  const w = u.open('/f', 1);
  assert.is(u.write(r, 'y'), -EBADF);
  assert.is(u.call('read', w, u.space(1), 1), -EBADF);
  const p = u.open('/f', 0o10000000);
  assert.is(u.call('read', p, u.space(1), 1), -EBADF);
  assert.is(u.call('fstat', p, u.space(144)), 0);
  assert.is(u.call('fcntl', w, 3), 0o100001);
  const d = u.open('/');
  assert.is(u.call('read', d, u.space(1), 1), -EISDIR);
});

test('RLIMIT_FSIZE cuts writes and raises SIGXFSZ', () => {
  const m = new Machine();
  const u = m.user();
  u.task.process.rlimits.soft[1] = 10;
  const fd = u.open('/f', RDWR_CREAT);
  assert.is(u.write(fd, '12345678'), 8);
  assert.is(u.write(fd, '12345678'), 2);
  assert.is(u.write(fd, '1'), -EFBIG);
  assert.is(u.call('ftruncate', fd, 11), -EFBIG);
  assert.equal(m.signals, [25, 25]);
});

test('a full tmpfs says ENOSPC, and has room again after unlink', () => {
  const m = new Machine((self) => self.tmpfs(1, 4));
  const u = m.user();
  const fd = u.open('/f', RDWR_CREAT);
  assert.is(u.write(fd, 'x'.repeat(16384)), 16384);
  assert.is(u.write(fd, 'x'), -ENOSPC);
  u.call('unlink', '/f');
  u.save('/g', '');
  const g = u.open('/g', 1);
  assert.is(u.write(g, 'x'), -ENOSPC);
  u.call('close', fd);
  assert.is(u.write(g, 'x'.repeat(16384)), 16384);
});

test('getdents continues with the entry that did not fit, while entries come and go', () => {
  const u = new Machine().user();
  u.call('mkdir', '/d', 0o755);
  const names = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const name = `${'n'.repeat(i % 40)}${i}`;
    names.add(name);
    u.save(`/d/${name}`, '');
  }
  for (const size of [64, 100, 1000, 32768]) {
    const listed = u.list('/d', size);
    assert.is(listed.length, 500);
    assert.equal(new Set(listed), names);
  }
  const fd = u.open('/d');
  const at = u.space(32768);
  assert.is(u.call('getdents64', fd, at, 10), -EINVAL);
  // rm -r: what is listed is removed at once.
  for (;;) {
    const n = u.call('getdents64', fd, at, 512);
    if (n === 0) break;
    const bytes = Buffer.from(u.get(at, n));
    for (let p = 0; p < n; p += bytes.readUInt16LE(p + 16)) {
      const name = bytes.toString('latin1', p + 19, bytes.indexOf(0, p + 19));
      if (name !== '.' && name !== '..') assert.is(u.call('unlink', `/d/${name}`), 0);
    }
  }
  assert.is(u.call('rmdir', '/d'), 0);
});

test('readlink truncates', () => {
  const u = new Machine().user();
  u.call('symlink', '0123456789', '/l');
  assert.is(u.readlink('/l', 4), '0123');
  assert.is(u.call('readlink', '/l', u.space(1), 0), -EINVAL);
});

test('devices work through nodes on any file system', () => {
  const m = new Machine();
  registerMemoryDevices(m.vfs.devices);
  const u = m.user();
  u.call('mkdir', '/dev', 0o755);
  const dev = createDevFs(m.mmu.paging, m.clock, 5);
  m.vfs.mountAt(m.vfs.lookup(u.task, null, '/dev', true), dev, 'devtmpfs', 0);
  const zero = u.open('/dev/zero', 2);
  assert.is(u.read(zero, 4), '\0\0\0\0');
  const nul = u.open('/dev/null', 2);
  assert.is(u.write(nul, 'gone'), 4);
  assert.is(u.read(nul, 4), '');
  assert.is(u.write(u.open('/dev/full', 1), 'x'), -ENOSPC);
  assert.is(u.read(u.open('/dev/urandom'), 3), '\x07\x07\x07');
  assert.is(u.call('mknod', '/mynull', 0o020666, 0x103), 0);
  assert.is(u.write(u.open('/mynull', 1), 'x'), 1);
  assert.is(u.call('mknod', '/none', 0o020666, 0xff03), 0);
  assert.is(u.open('/none'), -ENXIO);
  assert.is(m.user(1000).call('mknod', '/tmpnode', 0o020666, 0x103), -EPERM);
});

test('sendfile and copy_file_range move bytes and positions', () => {
  const u = new Machine().user();
  const text = 'The quick brown fox '.repeat(10000);
  u.save('/a', text);
  const a = u.open('/a');
  const b = u.open('/b', RDWR_CREAT);
  assert.is(u.call('sendfile', b, a, 0, 150000), 150000);
  assert.is(u.call('sendfile', b, a, 0, 150000), 50000);
  assert.is(u.call('sendfile', b, a, 0, 10), 0);
  assert.is(u.cat('/b'), text);
  const off = u.put(new Uint8Array(new BigUint64Array([4n]).buffer));
  const c = u.open('/c', RDWR_CREAT);
  assert.is(u.call('copy_file_range', a, off, c, 0, 5, 0), 5);
  assert.is(u.cat('/c'), 'quick');
  assert.is(Buffer.from(u.get(off, 8)).readUInt8(0), 9);
});

function xattr(u: User, call: string, path: string, name: string, size = 100): string | number {
  const at = u.space(size);
  const n = u.call(call, path, name, at, size);
  return n < 0 ? n : Buffer.from(u.get(at, n)).toString();
}

test('extended attributes', () => {
  const m = new Machine();
  const u = m.user();
  u.save('/f', '');
  assert.is(u.call('setxattr', '/f', 'user.a', u.put('value'), 5, 0), 0);
  assert.is(u.call('setxattr', '/f', 'user.a', u.put('v'), 1, 1), -EEXIST);
  assert.is(u.call('setxattr', '/f', 'user.b', u.put('v'), 1, 2), -ENODATA);
  assert.is(xattr(u, 'getxattr', '/f', 'user.a'), 'value');
  assert.is(xattr(u, 'getxattr', '/f', 'user.a', 2), -ERANGE);
  assert.is(m.user(1000).call('setxattr', '/f', 'trusted.a', u.put('v'), 1, 0), -EPERM);
  assert.is(u.call('removexattr', '/f', 'user.a'), 0);
  assert.is(xattr(u, 'getxattr', '/f', 'user.a'), -ENODATA);
});

test('set-user-ID goes when others write or the owner changes', () => {
  const m = new Machine();
  const u = m.user();
  u.save('/f', 'x', 0o777);
  u.call('chmod', '/f', 0o6777);
  const other = m.user(1000);
  other.write(other.open('/f', 1), 'y');
  const mode = (): number => (u.stat('/f') as { mode: number }).mode & 0o7777;
  assert.is(mode(), 0o777);
  u.call('chmod', '/f', 0o6777);
  u.call('chown', '/f', 5, 5);
  assert.is(mode(), 0o777);
  assert.is(other.call('chmod', '/f', 0o600), -EPERM);
  assert.is(other.call('chown', '/f', 1000, 1000), -EPERM);
});

test('sticky directories protect other users\u2019 names', () => {
  const m = new Machine();
  const u = m.user();
  u.call('mkdir', '/tmp', 0o777);
  u.call('chmod', '/tmp', 0o1777);
  const a = m.user(1000);
  const b = m.user(1001);
  a.save('/tmp/mine', 'x');
  assert.is(b.call('unlink', '/tmp/mine'), -EPERM);
  assert.is(b.call('rename', '/tmp/mine', '/tmp/yours'), -EPERM);
  assert.is(a.call('unlink', '/tmp/mine'), 0);
});

test('mounts: other file systems, read-only, bind, and what is busy', () => {
  const m = new Machine();
  const u = m.user();
  m.vfs.registerFileSystem('tmpfs', () => m.tmpfs(3));
  u.call('mkdir', '/m', 0o755);
  u.call('mkdir', '/n', 0o755);
  assert.is(u.call('mount', 'none', '/m', 'tmpfs', 0, 0), 0);
  u.save('/m/f', 'x');
  u.call('mkdir', '/m/sub', 0o755);
  assert.is(u.call('rename', '/m/f', '/f'), -EXDEV);
  assert.is(u.call('rmdir', '/m'), -16);
  assert.is(u.call('mount', '/m/sub', '/n', 0, 4096, 0), 0);
  u.save('/n/bound', 'y');
  assert.is(u.cat('/m/sub/bound'), 'y');
  assert.is(u.call('mount', 'none', '/m', 0, 32 | 1, 0), 0);
  assert.is(u.open('/m/new', 0o101), -30);
  const fd = u.open('/m/f');
  assert.is(u.call('umount2', '/m', 0), -16);
  u.call('close', fd);
  assert.is(u.call('umount2', '/m', 0), 0);
  assert.equal(u.list('/m'), []);
  assert.is(u.cat('/n/bound'), 'y');
  assert.is(m.user(1000).call('mount', 'none', '/m', 'tmpfs', 0, 0), -EPERM);
});

test('fallocate reserves, punches and zeroes', () => {
  const u = new Machine().user();
  const fd = u.open('/f', RDWR_CREAT);
  assert.is(u.call('fallocate', fd, 0, 0, 5000), 0);
  assert.is(u.cat('/f'), '\0'.repeat(5000));
  u.write(fd, 'x'.repeat(12288));
  assert.is(u.call('fallocate', fd, 3, 1000, 8000), 0);
  assert.is(u.cat('/f'), `${'x'.repeat(1000)}${'\0'.repeat(8000)}${'x'.repeat(3288)}`);
  assert.is((u.stat('/f') as { blocks: number }).blocks, 16);
  assert.is(u.call('fallocate', u.open('/'), 0, 0, 1), -EBADF);
});

test('memfd is a file without a name, with seals', () => {
  const u = new Machine().user();
  const fd = u.call('memfd_create', 'x', 2);
  assert.is(u.write(fd, 'abc'), 3);
  assert.is(u.call('fcntl', fd, 1033, 8), 0);
  assert.is(u.write(fd, 'd'), -EPERM);
  assert.is(u.call('fcntl', fd, 1034, 0), 8);
  assert.is(u.call('lseek', fd, 0, 0), 0);
  assert.is(u.read(fd), 'abc');
  assert.is(u.call('getdents64', fd, u.space(100), 100), -20);
  assert.is(u.call('pread64', u.call('inotify_init1', 0), u.space(1), 1, 0), -ESPIPE);
});

test('an unmounted tmpfs leaves nothing in memory, once nobody uses it', () => {
  const m = new Machine();
  const u = m.user();
  u.call('mkdir', '/m', 0o755);
  u.save('/first', 'a table of descriptors');
  const page = u.put('y'.repeat(4096));
  const { frames, heap } = m.mmu.paging;
  const [free, used] = [frames.free, heap.used];
  m.vfs.mountAt(m.vfs.lookup(u.task as never, null, '/m', true), m.tmpfs(2), 'tmpfs', 0);
  u.call('mkdir', '/m/d', 0o755);
  u.call('setxattr', '/m/d', 'user.a', page, 1000, 0);
  u.call('symlink', 'target', '/m/link');
  const [open, other] = ['/m/d/f', '/m/g'].map((name) => {
    const fd = u.open(name, 0x42);
    for (let i = 0; i < 20; i++) u.call('pwrite64', fd, page, 4096, i * 8192);
    return fd;
  }) as [number, number];
  u.call('close', other);
  assert.is(u.call('umount2', '/m', 2), 0);
  assert.ok(frames.free < free - 30, 'a file is still open');
  u.call('close', open);
  assert.is(heap.used, used);
  // The arguments above took a page or two.
  assert.ok(frames.free >= free - 3, `${free - frames.free} frames`);
});
