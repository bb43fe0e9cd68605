/** The texts of /proc that are about the whole machine (proc(5); formats of fs/proc/*.c). */

import { FRAME_CACHE } from '../../../mmu/frames.ts';
import type { Kernel } from '../../kernel.ts';
import { VERSION_LINE } from '../../version.ts';

const USER_HZ_MS = 10;

const ticks = (ms: number): number => Math.floor(ms / USER_HZ_MS);

export function versionText(): string {
  return `${VERSION_LINE}\n`;
}

export function meminfoText(kernel: Kernel): string {
  const { frames } = kernel.mmu.paging;
  let cached = 0;
  for (const kind of frames.kind) if (kind === FRAME_CACHE) cached++;
  const total = frames.total * 4;
  const free = frames.free * 4;
  const anonymous = total - free - cached * 4;
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', Math.min(total, free + cached * 4)],
    ['Buffers', 0],
    ['Cached', cached * 4],
    ['SwapCached', 0],
    ['Active', anonymous],
    ['Inactive', cached * 4],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', anonymous],
    ['Mapped', cached * 4],
    ['Shmem', 0],
    ['KReclaimable', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['KernelStack', 0],
    ['PageTables', 0],
    ['CommitLimit', Math.floor(total / 2)],
    ['Committed_AS', anonymous],
    ['VmallocTotal', 34359738367],
    ['VmallocUsed', 0],
    ['VmallocChunk', 0],
    ['Hugepagesize', 2048],
  ];
  return rows.map(([name, n]) => `${`${name}:`.padEnd(15)} ${String(n).padStart(8)} kB\n`).join('');
}

export function uptimeText(kernel: Kernel): string {
  const up = (kernel.now() - kernel.bootTime) / 1000;
  const busy = cpuMs(kernel);
  const idle = Math.max(0, up - (busy.user + busy.system) / 1000);
  return `${up.toFixed(2)} ${idle.toFixed(2)}\n`;
}

/** CPU time of all processes, those that ended and were waited for included. */
function cpuMs(kernel: Kernel): { user: number; system: number } {
  const sum = { user: 0, system: 0 };
  for (const p of kernel.processes.values()) {
    sum.user += p.usage.userMs;
    sum.system += p.usage.systemMs;
    if (p.parent === null) {
      sum.user += p.childUsage.userMs;
      sum.system += p.childUsage.systemMs;
    }
    for (const t of p.threads) {
      sum.user += t.userMs;
      sum.system += t.systemMs;
    }
  }
  return sum;
}

function runnable(kernel: Kernel): number {
  let n = 0;
  for (const t of kernel.tasks.values()) if (t.stateLetter() === 'R') n++;
  return n;
}

/** There is no load average: what runs now stands for all three. */
export function loadavgText(kernel: Kernel): string {
  const now = runnable(kernel);
  const load = (now > 0 ? now - 1 : 0).toFixed(2);
  return `${load} ${load} ${load} ${now}/${kernel.tasks.size} ${kernel.pids.lastPid}\n`;
}

export function statText(kernel: Kernel): string {
  const { user, system } = cpuMs(kernel);
  const up = kernel.now() - kernel.bootTime;
  const idle = Math.max(0, up - user - system);
  const cpu = `${ticks(user)} 0 ${ticks(system)} ${ticks(idle)} 0 0 0 0 0 0`;
  const boot = Math.floor(kernel.clock.realtime().sec - up / 1000);
  return (
    `cpu  ${cpu}\ncpu0 ${cpu}\nintr 0\nctxt ${kernel.scheduler.contextSwitches}\nbtime ${boot}\n` +
    `processes ${kernel.forks}\nprocs_running ${runnable(kernel)}\nprocs_blocked 0\nsoftirq 0\n`
  );
}

/** File systems without a block device first, as registered. */
export function filesystemsText(kernel: Kernel): string {
  const types = new Set(kernel.vfs.types.keys());
  for (const m of kernel.vfs.mounts) types.add(m.fs.type);
  let text = '';
  for (const type of types) text += type.startsWith('ext') ? `\t${type}\n` : `nodev\t${type}\n`;
  return text;
}

export function devicesText(kernel: Kernel): string {
  const rows = [...kernel.vfs.devices.names].sort((a, b) => a.major - b.major);
  const lines = rows.map((r) => `${String(r.major).padStart(3)} ${r.name}\n`);
  return `Character devices:\n${lines.join('')}\nBlock devices:\n`;
}

export function cpuinfoText(flags: readonly string[]): string {
  return (
    'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 1\n' +
    'model name\t: kevlar-jit\nstepping\t: 0\ncpu MHz\t\t: 1000.000\ncache size\t: 1024 KB\n' +
    'physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\nfpu\t\t: yes\n' +
    'fpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\n' +
    `flags\t\t: ${flags.join(' ')}\nbugs\t\t:\nbogomips\t: 2000.00\nclflush size\t: 64\n` +
    'cache_alignment\t: 64\naddress sizes\t: 40 bits physical, 48 bits virtual\n' +
    'power management:\n\n'
  );
}
