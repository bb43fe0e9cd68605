import { EAGAIN, EBADF, EDEADLK } from '../../../src/kernel/errno.ts';
import { BLOCKED } from '../../../src/kernel/syscall/types.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine, type User } from './harness.ts';

const test = suite('file locks');
const [RD, WR, UN] = [0, 1, 2];
const [GETLK, SETLK, SETLKW, OFD_SETLK] = [5, 6, 7, 37];

function flock(type: number, start: number, len: number): Uint8Array {
  const b = Buffer.alloc(32);
  b.writeInt16LE(type, 0);
  b.writeBigInt64LE(BigInt(start), 8);
  b.writeBigInt64LE(BigInt(len), 16);
  return new Uint8Array(b);
}

function lock(u: User, fd: number, cmd: number, type: number, start: number, len: number): number {
  return u.call('fcntl', fd, cmd, u.put(flock(type, start, len)));
}

function getlk(u: User, fd: number, start: number, len: number): number[] {
  const at = u.put(flock(WR, start, len));
  assert.is(u.call('fcntl', fd, GETLK, at), 0);
  const b = Buffer.from(u.get(at, 32));
  return [
    b.readInt16LE(0),
    Number(b.readBigInt64LE(8)),
    Number(b.readBigInt64LE(16)),
    b.readInt32LE(24),
  ];
}

function two(): { a: User; b: User; fa: number; fb: number } {
  const m = new Machine();
  const a = m.user();
  const b = m.user();
  a.save('/f', 'x');
  return { a, b, fa: a.open('/f', 2), fb: b.open('/f', 2) };
}

test('ranges split, merge and conflict', () => {
  const { a, b, fa, fb } = two();
  assert.is(lock(a, fa, SETLK, WR, 0, 100), 0);
  assert.is(lock(b, fb, SETLK, RD, 50, 1), -EAGAIN);
  assert.is(lock(a, fa, SETLK, UN, 40, 20), 0);
  assert.is(lock(b, fb, SETLK, WR, 40, 20), 0);
  assert.equal(getlk(b, fb, 0, 0).slice(0, 3), [WR, 0, 40]);
  assert.equal(getlk(a, fa, 30, 30).slice(0, 3), [WR, 40, 20]);
  assert.is(lock(a, fa, SETLK, RD, 0, 40), 0);
  assert.is(lock(b, fb, SETLK, RD, 0, 40), 0);
  assert.is(lock(b, fb, SETLK, WR, 0, 40), -EAGAIN);
  assert.is(lock(a, fa, SETLK, WR, 1000, 0), 0);
  assert.equal(getlk(b, fb, 5000, 1).slice(0, 4), [WR, 1000, 0, a.task.pid]);
});

test('closing any descriptor of the file drops the process\u2019s locks', () => {
  const { a, b, fa, fb } = two();
  assert.is(lock(a, fa, SETLK, WR, 0, 0), 0);
  assert.is(lock(b, fb, SETLK, WR, 0, 0), -EAGAIN);
  a.call('close', a.open('/f'));
  assert.is(lock(b, fb, SETLK, WR, 0, 0), 0);
});

test('waiting locks block, and a circle is EDEADLK', () => {
  const { a, b, fa, fb } = two();
  assert.is(lock(a, fa, SETLK, WR, 0, 1), 0);
  assert.is(lock(b, fb, SETLK, WR, 1, 1), 0);
  assert.is(lock(a, fa, SETLKW, WR, 1, 1), BLOCKED);
  assert.is(lock(b, fb, SETLKW, WR, 0, 1), -EDEADLK);
  let woken = false;
  a.queues[0]!.add({
    wake: () => {
      woken = true;
    },
  });
  assert.is(lock(b, fb, SETLK, UN, 1, 1), 0);
  assert.ok(woken);
  assert.is(lock(a, fa, SETLKW, WR, 1, 1), 0);
});

test('OFD locks belong to the description', () => {
  const { a, fa } = two();
  const other = a.open('/f', 2);
  assert.is(lock(a, fa, OFD_SETLK, WR, 0, 0), 0);
  assert.is(lock(a, other, OFD_SETLK, WR, 0, 0), -EAGAIN);
  const dup = a.call('dup', fa);
  a.call('close', fa);
  assert.is(lock(a, other, OFD_SETLK, WR, 0, 0), -EAGAIN);
  a.call('close', dup);
  assert.is(lock(a, other, OFD_SETLK, WR, 0, 0), 0);
});

test('flock: shared, exclusive, conversion, release by close', () => {
  const { a, b, fa, fb } = two();
  assert.is(a.call('flock', fa, 1), 0);
  assert.is(b.call('flock', fb, 1 | 4), 0);
  assert.is(b.call('flock', fb, 2 | 4), -EAGAIN);
  assert.is(b.call('flock', fb, 2), BLOCKED);
  a.call('close', fa);
  assert.is(b.call('flock', fb, 2), 0);
  assert.is(a.call('flock', a.open('/f'), 1 | 4), -EAGAIN);
});

test('a write lock needs write access', () => {
  const { a } = two();
  const r = a.open('/f', 0);
  assert.is(lock(a, r, SETLK, WR, 0, 0), -EBADF);
  assert.is(lock(a, r, SETLK, RD, 0, 0), 0);
});
