/**
 * The audit log: the last page table changes, to find who made the one that was wrong. Off by default.
 * An incremental audit reads along (paging-watch.ts).
 */

import { PAGE_SIZE } from '../common/layout.ts';
import { formatPte } from './pte.ts';

const FIELDS = 4;

/** Sees each change; called before anything but the entry has changed. */
export interface PteSink {
  record(space: number, vpn: number, before: number, after: number): void;
}

export class PteLog {
  enabled = false;
  /** Reads along while the log is enabled. */
  sink: PteSink | null = null;
  /** What the kernel is doing, written with each change ("munmap", "fork" …). */
  context = '';
  private readonly capacity: number;
  private readonly records: Float64Array;
  private readonly contexts: string[];
  private written = 0;

  constructor(capacity = 4096) {
    this.capacity = capacity;
    this.records = new Float64Array(capacity * FIELDS);
    this.contexts = new Array<string>(capacity).fill('');
  }

  record(space: number, vpn: number, before: number, after: number): void {
    const slot = this.written++ % this.capacity;
    const at = slot * FIELDS;
    this.records[at] = space;
    this.records[at + 1] = vpn;
    this.records[at + 2] = before;
    this.records[at + 3] = after;
    this.contexts[slot] = this.context;
    this.sink?.record(space, vpn, before, after);
  }

  /** The recorded changes, oldest first; of one page if `vpn` is given. */
  format(vpn?: number): string[] {
    const lines: string[] = [];
    const first = Math.max(0, this.written - this.capacity);
    for (let n = first; n < this.written; n++) {
      const slot = n % this.capacity;
      const [space, page, before, after] = this.records.subarray(
        slot * FIELDS,
        (slot + 1) * FIELDS,
      );
      if (vpn !== undefined && page !== vpn) continue;
      const va = (page! * PAGE_SIZE).toString(16);
      const why = this.contexts[slot];
      lines.push(`#${n} as ${space} ${va}: ${formatPte(before!)} -> ${formatPte(after!)} ${why}`);
    }
    return lines;
  }
}
