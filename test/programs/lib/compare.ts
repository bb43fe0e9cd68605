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
import type { Machine } from '../../../src/machine/machine.ts';
import { once } from '../../lib/once.ts';
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

/** Share of a run's instructions that lockstep must have compared: what is not hot is not compiled. */
const LEAST_COMPARED = 0.75;

type RootKind = 'tarball' | 'ext4';

/** In lockstep: how much of the run was compared, which must not be nothing. */
export function checkCompared({ cpu }: Machine, name: string): void {
  const { lockstep } = cpu;
  if (lockstep === null) return;
  const { compared, regions, instructions } = lockstep;
  const share = instructions / cpu.instructions;
  const percent = (share * 100).toFixed(1);
  console.log(`${name}: ${regions} regions in ${compared} runs, ${percent} % of the instructions`);
  const least = lockstep.thorough === Number.POSITIVE_INFINITY ? LEAST_COMPARED : 0;
  assert.ok(regions > 0 && share >= least, `${percent} % were compared`);
}

export function compareWithNative(
  engine: Engine,
  kinds: readonly RootKind[] = ['tarball', 'ext4'],
): void {
  const test = suite(`native comparison, ${engine}`, { timeout: 660_000 });
  const missing = noAlpine() ?? noNative();
  if (missing !== null) {
    test.skip('all scripts', missing);
    return;
  }
  const roots: Readonly<Record<RootKind, () => RootSource>> = {
    tarball: once(() => ({ kind: 'tar', bytes: gunzipSync(readFileSync(ALPINE_TAR)) })),
    ext4: once(alpineImage),
  };
  const natives = new Map<Script, Outcome>();
  const native = (script: Script): Outcome => {
    const known = natives.get(script) ?? runScriptNatively(script, tarRoot(ALPINE_TAR));
    natives.set(script, known);
    return known;
  };
  for (const kind of kinds) {
    for (const script of allScripts()) {
      const name = `${script.name}, ${kind}`;
      test(name, async () => {
        const expected = asText(native(script));
        const outcome = await runScriptInGuest(script, roots[kind](), engine, (guest) =>
          checkCompared(guest.machine, name),
        );
        assert.is(asText(outcome), expected);
      });
    }
  }
}
