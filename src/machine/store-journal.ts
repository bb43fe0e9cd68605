/**
 * What the stores of one region run replaced, so that lockstep can undo them and compare them with the
 * interpreter's. Entries are kept in growing arrays, for a program makes millions of runs: nothing is
 * allocated for one.
 *
 * Invariants: entries are in the order of the stores; `before` holds what each replaced, and after
 * `takeBack` `after` holds what its bytes were in the end (not what that one store wrote).
 */

import type { Journal } from '../mmu/mmu.ts';

const FIRST_STORES = 1024;
const FIRST_BYTES = 16_384;

export class StoreJournal implements Journal {
  /** Stores recorded. */
  length = 0;
  private used = 0;
  private hosts: Int32Array = new Int32Array(FIRST_STORES);
  private sizes: Int32Array = new Int32Array(FIRST_STORES);
  private before: Uint8Array = new Uint8Array(FIRST_BYTES);
  private after: Uint8Array = new Uint8Array(FIRST_BYTES);
  private readonly U8: Uint8Array;

  constructor(U8: Uint8Array) {
    this.U8 = U8;
  }

  clear(): void {
    this.length = 0;
    this.used = 0;
  }

  save(host: number, size: number): void {
    if (this.length === this.hosts.length || this.used + size > this.before.length) this.grow(size);
    this.hosts[this.length] = host;
    this.sizes[this.length++] = size;
    copy(this.before, this.used, this.U8, host, size);
    this.used += size;
  }

  /** Undoes the stores, and keeps what they left. */
  takeBack(): void {
    const { U8, hosts, sizes } = this;
    for (let i = 0, at = 0; i < this.length; i++) {
      copy(this.after, at, U8, hosts[i]!, sizes[i]!);
      at += sizes[i]!;
    }
    for (let i = this.length - 1, at = this.used; i >= 0; i--) {
      at -= sizes[i]!;
      copy(U8, hosts[i]!, this.before, at, sizes[i]!);
    }
  }

  /** Whether the same places were stored to in the same order, and memory is what `takeBack` kept. */
  sameAs(now: StoreJournal): boolean {
    const { length, used, U8, hosts, sizes, after } = this;
    if (length !== now.length || used !== now.used) return false;
    for (let i = 0, at = 0; i < length; i++) {
      const host = hosts[i]!;
      const size = sizes[i]!;
      if (host !== now.hosts[i] || size !== now.sizes[i]) return false;
      for (let k = 0; k < size; k++) if (U8[host + k] !== after[at + k]) return false;
      at += size;
    }
    return true;
  }

  /** Every byte that was stored to: with what `takeBack` kept, or with its value now. */
  bytes(kept: boolean): Map<number, number> {
    const bytes = new Map<number, number>();
    for (let i = 0, at = 0; i < this.length; i++) {
      const host = this.hosts[i]!;
      for (let k = 0; k < this.sizes[i]!; k++, at++) {
        bytes.set(host + k, kept ? this.after[at]! : this.U8[host + k]!);
      }
    }
    return bytes;
  }

  private grow(size: number): void {
    const stores = new Int32Array(this.hosts.length * 2);
    const sizes = new Int32Array(stores.length);
    const before = new Uint8Array((this.before.length + size) * 2);
    stores.set(this.hosts);
    sizes.set(this.sizes);
    before.set(this.before);
    this.hosts = stores;
    this.sizes = sizes;
    this.before = before;
    // Written by `takeBack` only, after the last growth.
    this.after = new Uint8Array(before.length);
  }
}

function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, size: number): void {
  if (size > 64) to.set(from.subarray(start, start + size), at);
  else for (let k = 0; k < size; k++) to[at + k] = from[start + k]!;
}
