/**
 * The audit of a running machine (KEVLAR_AUDIT): it runs after every system call that changes memory maps, and
 * when a step of the memory management is left out, the machine stops with what is wrong.
 * Damage of each kind is in test/mmu/incremental-audit.test.ts.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boot } from '../../src/host/node/index.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { kevlar } from '../cli/cli.ts';
import { assert, suite } from '../lib/suite.ts';
import { walk } from '../lib/walk.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest } from './lib/guest.ts';

const test = suite('machine audit', { timeout: 240_000 });

const SCRIPT = 'x=$(echo a | cat); (exec echo $x b); trap "echo end" EXIT';

interface Audited {
  readonly script?: string;
  readonly prepare?: (machine: Machine) => void;
  readonly after?: (machine: Machine) => void;
}

/** Runs a script with the audit on. @returns what it prints */
async function audited({ script = SCRIPT, prepare, after }: Audited): Promise<string> {
  const outcome = await runGuest({
    root: { kind: 'image', device: bundledDevice(), save: false },
    engine: 'js',
    argv: ['/bin/sh', '-c', script],
    memory: 64 * 1024 * 1024,
    audit: true,
    prepare: (machine) => prepare?.(machine),
    after: (guest) => after?.(guest.machine),
  });
  return outcome.stdout;
}

/** Runs a script that the audit must end. @returns its findings, and the audits of everything that were made */
async function found(
  script: string,
  damage: (machine: Machine) => void,
): Promise<[string, number]> {
  let machine: Machine | undefined;
  const prepare = (m: Machine): void => {
    machine = m;
    damage(m);
  };
  try {
    await audited({ script, prepare });
  } catch (e) {
    return [(e as Error).message, machine?.audit?.fullRuns ?? -1];
  }
  throw new Error('nothing was found');
}

test('runs after every change of a map and finds nothing', async () => {
  let runs = 0;
  let full = 0;
  const output = await audited({
    after: ({ audit }) => {
      runs = audit?.runs ?? 0;
      full = audit?.fullRuns ?? 0;
    },
  });
  assert.is(output, 'a b\nend\n');
  assert.ok(runs > 20, `${runs} audits`);
  assert.ok(full > 0 && full < runs / 10, `${full} of ${runs} audits of everything`);
});

test('sees a byte that changed under its translation', async () => {
  await audited({
    after: ({ audit, cpu, memory }) => {
      const [block] = cpu.cache.blocks();
      assert.ok(block !== undefined && audit !== null);
      memory.U8[block.host] = (memory.U8[block.host] as number) ^ 1;
      assert.throws(() => audit.check('a test'), /audit after a test.*translated as/s);
      memory.U8[block.host] = (memory.U8[block.host] as number) ^ 1;
    },
  });
});

test('a file written over translated code that stays', async () => {
  const script =
    'cp /bin/busybox /tmp/b; /tmp/b echo x; dd if=/dev/zero of=/tmp/b bs=4096 count=200 conv=notrunc; echo x';
  const [text, full] = await found(script, ({ mmu }) => {
    mmu.paging.contentChanges = () => {};
  });
  assert.match(text, /audit after \w+ of dd .*translation of [0-9a-f]+ .*translated as/s);
  assert.is(full, 0, 'by the incremental audit');
});

test('TLB entries that stay when pages go', async () => {
  const [text, full] = await found(SCRIPT, ({ mmu }) => {
    mmu.paging.tlb.kill = () => {};
  });
  assert.match(text, /audit after \w+ of \w+ \(\d+\):\n {2}as \d+ [0-9a-f]+: TLB has/);
  assert.is(full, 0);
});

test('pages that stay when areas go', async () => {
  const script = 'x=$(dd if=/dev/zero bs=300000 count=1 | tr "\\0" a); y=$x$x; x=; y=; echo end';
  const [text, full] = await found(script, ({ mmu }) => {
    const { clearRange } = mmu.paging;
    mmu.paging.clearRange = (space, from, to) => {
      // What exec and exit do to a whole space is left alone.
      if (to === Number.MAX_SAFE_INTEGER) clearRange.call(mmu.paging, space, from, to);
    };
  });
  assert.match(text, /a page from before is still mapped|is in no area/);
  assert.is(full, 0);
});

test('frames that nobody lets go', async () => {
  let calls = 0;
  const [text, full] = await found(SCRIPT, ({ mmu }) => {
    const { frames } = mmu.paging;
    const release = frames.release.bind(frames);
    frames.release = (frame) => {
      if (++calls !== 20) release(frame);
    };
  });
  assert.match(text, /audit after .*frame \d+ \(.*\): \d+ references, \d+ users/s);
  assert.is(full, 0);
});

test('every machine of a test is audited', () => {
  const tests = fileURLToPath(new URL('..', import.meta.url));
  const makers = /(?:new Machine|Guest\.boot|bootInBrowser)\(\{(.*?)\n *\}\)/gs;
  let made = 0;
  for (const { parentPath, name } of walk(tests)) {
    if (!name.endsWith('.ts')) continue;
    const path = join(parentPath, name);
    for (const [, options] of readFileSync(path, 'utf8').matchAll(makers)) {
      made++;
      assert.match(options as string, /^ *audit: /m, `a machine without the audit in ${path}`);
    }
  }
  assert.ok(made >= 5, `${made} machines`);
});

test('KEVLAR_AUDIT reaches the library and the command line', () => {
  const before = process.env['KEVLAR_AUDIT'];
  try {
    for (const value of ['0', '1']) {
      process.env['KEVLAR_AUDIT'] = value;
      const machine = boot({ memory: 32 * 1024 * 1024 });
      assert.is(machine.machine.audit !== null, value === '1');
      machine.stop();
      const r = kevlar(['run', '--stats', '--', 'true']);
      assert.is(r.status, 0, r.stderr);
      assert.is(/^audits +\d+$/m.test(r.stderr), value === '1', r.stderr);
    }
  } finally {
    if (before === undefined) delete process.env['KEVLAR_AUDIT'];
    else process.env['KEVLAR_AUDIT'] = before;
  }
});
