/** What the translator and the machine did, as text for `--stats`. */

import { SYSCALL_NAMES } from '../kernel/syscall/names.ts';
import type { Machine } from './machine.ts';

/** System calls that are listed. */
const TOP_SYSCALLS = 10;
const MiB = 1024 * 1024;

export type Row = readonly [name: string, value: string | number];

/** Measures from now on what costs too much to measure always. To be called before a program starts. */
export function startStats(machine: Machine): void {
  machine.cpu.now = () => machine.kernel.now();
  machine.kernel.syscallMs = new Float64Array(machine.kernel.syscallCounts.length);
}

/**
 * Bytes of V8's heap that a block takes beside the arrays counted here (its objects, their arrays' headers, entries in
 * the cache's maps): measured, after a CPython with many modules, by what dropping all blocks gives back.
 */
const OBJECT_BYTES = 336;

/** What the translations that are there take: guest code, and all that was made of it. */
export function translationSize({ cpu, regions }: Machine): { guest: number; host: number } {
  let guest = 0;
  let host = regions?.stats.sourceBytes ?? 0;
  for (const { byteLength, interp } of cpu.cache.blocks()) {
    guest += byteLength;
    host += OBJECT_BYTES + (interp.end - interp.start) * 4;
  }
  return { guest, host };
}

/** Microseconds for each of `count`: what tells whether they take longer the more there are. */
function each(ms: number, count: number): string {
  return count === 0 ? '0.0' : ((ms * 1000) / count).toFixed(1);
}

function translatorRows({ cpu, regions }: Machine): Row[] {
  const rows: Row[] = [
    ['guest instructions', cpu.instructions],
    ['blocks translated', cpu.lifted],
    ['blocks in the cache', cpu.cache.size],
    ['block translation, ms', Math.round(cpu.translationMs)],
    ['block translation, µs each', each(cpu.translationMs, cpu.lifted)],
  ];
  const kept = cpu.translationStats;
  if (kept !== null) {
    rows.push(
      ['blocks from the translation cache', kept.loaded],
      ['regions from it', kept.regions],
      ['pages found in it', kept.pages],
      ['pages not in it', kept.missing],
    );
  }
  if (regions === null) return rows;
  const { stats } = regions;
  rows.push(
    ['regions compiled', stats.compiled],
    ['regions rejected', stats.rejected],
    ['emitted source, KiB', Math.round(stats.sourceBytes / 1024)],
    ['region compilation, ms', Math.round(stats.ms)],
    ['region compilation, µs each', each(stats.ms, stats.compiled)],
  );
  if (cpu.lockstep !== null) {
    rows.push(
      ['regions compared', cpu.lockstep.regions],
      ['region runs compared', cpu.lockstep.compared],
      ['instructions compared', cpu.lockstep.instructions],
    );
  }
  return rows;
}

function systemRows({ kernel, mmu, audit }: Machine): Row[] {
  const { frames, tlb } = mmu.paging;
  const used = ((frames.total - frames.free) * 4096) / MiB;
  return [
    ['uptime, ms', Math.round(kernel.now() - kernel.bootTime)],
    ['TLB entries filled', tlb.fills],
    ['context switches', kernel.scheduler.contextSwitches],
    ['forks', kernel.forks],
    ['guest RAM used, MiB', used.toFixed(1)],
    ...(audit === null ? [] : [['audits', audit.runs] as const]),
  ];
}

function syscallRows({ kernel }: Machine): Row[] {
  const { syscallCounts: counts, syscallMs: ms } = kernel;
  const total = counts.reduce((a, b) => a + b, 0);
  const called = [...counts.keys()].filter((nr) => counts[nr] !== 0);
  const top = called.sort((a, b) => counts[b]! - counts[a]!).slice(0, TOP_SYSCALLS);
  return [
    ['system calls', total],
    ...top.map((nr): Row => {
      const count = counts[nr]!;
      const time = ms === null ? '' : `, ${each(ms[nr]!, count)} µs each`;
      return [`  ${SYSCALL_NAMES[nr] ?? `number ${nr}`}`, `${count}${time}`];
    }),
  ];
}

/** @param host rows about the host's process */
export function statsText(machine: Machine, host: readonly Row[] = []): string {
  const rows: Row[] = [
    ...translatorRows(machine),
    ...[...machine.cpu.cache.invalidations].map(([why, n]): Row => [`invalidated: ${why}`, n]),
    ...systemRows(machine),
    ...host,
    ...syscallRows(machine),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
