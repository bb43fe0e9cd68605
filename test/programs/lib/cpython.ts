/**
 * CPython's own unittests with the bundled image's Python, in guests and natively. The tests are not
 * in the image: scripts/fetch-cpython-tests.sh fetches them.
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
import { imageRoot, noNative, quote, runNative } from './native.ts';
import type { Outcome } from './scripts.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const FETCHED = `${PROJECT}.cache/cpython-tests`;
const FOLDER = `${PROJECT}test/programs/cpython/`;

/** Those of numbers, or KEVLAR_CPYTHON_MODULES: all of their tests take lockstep an hour. */
const MODULES: readonly string[] = process.env['KEVLAR_CPYTHON_MODULES']?.split(' ') ?? [
  'test.test_math',
  'test.test_float',
  'test.test_struct',
  'test.test_long',
  'test.test_decimal',
];

/** K/N: every N-th test from the K-th on. */
const PART = process.env['KEVLAR_CPYTHON_PART'] ?? '1/1';

/** How long tests take. */
const TIMES = 'slow-tests.txt';

/** Why CPython's tests cannot be compared here, or null. */
export function noCpythonTests(): string | null {
  const row = readFileSync(`${PROJECT}images/packages.list`, 'utf8')
    .split('\n')
    .find((line) => line.startsWith('python3.13 '));
  const [, version, , , sha256] = row?.split(/ +/) ?? [];
  const wanted = `${FETCHED}/wanted`;
  if (!existsSync(wanted) || readFileSync(wanted, 'utf8') !== `${version} ${sha256}\n`) {
    return 'CPython’s tests are not there: scripts/fetch-cpython-tests.sh fetches them';
  }
  if (typeof bundledImage() !== 'string') return 'the bundled image cannot be kept unpacked';
  return noNative();
}

/** The command that runs all tests that take less than `ms` milliseconds natively. */
export function testsArgv(ms: number): readonly string[] {
  const program = `python3 /run-tests.py /${TIMES} ${ms} ${PART} ${MODULES.join(' ')}`;
  return ['/bin/sh', '-c', `cd /tmp && PYTHONPATH=/cpython exec ${program}`];
}

/** Natively first: that leaves the bytecode of the tests beside them, which guests then need not make. */
export function testNatively(ms: number): Outcome {
  return runNative({
    root: imageRoot(bundledImage() as string),
    argv: testsArgv(ms),
    prepare: [
      'mkdir "$root/cpython"',
      `mount --bind ${quote(`${FETCHED}/lib`)} "$root/cpython"`,
      `cp ${quote(`${FOLDER}run-tests.py`)} ${quote(`${FOLDER}${TIMES}`)} "$root"`,
    ].join(' && '),
    timeoutMs: 300_000,
  });
}

/** Puts into a machine what `testsArgv` needs. */
export function putTests(machine: Machine): void {
  const port = new NodeHostDirectory(`${FETCHED}/lib`, { readOnly: true });
  const ids = NodeHostDirectory.ids();
  const fs = new HostFs(port, machine.mmu.paging, { dev: nextDev(), readOnly: true, ...ids });
  mountOn(machine, '/cpython', fs, FETCHED, MS_RDONLY);
  for (const name of ['run-tests.py', TIMES]) {
    putFile(machine, `/${name}`, new Uint8Array(readFileSync(`${FOLDER}${name}`)), 0o644);
  }
}
