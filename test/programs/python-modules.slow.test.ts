/**
 * What the bundled image's Python can do, scene by scene (test/programs/python): extension modules,
 * TLS, SQLite, ctypes, threads, processes, sockets, terminals. Each prints what it prints natively. Only
 * the interpreter's run is audited, which is the shorter one. KEVLAR_PYTHON_ENGINES='interp js' runs all scenes in
 * those engines instead, with the audit: that takes an hour.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundledImage } from '../../src/host/node/bundled-image.ts';
import type { Engine } from '../../src/machine/cpu.ts';
import { putFile } from '../kernel/lib/run-guest.ts';
import { AUDIT } from '../lib/audit.ts';
import { once } from '../lib/once.ts';
import { assert, suite } from '../lib/suite.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest } from './lib/guest.ts';
import { imageRoot, noNative, runNative } from './lib/native.ts';

/** All scenes together; for a host that is busy. */
const TIMEOUT = 10_800_000;

const FOLDER = fileURLToPath(new URL('./python/', import.meta.url));
const SCENES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.py'))
  .sort();

/** Those that compute little: the others take the interpreter minutes. */
const CHEAP: readonly string[] = ['foreign.py', 'memory.py', 'signals.py', 'sockets.py'];

/** The engines that run all scenes, audited, or null. */
const THOROUGH = (process.env['KEVLAR_PYTHON_ENGINES']?.split(' ') as Engine[] | undefined) ?? null;

const RUNS: readonly (readonly [Engine, readonly string[]])[] = THOROUGH?.map(
  (engine) => [engine, SCENES] as const,
) ?? [
  ['auto', SCENES],
  ['interp', CHEAP],
];

/** All in one guest, one after the other: what one has translated, the next has too. */
function command(scenes: readonly string[]): readonly string[] {
  return [
    '/bin/sh',
    '-c',
    `cd /tmp; for scene in ${scenes.join(' ')}; do
       timeout 2400 python3 /$scene </dev/null >/tmp/stdout 2>/tmp/stderr
       echo "=== $scene ended with $?"; cat /tmp/stdout; echo "--- stderr"; cat /tmp/stderr
     done`,
  ];
}

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FOLDER}${name}`));

/** What each scene printed, by name. */
type Outputs = Map<string, string>;

const native = once((): Outputs => {
  if (typeof bundledImage() !== 'string') throw new Error('the image cannot be kept unpacked');
  const outcome = runNative({
    root: imageRoot(bundledImage() as string),
    argv: command(SCENES),
    files: Object.fromEntries(SCENES.map((name) => [name, read(name)])),
    prepare: 'cp "$work"/*.py "$root"',
    timeoutMs: 300_000,
  });
  return split(outcome.stdout);
});

function split(output: string): Outputs {
  const parts = output.split(/^(?==== )/m);
  return new Map(parts.map((part) => [/^=== (\S+)/.exec(part)?.[1] ?? '', part]));
}

async function inGuest(engine: Engine, scenes: readonly string[]): Promise<Outputs> {
  const before = process.cpuUsage();
  const outcome = await runGuest({
    root: { kind: 'image', device: bundledDevice(), save: false },
    engine,
    argv: command(scenes),
    memory: 512 * 1024 * 1024,
    audit: AUDIT && (THOROUGH !== null || engine === 'interp'),
    prepare: (machine) => {
      for (const name of SCENES) putFile(machine, `/${name}`, read(name), 0o644);
    },
    timeoutMs: TIMEOUT,
  });
  const seconds = (process.cpuUsage(before).user / 1e6).toFixed(0);
  console.log(`${engine}: ${seconds} s of CPU time`);
  return split(outcome.stdout);
}

const test = suite('Python’s modules', { timeout: TIMEOUT + 60_000 });

const missing = noNative();
if (missing !== null) test.skip('all scenes', missing);
else {
  for (const [engine, scenes] of RUNS) {
    const guest = once(() => inGuest(engine, scenes));
    for (const name of scenes) {
      test(`${name}, ${engine}`, async () => {
        const expected = native().get(name) ?? '';
        assert.match(expected, new RegExp(`^=== ${name} ended with 0\n[^]*--- stderr\n$`));
        assert.is((await guest()).get(name), expected);
      });
    }
  }
}
