/** Makes given system calls in a fresh process, without machine code: for regressions of the kernel. */

import type { UserMemory } from '../../../src/kernel/mm/user-memory.ts';
import { CPU_STOP, REG } from '../../../src/kernel/ports.ts';
import { rowOf } from '../../../src/kernel/syscall/table.ts';
import type { Task } from '../../../src/kernel/task.ts';
import { SYSCALL_LOOP, tinyElf } from './elf.ts';
import type { Rig } from './rig.ts';

const ARGS = [REG.rdi, REG.rsi, REG.rdx, REG.r10, REG.r8, REG.r9] as const;

/** Numbers of calls by name. */
const NUMBERS = new Map<string, number>();
for (let nr = 0; nr < 512; nr++) {
  const row = rowOf(nr);
  if (row !== null) NUMBERS.set(row.name, nr);
}

export type Call = readonly [name: string, ...args: number[]];

/**
 * Runs the calls one after the other in each process that comes to be (a child of fork goes on where
 * its parent is), then exit_group(0). `prepare` fills the first process's memory.
 * @returns the results of the first process
 */
export function runCalls(
  rig: Rig,
  calls: readonly Call[],
  prepare: (mem: UserMemory) => void = () => {},
): number[] {
  const { cpu, kernel } = rig.machine;
  const results: number[] = [];
  const next = new Map<number, number>();
  rig.put('/bin/loop', tinyElf({ code: SYSCALL_LOOP, data: 16 * 4096 }));
  cpu.run = (): number => {
    const { pid, mm } = kernel.scheduler.current as Task;
    if (next.size === 0) prepare(mm.mem);
    const parent = kernel.processById(pid)?.parent?.tgid ?? 0;
    const i = next.get(pid) ?? next.get(parent) ?? 0;
    if (i > 0 && pid === 1) results[i - 1] = cpu.getRegLo(REG.rax);
    next.set(pid, i + 1);
    const [name, ...args] = calls[i] ?? ['exit_group', 0];
    cpu.setReg(REG.rax, NUMBERS.get(name) as number);
    args.forEach((v, k) => {
      cpu.setReg64(ARGS[k] as number, (v % 2 ** 32) | 0, Math.floor(v / 2 ** 32) | 0);
    });
    rig.now += 0.01;
    cpu.instructions += 10;
    return CPU_STOP.syscall;
  };
  rig.start(['/bin/loop']);
  rig.run(1_000_000);
  rig.audit();
  return results;
}
