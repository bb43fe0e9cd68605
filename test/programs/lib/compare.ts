/** Tests that compare every script's native run with a guest's, for one engine and both kinds of root. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { RootSource } from '../../../src/host/mounts.ts';
import { MemoryBlockDevice, ReadOnlyBlockDevice } from '../../../src/kernel/fs/blockdev.ts';
import type { Engine } from '../../../src/machine/cpu.ts';
import { assert, suite } from '../../lib/suite.ts';
import { runScriptInGuest } from './guest.ts';
import { noNative, runScriptNatively, tarRoot } from './native.ts';
import { ALPINE_TAR, allScripts, noAlpine, type Outcome, type Script } from './scripts.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** A guest's outcome as a test compares it: one text, so that a failure shows a diff. */
export function asText({ stdout, stderr, status }: Outcome): string {
  return `${stdout}\n--- stderr\n${stderr}\n--- status ${status}\n`;
}

/** Makes an ext4 image of a tarball with the command line. */
export function createImage(path: string, size: string, from: string): void {
  const args = ['image', 'create', path, '--size', size, '--from', from, '--force'];
  const r = spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`image create: ${r.stderr}`);
}

function alpineImage(): RootSource {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-image-'));
  try {
    const path = join(folder, 'alpine.ext4');
    createImage(path, '256M', ALPINE_TAR);
    const bytes = readFileSync(path);
    const device = new MemoryBlockDevice(bytes.length);
    device.write(0, bytes);
    return { kind: 'image', device: new ReadOnlyBlockDevice(device), save: false };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Left out unless KEVLAR_ALL_SCRIPTS is set. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'large-file': 'sorts for minutes; KEVLAR_ALL_SCRIPTS=1 runs it',
  'background-io': 'depends on timing when the machine is busy; KEVLAR_ALL_SCRIPTS=1 runs it',
};

/** Which part of the matrix to run; everything if KEVLAR_ALL_SCRIPTS is set. */
export interface Selection {
  readonly names?: readonly string[];
  readonly roots?: readonly ('tarball' | 'ext4')[];
}

export function compareWithNative(engine: Engine, selection: Selection = {}): void {
  const test = suite(`native comparison, ${engine}`, { timeout: 660_000 });
  const missing = noAlpine() ?? noNative();
  if (missing !== null) {
    test.skip('all scripts', missing);
    return;
  }
  const tar = once(
    (): RootSource => ({ kind: 'tar', bytes: gunzipSync(readFileSync(ALPINE_TAR)) }),
  );
  const image = once(alpineImage);
  const natives = new Map<Script, Outcome>();
  const native = (script: Script): Outcome => {
    const known = natives.get(script) ?? runScriptNatively(script, tarRoot(ALPINE_TAR));
    natives.set(script, known);
    return known;
  };
  const all = process.env.KEVLAR_ALL_SCRIPTS !== undefined;
  const { names, roots } = all ? {} : selection;
  const scripts = allScripts().filter((s) => names?.includes(s.name) ?? true);
  for (const [kind, root] of [
    ['tarball', tar],
    ['ext4', image],
  ] as const) {
    if (roots?.includes(kind) === false) continue;
    for (const script of scripts) {
      const reason = all ? undefined : LEFT_OUT[script.name];
      if (reason !== undefined) {
        test.skip(`${script.name}, ${kind}`, reason);
        continue;
      }
      test(`${script.name}, ${kind}`, async () => {
        const expected = asText(native(script));
        assert.is(asText(await runScriptInGuest(script, root(), engine)), expected);
      });
    }
  }
}
