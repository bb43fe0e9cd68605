/** The audit that runs after system calls that change memory maps: it runs, and it sees what is wrong. */

import type { Machine } from '../../src/machine/machine.ts';
import { assert, suite } from '../lib/suite.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest } from './lib/guest.ts';

const test = suite('machine audit', { timeout: 240_000 });

const SCRIPT = 'x=$(echo a | cat); (exec echo $x b); trap "echo end" EXIT';

/** Runs a script with the audit on; `after` sees the machine. */
async function audited(after: (machine: Machine) => void): Promise<string> {
  const outcome = await runGuest({
    root: { kind: 'image', device: bundledDevice(), save: false },
    engine: 'js',
    argv: ['/bin/sh', '-c', SCRIPT],
    memory: 64 * 1024 * 1024,
    audit: true,
    after: (guest) => after(guest.machine),
  });
  return outcome.stdout;
}

test('runs after every change of a map and finds nothing', async () => {
  let runs = 0;
  const output = await audited((machine) => {
    runs = machine.audit?.runs ?? 0;
  });
  assert.is(output, 'a b\nend\n');
  assert.ok(runs > 20, `${runs} audits`);
});

test('sees a byte that changed under its translation', async () => {
  await audited(({ audit, cpu, memory }) => {
    const [block] = cpu.cache.blocks();
    assert.ok(block !== undefined && audit !== null);
    memory.U8[block.host] = (memory.U8[block.host] as number) ^ 1;
    assert.throws(() => audit.check('a test'), /audit after a test.*translated as/s);
    memory.U8[block.host] = (memory.U8[block.host] as number) ^ 1;
    audit.check('a test');
  });
});
