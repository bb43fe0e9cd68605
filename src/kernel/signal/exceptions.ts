/**
 * CPU exceptions become signals (arch/x86/kernel/traps.c, arch/x86/mm/fault.c). Numbers of vectors
 * are those of SDM vol. 3, table 6-1.
 */

import { FAULT_ACCERR, FAULT_BUS, FAULT_OOM } from '../../mmu/page-tables.ts';
import { REG } from '../ports.ts';
import { exitProcess } from '../process/exit.ts';
import type { Task } from '../task.ts';
import {
  BUS_ADRALN,
  BUS_ADRERR,
  FPE_FLTDIV,
  FPE_FLTINV,
  FPE_FLTOVF,
  FPE_FLTRES,
  FPE_FLTUND,
  FPE_INTDIV,
  ILL_ILLOPN,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SI_KERNEL,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGKILL,
  SIGSEGV,
  SIGTRAP,
  TRAP_TRACE,
} from './numbers.ts';
import { forceSignal } from './send.ts';
import { sigInfo } from './siginfo.ts';

const VECTOR_DE = 0;
const VECTOR_DB = 1;
const VECTOR_BP = 3;
const VECTOR_UD = 6;
const VECTOR_NP = 11;
const VECTOR_SS = 12;
const VECTOR_PF = 14;
const VECTOR_MF = 16;
const VECTOR_AC = 17;
const VECTOR_XM = 19;

/** Sends the signal of the exception that the CPU stopped at. */
export function raiseException(task: Task): void {
  const { cpu } = task.kernel;
  const rip = cpu.getReg(REG.rip);
  task.trapNumber = cpu.vector;
  task.trapError = cpu.errorCode;
  switch (cpu.vector) {
    case VECTOR_DE:
      return fault(task, SIGFPE, FPE_INTDIV, rip);
    case VECTOR_DB:
      return fault(task, SIGTRAP, TRAP_TRACE, rip);
    case VECTOR_BP:
      return fault(task, SIGTRAP, SI_KERNEL, 0);
    case VECTOR_UD:
      task.kernel.logOnce(`unknown instruction: ${cpu.describeFault()} (${task.comm})`);
      return fault(task, SIGILL, ILL_ILLOPN, rip);
    case VECTOR_NP:
    case VECTOR_SS:
      return fault(task, SIGBUS, SI_KERNEL, 0);
    case VECTOR_PF:
      return pageFault(task, cpu.faultAddress);
    case VECTOR_MF:
    case VECTOR_XM:
      return floatingPointFault(task, cpu.vector, rip);
    case VECTOR_AC:
      return fault(task, SIGBUS, BUS_ADRALN, 0);
    default:
      // #GP, #OF, #BR and whatever else user mode can cause.
      return fault(task, SIGSEGV, SI_KERNEL, 0);
  }
}

function fault(task: Task, signo: number, code: number, addr: number): void {
  forceSignal(task, sigInfo({ signo, code, kind: code === SI_KERNEL ? 'kill' : 'fault', addr }));
}

function pageFault(task: Task, addr: number): void {
  task.faultAddress = addr;
  switch (task.kernel.mmu.lastFault) {
    case FAULT_BUS:
      return fault(task, SIGBUS, BUS_ADRERR, addr);
    case FAULT_OOM:
      task.kernel.log(`out of memory: killed process ${task.tgid} (${task.comm})`);
      return exitProcess(task.process, SIGKILL);
    case FAULT_ACCERR:
      return fault(task, SIGSEGV, SEGV_ACCERR, addr);
    default:
      return fault(task, SIGSEGV, SEGV_MAPERR, addr);
  }
}

/** fpu__exception_code(): which unmasked exception it was. */
function floatingPointFault(task: Task, vector: number, rip: number): void {
  const { cpu } = task.kernel;
  const image = new Uint8Array(cpu.xstateSize);
  cpu.saveXstate(image);
  const d = new DataView(image.buffer);
  const mxcsr = d.getUint32(24, true);
  const unmasked =
    vector === VECTOR_MF ? d.getUint16(2, true) & ~d.getUint16(0, true) : mxcsr & ~(mxcsr >>> 7);
  let code = FPE_FLTINV;
  if (unmasked & 1) code = FPE_FLTINV;
  else if (unmasked & 4) code = FPE_FLTDIV;
  else if (unmasked & 8) code = FPE_FLTOVF;
  else if (unmasked & 0x12) code = FPE_FLTUND;
  else if (unmasked & 0x20) code = FPE_FLTRES;
  fault(task, SIGFPE, code, rip);
}
