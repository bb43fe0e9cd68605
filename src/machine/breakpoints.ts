/**
 * Addresses at which the machine stops before the guest executes the instruction there, unseen by the guest: its
 * code is not changed. Translation does it (frontend-x86/translate.ts): a block that begins at a breakpoint only
 * leaves the engine. So breakpoints work in every engine, and without any nothing is slower.
 *
 * Invariant: an address is one in every address space; whoever listens tells whose it is.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { Mmu } from '../mmu/mmu.ts';
import type { CodeCache } from './code-cache.ts';

export class Breakpoints {
  readonly addresses: Set<number> = new Set();
  /** Called with the address before the instruction there is executed. */
  readonly hit: (address: number) => void;
  private readonly cache: CodeCache;
  private readonly mmu: Mmu;

  constructor(cache: CodeCache, mmu: Mmu, hit: (address: number) => void) {
    this.cache = cache;
    this.mmu = mmu;
    this.hit = hit;
  }

  /**
   * To be called between runs of the CPU, or from `hit`; again for each address space that has translated what is
   * at `address`, for the active one's translations are dropped.
   */
  add(address: number): void {
    this.addresses.add(address);
    const host = this.mmu.fetch(address | 0, Math.floor(address / 0x1_0000_0000) | 0);
    if (host < 0) return;
    const offset = host & (PAGE_SIZE - 1);
    const frame = this.mmu.frameOf(host);
    if (this.cache.overlaps(frame, offset, offset + 1)) {
      this.cache.invalidate(frame, offset, offset + 1, 'breakpoint');
    }
  }
}
