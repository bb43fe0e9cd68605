/**
 * Every system call with hostile arguments: whatever they are, the kernel answers with an integer or
 * an errno in bounded time, its memory structures stay consistent, and nothing outside the shared
 * folder changes.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSCALL_FAMILIES } from '../../src/kernel/syscall/table.ts';
import { assert, suite } from '../lib/suite.ts';
import { mountExt4, mountVolume } from './lib/mounts.ts';
import { SyscallFuzzer } from './lib/syscall-fuzzer.ts';

const test = suite('hostile system calls', { timeout: 1_700_000 });
const ROWS = SYSCALL_FAMILIES.flatMap((f) => f.rows).length;
const SEEDS = Number(process.env['KEVLAR_FUZZ_RUNS'] ?? 4);

function fuzz(seed: number, calls: number): SyscallFuzzer {
  const top = mkdtempSync(join(tmpdir(), 'kevlar-hostile-'));
  const shared = join(top, 'shared');
  try {
    mkdirSync(join(shared, 'd'), { recursive: true });
    writeFileSync(join(shared, 'a'), 'aaa');
    writeFileSync(join(top, 'secret'), 'secret');
    const fuzzer = new SyscallFuzzer({
      seed,
      calls,
      auditEvery: 300,
      prepare: (rig) => {
        mountExt4(rig);
        if (existsSync(shared)) mountVolume(rig, shared);
      },
    });
    fuzzer.run();
    assert.is(readFileSync(join(top, 'secret'), 'latin1'), 'secret');
    assert.equal(readdirSync(top).sort(), ['secret', 'shared']);
    return fuzzer;
  } finally {
    rmSync(top, { recursive: true });
  }
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}`, () => {
    const { counts, successes } = fuzz(seed, 6000);
    assert.ok(counts.size >= ROWS - 3, 'all calls were made');
    assert.ok(successes.size > 120, `${successes.size} calls succeeded`);
  });
}
