/**
 * A frame allocator that notes which frames were allocated, referenced or let go since the audit looked
 * last. The machine has it in place of the plain one while it is audited, so that without an audit
 * nothing is paid.
 *
 * Invariant: a frame is in `touched` once if its mark is set, and not at all otherwise.
 */

import { HUGE_PAGE_FRAMES } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { FrameAllocator } from './frames.ts';

export class WatchedFrames extends FrameAllocator {
  /** References taken and let go since the last call of takeTouched, by whomever. */
  readonly uses: Int32Array;
  private touched: number[] = [];
  private readonly marks: Uint8Array;

  constructor(memory: LinearMemory) {
    super(memory);
    this.uses = new Int32Array(this.total);
    this.marks = new Uint8Array(this.total);
  }

  /** The frame will be among those that `takeTouched` gives. */
  note(frame: number): void {
    if (this.marks[frame] === 1) return;
    this.marks[frame] = 1;
    this.touched.push(frame);
  }

  /** Gives the frames noted since the last call to `visit`, and forgets them. */
  takeTouched(visit: (frame: number) => void): void {
    const { touched } = this;
    this.touched = [];
    for (const frame of touched) {
      visit(frame);
      this.marks[frame] = 0;
      this.uses[frame] = 0;
    }
  }

  override alloc(kind: number): number {
    return this.noted(super.alloc(kind));
  }

  override allocZeroed(kind: number): number {
    return this.noted(super.allocZeroed(kind));
  }

  override allocBlock(kind: number): number {
    const first = super.allocBlock(kind);
    if (first >= 0) for (let f = first; f < first + HUGE_PAGE_FRAMES; f++) this.noted(f);
    return first;
  }

  override discard(frame: number): void {
    this.note(frame);
    super.discard(frame);
  }

  override retain(frame: number): void {
    this.note(frame);
    this.uses[frame]!++;
    super.retain(frame);
  }

  override release(frame: number): void {
    this.note(frame);
    this.uses[frame]!++;
    super.release(frame);
  }

  /** A frame with a new owner, or -1. */
  private noted(frame: number): number {
    if (frame < 0) return frame;
    this.note(frame);
    this.uses[frame]!++;
    return frame;
  }
}
