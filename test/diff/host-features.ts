/** What the host CPU has: rows of features that it lacks cannot be compared with it. */

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { linuxName } from '../../src/frontend-x86/cpuid.ts';

/** Some instructions do different things on Intel's processors and on others. */
export const ON_INTEL = cpus()[0]?.model.includes('Intel') ?? false;

let flags: ReadonlySet<string> | null = null;

/** The flags of /proc/cpuinfo, in its order. */
export function hostFlags(): string[] {
  const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? '';
  return line.trim().split(' ');
}

export function hostHas(feature: string): boolean {
  flags ??= new Set(hostFlags());
  return flags.has(linuxName(feature));
}
