/**
 * BusyBox's own tests, run by Alpine's BusyBox in a guest and natively: test by test the result is the same, but for
 * what busybox-exceptions.txt lists with reasons. An exception that is none (any more) fails too.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Machine } from '../../src/machine/machine.ts';
import { putFile } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { runGuest } from './lib/guest.ts';
import { noNative, quote, runNative, tarRoot } from './lib/native.ts';
import { ALPINE_TAR, noAlpine } from './lib/scripts.ts';

const TESTS = fileURLToPath(new URL('../../.cache/busybox-tests/testsuite', import.meta.url));
const EXCEPTIONS = new URL('./busybox-exceptions.txt', import.meta.url);
const FETCH = 'scripts/fetch-busybox-tests.sh';
const GUEST_MS = 1_200_000;
const test = suite('busybox', { timeout: GUEST_MS + 300_000 });

/** Loop devices, a network: what neither side has, and what would wait for it. */
const LEFT_OUT = ['mount', 'mdev', 'wget', 'hostname'];

/** Every feature is said to be there, so that its tests run: the same ones fail on both sides where it is not. */
const SCRIPT = `
cd /bb/testsuite
cp /bin/busybox /bb/busybox
grep -ho '^ *optional [^#;]*' *.tests | sed 's/^ *optional //; s/[!"]//g' | tr ' ' '\\n' | sort -u |
  sed -n 's/^[A-Z0-9_]*$/CONFIG_&=y/p' >/bb/.config
for applet in ${LEFT_OUT.join(' ')}; do rm -rf $applet $applet.tests; done
./runtest 2>/dev/null </dev/null | grep -E '^(PASS|FAIL|SKIPPED|UNTESTED): '
`;
const ARGV = ['/bin/sh', '-c', SCRIPT];

/** Results by the names of tests; the second test of a name is "NAME (2)". */
function results(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of output.split('\n').filter((l) => l !== '')) {
    const [, result = '', name = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
    let key = name;
    for (let n = 2; found.has(key); n++) key = `${name} (${n})`;
    found.set(key, result);
  }
  return found;
}

/** Lines "RESULT in the guest: NAME — reason". */
function exceptions(): Map<string, string> {
  const lines = readFileSync(EXCEPTIONS, 'utf8').split('\n');
  const found = new Map<string, string>();
  for (const line of lines.filter((l) => l !== '' && !l.startsWith('#'))) {
    const m = /^(\w+): (.*?) — .+$/.exec(line);
    if (m === null) throw new Error(`busybox-exceptions.txt: no reason in ${line}`);
    found.set(m[2] as string, m[1] as string);
  }
  return found;
}

function putTests(machine: Machine, from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) putTests(machine, source, target);
    else putFile(machine, target, readFileSync(source), statSync(source).mode & 0o777);
  }
}

async function compare(): Promise<void> {
  const native = runNative({
    root: tarRoot(ALPINE_TAR),
    argv: ARGV,
    prepare: `mkdir "$root/bb" && cp -r ${quote(TESTS)} "$root/bb/testsuite"`,
    timeoutMs: 300_000,
  });
  const guest = await runGuest({
    root: { kind: 'tar', bytes: gunzipSync(readFileSync(ALPINE_TAR)) },
    engine: 'auto',
    argv: ARGV,
    prepare: (machine) => putTests(machine, TESTS, '/bb/testsuite'),
    timeoutMs: GUEST_MS,
  });
  const expected = results(native.stdout);
  assert.ok(expected.size > 500, `natively only ${expected.size} tests ran`);
  const got = results(guest.stdout);
  const different: Record<string, string> = {};
  for (const name of new Set([...expected.keys(), ...got.keys()])) {
    const [n, g] = [expected.get(name) ?? 'MISSING', got.get(name) ?? 'MISSING'];
    if (n !== g) different[name] = g;
  }
  assert.equal(different, Object.fromEntries(exceptions()));
}

const missing = noAlpine() ?? (existsSync(TESTS) ? null : `no tests: run ${FETCH}`) ?? noNative();
if (missing !== null) test.skip('its own tests', missing);
else test('its own tests', compare);
