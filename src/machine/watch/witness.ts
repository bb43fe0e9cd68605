/**
 * Who does something to memory at this moment: the process, the instruction or system call, and how the
 * program got there. Looks at registers, areas and page tables only: nothing is read from files and no page
 * is faulted in, so it may be asked in the middle of a page fault or a system call. Names of functions are
 * looked up later, from files that are kept until then.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import type { MappedFile } from '../../kernel/mm/vma.ts';
import { REG } from '../../kernel/ports.ts';
import type { Task } from '../../kernel/task.ts';
import { returnAddresses } from '../call-stack.ts';

/** Return addresses that are kept. */
const MAX_RETURNS = 8;

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
    const pcs = [cpu.getReg(REG.rip), ...returnAddresses(this.kernel, space, MAX_RETURNS)];
    return pcs.map((pc) => codePlace(space, pc));
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
