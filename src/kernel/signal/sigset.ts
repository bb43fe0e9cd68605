/** A set of signals 1..64 as two 32-bit words: signal n is bit n - 1. */

import { SIGKILL, SIGSTOP, shortSignalName } from './numbers.ts';

const UNBLOCKABLE = (1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1));

export class SigSet {
  lo = 0;
  hi = 0;

  constructor(lo = 0, hi = 0) {
    this.lo = lo | 0;
    this.hi = hi | 0;
  }

  static of(...signals: number[]): SigSet {
    const s = new SigSet();
    for (const sig of signals) s.add(sig);
    return s;
  }

  get empty(): boolean {
    return (this.lo | this.hi) === 0;
  }

  has(sig: number): boolean {
    return sig <= 32 ? ((this.lo >>> (sig - 1)) & 1) === 1 : ((this.hi >>> (sig - 33)) & 1) === 1;
  }

  add(sig: number): void {
    if (sig <= 32) this.lo |= 1 << (sig - 1);
    else this.hi |= 1 << (sig - 33);
  }

  delete(sig: number): void {
    if (sig <= 32) this.lo &= ~(1 << (sig - 1));
    else this.hi &= ~(1 << (sig - 33));
  }

  assign(other: SigSet): void {
    this.lo = other.lo;
    this.hi = other.hi;
  }

  set(lo: number, hi: number): void {
    this.lo = lo | 0;
    this.hi = hi | 0;
  }

  clone(): SigSet {
    return new SigSet(this.lo, this.hi);
  }

  /** A mask never blocks SIGKILL and SIGSTOP. */
  removeUnblockable(): void {
    this.lo &= ~UNBLOCKABLE;
  }

  /** strace's text: `[INT CHLD]`, or what is missing (`~[KILL STOP]`) if most are in. */
  toString(): string {
    const present: string[] = [];
    const absent: string[] = [];
    for (let sig = 1; sig <= 64; sig++) {
      (this.has(sig) ? present : absent).push(shortSignalName(sig));
    }
    return present.length * 3 > 64 * 2 ? `~[${absent.join(' ')}]` : `[${present.join(' ')}]`;
  }
}
