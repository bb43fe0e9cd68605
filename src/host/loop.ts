/**
 * Drives a kernel from an event loop: slices of guest work with turns of the host's loop between
 * them, a timer while everything waits, nothing at all when only the host can wake the guest.
 */

import type { Kernel } from '../kernel/kernel.ts';

/** The platform's event loop. */
export interface Ticker {
  /** Calls `fn` after pending host events were handled. */
  soon(fn: () => void): void;
  /** Calls `fn` after `ms` (at most 2^31 - 1). @returns cancels it */
  later(fn: () => void, ms: number): () => void;
}

const SLICE_MS = 10;
const MAX_SLEEP_MS = 0x7fffffff;

export class GuestLoop {
  /** Called when no process is left. */
  onExited: (() => void) | null = null;
  /** Called with what a slice threw: our own bug. */
  onError: ((error: unknown) => void) | null = null;
  private readonly kernel: Kernel;
  private readonly ticker: Ticker;
  private scheduled = false;
  private stopped = false;
  private cancelSleep: (() => void) | null = null;

  constructor(kernel: Kernel, ticker: Ticker) {
    this.kernel = kernel;
    this.ticker = ticker;
    kernel.scheduler.onWork = () => this.wake();
  }

  /** There is work: run soon. */
  wake(): void {
    this.cancelSleep?.();
    this.cancelSleep = null;
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    this.ticker.soon(() => this.slice());
  }

  /** Runs nothing any more. */
  stop(): void {
    this.stopped = true;
    this.cancelSleep?.();
    this.cancelSleep = null;
  }

  private slice(): void {
    this.scheduled = false;
    if (this.stopped) return;
    try {
      const r = this.kernel.runSlice(SLICE_MS);
      if (r.kind === 'busy') this.wake();
      else if (r.kind === 'exited') this.onExited?.();
      else if (r.deadline !== Number.POSITIVE_INFINITY) this.sleep(r.deadline);
    } catch (error) {
      this.stop();
      this.onError?.(error);
    }
  }

  private sleep(deadline: number): void {
    const ms = Math.min(Math.max(0, Math.ceil(deadline - this.kernel.now())), MAX_SLEEP_MS);
    this.cancelSleep?.();
    this.cancelSleep = this.ticker.later(() => {
      this.cancelSleep = null;
      this.wake();
    }, ms);
  }
}
