/** The result of a system call on its way back to user mode, and restarts of interrupted calls. */

import { EINTR } from '../errno.ts';
import { REG } from '../ports.ts';
import type { Task } from '../task.ts';
import { ERESTART_RESTARTBLOCK, ERESTARTNOINTR, ERESTARTSYS } from './types.ts';

const NR_RESTART_SYSCALL = 219;
const TWO_32 = 4294967296;

export function setResult(task: Task, result: number): void {
  const { cpu } = task.kernel;
  if (result === (result | 0)) cpu.setReg64(REG.rax, result, result >> 31);
  else cpu.setReg64(REG.rax, (result % TWO_32) | 0, Math.floor(result / TWO_32) | 0);
}

/**
 * Acts on a restart code on the way to user mode. `handlerRestarts`: null if no signal handler will
 * run, else whether it has SA_RESTART.
 */
export function applyRestart(task: Task, handlerRestarts: boolean | null): void {
  const { sys } = task;
  const code = sys.restart;
  if (code === 0) return;
  sys.restart = 0;
  const restarts = code === ERESTARTNOINTR || handlerRestarts === null;
  if (!restarts && !(handlerRestarts && code === ERESTARTSYS)) {
    setResult(task, -EINTR);
    return;
  }
  const { cpu } = task.kernel;
  const nr = code === ERESTART_RESTARTBLOCK ? NR_RESTART_SYSCALL : sys.nr;
  cpu.setReg64(REG.rax, nr, nr >> 31);
  const rip = cpu.getReg(REG.rip);
  cpu.setReg(REG.rip, rip - 2);
}
