/**
 * OpenSSL's scripts in guests, compared with a native run of the same root (test/programs/lib/openssl.ts).
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RootSource } from '../../../src/host/mounts.ts';
import type { CpuLevel, Engine } from '../../../src/machine/cpu.ts';
import { once } from '../../lib/once.ts';
import { assert, type Test } from '../../lib/suite.ts';
import { asText, checkCompared } from './compare.ts';
import { runScriptInGuest } from './guest.ts';
import { type NativeRoot, runScriptNatively } from './native.ts';
import { makeOpensslRoot } from './openssl.ts';
import type { Outcome, Script } from './scripts.ts';

/** A script takes up to two minutes; the rest is for a host that is busy. */
const TIMEOUT = 1_200_000;
/** For the suite. */
export const OPENSSL_TIMEOUT: number = TIMEOUT + 60_000;

interface Root {
  readonly native: NativeRoot;
  readonly guest: RootSource;
  readonly outcomes: Map<string, Outcome>;
}

const folder = mkdtempSync(join(tmpdir(), 'kevlar-openssl-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const root = once((): Root => {
  const tarball = join(folder, 'root.tar');
  const native = makeOpensslRoot(tarball);
  return { native, guest: { kind: 'tar', bytes: readFileSync(tarball) }, outcomes: new Map() };
});

function nativeOutcome(script: Script): Outcome {
  const { outcomes, native } = root();
  const known = outcomes.get(script.name) ?? runScriptNatively(script, native);
  outcomes.set(script.name, known);
  return known;
}

/** Adds a test; `thorough` is Lockstep.thorough. */
export function compare(
  test: Test,
  script: Script,
  engine: Engine,
  cpuLevel: CpuLevel,
  thorough: number = Number.POSITIVE_INFINITY,
): void {
  const name = `${script.name}, ${engine}, x86-64-v${cpuLevel}`;
  test(name, async () => {
    const expected = asText(nativeOutcome(script));
    const before = process.cpuUsage();
    const after = (guest: { machine: Parameters<typeof checkCompared>[0] }): void =>
      checkCompared(guest.machine, name);
    const options = { cpuLevel, timeoutMs: TIMEOUT, thorough };
    const outcome = await runScriptInGuest(script, root().guest, engine, after, options);
    const { user } = process.cpuUsage(before);
    console.log(`${name}: ${(user / 1e6).toFixed(0)} s of CPU time`);
    assert.is(asText(outcome), expected);
  });
}
