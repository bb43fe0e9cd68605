/**
 * One run of programs/chaos.c: a machine of its own, with a root in memory, an ext4 and everything else mounted, a
 * clock that moves with the guest's instructions, and the memory audit. A seed names a run exactly.
 */

import { checkExt4 } from '../../../src/kernel/fs/ext4/check.ts';
import type { Kernel } from '../../../src/kernel/kernel.ts';
import { signalName } from '../../../src/kernel/signal/numbers.ts';
import { SYSCALL_NAMES } from '../../../src/kernel/syscall/names.ts';
import type { Engine } from '../../../src/machine/cpu.ts';
import { Random } from '../../diff/random.ts';
import { readBinary } from '../../kernel/lib/run-guest.ts';
import { compileHostile } from './compile.ts';
import { mountExt4 } from './mounts.ts';
import { Rig } from './rig.ts';

const MEMORY_MB = 48;
/** Executions after which code is compiled: soon, since runs are short. */
const HOT = 100;
const CHILDREN = 24;
const STEPS = 220;
/** A run that takes more is ended: some guest loops for ever. */
const INSTRUCTIONS = 40_000_000;

/** How often what happened, by name. */
export type Counts = Record<string, number>;

export interface ChaosReport {
  readonly seed: number;
  readonly engine: Engine;
  /** System calls by name; what has no name by number. */
  readonly calls: Counts;
  /** Ends of processes, by signal; "exit" for those without one. */
  readonly deaths: Counts;
  readonly processes: number;
  readonly instructions: number;
  /** Whether the first process ended by itself. */
  readonly ended: boolean;
}

function add(counts: Counts, name: string, n = 1): void {
  counts[name] = (counts[name] ?? 0) + n;
}

/** Counts how processes end, from now on. */
function countDeaths(kernel: Kernel): Counts {
  const deaths: Counts = {};
  const { processes } = kernel;
  const remove = processes.delete.bind(processes);
  processes.delete = (pid) => {
    const sig = (processes.get(pid)?.exitStatus ?? 0) & 0x7f;
    add(deaths, sig === 0 ? 'exit' : signalName(sig));
    return remove(pid);
  };
  return deaths;
}

function callsOf(kernel: Kernel): Counts {
  const calls: Counts = {};
  kernel.syscallCounts.forEach((n, nr) => {
    if (n > 0) add(calls, SYSCALL_NAMES[nr] ?? `nr_${nr}`, n);
  });
  return calls;
}

/** Throws what the machine threw, what the audit finds, and what is wrong with the ext4 afterwards. */
export function runChaos(seed: number, engine: Engine): ChaosReport {
  const rng = new Random(seed);
  const rig = new Rig({ rng, engine, memory: MEMORY_MB, hot: HOT, records: false });
  const { kernel, cpu } = rig.machine;
  const device = mountExt4(rig);
  rig.put('/bin/chaos', readBinary(compileHostile('chaos')));
  rig.put('/tmp/f', 'contents '.repeat(2000), 0o666);
  const deaths = countDeaths(kernel);
  rig.start(['/bin/chaos', String(seed), String(CHILDREN), String(STEPS)]);
  const ended = rig.run(INSTRUCTIONS);
  rig.audit();
  if (kernel.tasks.size + kernel.processes.size > 0) throw new Error('processes are left over');
  kernel.vfs.sync();
  const { problems } = checkExt4(device);
  if (problems.length > 0) throw new Error(`the ext4 is damaged: ${problems.join('; ')}`);
  const { forks, instructions } = { forks: kernel.forks, instructions: cpu.instructions };
  return { seed, engine, calls: callsOf(kernel), deaths, processes: forks, instructions, ended };
}
