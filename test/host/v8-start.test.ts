/** src/host/node/v8-start.ts changes V8's flags for a while: code that is kept says with which it was made. */
import { Script } from 'node:vm';
import { startQuietly } from '../../src/host/node/v8-start.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('V8 at the start');
const SOURCE = '(function answer() { return 6 * 7; })';

function accepts(cachedData: Buffer, filename: string): boolean {
  return new Script(SOURCE, { filename, cachedData }).cachedDataRejected === false;
}

test('the flags are as before when it has ended', () => {
  const script = new Script(SOURCE, { filename: 'made' });
  const before = script.createCachedData();
  const end = startQuietly('js');
  try {
    assert.not(accepts(before, 'during'), 'it does change flags');
  } finally {
    end();
  }
  assert.ok(accepts(before, 'after'));
  assert.ok(accepts(script.createCachedData(), 'made after'));
});
