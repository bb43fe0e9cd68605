/** Whether the host CPU has the feature that a row names: rows it lacks cannot be compared with it. */

import { readFileSync } from 'node:fs';
import { linuxName } from '../../src/frontend-x86/cpuid.ts';

let flags: ReadonlySet<string> | null = null;

export function hostHas(feature: string): boolean {
  flags ??= new Set(
    (/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? '').split(' '),
  );
  return flags.has(linuxName(feature));
}
