/**
 * Pid 1 of a system: protected from signals, parent of orphans, and the machine ends with it. Natively it is pid 1 of
 * a PID name space, which Linux protects in the same way.
 */

import { spawnSync } from 'node:child_process';
import { mountAll } from '../../src/host/mounts.ts';
import { nodeHost } from '../../src/host/node/platform.ts';
import { TmpFs } from '../../src/kernel/fs/tmpfs/tmpfs.ts';
import { Machine } from '../../src/machine/machine.ts';
import { AUDIT } from '../lib/audit.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  CaptureFile,
  compile,
  haveCompiler,
  putFile,
  readBinary,
  runToEnd,
} from './lib/run-guest.ts';

const test = suite('system');
const CC = 'musl-gcc';
const PROGRAM = '/sbin/init';

interface Booted {
  readonly machine: Machine;
  readonly out: CaptureFile;
  status: number;
}

function boot(...args: string[]): Booted {
  const machine = new Machine({
    memory: 64 * 1024 * 1024,
    engine: 'interp',
    host: nodeHost(() => {}),
    audit: AUDIT,
    system: true,
  });
  mountAll(machine, {
    kind: 'fs',
    name: 'rootfs',
    make: ({ mmu, kernel }) =>
      new TmpFs(mmu.paging, kernel.clock, { dev: 1, mode: 0o755, maxPages: 4096 }),
  });
  putFile(machine, PROGRAM, readBinary(compile('init')));
  const out = new CaptureFile();
  const booted: Booted = { machine, out, status: -1 };
  machine.kernel.spawn([PROGRAM, ...args], [], {
    stdio: [out, out, out],
    onExit: (status) => {
      booted.status = status;
    },
  });
  return booted;
}

function run(...args: string[]): Booted {
  const booted = boot(...args);
  runToEnd(booted.machine);
  return booted;
}

function natively(arg: string): string {
  const r = spawnSync('unshare', ['-p', '-f', '--kill-child', compile('init'), arg], {
    encoding: 'latin1',
    timeout: 20_000,
  });
  if (r.status !== 0) throw new Error(`natively: ${r.status} ${r.signal} ${r.stderr}`);
  return r.stdout;
}

function lastMessage({ machine }: Booted): string | undefined {
  const { messages } = machine.kernel;
  return messages.from(messages.end - 1)?.text;
}

if (!haveCompiler(CC)) test.skip('init', `${CC} is not installed`);
else {
  const nameSpaces = spawnSync('unshare', ['-p', '-f', 'true']).status === 0;
  for (const what of ['signals', 'orphans', 'stops']) {
    const name = `${what}, as pid 1 of a PID name space`;
    if (nameSpaces) test(name, () => assert.is(run(what).out.text, natively(what)));
    else test.skip(name, 'no PID name spaces here');
  }

  test('reboot(2) ends the machine with status 0', () => {
    for (const [what, message] of [
      ['off', 'reboot: Power down'],
      ['restart', 'reboot: Restarting system'],
      ['halt', 'reboot: System halted'],
      ['child-off', 'reboot: Power down'],
    ] as const) {
      const booted = run(what);
      assert.is(booted.status, 0, what);
      assert.is(booted.machine.kernel.panicked, null, what);
      assert.is(lastMessage(booted), message);
    }
  });

  test('the machine does not outlive init', () => {
    assert.match(run('exit').machine.kernel.panicked ?? '', /kill init! exitcode=0x00000300/);
    assert.match(run('fault').machine.kernel.panicked ?? '', /kill init! exitcode=0x0000000b/);
  });

  test('Ctrl-Alt-Del restarts, or asks init if it wants to be asked', () => {
    for (const [args, output] of [
      [['keys'], 'ready\n'],
      [['keys', 'asked'], 'ready\nCtrl-Alt-Del\n'],
    ] as const) {
      const booted = boot(...args);
      const { kernel } = booted.machine;
      while (booted.out.text === '') kernel.runSlice(20);
      kernel.ctrlAltDel();
      runToEnd(booted.machine);
      assert.is(booted.out.text, output);
      assert.is(booted.status, 0);
    }
  });
}
