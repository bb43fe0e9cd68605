import { Timer, TimerQueue } from '../../../src/kernel/time/timer-queue.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('kernel timer queue');

test('timers fire in the order of their deadlines, equal ones in the order of arming', () => {
  const q = new TimerQueue();
  const fired: number[] = [];
  const expected: { deadline: number; id: number }[] = [];
  let seed = 1;
  for (let id = 0; id < 500; id++) {
    seed = (Math.imul(seed, 48271) >>> 0) % 2147483647;
    const deadline = seed % 50;
    expected.push({ deadline, id });
    q.arm(new Timer(() => fired.push(id)), deadline);
  }
  expected.sort((a, b) => a.deadline - b.deadline || a.id - b.id);
  q.run(24);
  assert.ok(q.next >= 25);
  q.run(100);
  assert.equal(
    fired,
    expected.map((e) => e.id),
  );
  assert.is(q.next, Number.POSITIVE_INFINITY);
});

test('cancelled and moved timers', () => {
  const q = new TimerQueue();
  const fired: string[] = [];
  const a = new Timer(() => fired.push('a'));
  const b = new Timer(() => fired.push('b'));
  const c = new Timer(() => fired.push('c'));
  q.arm(a, 1);
  q.arm(b, 2);
  q.arm(c, 3);
  q.cancel(b);
  q.cancel(b);
  q.arm(a, 9);
  assert.is(q.next, 3);
  q.run(5);
  assert.equal(fired, ['c']);
  assert.ok(a.armed && !b.armed && !c.armed);
});

test('a timer that arms itself again does not fire twice in one round', () => {
  const q = new TimerQueue();
  let n = 0;
  const t: Timer = new Timer(() => {
    n++;
    q.arm(t, 0);
  });
  q.arm(t, 0);
  q.run(10);
  assert.is(n, 1);
});
