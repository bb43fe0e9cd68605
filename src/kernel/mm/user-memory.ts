/**
 * How the kernel reads and writes the memory of a process: any address space, running or not, with
 * the same faults a program's own access has. An address that cannot be accessed throws EFAULT.
 *
 * Works on page tables, not on the TLB, whose tags are those of the running address space.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { frameHost } from '../../mmu/frames.ts';
import { FAULT_FIXED } from '../../mmu/page-tables.ts';
import {
  ACCESS_READ,
  ACCESS_WRITE,
  PTE_ACCESSED,
  PTE_DIRTY,
  pteAllows,
  pteFrame,
} from '../../mmu/pte.ts';
import { EFAULT, ENAMETOOLONG, linuxError } from '../errno.ts';
import { TASK_SIZE } from './abi.ts';
import type { AddressSpace } from './address-space.ts';

const MAX_TRIES = 8;
const FOUR_GIB = 0x1_0000_0000;

/** The string that is being read. A path of 20 bytes takes 0.1 µs; 0.9 with the bytes spread out of a typed array. */
const codes: number[] = [];

/** Characters of one call, which become arguments on the stack. */
const PIECE = 4096;

export class UserMemory {
  private readonly as: AddressSpace;
  /** Bytes that tryRun found together. */
  private runLength = 0;

  constructor(as: AddressSpace) {
    this.as = as;
  }

  /** Reads user memory at `va` into dst[start, end). */
  copyIn(va: number, dst: Uint8Array, start = 0, end: number = dst.length): void {
    if (this.copyInPartial(va, dst, start, end) < end - start) throw linuxError(EFAULT);
  }

  /** Writes src[start, end) to user memory at `va`. */
  copyOut(va: number, src: Uint8Array, start = 0, end: number = src.length): void {
    if (this.copyOutPartial(va, src, start, end) < end - start) throw linuxError(EFAULT);
  }

  /** As copyIn, up to the first byte that cannot be read. @returns bytes copied */
  copyInPartial(va: number, dst: Uint8Array, start: number, end: number): number {
    let done = 0;
    const length = end - start;
    while (done < length) {
      const host = this.tryRun(va + done, ACCESS_READ, length - done);
      if (host < 0) break;
      copyBytes(dst, start + done, this.as.paging.memory.U8, host, this.runLength);
      done += this.runLength;
    }
    return done;
  }

  /** As copyOut, up to the first byte that cannot be written. @returns bytes copied */
  copyOutPartial(va: number, src: Uint8Array, start: number, end: number): number {
    let done = 0;
    const length = end - start;
    while (done < length) {
      const host = this.tryRun(va + done, ACCESS_WRITE, length - done);
      if (host < 0) break;
      copyBytes(this.as.paging.memory.U8, host, src, start + done, this.runLength);
      done += this.runLength;
    }
    return done;
  }

  /** Calls `visit` with each piece of [va, va + length) that is contiguous in linear memory. */
  forEachChunk(
    va: number,
    length: number,
    write: boolean,
    visit: (host: number, n: number) => void,
  ): void {
    let done = 0;
    while (done < length) {
      const host = this.tryRun(va + done, write ? ACCESS_WRITE : ACCESS_READ, length - done);
      if (host < 0) throw linuxError(EFAULT);
      const n = this.runLength;
      visit(host, n);
      done += n;
    }
  }

  /** Clears [va, va + length). */
  clear(va: number, length: number): void {
    const { U8 } = this.as.paging.memory;
    this.forEachChunk(va, length, true, (host, n) => U8.fill(0, host, host + n));
  }

  /** Whether all of [va, va + length) can be accessed; faults the pages in. */
  accessible(va: number, length: number, write: boolean): boolean {
    for (let at = va - (va % PAGE_SIZE); at < va + length; at += PAGE_SIZE) {
      if (this.tryHost(at, write ? ACCESS_WRITE : ACCESS_READ, 0) < 0) return false;
    }
    return true;
  }

  readU8(va: number): number {
    return this.as.paging.memory.U8[this.host(va, ACCESS_READ, 1)]!;
  }

  readU16(va: number): number {
    return this.readU8(va) | (this.readU8(va + 1) << 8);
  }

  readI32(va: number): number {
    if (va % PAGE_SIZE > PAGE_SIZE - 4) return this.readU16(va) | (this.readU16(va + 2) << 16);
    return this.as.paging.memory.D.getInt32(this.host(va, ACCESS_READ, 4), true);
  }

  readU32(va: number): number {
    return this.readI32(va) >>> 0;
  }

  /** Exact up to 2^53. */
  readU64(va: number): number {
    return this.readU32(va + 4) * FOUR_GIB + this.readU32(va);
  }

  /** Exact from -2^53 to 2^53. */
  readI64(va: number): number {
    return this.readI32(va + 4) * FOUR_GIB + this.readU32(va);
  }

  writeU8(va: number, value: number): void {
    this.as.paging.memory.U8[this.host(va, ACCESS_WRITE, 1)] = value;
  }

  writeU16(va: number, value: number): void {
    this.writeU8(va, value);
    this.writeU8(va + 1, value >>> 8);
  }

  writeU32(va: number, value: number): void {
    if (va % PAGE_SIZE > PAGE_SIZE - 4) {
      this.writeU16(va, value);
      this.writeU16(va + 2, value >>> 16);
      return;
    }
    this.as.paging.memory.D.setInt32(this.host(va, ACCESS_WRITE, 4), value, true);
  }

  /** For -2^53 to 2^53; negative numbers in two's complement. */
  writeU64(va: number, value: number): void {
    this.writeU32(va, value % FOUR_GIB);
    this.writeU32(va + 4, Math.floor(value / FOUR_GIB));
  }

  writePair(va: number, lo: number, hi: number): void {
    this.writeU32(va, lo);
    this.writeU32(va + 4, hi);
  }

  /**
   * A zero-terminated string, one character per byte (Latin-1, as the VFS wants names).
   * Throws ENAMETOOLONG if there is no zero within `max` bytes.
   */
  readCString(va: number, max: number): string {
    const { U8 } = this.as.paging.memory;
    let length = 0;
    while (length < max) {
      const n = Math.min(max - length, PAGE_SIZE - ((va + length) % PAGE_SIZE));
      const host = this.host(va + length, ACCESS_READ, n);
      for (let i = 0; i < n; i++) {
        const code = U8[host + i]!;
        if (code === 0) return textOf(length);
        codes[length++] = code;
      }
    }
    throw linuxError(ENAMETOOLONG);
  }

  /** Atomically: if the aligned word at `va` is `expected`, it becomes `value`. @returns what it was */
  compareExchange(va: number, expected: number, value: number): number {
    const host = this.host(va, ACCESS_WRITE, 4);
    const { D } = this.as.paging.memory;
    const old = D.getInt32(host, true);
    if (old === (expected | 0)) D.setInt32(host, value, true);
    return old;
  }

  /**
   * What identifies the word at `va` for a futex in memory that processes share: a number unique to
   * frame and offset. -1 in private memory, where address space and address identify it.
   */
  sharedKey(va: number): number {
    const host = this.host(va, ACCESS_READ, 0);
    return this.as.areas.find(va)?.shared ? host : -1;
  }

  private host(va: number, access: number, size: number): number {
    const host = this.tryHost(va, access, size);
    if (host < 0) throw linuxError(EFAULT);
    return host;
  }

  /**
   * As tryHost, for up to `length` bytes: sets `runLength` to as many as are together in linear memory. Only the first
   * page is faulted in: a fault may write other pages back, which a copy that is still to come would change.
   */
  private tryRun(va: number, access: number, length: number): number {
    let n = Math.min(length, PAGE_SIZE - (va % PAGE_SIZE));
    const host = this.tryHost(va, access, n);
    if (host >= 0) {
      const { tables } = this.as;
      while (n < length && va + n < TASK_SIZE) {
        const vpn = (va + n) / PAGE_SIZE;
        const pte = tables.get(vpn);
        if (!pteAllows(pte, access) || frameHost(pteFrame(pte)) !== host + n) break;
        const more = Math.min(length - n, PAGE_SIZE);
        if (access === ACCESS_WRITE) this.changes(vpn, pteFrame(pte), 0, more);
        n += more;
      }
    }
    this.runLength = n;
    return host;
  }

  /** Bytes [from, to) of a page are about to change. */
  private changes(vpn: number, frame: number, from: number, to: number): void {
    const { paging, tables } = this.as;
    paging.touch(tables, vpn, PTE_ACCESSED | PTE_DIRTY);
    paging.contentChanges(frame, from, to, 'kernel write');
  }

  /** Host offset of `va`, -1 if it cannot be accessed. For a write, `size` bytes are about to change. */
  private tryHost(va: number, access: number, size: number): number {
    if (!(va >= 0 && va < TASK_SIZE)) return -1;
    const { tables } = this.as;
    const vpn = Math.floor(va / PAGE_SIZE);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const pte = tables.get(vpn);
      if (pteAllows(pte, access)) {
        const frame = pteFrame(pte);
        const offset = va % PAGE_SIZE;
        if (access === ACCESS_WRITE) this.changes(vpn, frame, offset, offset + size);
        return frameHost(frame) + offset;
      }
      if (this.as.fault(va, access) !== FAULT_FIXED) return -1;
    }
    return -1;
  }
}

/** Copies `n` bytes; within linear memory without the two objects that `set` wants. */
function copyBytes(dst: Uint8Array, to: number, src: Uint8Array, from: number, n: number): void {
  if (dst === src) dst.copyWithin(to, from, from + n);
  else dst.set(src.subarray(from, from + n), to);
}

/**
 * The first `length` of `codes`. In pieces as large as can be: a string that grows by characters takes 32 bytes for
 * each, for as long as it is kept.
 */
function textOf(length: number): string {
  if (length <= PIECE) {
    codes.length = length;
    return String.fromCharCode.apply(null, codes);
  }
  let text = '';
  for (let at = 0; at < length; at += PIECE) {
    text += String.fromCharCode.apply(null, codes.slice(at, Math.min(length, at + PIECE)));
  }
  return text;
}
