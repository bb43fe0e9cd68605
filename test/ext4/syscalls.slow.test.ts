/**
 * Random sequences of file operations by system calls, in a guest on our ext4 and natively on the host's: what they
 * print is the same, operation by operation, also after mounting again; e2fsck finds nothing, and debugfs reads what
 * is there. KEVLAR_EXT4_SEQUENCES says how many.
 */

import { mkdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountAll } from '../../src/host/mounts.ts';
import { nodeHost } from '../../src/host/node/platform.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { Machine } from '../../src/machine/machine.ts';
import {
  compile,
  haveCompiler,
  putFile,
  readBinary,
  runInMachine,
  runNative,
} from '../kernel/lib/run-guest.ts';
import { AUDIT } from '../lib/audit.ts';
import { assert, suite } from '../lib/suite.ts';
import { inTemp, mustBeClean } from './tools.ts';

const MIB = 1 << 20;
const EXT4_SUPER_MAGIC = 0xef53;
const SEQUENCES = Number(process.env['KEVLAR_EXT4_SEQUENCES'] ?? 5);
const SEED = Number(process.env['KEVLAR_FUZZ_SEED'] ?? 1);
const OPERATIONS = 240;
const MOUNTS = 3;

const test = suite('ext4 by system calls', { timeout: 3_600_000 });

/** One mount of the device: the program goes on in /work. */
function inGuest(device: MemoryBlockDevice, seed: number): string {
  const log: string[] = [];
  const machine = new Machine({
    memory: 64 * MIB,
    engine: 'auto',
    host: nodeHost((line) => log.push(line)),
    audit: AUDIT,
  });
  const fs = mountAll(machine, { kind: 'image', device, save: true });
  if (fs.root.lookup('work') === null) {
    fs.root.create('work', 0o040755, 0, 0, 0);
    putFile(machine, '/bin/program', readBinary(compile('file-operations')));
  }
  const args = ['/work', String(seed), String(OPERATIONS)];
  const { output, code } = runInMachine(machine, '/bin/program', args, { timeoutMs: 120_000 }, log);
  assert.is(code, 0, output.slice(-500));
  (fs as unknown as { close(): void }).close();
  return output;
}

/** The first line that differs, with what is before it. */
function difference(guest: string, native: string): string {
  const [g, n] = [guest.split('\n'), native.split('\n')];
  const at = n.findIndex((line, i) => line !== g[i]);
  return [...n.slice(Math.max(0, at - 8), at), `native: ${n[at]}`, `guest:  ${g[at]}`].join('\n');
}

const NAME = 'random sequences, as natively';

if (!haveCompiler('musl-gcc')) test.skip(NAME, 'musl-gcc is not installed');
else if (statfsSync(tmpdir()).type !== EXT4_SUPER_MAGIC) {
  test.skip(NAME, 'temporary files are not on ext4 here');
} else {
  test(NAME, () => {
    const program = compile('file-operations');
    let lines = 0;
    for (let i = 0; i < SEQUENCES; i++) {
      const device = new MemoryBlockDevice(48 * MIB);
      createExt4(device, { blockSize: i % 4 === 3 ? 1024 : 4096, blank: true });
      inTemp((dir) => {
        mkdirSync(join(dir, 'work'));
        for (let k = 0; k < MOUNTS; k++) {
          const seed = SEED + i * MOUNTS + k;
          const args = [join(dir, 'work'), String(seed), String(OPERATIONS)];
          const native = runNative(program, args);
          assert.is(native.code, 0);
          const guest = inGuest(device, seed);
          if (guest !== native.output) {
            assert.unreachable(`seed ${seed}:\n${difference(guest, native.output)}`);
          }
          lines += guest.split('\n').length;
        }
      });
      assert.equal(checkExt4(device).problems, []);
      mustBeClean(device);
    }
    const operations = SEQUENCES * MOUNTS * OPERATIONS;
    console.log(`${SEQUENCES} sequences, ${operations} operations, ${lines} lines compared`);
  });
}
