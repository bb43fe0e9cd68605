/** The wrapper's own basics; what it must reject is in runner.test.ts. */
import { assert, suite } from './suite.ts';

const test = suite('suite wrapper');

test('runs a synchronous test', () => {
  assert.is(1 + 1, 2);
});

test('awaits an asynchronous test', async () => {
  const value = await new Promise<number>((resolve) => setTimeout(() => resolve(7), 5));
  assert.is(value, 7);
});

test('refuses hooks and duplicate names', () => {
  assert.throws(() => Reflect.get(test, 'before'), /not supported/);
  assert.throws(() => Reflect.get(test, 'after'), /not supported/);
});
