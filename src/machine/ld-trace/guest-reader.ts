/**
 * Guest memory for the loader's trace, as a debugger sees it: what cannot be read is missing, never an error, and
 * nothing that a guest writes there makes a walk endless.
 */

import { LinuxError } from '../../kernel/errno.ts';
import { u64 } from '../../kernel/exec/elf.ts';
import { TASK_SIZE } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';

const MAX_STRING = 1024;

/** Whether a number is an address that a program can have. */
export function isUserAddress(n: number): boolean {
  return Number.isInteger(n) && n >= 0 && n < TASK_SIZE;
}

export class GuestReader {
  readonly space: AddressSpace;

  constructor(space: AddressSpace) {
    this.space = space;
  }

  /** As many of `length` bytes at `address` as can be read. */
  bytes(address: number, length: number): Uint8Array {
    if (!isUserAddress(address) || !(length > 0)) return new Uint8Array(0);
    const into = new Uint8Array(length);
    try {
      return into.subarray(0, this.space.mem.copyInPartial(address, into, 0, length));
    } catch (e) {
      // The file behind the page cannot be read (EIO), or there is no memory for it.
      if (e instanceof LinuxError) return into.subarray(0, 0);
      throw e;
    }
  }

  /** `length` bytes, or null. */
  view(address: number, length: number): DataView | null {
    const bytes = this.bytes(address, length);
    return bytes.length < length ? null : new DataView(bytes.buffer);
  }

  u64(address: number): number | null {
    const d = this.view(address, 8);
    return d === null ? null : u64(d, 0);
  }

  u32(address: number): number | null {
    return this.view(address, 4)?.getUint32(0, true) ?? null;
  }

  /** The zero-terminated string at `address`, one character per byte, cut off where it is too long; or null. */
  string(address: number): string | null {
    let text = '';
    while (text.length < MAX_STRING) {
      const bytes = this.bytes(address + text.length, 64);
      const end = bytes.indexOf(0);
      text += String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
      if (end >= 0) return text;
      if (bytes.length < 64) return null;
    }
    return text;
  }
}
