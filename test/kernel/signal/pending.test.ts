import { SigActions } from '../../../src/kernel/signal/actions.ts';
import { PendingSignals } from '../../../src/kernel/signal/pending.ts';
import { encodeSigInfo, rawInfo, sigInfo } from '../../../src/kernel/signal/siginfo.ts';
import { SigSet } from '../../../src/kernel/signal/sigset.ts';
import { HeapAccount } from '../../../src/mmu/heap-account.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('kernel pending signals');
const NONE = new SigSet();

test('sets hold signals 1 to 64, and SIGKILL and SIGSTOP cannot be blocked', () => {
  const s = new SigSet();
  for (let sig = 1; sig <= 64; sig++) {
    s.add(sig);
    assert.ok(s.has(sig));
  }
  s.removeUnblockable();
  assert.is(String(s), '~[KILL STOP]');
  for (let sig = 1; sig <= 64; sig++) s.delete(sig);
  assert.ok(s.empty);
  assert.is(String(SigSet.of(2, 17, 32, 34)), '[INT CHLD RTMIN RT_2]');
});

test('standard signals merge, realtime signals queue in order', () => {
  const p = new PendingSignals(new HeapAccount(1 << 20));
  assert.is(p.add(sigInfo({ signo: 10, pid: 1 })), true);
  assert.is(p.add(sigInfo({ signo: 10, pid: 2 })), false);
  for (const v of [1, 2, 3]) p.add(sigInfo({ signo: 40, valueLo: v }));
  assert.is(p.count, 4);
  assert.is(p.next(NONE), 10);
  assert.is(p.take(10)?.pid, 1);
  assert.is(p.next(NONE), 40);
  assert.equal([p.take(40)?.valueLo, p.take(40)?.valueLo, p.take(40)?.valueLo], [1, 2, 3]);
  assert.is(p.next(NONE), 0);
  assert.ok(p.mask.empty);
});

test('faults come first, then the lowest number that is not blocked', () => {
  const p = new PendingSignals(new HeapAccount(1 << 20));
  for (const signo of [1, 50, 11, 33]) p.add(sigInfo({ signo }));
  assert.is(p.next(NONE), 11);
  p.take(11);
  assert.is(p.next(NONE), 1);
  assert.is(p.next(SigSet.of(1)), 33);
  p.discard(SigSet.of(1, 33));
  assert.is(p.next(NONE), 50);
});

test('execve keeps what is ignored and resets handlers', () => {
  const a = new SigActions();
  a.get(2).handler = 1;
  a.get(15).handler = 0x1000;
  a.get(15).flags = 0x10000000;
  const copy = a.clone();
  a.resetForExec();
  assert.is(a.get(2).handler, 1);
  assert.is(a.get(15).handler, 0);
  assert.is(a.get(15).flags, 0);
  assert.is(copy.get(15).handler, 0x1000);
  assert.ok(a.ignores(17) && a.ignores(18) && !a.ignores(15));
});

test('siginfo has the layout of Linux', () => {
  const bytes = new Uint8Array(128);
  const d = new DataView(bytes.buffer);
  encodeSigInfo(sigInfo({ signo: 11, code: 1, kind: 'fault', addr: 0x7fff12345678 }), bytes);
  assert.is(d.getBigUint64(16, true), 0x7fff12345678n);
  const chld = sigInfo({
    signo: 17,
    code: 1,
    kind: 'chld',
    pid: 5,
    uid: 6,
    status: 7,
    utime: 8,
    stime: 9,
  });
  encodeSigInfo(chld, bytes);
  const fields = [16, 20, 24, 32, 40].map((at) => d.getInt32(at, true));
  assert.equal(fields, [5, 6, 7, 8, 9]);
  const raw = rawInfo(34, bytes.slice());
  assert.is(raw.signo, 34);
  assert.is(raw.pid, 5);
});
