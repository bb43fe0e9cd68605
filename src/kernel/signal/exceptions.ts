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
  TRAP_BRKPT,
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
const VECTOR_GP = 13;
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
  task.faulted = task.trapNumber !== VECTOR_DB && task.trapNumber !== VECTOR_BP;
  switch (task.trapNumber) {
    case VECTOR_DE:
      fault(task, SIGFPE, FPE_INTDIV, rip);
      break;
    case VECTOR_DB:
      fault(task, SIGTRAP, cpu.singleStepped ? TRAP_TRACE : TRAP_BRKPT, rip);
      break;
    case VECTOR_BP:
      fault(task, SIGTRAP, SI_KERNEL, 0);
      break;
    case VECTOR_UD:
      reportUnknown(task, rip);
      fault(task, SIGILL, ILL_ILLOPN, rip);
      break;
    case VECTOR_NP:
    case VECTOR_SS:
      fault(task, SIGBUS, SI_KERNEL, 0);
      break;
    case VECTOR_PF:
      pageFault(task, cpu.faultAddress);
      break;
    case VECTOR_MF:
    case VECTOR_XM:
      floatingPointFault(task, task.trapNumber, rip);
      break;
    case VECTOR_AC:
      fault(task, SIGBUS, BUS_ADRALN, 0);
      break;
    default:
      if (cpu.vector === VECTOR_GP) report32Bit(task, rip);
      // #GP, #OF, #BR and whatever else user mode can cause.
      fault(task, SIGSEGV, SI_KERNEL, 0);
      break;
  }
}

/** One line per instruction that this CPU does not know; UD2 is meant to be undefined. */
function reportUnknown(task: Task, rip: number): void {
  const { kernel, mm } = task;
  const head = new Uint8Array(2);
  mm.mem.copyInPartial(rip, head, 0, 2);
  if (head[0] === 0x0f && (head[1] === 0x0b || head[1] === 0xb9 || head[1] === 0xff)) return;
  const line = `unknown instruction: ${kernel.cpu.describeFault()} (${task.comm})`;
  kernel.logOnce(line, () => line);
}

/** Error code of a far transfer to Linux's 32-bit user code segment. */
const USER32_CS = 0x20;

/** One line per attempt at 32-bit code, which gets what a kernel without IA-32 emulation gives it. */
function report32Bit(task: Task, rip: number): void {
  const { kernel, mm } = task;
  const head = new Uint8Array(2);
  mm.mem.copyInPartial(rip, head, 0, 2);
  const int80 = head[0] === 0xcd && head[1] === 0x80;
  const sysenter = head[0] === 0x0f && head[1] === 0x34;
  if (!int80 && !sysenter && kernel.cpu.errorCode !== USER32_CS) return;
  const line = `32-bit code is not supported: ${kernel.cpu.describeFault()} (${task.comm})`;
  kernel.logOnce(line, () => line);
}

function fault(task: Task, signo: number, code: number, addr: number): void {
  forceSignal(task, sigInfo({ signo, code, kind: code === SI_KERNEL ? 'kill' : 'fault', addr }));
}

function pageFault(task: Task, addr: number): void {
  task.faultAddress = addr;
  switch (task.kernel.mmu.lastFault) {
    case FAULT_BUS:
      fault(task, SIGBUS, BUS_ADRERR, addr);
      break;
    case FAULT_OOM:
      task.kernel.log(`out of memory: killed process ${task.tgid} (${task.comm})`);
      exitProcess(task.process, SIGKILL);
      break;
    case FAULT_ACCERR:
      fault(task, SIGSEGV, SEGV_ACCERR, addr);
      break;
    default:
      fault(task, SIGSEGV, SEGV_MAPERR, addr);
      break;
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
