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

const ALL = process.env['KEVLAR_BUSYBOX'] === 'all';
const GUEST_MS = ALL ? 7_200_000 : 1_500_000;
const test = suite('BusyBox', { timeout: GUEST_MS + 900_000 });

/** Each group is a guest: setting the tests up takes one as long as ten applets. */
const GROUPS: Readonly<Record<string, string>> = {
  'a to c': `all_sourcecode ar ash awk basename bc bunzip2 busybox bzcat cal cat cmp comm cp cpio cryptpw cut`,
  'd to l': `date dc dd diff dirname du echo expand expr factor false find fold grep gunzip gzip head hexdump hostid id ln ls`,
  'm to s': `makedevs mkdir mkfs.minix mv nl od parse paste patch pidof printf pwd readlink realpath rev rm rmdir rx
    sed seq sort start-stop-daemon strings sum`,
  't to z': `tail tar taskset tee test time touch tr tree true tsort uncompress unexpand uniq unlzma unzip uptime
    uuencode wc which xargs xxd`,
  digests: 'md5sum sha1sum sha256sum sha3sum sha512sum',
};

/** Minutes in a guest (45 s natively, the longest). Cut out unless all are asked for. */
const LONG: readonly string[] = [
  'bc parsing of numbers',
  'bc printing of numbers',
  'bc -lq bc_bessel.bc',
  'bc -lq bc_power.bc',
  'cryptpw sha512 rounds=99999',
];

/** Loop devices, a network: what neither side has, and what would wait for it. */
const LEFT_OUT = 'hostname mdev mount wget';

const words = (text: string): string[] => text.split(/\s+/);

async function compare(name: string, applets: readonly string[]): Promise<void> {
  const group = { applets, cuts: ALL ? [] : LONG };
  const expected = testNatively(group);
  assert.ok(expected.size >= applets.length, `natively only ${expected.size} tests ran`);
  const before = process.cpuUsage();
  const got = await testInGuest(group, GUEST_MS);
  const seconds = (process.cpuUsage(before).user / 1e6).toFixed(0);
  console.log(`${name}: ${expected.size} tests, ${seconds} s of CPU time`);
  const different: Record<string, string> = {};
  for (const key of new Set([...expected.keys(), ...got.keys()])) {
    const [n, g] = [expected.get(key) ?? 'MISSING', got.get(key) ?? 'MISSING'];
    if (n !== g) different[key] = g;
  }
  assert.equal(different, exceptions().get(name) ?? {});
}

function everythingIsListed(): void {
  const listed = [...Object.values(GROUPS), LEFT_OUT].flatMap(words).sort();
  assert.equal(listed, testedApplets());
  for (const name of exceptions().keys()) assert.ok(name in GROUPS, `exceptions of ${name}`);
}

function addTests(): void {
  test('every applet is in a group or left out', everythingIsListed);
  for (const [name, applets] of Object.entries(GROUPS)) {
    test(name, () => compare(name, words(applets)));
  }
}

const missing = noBusyboxTests();
if (missing !== null) test.skip('its own tests', missing);
else addTests();
