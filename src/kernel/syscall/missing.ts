/**
 * The line that a user gets when a program asks for something that this kernel does not have: what, and who asked from
 * where. Once for each thing and program.
 */

import type { Task } from '../task.ts';
import { SYSCALL_NAMES } from './names.ts';

/** `unknown system call bpf (321), asked for by python3 (pid 7) at 0x41235c (syscall+0x1c)` */
export function reportMissing(task: Task, what: string): void {
  const { comm, kernel } = task;
  kernel.logOnce(`${what} ${comm}`, () => {
    const where = kernel.cpu.describeCaller();
    return `${what}, asked for by ${comm} (pid ${task.tgid}) at ${where}`;
  });
}

export function unknownName(nr: number): string {
  const name = SYSCALL_NAMES[nr];
  return name === undefined ? `unknown system call ${nr}` : `unknown system call ${name} (${nr})`;
}
