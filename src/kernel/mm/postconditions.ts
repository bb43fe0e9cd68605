/**
 * What must hold of an address space right after a successful mmap, munmap, mprotect, mremap, brk or
 * madvise, by its manual page: page tables may agree with areas and both be wrong, such as a page that
 * survives a MAP_FIXED over it, or a mapping that was put where another one, or the heap, is.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import {
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_POPULATE,
  MREMAP_FIXED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from './abi.ts';
import { type AddressSpace, pageDown, pageUp } from './address-space.ts';
import type { AreaSnapshot } from './area-snapshot.ts';
import { VM_LOCKED } from './vma.ts';

/** A system call that has returned. */
export interface MmCall {
  readonly name: string;
  readonly args: readonly number[];
  readonly result: number;
}

/** Looks at the space after a call, and at its areas before it. */
type Postcondition = (c: Check, args: readonly number[], result: number) => void;

const MADV_DONTNEED = 4;
const MADV_DONTNEED_LOCKED = 24;
const PROT_BITS = PROT_READ | PROT_WRITE | PROT_EXEC;

class Check {
  readonly as: AddressSpace;
  readonly before: AreaSnapshot | null;
  private readonly call: MmCall;
  private readonly out: string[];

  constructor(as: AddressSpace, before: AreaSnapshot | null, call: MmCall, out: string[]) {
    this.as = as;
    this.before = before;
    this.call = call;
    this.out = out;
  }

  fail(start: number, end: number, wrong: string): void {
    const { name, args, result } = this.call;
    const call = `${name}(${args.map((n) => n.toString(16)).join(', ')}) = ${result.toString(16)}`;
    const range = `${start.toString(16)}-${end.toString(16)}`;
    this.out.push(`as ${this.as.tables.id} ${range}: ${wrong} (${call})`);
  }

  noEntries(start: number, end: number): void {
    const { paging, tables } = this.as;
    paging.forEachMapped(tables, start / PAGE_SIZE, end / PAGE_SIZE, (vpn) => {
      this.fail(vpn * PAGE_SIZE, (vpn + 1) * PAGE_SIZE, 'a page from before is still mapped');
    });
  }

  unmapped(start: number, end: number): void {
    if (end === start) return;
    if (this.as.areas.overlaps(start, end)) this.fail(start, end, 'still in an area');
    this.noEntries(start, end);
  }

  mapped(start: number, end: number): void {
    if (!this.as.areas.covers(start, end)) this.fail(start, end, 'not in an area');
  }

  wasFree(start: number, end: number): void {
    if (this.before?.overlaps(start, end) === true) this.fail(start, end, 'put over another area');
  }
}

const POSTCONDITIONS: Readonly<Record<string, Postcondition>> = {
  mmap: (c, [addr, length, , flags], start) => {
    const end = start + pageUp(length!);
    c.mapped(start, end);
    const fixed = (flags! & MAP_FIXED) !== 0 && (flags! & MAP_FIXED_NOREPLACE) === 0;
    if (!fixed) c.wasFree(start, end);
    const inHeap = start < pageUp(c.as.endBrk) && end > c.as.startBrk;
    if (addr === 0 && !fixed && inHeap) c.fail(start, end, 'lies in the heap');
    const locked = c.as.areas.within(start, end).some((v) => (v.flags & VM_LOCKED) !== 0);
    if ((flags! & MAP_POPULATE) === 0 && !locked) c.noEntries(start, end);
  },
  munmap: (c, [addr, length]) => c.unmapped(addr!, addr! + pageUp(length!)),
  mprotect: checkProtection,
  pkey_mprotect: checkProtection,
  mremap: (c, [addr, oldSize, newSize, flags], start) => {
    const end = start + pageUp(newSize!);
    const oldEnd = start + pageUp(oldSize!);
    // Linux looks at the first area only before it shrinks: there may be gaps in what stays.
    const stays = start === addr && end <= oldEnd;
    if (stays) c.unmapped(end, oldEnd);
    else c.mapped(start, end);
    if ((flags! & MREMAP_FIXED) !== 0) return;
    if (start !== addr) c.wasFree(start, end);
    else if (!stays) c.wasFree(oldEnd, end);
  },
  brk: (c, [request], end) => {
    if (end !== request || end < c.as.startBrk) return;
    if (c.before === null) return;
    const oldEnd = pageUp(c.before.endBrk);
    const newEnd = pageUp(end);
    if (newEnd > oldEnd) {
      c.wasFree(oldEnd, newEnd);
      c.mapped(oldEnd, newEnd);
    } else if (newEnd < oldEnd) c.unmapped(newEnd, oldEnd);
  },
  madvise: (c, [addr, length, advice]) => {
    if (advice !== MADV_DONTNEED && advice !== MADV_DONTNEED_LOCKED) return;
    c.noEntries(addr!, addr! + pageUp(length!));
  },
};

function checkProtection(c: Check, [addr, length, prot]: readonly number[]): void {
  if (length === 0) return;
  const start = pageDown(addr!);
  const end = start + pageUp(length!);
  c.mapped(start, end);
  for (const vma of c.as.areas.within(start, end)) {
    if (vma.prot !== (prot! & PROT_BITS)) c.fail(vma.start, vma.end, `protection is ${vma.prot}`);
  }
}

/** @param before the areas of the space before the call, null if that is not known */
export function auditCall(
  as: AddressSpace,
  before: AreaSnapshot | null,
  call: MmCall,
  out: string[],
): void {
  const { name, args, result } = call;
  const condition = POSTCONDITIONS[name];
  if (result >= 0) condition?.(new Check(as, before, call, out), args, result);
}
