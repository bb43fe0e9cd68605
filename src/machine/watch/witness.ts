/**
 * Who does something to memory at this moment: the process, the instruction or system call, and how the
 * program got there. Looks at registers, areas and page tables only: nothing is read from files and no page
 * is faulted in, so it may be asked in the middle of a page fault or a system call. Names of functions are
 * looked up later, from files that are kept until then.
 *
 * Alpine's programs have no frame pointers and no unwind tables at hand, so a backtrace is every word on the
 * stack that is an address behind a CALL in executable memory: returns of functions that have ended are among
 * them now and then. Each is named once, however deep a recursion.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PROT_EXEC } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import type { MappedFile } from '../../kernel/mm/vma.ts';
import { REG } from '../../kernel/ports.ts';
import type { Task } from '../../kernel/task.ts';
import { frameHost } from '../../mmu/frames.ts';
import { ACCESS_READ, pteAllows, pteFrame } from '../../mmu/pte.ts';

/** Words of the stack that are looked at, and return addresses that are kept. */
const STACK_WORDS = 1024;
const MAX_RETURNS = 8;
/** Lengths of the CALL instructions: FF /2 with all its address forms, and E8. */
const INDIRECT_CALLS = [2, 3, 4, 6, 7, 8];
const NEAR_CALL = 5;

/** An address in a program. */
export interface CodePlace {
  readonly pc: number;
  readonly file: MappedFile | null;
  /** Offset in the file. */
  readonly offset: number;
}

export interface Origin {
  readonly pid: number;
  readonly comm: string;
  /**
   * An instruction; an instruction that is not known exactly (a load or fetch in the middle of translated
   * code); a system call; the kernel otherwise; the host.
   */
  readonly by: 'instruction' | 'access' | 'syscall' | 'kernel' | 'host';
  /** `brk(0x7f00)`, without a result. */
  readonly call: string;
  readonly task: Task | null;
  /** Where: rip first, then return addresses. Empty if not known. */
  readonly places: readonly CodePlace[];
}

const HOST: Origin = { pid: 0, comm: '', by: 'host', call: '', task: null, places: [] };

/** Whether guest code is running. */
export type GuestState = 'stopped' | 'running';

export class Witness {
  guest: GuestState = 'stopped';
  private readonly kernel: Kernel;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** @param stack whether to look at the stack */
  see(stack: boolean): Origin {
    const task = this.kernel.scheduler.current;
    if (task === null) return HOST;
    const by = this.by(task);
    const { pid, comm } = task;
    const call = by === 'syscall' ? callText(task) : '';
    const exact = stack && by !== 'access' && task.mm.tables === this.kernel.mmu.paging.current;
    return { pid, comm, by, call, task, places: exact ? this.places(task.mm) : [] };
  }

  /** Whether what happens now is still what `origin` is. */
  same(origin: Origin): boolean {
    const task = this.kernel.scheduler.current;
    if (task !== origin.task) return false;
    if (task === null) return true;
    const by = this.by(task);
    if (by !== origin.by || by === 'access') return false;
    if (by === 'syscall') return callText(task) === origin.call;
    return origin.places[0]?.pc === this.kernel.cpu.getReg(REG.rip);
  }

  private by(task: Task): Origin['by'] {
    // Stores into code and watched memory are done only by instructions that are executed alone.
    if (this.kernel.mmu.allowSelfModify) return 'instruction';
    if (this.guest === 'running') return 'access';
    return task.inSyscall ? 'syscall' : 'kernel';
  }

  private places(space: AddressSpace): CodePlace[] {
    const { cpu } = this.kernel;
    const found = [codePlace(space, cpu.getReg(REG.rip))];
    const known = new Set<number>();
    let sp = cpu.getReg(REG.rsp);
    sp -= sp % 8;
    for (let i = 0; i < STACK_WORDS && found.length <= MAX_RETURNS; i++, sp += 8) {
      const word = this.word(space, sp);
      if (word < 0) break;
      if (known.has(word) || !this.returnsTo(space, word)) continue;
      known.add(word);
      found.push(codePlace(space, word));
    }
    return found;
  }

  /** Whether code at `pc` can be executed and a CALL ends there. */
  private returnsTo(space: AddressSpace, pc: number): boolean {
    const vma = space.areas.find(pc);
    if (vma === null || (vma.prot & PROT_EXEC) === 0) return false;
    if (this.byte(space, pc - NEAR_CALL) === 0xe8) return true;
    return INDIRECT_CALLS.some((n) => {
      const modrm = this.byte(space, pc - n + 1);
      return this.byte(space, pc - n) === 0xff && modrm >= 0 && ((modrm >> 3) & 7) === 2;
    });
  }

  /** The aligned word at `va`, -1 if it is not in memory or more than 2^53. */
  private word(space: AddressSpace, va: number): number {
    const host = this.host(space, va);
    if (host < 0) return -1;
    const { I32 } = this.kernel.memory;
    const n = (I32[(host >> 2) + 1]! >>> 0) * 0x1_0000_0000 + (I32[host >> 2]! >>> 0);
    return Number.isSafeInteger(n) ? n : 0;
  }

  private byte(space: AddressSpace, va: number): number {
    const host = this.host(space, va);
    return host < 0 ? -1 : this.kernel.memory.U8[host]!;
  }

  /** Host offset of a byte that can be read without a fault, else -1. */
  private host(space: AddressSpace, va: number): number {
    if (!(va >= 0)) return -1;
    const pte = space.tables.get(Math.floor(va / PAGE_SIZE));
    return pteAllows(pte, ACCESS_READ) ? frameHost(pteFrame(pte)) + (va % PAGE_SIZE) : -1;
  }
}

function codePlace(space: AddressSpace, pc: number): CodePlace {
  const vma = space.areas.find(pc);
  if (vma?.file == null) return { pc, file: null, offset: 0 };
  // Let go by whoever reports it.
  vma.file.retain();
  return { pc, file: vma.file, offset: vma.filePage * PAGE_SIZE + (pc - vma.start) };
}

/** Lets go of the files that an origin keeps. */
export function letGo(origin: Origin): void {
  for (const { file } of origin.places) file?.release();
}

/** The system call of a task, arguments as the registers have them. */
export function callText({ sys }: Task): string {
  const { row, argLo, argHi } = sys;
  if (row === null) return '';
  const args = Object.keys(row.args).map((_, i) => {
    const hi = argHi[i]! >>> 0;
    const lo = (argLo[i]! >>> 0).toString(16);
    return hi === 0 ? `0x${lo}` : `0x${hi.toString(16)}${lo.padStart(8, '0')}`;
  });
  return `${row.name}(${args.join(', ')})`;
}
