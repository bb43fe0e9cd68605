/**
 * BusyBox's own tests, run by Alpine's BusyBox in guests and natively: test by test the result is the same, but for
 * what busybox-exceptions.txt lists with reasons. An exception that is none (any more) fails too. KEVLAR_BUSYBOX=all
 * runs those too that take a guest minutes.
 */

import { assert, suite } from '../lib/suite.ts';
import {
  exceptions,
  noBusyboxTests,
  testedApplets,
  testInGuest,
  testNatively,
} from './lib/busybox.ts';

const GUEST_MS = 1_500_000;
const test = suite('BusyBox', { timeout: GUEST_MS + 900_000 });

/** Each group is a guest: setting the tests up takes one as long as ten applets. */
const QUICK: Readonly<Record<string, string>> = {
  'a to c': `all_sourcecode ar ash awk basename bunzip2 busybox bzcat cal cat cmp comm cp cpio cut`,
  'd to l': `date dd diff dirname du echo expand expr false find fold grep gunzip gzip head hexdump hostid id ln ls`,
  'm to s': `makedevs mkdir mkfs.minix mv nl od parse paste patch pidof printf pwd readlink realpath rev rm rmdir rx
    sed seq sort start-stop-daemon strings sum`,
  't to z': `tail tar taskset tee test time touch tr tree true tsort uncompress unexpand uniq unlzma unzip uptime
    uuencode wc which xargs xxd`,
};

/** Minutes each. */
const LONG: Readonly<Record<string, string>> = {};

/** Loop devices, a network: what neither side has, and what would wait for it. */
const LEFT_OUT = 'hostname mdev mount wget';

/** Not compared yet. */
const LATER = 'bc cryptpw dc factor md5sum sha1sum sha256sum sha3sum sha512sum';

const words = (text: string): string[] => text.split(/\s+/);

async function compare(group: string, applets: readonly string[]): Promise<void> {
  const expected = testNatively(applets);
  assert.ok(expected.size >= applets.length, `natively only ${expected.size} tests ran`);
  const before = process.cpuUsage();
  const got = await testInGuest(applets, GUEST_MS);
  const seconds = (process.cpuUsage(before).user / 1e6).toFixed(0);
  console.log(`${group}: ${expected.size} tests, ${seconds} s of CPU time`);
  const different: Record<string, string> = {};
  for (const name of new Set([...expected.keys(), ...got.keys()])) {
    const [n, g] = [expected.get(name) ?? 'MISSING', got.get(name) ?? 'MISSING'];
    if (n !== g) different[name] = g;
  }
  assert.equal(different, exceptions().get(group) ?? {});
}

function everythingIsListed(): void {
  const groups = { ...QUICK, ...LONG };
  const listed = [...Object.values(groups), LEFT_OUT, LATER].flatMap(words).sort();
  assert.equal(listed, testedApplets());
  for (const group of exceptions().keys()) assert.ok(group in groups, `exceptions of ${group}`);
}

function addTests(): void {
  test('every applet is in a group or left out', everythingIsListed);
  for (const [group, applets] of Object.entries(QUICK)) {
    test(group, () => compare(group, words(applets)));
  }
  for (const [group, applets] of Object.entries(LONG)) {
    if (process.env['KEVLAR_BUSYBOX'] === 'all') test(group, () => compare(group, words(applets)));
    else test.skip(group, 'takes minutes: KEVLAR_BUSYBOX=all runs it');
  }
}

const missing = noBusyboxTests();
if (missing !== null) test.skip('its own tests', missing);
else addTests();
