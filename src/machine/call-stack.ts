/**
 * Return addresses on a program's stack. Looks at registers, areas and page tables only: no page is faulted in, so
 * this may be asked in the middle of a page fault or a system call.
 *
 * Alpine's programs have no frame pointers and no unwind tables at hand, so a backtrace is every word on the
 * stack that is an address behind a CALL in executable memory: returns of functions that have ended are among
 * them now and then. Each is named once, however deep a recursion.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { PROT_EXEC } from '../kernel/mm/abi.ts';
import type { AddressSpace } from '../kernel/mm/address-space.ts';
import { REG } from '../kernel/ports.ts';
import { frameHost } from '../mmu/frames.ts';
import { ACCESS_READ, pteAllows, pteFrame } from '../mmu/pte.ts';

/** Words of the stack that are looked at. */
const STACK_WORDS = 1024;
/** Lengths of the CALL instructions: FF /2 with all its address forms, and E8. */
const INDIRECT_CALLS = [2, 3, 4, 6, 7, 8];
const NEAR_CALL = 5;

/** The innermost `max` return addresses of the running program. */
export function returnAddresses(kernel: Kernel, space: AddressSpace, max: number): number[] {
  const found = new Set<number>();
  let sp = kernel.cpu.getReg(REG.rsp);
  sp -= sp % 8;
  for (let i = 0; i < STACK_WORDS && found.size < max; i++, sp += 8) {
    const word = wordAt(kernel, space, sp);
    if (word < 0) break;
    if (!found.has(word) && returnsTo(kernel, space, word)) found.add(word);
  }
  return [...found];
}

/** Whether code at `pc` can be executed and a CALL ends there. */
function returnsTo(kernel: Kernel, space: AddressSpace, pc: number): boolean {
  const vma = space.areas.find(pc);
  if (vma === null || (vma.prot & PROT_EXEC) === 0) return false;
  if (byteAt(kernel, space, pc - NEAR_CALL) === 0xe8) return true;
  return INDIRECT_CALLS.some((n) => {
    const modrm = byteAt(kernel, space, pc - n + 1);
    return byteAt(kernel, space, pc - n) === 0xff && modrm >= 0 && ((modrm >> 3) & 7) === 2;
  });
}

/** The aligned word at `va`, -1 if it is not in memory or more than 2^53. */
function wordAt(kernel: Kernel, space: AddressSpace, va: number): number {
  const host = hostOf(space, va);
  if (host < 0) return -1;
  const { I32 } = kernel.memory;
  const n = (I32[(host >> 2) + 1]! >>> 0) * 0x1_0000_0000 + (I32[host >> 2]! >>> 0);
  return Number.isSafeInteger(n) ? n : 0;
}

function byteAt(kernel: Kernel, space: AddressSpace, va: number): number {
  const host = hostOf(space, va);
  return host < 0 ? -1 : kernel.memory.U8[host]!;
}

/** Host offset of a byte that can be read without a fault, else -1. */
function hostOf(space: AddressSpace, va: number): number {
  if (!(va >= 0)) return -1;
  const pte = space.tables.get(Math.floor(va / PAGE_SIZE));
  return pteAllows(pte, ACCESS_READ) ? frameHost(pteFrame(pte)) + (va % PAGE_SIZE) : -1;
}
