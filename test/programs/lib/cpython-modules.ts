/**
 * CPython's own test modules in guests of the bundled image and natively: each test ends in both in
 * the same way, except those of cpython/exceptions.txt, which must differ as long as they are in it.
 *
 *   modules.txt     GROUP MODULE: each group is a test file; the modules of GROUP+ run only with KEVLAR_CPYTHON_ALL,
 *                   which gives each module a guest of its own
 *   times.txt       MS TEST: what takes 20 ms and more natively; KEVLAR_CPYTHON_ALL runs what takes less than 300
 *   exceptions.txt  TEST REASON: what differs, and why
 *   not-run.txt     TEST REASON: what cannot be compared
 *
 * KEVLAR_CPYTHON_MODULES='test_os test_pickle' runs those alone, also where they are of GROUP+.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mountOn } from '../../../src/host/mounts.ts';
import { bundledImage } from '../../../src/host/node/bundled-image.ts';
import { NodeHostDirectory } from '../../../src/host/node/host-directory.ts';
import { HostFs } from '../../../src/kernel/fs/hostfs/hostfs.ts';
import { MS_RDONLY } from '../../../src/kernel/vfs/constants.ts';
import { nextDev } from '../../../src/kernel/vfs/system-mounts.ts';
import type { Machine } from '../../../src/machine/machine.ts';
import { putFile } from '../../kernel/lib/run-guest.ts';
import { once } from '../../lib/once.ts';
import { assert, suite } from '../../lib/suite.ts';
import { noCpythonTests } from './cpython.ts';
import { bundledDevice } from './golden.ts';
import { runGuest } from './guest.ts';
import { imageRoot, quote, runNative } from './native.ts';

const TESTS = fileURLToPath(new URL('../../../.cache/cpython-tests/lib/test', import.meta.url));
const FOLDER = fileURLToPath(new URL('../cpython/', import.meta.url));
/** Where Lib/test is in an installed Python: tests start others that look for it there. */
const INSTALLED = 'usr/lib/python3.13/test';
const RUNNER = 'run-modules.py';
const TIMES = 'times.txt';

const ALL = process.env['KEVLAR_CPYTHON_ALL'] !== undefined;
/** Tests that take at least so long natively are not run. */
const MS = ALL ? 300 : 20;
/** What a single test may take by the clock, on a host that is busy. */
const SECONDS = { native: 60, guest: 300 };
const TIMEOUT = 7_200_000;

/** How a module's tests ended: by test, or by module for what is said of a whole one. */
type Outcomes = Map<string, string>;

function rows(name: string): string[][] {
  return readFileSync(`${FOLDER}${name}`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => /^(\S+) +(.+)$/.exec(line)?.slice(1) ?? [line, '']);
}

/** What run-modules.py reads: tests and what they take. */
function leftOut(): Uint8Array {
  const never = rows('not-run.txt').map(([id]) => `${Number.MAX_SAFE_INTEGER} ${id}`);
  const times = rows(TIMES).map((row) => row.join(' '));
  return new TextEncoder().encode(`${[...times, ...never].join('\n')}\n`);
}

function command(seconds: number, modules: readonly string[]): readonly string[] {
  const program = `python3 /${RUNNER} /${TIMES} ${MS} ${seconds} ${modules.join(' ')}`;
  return ['/bin/sh', '-c', `cd /tmp && exec ${program} </dev/null`];
}

/** The bytecode that this leaves beside the tests saves guests from making it. */
function natively(modules: readonly string[]): string {
  const outcome = runNative({
    root: imageRoot(bundledImage() as string),
    argv: command(SECONDS.native, modules),
    prepare: [
      `mkdir "$root/${INSTALLED}"`,
      `mount --bind ${quote(TESTS)} "$root/${INSTALLED}"`,
      `cp ${quote(`${FOLDER}${RUNNER}`)} "$work/${TIMES}" "$root"`,
    ].join(' && '),
    files: { [TIMES]: leftOut() },
    timeoutMs: 1_200_000,
  });
  assert.is(outcome.status, 0, outcome.stderr);
  return outcome.stdout;
}

function putTests(machine: Machine): void {
  const folder = machine.kernel.vfs.root.inode;
  const parent = INSTALLED.split('/').slice(0, -1);
  const library = parent.reduce((at, name) => at.lookup(name) ?? at, folder);
  library.create('test', 0o040755, 0, 0, 0);
  const port = new NodeHostDirectory(TESTS, { readOnly: true });
  const ids = NodeHostDirectory.ids();
  const fs = new HostFs(port, machine.mmu.paging, { dev: nextDev(), readOnly: true, ...ids });
  mountOn(machine, `/${INSTALLED}`, fs, TESTS, MS_RDONLY);
  putFile(machine, `/${RUNNER}`, new Uint8Array(readFileSync(`${FOLDER}${RUNNER}`)), 0o644);
  putFile(machine, `/${TIMES}`, leftOut(), 0o644);
}

async function inGuest(modules: readonly string[]): Promise<string> {
  const before = process.cpuUsage();
  const outcome = await runGuest({
    root: { kind: 'image', device: bundledDevice(), save: false },
    engine: 'auto',
    argv: command(SECONDS.guest, modules),
    memory: 1024 * 1024 * 1024,
    prepare: putTests,
    timeoutMs: TIMEOUT,
  });
  const { user, system } = process.cpuUsage(before);
  const of = modules.length === 1 ? modules[0] : `${modules.length} modules`;
  console.log(`${of}: ${((user + system) / 1e6).toFixed(0)} s of CPU time`);
  if (process.env['KEVLAR_CPYTHON_DETAILS'] !== undefined) console.log(outcome.stderr);
  return outcome.stdout;
}

/** `== MODULE`, then lines `ID: OUTCOME`; a test that is there twice (a doctest) has both outcomes. */
function parse(output: string): Map<string, Outcomes> {
  const modules = new Map<string, Outcomes>();
  let of: Outcomes = new Map();
  for (const line of output.split('\n').filter((text) => text !== '')) {
    if (line.startsWith('== ')) {
      of = new Map();
      modules.set(line.slice(3), of);
      continue;
    }
    const [, id = line, outcome = ''] = /^(.*?): (.*)$/.exec(line) ?? [];
    of.set(id, of.has(id) ? `${of.get(id)}, ${outcome}` : outcome);
  }
  return modules;
}

/** What is wrong with a module, a line for each test. */
function differences(native: Outcomes, guest: Outcomes, excepted: Map<string, string>): string[] {
  const wrong: string[] = [];
  for (const id of new Set([...native.keys(), ...guest.keys()])) {
    const [here, there] = [native.get(id) ?? 'not run', guest.get(id) ?? 'not run'];
    const same = here === there;
    if (!same && !excepted.has(id)) wrong.push(`${id}: ${here}, in the guest ${there}`);
    if (same && excepted.has(id)) wrong.push(`${id}: in exceptions.txt, but ends as natively`);
  }
  return wrong;
}

/** Exceptions of tests that are not there any more, or whose names have changed. */
function stale(native: Map<string, Outcomes>, modules: readonly string[]): string[] {
  return rows('exceptions.txt')
    .filter(([id = '']) => modules.some((name) => id.startsWith(`test.${name}.`)))
    .filter(([id = '']) => ![...native.values()].some((of) => of.has(id)))
    .map(([id = '']) => id);
}

/** The modules of a group that are to be run. */
function modulesOf(group: string): string[] {
  const only = process.env['KEVLAR_CPYTHON_MODULES']?.split(' ');
  return rows('modules.txt')
    .filter(([of]) => of === group || ((ALL || only !== undefined) && of === `${group}+`))
    .map(([, name = '']) => name)
    .filter((name) => only?.includes(name) ?? true);
}

/** Makes the suite of a group of modules: a test for each. */
export function compareModules(group: string): void {
  const names = modulesOf(group);
  const test = suite(`CPython’s modules, ${group}`, { timeout: TIMEOUT + 60_000 });
  const chosen = names.length > 0 ? null : 'no module of KEVLAR_CPYTHON_MODULES is of this group';
  const missing = noCpythonTests() ?? (existsSync(TESTS) ? chosen : `${TESTS} is not there`);
  if (missing !== null) {
    test.skip('all', missing);
    return;
  }
  const native = once(() => parse(natively(names)));
  const together = once(async () => parse(await inGuest(names)));
  const guest = async (name: string) => (ALL ? parse(await inGuest([name])) : together());
  const excepted = new Map(rows('exceptions.txt').map(([id = '', why = '']) => [id, why]));
  for (const name of names) {
    test(name, async () => {
      const expected = native().get(name) ?? new Map<string, string>();
      const counts = /^(\d+) of \d+ tests$/.exec(expected.get(name) ?? '');
      assert.ok(Number(counts?.[1]) > 0, `${name}: no tests ran natively`);
      const found = (await guest(name)).get(name) ?? new Map<string, string>();
      assert.equal(differences(expected, found, excepted), []);
    });
  }
  // Without KEVLAR_CPYTHON_ALL exceptions may be of tests that take too long.
  if (ALL) test('exceptions', () => assert.equal(stale(native(), names), []));
}
