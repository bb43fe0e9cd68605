/** Machines for contracts: all system mounts, /tmp.*/

import { mountAll } from '../../../src/host/mounts.ts';
import { nodeHost } from '../../../src/host/node/platform.ts';
import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import type { Engine } from '../../../src/machine/cpu.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { AUDIT } from '../../lib/audit.ts';
import { compilingMore } from '../../lib/heat.ts';
import { keptTranslations } from '../../lib/translations.ts';
import { putFile } from './run-guest.ts';

const MEMORY = 256 * 1024 * 1024;

export function machineWithRoot(
  engine: Engine,
  path: string,
  program: Uint8Array,
  log: string[],
  audited: boolean = AUDIT,
): Machine {
  const machine = new Machine({
    memory: MEMORY,
    engine,
    ...compilingMore(engine),
    host: nodeHost((line) => log.push(line)),
    audit: audited,
    ...keptTranslations(2),
  });
  mountAll(machine, {
    kind: 'fs',
    name: 'rootfs',
    make: ({ mmu, kernel }) =>
      new TmpFs(mmu.paging, kernel.clock, { dev: 1, mode: 0o755, maxPages: 16384 }),
  });
  putFile(machine, '/tmp/.keep', new Uint8Array(0));
  putFile(machine, path, program);
  return machine;
}
