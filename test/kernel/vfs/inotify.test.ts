import { EAGAIN, EINVAL } from '../../../src/kernel/errno.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine, type User } from './harness.ts';

const test = suite('inotify');

const NAMES: Record<number, string> = {
  1: 'ACCESS',
  2: 'MODIFY',
  4: 'ATTRIB',
  8: 'CLOSE_WRITE',
  16: 'CLOSE_NOWRITE',
  32: 'OPEN',
  64: 'MOVED_FROM',
  128: 'MOVED_TO',
  256: 'CREATE',
  512: 'DELETE',
  1024: 'DELETE_SELF',
  2048: 'MOVE_SELF',
  32768: 'IGNORED',
  1073741824: 'ISDIR',
};

function events(u: User, fd: number): string[] {
  const at = u.space(4096);
  const out: string[] = [];
  for (;;) {
    const n = u.call('read', fd, at, 4096);
    if (n === -EAGAIN) return out;
    if (n < 0) throw new Error(`read: ${n}`);
    const b = Buffer.from(u.get(at, n));
    for (let p = 0; p < n; p += 16 + b.readUInt32LE(p + 12)) {
      const mask = b.readUInt32LE(p + 4);
      const bits = Object.keys(NAMES).filter((k) => mask & Number(k));
      const name = b.toString('latin1', p + 16, p + 16 + b.readUInt32LE(p + 12)).split('\0')[0];
      out.push(`${b.readInt32LE(p)} ${bits.map((k) => NAMES[Number(k)]).join('|')} ${name}`.trim());
    }
  }
}

test('reports what happens in a directory and to a file', () => {
  const u = new Machine().user();
  u.call('mkdir', '/d', 0o755);
  const fd = u.call('inotify_init1', 0o4000);
  assert.is(u.call('inotify_add_watch', fd, '/d', 0xfff), 1);
  u.save('/d/f', 'x');
  assert.equal(events(u, fd), ['1 CREATE f', '1 OPEN f', '1 MODIFY f', '1 CLOSE_WRITE f']);
  assert.is(u.call('inotify_add_watch', fd, '/d/f', 0xfff), 2);
  u.call('chmod', '/d/f', 0o600);
  assert.equal(events(u, fd), ['2 ATTRIB', '1 ATTRIB f']);
  u.call('rename', '/d/f', '/d/g');
  assert.equal(events(u, fd), ['1 MOVED_FROM f', '1 MOVED_TO g', '2 MOVE_SELF']);
  u.call('mkdir', '/d/sub', 0o755);
  u.call('unlink', '/d/g');
  assert.equal(events(u, fd), [
    '1 CREATE|ISDIR sub',
    '2 ATTRIB',
    '1 DELETE g',
    '2 DELETE_SELF',
    '2 IGNORED',
  ]);
  assert.is(u.call('inotify_rm_watch', fd, 1), 0);
  assert.equal(events(u, fd), ['1 IGNORED']);
  assert.is(u.call('inotify_rm_watch', fd, 1), -EINVAL);
  u.save('/d/h', '');
  assert.equal(events(u, fd), []);
});
