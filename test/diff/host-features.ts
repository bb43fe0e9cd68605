/** Whether the host CPU has the feature that a row names: rows it lacks cannot be compared with it. */

import { readFileSync } from 'node:fs';

/** Names in /proc/cpuinfo where they differ. */
const CPUINFO: Record<string, string> = {
  'sse4.1': 'sse4_1',
  'sse4.2': 'sse4_2',
  sse3: 'pni',
  lahf: 'lahf_lm',
  lzcnt: 'abm',
  prefetchw: '3dnowprefetch',
  fsrm: 'fsrm',
  cx8: 'cx8',
  sha: 'sha_ni',
};

let flags: ReadonlySet<string> | null = null;

export function hostHas(feature: string | undefined): boolean {
  if (feature === undefined) return true;
  flags ??= new Set(
    (/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? '').split(' '),
  );
  return flags.has(CPUINFO[feature] ?? feature);
}
