/** `--profile`: where the host's time goes, as rows of `--stats` and as a flame graph. */

import { type CpuProfile, startProfiler } from '../../host/node/profiler.ts';
import type { Row } from '../../machine/stats.ts';
import { flameGraph } from './flame.ts';
import { PHASES } from './phases.ts';
import { type FlameNode, fold } from './tree.ts';

/** Guest functions and system calls that are listed. */
const TOP = 10;

export class Profile {
  private readonly stop: () => CpuProfile = startProfiler();
  private root: FlameNode | null = null;

  /** Ends the profile, and gives its rows. */
  rows(): Row[] {
    return profileRows(this.folded());
  }

  html(title: string): string {
    return flameGraph(this.folded(), title);
  }

  private folded(): FlameNode {
    this.root ??= fold(this.stop());
    return this.root;
  }
}

/** Milliseconds by phase, and within translated code and kernel by what for. */
export function profileRows(root: FlameNode): Row[] {
  const ms = (node: FlameNode): number => Math.round(node.time / 100) / 10;
  const rows: Row[] = [['host time, ms', ms(root)]];
  for (const phase of PHASES) {
    const node = root.children.get(phase);
    if (node === undefined) continue;
    rows.push([`  ${phase}`, ms(node)]);
    if (phase !== 'translated code' && phase !== 'kernel') continue;
    const top = [...node.children.values()].sort((a, b) => b.time - a.time).slice(0, TOP);
    for (const c of top) rows.push([`    ${c.name}`, ms(c)]);
  }
  return rows;
}
