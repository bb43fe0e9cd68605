/** What a run took of the host, for `--stats`: memory, and how large translations are with what V8 made of them. */

import { getHeapCodeStatistics } from 'node:v8';
import type { Machine } from '../machine/machine.ts';
import { type Row, translationSize } from '../machine/stats.ts';

/** Bytes of V8's bytecode and machine code, of all that runs. */
function codeBytes(): number {
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } =
    getHeapCodeStatistics();
  return code + bytecode;
}

export class HostStats {
  private readonly machine: Machine;
  private readonly codeAtStart = codeBytes();

  /** To be made before the program starts. */
  constructor(machine: Machine) {
    this.machine = machine;
  }

  /**
   * V8's code counts as a translation although some of it is the tool's own, compiled since the start: V8 does not
   * tell them apart.
   */
  rows(): Row[] {
    const { guest, host } = translationSize(this.machine);
    const v8 = Math.max(0, codeBytes() - this.codeAtStart);
    return [
      ['guest code translated, KiB', Math.round(guest / 1024)],
      ['translations, KiB', Math.round(host / 1024)],
      ["V8's code since the start, KiB", Math.round(v8 / 1024)],
      ['translation bytes a guest code byte', guest === 0 ? 0 : ((host + v8) / guest).toFixed(1)],
      ['resident memory, peak MB', Math.round((process.resourceUsage().maxRSS * 1024) / 1e6)],
    ];
  }
}
