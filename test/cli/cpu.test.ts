/** `--cpu`: programs of test/guest/isa print at each level what they print on a CPU that has it. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostFlags, hostHas, ON_INTEL } from '../diff/host-features.ts';
import { assert, suite } from '../lib/suite.ts';
import { have, kevlar, scratch } from './cli.ts';
import { GUEST_DIRECTORY, VOLUME } from './gcc.ts';

const test = suite('cli --cpu');

function compile(name: string): string {
  const source = fileURLToPath(new URL(`../guest/isa/${name}.c`, import.meta.url));
  const program = join(scratch(), name);
  const flags = ['-O1', '-mavx2', '-pthread', '-static', '-o', program, source];
  const gcc = spawnSync('gcc', flags, { encoding: 'utf8' });
  if (gcc.status !== 0) throw new Error(`gcc: ${gcc.stderr}`);
  return program;
}

const title = 'AVX state in signals, XSAVE images, threads and fork';
const needed = ['avx2', 'fma', 'f16c', 'xsave'];
if (!have('gcc')) test.skip(title, 'no gcc here');
else if (!needed.every((f) => hostHas(f))) test.skip(title, 'the host has no x86-64-v3');
else {
  test(title, () => {
    const native = spawnSync(compile('avx-state'), { encoding: 'utf8' });
    assert.is(native.status, 0, native.stderr);
    const program = `${GUEST_DIRECTORY}/avx-state`;
    for (const engine of ['interp', 'js', 'wasm', 'lockstep', 'lockstep-wasm']) {
      const options = ['--engine', engine, '--cpu', 'x86-64-v3', ...VOLUME];
      const r = kevlar(['run', ...options, '--', program]);
      assert.is(r.stdout, native.stdout, engine);
      assert.is(r.status, 0, r.stderr);
    }
    const v2 = kevlar(['run', ...VOLUME, '--', program]);
    assert.is(v2.status, 128 + 4, 'SIGILL at level 2');
    assert.match(v2.stderr, /unknown instruction: rip 0x/);
  });
}

const system = 'system instructions, far transfers, selectors and what is not there';
const there = ['avx2', 'umip', 'rdpid', 'rdrand', 'rdseed', 'clflushopt', 'clwb', 'prefetchw'];
if (!have('gcc')) test.skip(system, 'no gcc here');
else if (!there.every((f) => hostHas(f))) test.skip(system, `the host lacks one of ${there}`);
else {
  test(system, () => {
    const vendor = ON_INTEL ? 'intel' : 'other';
    const limit = { encoding: 'utf8', timeout: 30_000 } as const;
    const native = spawnSync(compile('system-insns'), [vendor], limit);
    assert.is(native.status, 0, native.stderr);
    for (const engine of ['interp', 'js', 'wasm', 'lockstep', 'lockstep-wasm']) {
      const options = ['--engine', engine, '--cpu', 'x86-64-v3', ...VOLUME];
      const r = kevlar(['run', ...options, '--', `${GUEST_DIRECTORY}/system-insns`, vendor]);
      assert.equal(r.stdout.split('\n'), native.stdout.split('\n'), engine);
      assert.is(r.status, 0, r.stderr);
    }
  });
}

test('/proc/cpuinfo names what the level has', () => {
  const flags = (level: string): string[] => {
    const r = kevlar(['run', '--cpu', level, '--', 'grep', '^flags', '/proc/cpuinfo']);
    assert.is(r.status, 0, r.stderr);
    return r.stdout.trim().split(/\s+/);
  };
  const [v2, v3] = [flags('x86-64-v2'), flags('x86-64-v3')];
  for (const f of ['pni', 'ssse3', 'cx16', 'sse4_1', 'sse4_2', 'popcnt', 'lahf_lm', 'bmi2']) {
    assert.ok(v2.includes(f) && v3.includes(f), f);
  }
  for (const f of ['avx', 'avx2', 'fma', 'f16c', 'xsave']) {
    assert.ok(!v2.includes(f) && v3.includes(f), f);
  }
  for (const f of ['aes', 'pclmulqdq', 'rdrand', 'rdseed', 'rdpid', 'umip', 'clflushopt', 'clwb']) {
    assert.ok(v2.includes(f) && v3.includes(f), f);
  }
  for (const f of ['vaes', 'vpclmulqdq', 'xsaveopt', 'xsavec', 'xgetbv1']) {
    assert.ok(!v2.includes(f) && v3.includes(f), f);
  }
  assert.not(v3.includes('osxsave'));
  // In Linux's order, which the host's list has too.
  const host = hostFlags().filter((f) => v3.includes(f));
  assert.equal(
    v3.filter((f) => host.includes(f)),
    host,
  );
});
