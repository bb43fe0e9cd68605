/** What the translator and the machine did, as text for `--stats`. */

import type { Machine } from './machine.ts';

export function statsText(machine: Machine): string {
  const { cpu, regions, kernel, mmu } = machine;
  const { frames } = mmu.paging;
  const rows: [string, string | number][] = [
    ['guest instructions', cpu.instructions],
    ['translation blocks', cpu.cache.size],
    ['regions compiled', regions?.stats.compiled ?? 0],
    ['regions rejected', regions?.stats.rejected ?? 0],
    ['emitted source, KiB', Math.round((regions?.stats.sourceBytes ?? 0) / 1024)],
    ['region compile time, ms', Math.round(regions?.stats.ms ?? 0)],
    ['context switches', kernel.scheduler.contextSwitches],
    ['processes started', kernel.forks],
    ['guest RAM used, MiB', Math.round(((frames.total - frames.free) * 4096) / 1048576)],
  ];
  for (const [reason, n] of cpu.cache.invalidations) rows.push([`invalidated: ${reason}`, n]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
