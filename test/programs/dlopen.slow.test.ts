/**
 * Programs that load libraries (test/guest/dlopen) print the same in a guest as natively, in a chroot of the same
 * image; those that only check print nothing but `ok`.
 */

import { spawnSync } from 'node:child_process';
import { bundledImage } from '../../src/host/node/bundled-image.ts';
import type { Engine } from '../../src/machine/cpu.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { haveCompiler, putFile } from '../kernel/lib/run-guest.ts';
import { once } from '../lib/once.ts';
import { assert, suite } from '../lib/suite.ts';
import { asText } from './lib/compare.ts';
import {
  buildForGlibc,
  buildForMusl,
  DL,
  type DlFiles,
  placeNatively,
  RELOCATED_NAMES,
} from './lib/dlopen.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest } from './lib/guest.ts';
import { imageRoot, noNative, runNative } from './lib/native.ts';
import type { Outcome } from './lib/scripts.ts';

const TIMEOUT = 900_000;
const test = suite('dlopen', { timeout: TIMEOUT + 60_000 });

interface Scene {
  readonly name: string;
  /** For sh, in /dl. */
  readonly command: string;
  readonly engines: readonly Engine[];
}

const ENGINES: readonly Engine[] = ['interp', 'js', 'wasm'];
/** KEVLAR_DLOPEN_ENGINES='lockstep lockstep-wasm' runs all scenes in those engines instead. */
const EVERYWHERE =
  (process.env['KEVLAR_DLOPEN_ENGINES']?.split(' ') as Engine[] | undefined) ?? null;
const EXTENSIONS = '/usr/lib/python3.*/lib-dynload';
const RELOCATIONS: Scene = {
  name: 'RELA, RELR, COPY; GNU and SysV hash tables',
  command: `./relocations ${RELOCATED_NAMES.map((n) => `${DL}/${n}`).join(' ')}`,
  engines: ENGINES,
};

const SCENES: readonly Scene[] = [
  RELOCATIONS,
  { name: 'RTLD flags, dlclose, errors', command: `./flags ${DL}`, engines: ENGINES },
  { name: 'thread-local variables', command: `./tls ${DL}`, engines: ENGINES },
  {
    name: 'long symbolic links',
    command: `./symlinks ${DL}/liblate.so ${DL}`,
    engines: ['interp'],
  },
  {
    name: 'a hundred libraries, areas and a growing heap',
    command: `./many ${DL}`,
    engines: ENGINES,
  },
  {
    name: 'libz, libcrypto and libssl',
    command: './libraries /usr/lib/libz.so.1 /usr/lib/libcrypto.so.3 /usr/lib/libssl.so.3',
    engines: ['interp', 'auto'],
  },
  {
    name: 'libpython, and math from outside',
    command: `./python-outside /usr/lib/libpython3.*.so.1.0 ${EXTENSIONS}/math.*.so`,
    engines: ['interp', 'auto'],
  },
  {
    name: 'mmap and read give the same',
    command: `./integrity megabyte /usr/lib/libcrypto.so.3 /usr/lib/libssl.so.3 ${EXTENSIONS}/*.so`,
    engines: ['auto'],
  },
  {
    name: 'tables of ELF files on disk and in memory',
    command: `python3 elf-tables.py ${DL}/librelr-gnu.so ${DL}/librela-gnu.so`,
    engines: ['auto'],
  },
];

function argv({ command }: Scene): string[] {
  return ['/bin/sh', '-c', `cd ${DL} && ${command}`];
}

function natively(scene: Scene, built: DlFiles): Outcome {
  const image = bundledImage();
  if (typeof image !== 'string')
    throw new Error('the bundled image could not be unpacked to a file');
  return runNative({
    root: imageRoot(image),
    argv: argv(scene),
    files: built.files,
    prepare: placeNatively(built),
  });
}

function place(machine: Machine, { files }: DlFiles): void {
  for (const [name, bytes] of Object.entries(files)) putFile(machine, `${DL}/${name}`, bytes);
}

function compare(scene: Scene, built: () => DlFiles): void {
  const native = once(() => natively(scene, built()));
  for (const engine of EVERYWHERE ?? scene.engines) {
    test(`${scene.name}, ${engine}`, async () => {
      const expected = native();
      assert.match(expected.stdout, /^ok, all$/m, asText(expected));
      const outcome = await runGuest({
        root: { kind: 'image', device: bundledDevice(), save: false },
        engine,
        argv: argv(scene),
        prepare: (machine) => place(machine, built()),
        timeoutMs: TIMEOUT,
      });
      console.log(`${scene.name}, ${engine}: ${(outcome.ms / 1000).toFixed(1)} s`);
      assert.is(asText(outcome), asText(expected));
      assert.equal(outcome.log, []);
    });
  }
}

const missing =
  noNative() ??
  (haveCompiler('musl-gcc') ? null : 'musl-gcc is not installed') ??
  (spawnSync('debugfs', ['-V']).status === 0 ? null : 'debugfs is not installed');

if (missing !== null) test.skip('all scenes', missing);
else {
  const musl = once(buildForMusl);
  test('a program copies an object of its library', () => {
    assert.match(musl().relocations, /R_X86_64_COPY .* shared_object/);
  });
  for (const scene of SCENES) compare(scene, musl);
  if (!haveCompiler('gcc')) test.skip('glibc', 'gcc is not installed');
  else {
    const glibc = once(buildForGlibc);
    compare({ ...RELOCATIONS, name: 'glibc: the same, and IRELATIVE' }, glibc);
    test('glibc: the program has the relocations', () => {
      assert.match(glibc().relocations, /R_X86_64_COPY .* shared_object/);
    });
  }
}
