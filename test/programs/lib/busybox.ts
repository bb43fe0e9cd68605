/**
 * BusyBox's own tests, run by Alpine's BusyBox in guests and natively. They are not in the repository:
 * scripts/fetch-busybox-tests.sh fetches them.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Machine } from '../../../src/machine/machine.ts';
import { putFile } from '../../kernel/lib/run-guest.ts';
import { runGuest } from './guest.ts';
import { noNative, quote, runNative, tarRoot } from './native.ts';
import { ALPINE_TAR, noAlpine } from './scripts.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const FETCHED = `${PROJECT}.cache/busybox-tests`;
const TESTS = `${FETCHED}/testsuite`;
const EXCEPTIONS = `${PROJECT}test/programs/busybox-exceptions.txt`;
const NATIVE_MS = 900_000;

/** What runs in one guest. */
export interface Group {
  readonly applets: readonly string[];
  /** Names of tests that do not run, on either side. */
  readonly cuts: readonly string[];
}

/** What a test ended with, by its name; the second test of a name is "NAME (2)". */
type Results = ReadonlyMap<string, string>;

/** Why BusyBox's tests cannot be compared here, or null. */
export function noBusyboxTests(): string | null {
  const row = readFileSync(`${PROJECT}images/packages.list`, 'utf8')
    .split('\n')
    .find((line) => line.startsWith('busybox '));
  const [, version, , , sha256] = row?.split(/ +/) ?? [];
  const wanted = `${FETCHED}/wanted`;
  if (!existsSync(wanted) || readFileSync(wanted, 'utf8') !== `${version} ${sha256}\n`) {
    return 'BusyBox’s tests are not there: scripts/fetch-busybox-tests.sh fetches them';
  }
  return noAlpine() ?? noNative();
}

/** The applets that have tests. */
export function testedApplets(): string[] {
  const found = new Set<string>();
  for (const entry of readdirSync(TESTS, { withFileTypes: true })) {
    if (entry.isDirectory()) found.add(entry.name);
    else if (entry.name.endsWith('.tests')) found.add(entry.name.slice(0, -'.tests'.length));
  }
  return [...found].sort();
}

/** Makes `testing` of testing.sh answer for these tests without running them. */
function cut(tests: readonly string[]): string {
  if (tests.length === 0) return ':';
  const names = tests.map((name) => `"${name}"`).join('|');
  const line = `  case $NAME in ${names}) echo "SKIPPED: $NAME (cut)"; return 0; esac`;
  return `sed -i ${quote(`/^  NAME=/a\\${line}`)} testing.sh`;
}

/** Every feature is said to be there, so that its tests run: the same ones fail on both sides where it is not. */
function argv({ applets, cuts }: Group): readonly string[] {
  const script = `
cd /bb/testsuite
cp /bin/busybox /bb/busybox
${cut(cuts)}
grep -ho '^ *optional [^#;]*' *.tests | sed 's/^ *optional //; s/[!"]//g' | tr ' ' '\\n' | sort -u |
  sed -n 's/^[A-Z0-9_]*$/CONFIG_&=y/p' >/bb/.config
./runtest ${applets.join(' ')} 2>/dev/null </dev/null | grep -E '^(PASS|FAIL|SKIPPED|UNTESTED): '
`;
  return ['/bin/sh', '-c', script];
}

function results(output: string): Results {
  const found = new Map<string, string>();
  for (const line of output.split('\n').filter((l) => l !== '')) {
    const [, result = '', name = ''] = /^(\w+): (.*)$/.exec(line) ?? [];
    let key = name;
    for (let n = 2; found.has(key); n++) key = `${name} (${n})`;
    found.set(key, result);
  }
  return found;
}

export function testNatively(group: Group): Results {
  const native = runNative({
    root: tarRoot(ALPINE_TAR),
    argv: argv(group),
    prepare: `mkdir "$root/bb" && cp -r ${quote(TESTS)} "$root/bb/testsuite"`,
    timeoutMs: NATIVE_MS,
  });
  return results(native.stdout);
}

function putTests(machine: Machine, from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) putTests(machine, source, target);
    else putFile(machine, target, readFileSync(source), statSync(source).mode & 0o777);
  }
}

export async function testInGuest(group: Group, timeoutMs: number): Promise<Results> {
  const guest = await runGuest({
    root: { kind: 'tar', bytes: gunzipSync(readFileSync(ALPINE_TAR)) },
    engine: 'auto',
    argv: argv(group),
    prepare: (machine) => putTests(machine, TESTS, '/bb/testsuite'),
    timeoutMs,
  });
  return results(guest.stdout);
}

/** Lines "GROUP: RESULT: NAME — reason": what tests of a group end with in the guest only, by name. */
export function exceptions(): Map<string, Record<string, string>> {
  const lines = readFileSync(EXCEPTIONS, 'utf8').split('\n');
  const found = new Map<string, Record<string, string>>();
  for (const line of lines.filter((l) => l !== '' && !l.startsWith('#'))) {
    const m = /^(.*?): (\w+): (.*?) — .+$/.exec(line);
    if (m === null) throw new Error(`busybox-exceptions.txt: no reason in ${line}`);
    const [, group = '', result = '', name = ''] = m;
    found.set(group, { ...found.get(group), [name]: result });
  }
  return found;
}
