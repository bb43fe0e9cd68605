/**
 * OpenSSL's digests, ciphers, keys and certificates in guests, compared with a native run. Lockstep runs
 * every script on one of the two processors; js those that calculate most.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RootSource } from '../../src/host/mounts.ts';
import type { CpuLevel, Engine } from '../../src/machine/cpu.ts';
import { assert, suite } from '../lib/suite.ts';
import { asText, checkCompared, once } from './lib/compare.ts';
import { runScriptInGuest } from './lib/guest.ts';
import { type NativeRoot, runScriptNatively } from './lib/native.ts';
import { cipherScript, makeOpensslRoot, noOpenssl, opensslScript } from './lib/openssl.ts';
import type { Outcome, Script } from './lib/scripts.ts';

/** A script takes up to two minutes; the rest is for a host that is busy. */
const TIMEOUT = 1_200_000;

const test = suite('OpenSSL', { timeout: TIMEOUT + 60_000 });

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

function compare(script: Script, engine: Engine, cpuLevel: CpuLevel): void {
  const name = `${script.name}, ${engine}, x86-64-v${cpuLevel}`;
  test(name, async () => {
    const expected = asText(nativeOutcome(script));
    const before = process.cpuUsage();
    const after = (guest: { machine: Parameters<typeof checkCompared>[0] }): void =>
      checkCompared(guest.machine, name);
    const options = { cpuLevel, timeoutMs: TIMEOUT };
    const outcome = await runScriptInGuest(script, root().guest, engine, after, options);
    const { user } = process.cpuUsage(before);
    console.log(`${name}: ${(user / 1e6).toFixed(0)} s of CPU time`);
    assert.is(asText(outcome), expected);
  });
}

const named = (...names: string[]): Script[] => names.map(opensslScript);

const missing = noOpenssl();
if (missing !== null) test.skip('all scripts', missing);
else {
  for (const s of named('digests', 'kdfs', 'macs', 'modes')) compare(s, 'lockstep', 3);
  compare(cipherScript('chosen ciphers'), 'lockstep', 2);
  compare(cipherScript('ciphers 1'), 'js', 2);
  compare(cipherScript('ciphers 2'), 'js', 3);
  for (const s of named('digests', 'keys')) compare(s, 'js', 2);
  compare(opensslScript('certificates'), 'js', 3);
}
