/**
 * What the incremental audit knows of page tables by itself: a count of the entries that name each
 * frame, and the entries that changed since it looked last. Both come from the log of changes
 * (pte-log.ts), which is written before frames, reverse map and TLB are brought in step, and not from
 * those: what `Paging.changed` forgets is a difference.
 */

import { auditFrame, auditTlb } from './audit.ts';
import { ZERO_FRAME } from './frames.ts';
import type { PageTables } from './page-tables.ts';
import type { Paging } from './paging.ts';
import { pteFrame } from './pte.ts';
import type { PteSink } from './pte-log.ts';
import type { WatchedFrames } from './watched-frames.ts';

/** Looks at a frame that was touched; `held`: by others than page table entries, too. */
export type FrameVisitor = (frame: number, held: boolean) => void;

/** Looks at an entry that changed. */
export type EntryVisitor = (space: PageTables, vpn: number, pte: number) => void;

export class PagingWatch implements PteSink {
  private readonly paging: Paging;
  private readonly frames: WatchedFrames;
  /** Entries that name each frame; the zero page is not counted. */
  private readonly mappings: Int32Array;
  /** Of those, changes since the last audit. */
  private readonly moves: Int32Array;
  /** Address space and page of each change, in turn. */
  private changes: number[] = [];

  constructor(paging: Paging, frames: WatchedFrames) {
    this.paging = paging;
    this.frames = frames;
    this.mappings = new Int32Array(frames.total);
    this.moves = new Int32Array(frames.total);
    for (const space of paging.spaces.values()) {
      paging.forEachMapped(space, 0, Number.MAX_SAFE_INTEGER, (vpn, pte) =>
        this.record(space.id, vpn, 0, pte),
      );
    }
    paging.log.enabled = true;
    paging.log.sink = this;
  }

  record(space: number, vpn: number, before: number, after: number): void {
    this.changes.push(space, vpn);
    const from = before === 0 ? ZERO_FRAME : pteFrame(before);
    const to = after === 0 ? ZERO_FRAME : pteFrame(after);
    if (from !== to) {
      this.count(from, -1);
      this.count(to, 1);
    } else if (to !== ZERO_FRAME) this.frames.note(to);
  }

  private count(frame: number, by: number): void {
    if (frame === ZERO_FRAME) return;
    this.mappings[frame]! += by;
    this.moves[frame]!++;
    this.frames.note(frame);
  }

  /** Audits the frames that were touched since the last call, the entries that changed, and the TLB. */
  audit(out: string[], visit: EntryVisitor, visitFrame: FrameVisitor): void {
    const { paging, changes, frames } = this;
    this.changes = [];
    for (let i = 0; i < changes.length; i += 2) {
      const space = paging.spaces.get(changes[i]!);
      const pte = space === undefined ? 0 : space.get(changes[i + 1]!);
      if (pte !== 0) visit(space!, changes[i + 1]!, pte);
    }
    frames.takeTouched((frame) => {
      auditFrame(paging, frame, this.mappings[frame]!, out);
      visitFrame(frame, frames.uses[frame] !== this.moves[frame]);
      this.moves[frame] = 0;
    });
    auditTlb(paging, out);
  }
}
