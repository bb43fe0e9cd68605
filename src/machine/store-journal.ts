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
  private readonly D: DataView;
  private beforeD: DataView = new DataView(this.before.buffer);
  private afterD: DataView = new DataView(this.after.buffer);

  constructor(U8: Uint8Array) {
    this.U8 = U8;
    this.D = new DataView(U8.buffer, U8.byteOffset, U8.byteLength);
  }

  clear(): void {
    this.length = 0;
    this.used = 0;
  }

  save(host: number, size: number): void {
    if (this.length === this.hosts.length || this.used + size > this.before.length) this.grow(size);
    this.hosts[this.length] = host;
    this.sizes[this.length++] = size;
    if (size > 64) this.before.set(this.U8.subarray(host, host + size), this.used);
    else copy(this.beforeD, this.used, this.D, host, size);
    this.used += size;
  }

  /** Undoes the stores, and keeps what they left. */
  takeBack(): void {
    const { U8, D, hosts, sizes, before, after, beforeD, afterD } = this;
    for (let i = 0, at = 0; i < this.length; i++) {
      const [host, size] = [hosts[i]!, sizes[i]!];
      if (size > 64) after.set(U8.subarray(host, host + size), at);
      else copy(afterD, at, D, host, size);
      at += size;
    }
    for (let i = this.length - 1, at = this.used; i >= 0; i--) {
      const [host, size] = [hosts[i]!, sizes[i]!];
      at -= size;
      if (size > 64) U8.set(before.subarray(at, at + size), host);
      else copy(D, host, beforeD, at, size);
    }
  }

  /** Whether the same places were stored to in the same order, and memory is what `takeBack` kept. */
  sameAs(now: StoreJournal): boolean {
    const { length, used, D, hosts, sizes, afterD } = this;
    if (length !== now.length || used !== now.used) return false;
    for (let i = 0, at = 0; i < length; i++) {
      const host = hosts[i]!;
      const size = sizes[i]!;
      if (host !== now.hosts[i] || size !== now.sizes[i]) return false;
      if (!same(D, host, afterD, at, size)) return false;
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
    this.beforeD = new DataView(before.buffer);
    // Written by `takeBack` only, after the last growth.
    this.after = new Uint8Array(before.length);
    this.afterD = new DataView(this.after.buffer);
  }
}

/** Words first: nearly all stores are of four or eight bytes. */
function copy(to: DataView, at: number, from: DataView, start: number, size: number): void {
  let k = 0;
  for (; k + 4 <= size; k += 4) to.setInt32(at + k, from.getInt32(start + k, true), true);
  for (; k < size; k++) to.setUint8(at + k, from.getUint8(start + k));
}

function same(a: DataView, i: number, b: DataView, j: number, size: number): boolean {
  let k = 0;
  for (; k + 4 <= size; k += 4)
    if (a.getInt32(i + k, true) !== b.getInt32(j + k, true)) return false;
  for (; k < size; k++) if (a.getUint8(i + k) !== b.getUint8(j + k)) return false;
  return true;
}
