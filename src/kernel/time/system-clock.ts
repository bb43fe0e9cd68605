/**
 * The kernel's clock: the host's, moved by what the guest sets (clock_settime(2), settimeofday(2)). The host's own
 * time stays what it is; the machine's clock chip (rtc.ts) is set apart from it separately.
 *
 * Timers that wait for an absolute time were given a monotonic deadline when they were armed: they do not move.
 */

import type { Clock } from '../ports.ts';

const SECOND_NS = 1_000_000_000;

export class SystemClock implements Clock {
  readonly monotonicMs: () => number;
  /** The host's, from which the machine's clock chip differs by `rtcOffset`. */
  readonly chip: Clock;
  /** Seconds that the guest has set its real-time clock chip apart from the host's clock, for as long as it runs. */
  rtcOffset = 0;
  private offsetSec = 0;
  private offsetNsec = 0;

  constructor(chip: Clock) {
    this.chip = chip;
    this.monotonicMs = () => chip.monotonicMs();
  }

  realtime(): { sec: number; nsec: number } {
    const now = this.chip.realtime();
    if (this.offsetSec === 0 && this.offsetNsec === 0) return now;
    const nsec = now.nsec + this.offsetNsec;
    const carry = nsec >= SECOND_NS ? 1 : 0;
    return { sec: now.sec + this.offsetSec + carry, nsec: nsec - carry * SECOND_NS };
  }

  set(sec: number, nsec: number): void {
    const now = this.chip.realtime();
    const difference = nsec - now.nsec;
    const borrow = difference < 0 ? 1 : 0;
    this.offsetSec = sec - now.sec - borrow;
    this.offsetNsec = difference + borrow * SECOND_NS;
  }
}
