/**
 * The damaged images of e2fsprogs' own tests: each is opened, read, checked and written on a copy. Nothing but errors
 * of Linux comes of it; our check finds damage where e2fsck does; what we read is what e2fsck makes of it; and writing
 * hurts no file that was whole. What differs is listed with reasons in corpus-exceptions.txt, which is checked.
 */

import { cpuMs } from '../lib/cpu-time.ts';
import { assert, suite } from '../lib/suite.ts';
import { corpus, examine, exceptions, imageOf, noCorpus, type Outcome } from './corpus.ts';
import { tool } from './tools.ts';

const test = suite('ext4 corpus');
const REASON = noCorpus();
/** Whose verdicts are in the list; others may find more or less. */
const LISTED_E2FSCK = 'e2fsck 1.47.0 ';
const CPU_MS = 20_000;

if (REASON !== null) test.skip('the images of e2fsprogs’ tests', REASON);
else {
  const known = exceptions();
  const strict = tool('e2fsck', ['-V']).out.includes(LISTED_E2FSCK);
  const outcomes: Outcome[] = [];
  const names = corpus();
  for (const name of names) {
    test(name, () => {
      const started = cpuMs();
      const outcome = examine(imageOf(name));
      outcomes.push(outcome);
      assert.ok(cpuMs() - started < CPU_MS, 'takes too long');
      for (const [what, text] of outcome.differences) {
        assert.ok(known.has(`${name} ${what}`), `${what}: ${text}`);
      }
      if (!strict) return;
      for (const key of known.keys()) {
        const [image, what] = key.split(' ');
        if (image !== name) continue;
        assert.ok(outcome.differences.has(what!), `${what} is in the list but does not differ`);
      }
    });
  }

  test('the list names images that there are, and reasons', () => {
    for (const [key, reason] of known) {
      assert.ok(names.includes(key.split(' ')[0]!), key);
      assert.ok(reason.length > 10, key);
    }
    const count = (wanted: (o: Outcome) => boolean): number => outcomes.filter(wanted).length;
    const sum = (of: (o: Outcome) => number): number => outcomes.reduce((n, o) => n + of(o), 0);
    console.log(
      `${outcomes.length} images, ${count((o) => o.e2fsck === 'damaged')} of them damaged for e2fsck, ` +
        `${count((o) => o.check === 'damaged')} for us; ${count((o) => o.mount === 'refused')} refused, ` +
        `${count((o) => o.mount === 'read-only')} read-only, ${count((o) => o.mount === 'writable')} writable; ` +
        `${sum((o) => o.files)} files, ${sum((o) => o.unreadable)} of them refused; ${known.size} differences listed`,
    );
  });
}
