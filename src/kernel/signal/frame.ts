/**
 * Signal frames on the user stack (arch/x86/kernel/signal_64.c, arch/x86/kernel/fpu/signal.c,
 * include/uapi/asm/sigcontext.h). From low to high addresses:
 *
 *   frame (440 bytes; address = 8 mod 16)          FP state (address a multiple of 64)
 *     0 return address: sa_restorer                  0 FXSAVE image, 464: _fpx_sw_bytes
 *     8 ucontext                                     512 XSAVE header, 576 YMM_Hi128 …
 *         0 flags  8 link  16 stack (24)             xstateSize: FP_XSTATE_MAGIC2
 *        40 sigcontext (256)  296 mask (8)
 *   312 siginfo (128)
 *
 * The red zone (128 bytes) below the interrupted stack pointer is left alone.
 */

import { EFAULT, linuxError } from '../errno.ts';
import { type CpuPort, REG } from '../ports.ts';
import { SS_DISABLE, type Task } from '../task.ts';
import { onAltStack, SS_AUTODISARM, setAltStack } from './alt-stack.ts';
import type { CaughtSignal } from './deliver.ts';
import { SA_ONSTACK, SA_RESTORER } from './numbers.ts';
import { encodeSigInfo, setAddress } from './siginfo.ts';

const FRAME_SIZE = 440;
const UC = 8;
const UC_STACK = UC + 16;
const UC_MCONTEXT = UC + 40;
const UC_SIGMASK = UC + 296;
const INFO = 312;
const RED_ZONE = 128;

/** Registers in the order of struct sigcontext. */
const CONTEXT_REGS = [
  REG.r8,
  REG.r9,
  REG.r10,
  REG.r11,
  REG.r12,
  REG.r13,
  REG.r14,
  REG.r15,
  REG.rdi,
  REG.rsi,
  REG.rbp,
  REG.rbx,
  REG.rdx,
  REG.rax,
  REG.rcx,
  REG.rsp,
  REG.rip,
] as const;
const SC_FLAGS = UC_MCONTEXT + 136;
const SC_SEGMENTS = UC_MCONTEXT + 144;
const SC_ERR = UC_MCONTEXT + 152;
const SC_TRAPNO = UC_MCONTEXT + 160;
const SC_OLDMASK = UC_MCONTEXT + 168;
const SC_CR2 = UC_MCONTEXT + 176;
const SC_FPSTATE = UC_MCONTEXT + 184;

const USER_CS = 0x33;
const USER_DS = 0x2b;
const UC_FP_XSTATE = 1;
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;
/** Flags that rt_sigreturn restores: AC RF OF DF TF SF ZF AF PF CF. */
const RESTORED_FLAGS = 0x50dd5;
/** The CPU pushes it for faults: the instruction will be executed again (SDM vol. 3, 17.3.1.1). */
const EFLAGS_RF = 0x10000;
/** DF, RF and TF are clear in a handler. */
const CLEARED_FLAGS = 0x10500;

const FXSAVE_SIZE = 512;
const SW_BYTES = 464;
const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
/** XSTATE_BV of x87, SSE, AVX. */
const XFEATURES = 7;

const frame = new Uint8Array(FRAME_SIZE);
const frameView = new DataView(frame.buffer);
let fpBuffer = new Uint8Array(0);

function fpScratch(size: number): Uint8Array {
  if (fpBuffer.length < size) fpBuffer = new Uint8Array(size);
  return fpBuffer.subarray(0, size);
}

/** Bytes of the FP state with its end marker. */
function fpSize(cpu: CpuPort): number {
  return cpu.xstateSize > FXSAVE_SIZE ? cpu.xstateSize + 4 : FXSAVE_SIZE;
}

/** AT_MINSIGSTKSZ: the largest frame, with alignment. */
export function minSigStackSize(cpu: CpuPort): number {
  return FRAME_SIZE + fpSize(cpu) + 64 + 16;
}

/** Writes the frame and sets the registers for the handler. @returns false if there is no room */
export function writeFrame(task: Task, signal: CaughtSignal): boolean {
  if ((signal.flags & SA_RESTORER) === 0) return false;
  const { cpu } = task.kernel;
  const interrupted = cpu.getReg(REG.rsp);
  const nested = onAltStack(task, interrupted);
  let sp = interrupted - RED_ZONE;
  let entering = false;
  if ((signal.flags & SA_ONSTACK) !== 0 && !nested && task.altStack.size > 0) {
    sp = task.altStack.sp + task.altStack.size;
    entering = true;
  }
  const fpAddress = Math.floor((sp - fpSize(cpu)) / 64) * 64;
  const at = Math.floor((fpAddress - FRAME_SIZE) / 16) * 16 - 8;
  if ((nested || entering) && !withinAltStack(task, at)) return false;
  if (at < 0) return false;
  try {
    saveFpState(task, fpAddress);
    encodeFrame(task, signal, fpAddress);
    task.mm.mem.copyOut(at, frame, 0, FRAME_SIZE);
  } catch (e) {
    if (e === linuxError(EFAULT)) return false;
    throw e;
  }
  if ((task.altStack.flags & SS_AUTODISARM) !== 0) {
    task.altStack.sp = 0;
    task.altStack.size = 0;
    task.altStack.flags = SS_DISABLE;
  }
  task.faulted = false;
  enterHandler(cpu, signal, at);
  return true;
}

function withinAltStack(task: Task, sp: number): boolean {
  const { altStack } = task;
  return sp > altStack.sp && sp - altStack.sp <= altStack.size;
}

function encodeFrame(task: Task, signal: CaughtSignal, fpAddress: number): void {
  const { cpu } = task.kernel;
  const d = frameView;
  frame.fill(0);
  setAddress(d, 0, signal.restorer);
  const xstate = cpu.xstateSize > FXSAVE_SIZE ? UC_FP_XSTATE : 0;
  d.setUint32(UC, xstate | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, true);
  setAddress(d, UC_STACK, task.altStack.sp);
  d.setUint32(UC_STACK + 8, task.altStack.flags, true);
  setAddress(d, UC_STACK + 16, task.altStack.size);
  for (let i = 0; i < CONTEXT_REGS.length; i++) {
    const reg = CONTEXT_REGS[i] as number;
    d.setInt32(UC_MCONTEXT + i * 8, cpu.getRegLo(reg), true);
    d.setInt32(UC_MCONTEXT + i * 8 + 4, cpu.getRegHi(reg), true);
  }
  d.setUint32(SC_FLAGS, cpu.getEflags() | (task.faulted ? EFLAGS_RF : 0), true);
  d.setUint16(SC_SEGMENTS, USER_CS, true);
  d.setUint16(SC_SEGMENTS + 6, USER_DS, true);
  d.setUint32(SC_ERR, task.trapError, true);
  d.setUint32(SC_TRAPNO, task.trapNumber, true);
  setAddress(d, SC_CR2, task.faultAddress);
  setAddress(d, SC_FPSTATE, fpAddress);
  const mask = task.hasSavedMask ? task.savedMask : task.blocked;
  d.setInt32(SC_OLDMASK, mask.lo, true);
  d.setInt32(SC_OLDMASK + 4, mask.hi, true);
  d.setInt32(UC_SIGMASK, mask.lo, true);
  d.setInt32(UC_SIGMASK + 4, mask.hi, true);
  encodeSigInfo(signal.info, frame, INFO);
}

function saveFpState(task: Task, at: number): void {
  const { cpu } = task.kernel;
  const size = fpSize(cpu);
  const image = fpScratch(size);
  image.fill(0);
  cpu.saveXstate(image.subarray(0, cpu.xstateSize));
  if (size > FXSAVE_SIZE) {
    const d = new DataView(image.buffer, image.byteOffset, size);
    d.setUint32(SW_BYTES, FP_XSTATE_MAGIC1, true);
    d.setUint32(SW_BYTES + 4, size, true);
    d.setUint32(SW_BYTES + 8, XFEATURES, true);
    d.setUint32(SW_BYTES + 16, cpu.xstateSize, true);
    d.setUint32(cpu.xstateSize, FP_XSTATE_MAGIC2, true);
  }
  task.mm.mem.copyOut(at, image, 0, size);
}

function enterHandler(cpu: CpuPort, signal: CaughtSignal, at: number): void {
  resetFpState(cpu);
  cpu.setReg(REG.rdi, signal.info.signo);
  cpu.setReg(REG.rax, 0);
  cpu.setReg(REG.rsi, at + INFO);
  cpu.setReg(REG.rdx, at + UC);
  cpu.setReg(REG.rip, signal.handler);
  cpu.setReg(REG.rsp, at);
  cpu.setEflags(cpu.getEflags() & ~CLEARED_FLAGS);
}

/** The FP state of a fresh process: handlers start with it. */
function resetFpState(cpu: CpuPort): void {
  const image = fpScratch(cpu.xstateSize);
  image.fill(0);
  const d = new DataView(image.buffer, image.byteOffset, image.length);
  d.setUint16(0, 0x37f, true);
  d.setUint32(24, 0x1f80, true);
  if (image.length > FXSAVE_SIZE) d.setUint32(FXSAVE_SIZE, XFEATURES, true);
  cpu.restoreXstate(image);
}

/** rt_sigreturn: restores everything from the frame. @returns false if it is invalid: SIGSEGV */
export function readFrame(task: Task): boolean {
  const { cpu } = task.kernel;
  const at = cpu.getReg(REG.rsp) - 8;
  try {
    task.mm.mem.copyIn(at, frame, 0, INFO);
  } catch (e) {
    if (e === linuxError(EFAULT)) return false;
    throw e;
  }
  const d = frameView;
  task.blocked.set(d.getInt32(UC_SIGMASK, true), d.getInt32(UC_SIGMASK + 4, true));
  task.blocked.removeUnblockable();
  task.recalcSignals();
  for (let i = 0; i < CONTEXT_REGS.length; i++) {
    const lo = d.getInt32(UC_MCONTEXT + i * 8, true);
    cpu.setReg64(CONTEXT_REGS[i] as number, lo, d.getInt32(UC_MCONTEXT + i * 8 + 4, true));
  }
  const flags = d.getUint32(SC_FLAGS, true);
  cpu.setEflags((cpu.getEflags() & ~RESTORED_FLAGS) | (flags & RESTORED_FLAGS));
  if (!restoreFpState(task, readPointer(d, SC_FPSTATE))) return false;
  const stackSp = readPointer(d, UC_STACK);
  const stackSize = readPointer(d, UC_STACK + 16);
  setAltStack(task, stackSp, d.getUint32(UC_STACK + 8, true), stackSize);
  return true;
}

function readPointer(d: DataView, at: number): number {
  return d.getUint32(at + 4, true) * 4294967296 + d.getUint32(at, true);
}

function restoreFpState(task: Task, at: number): boolean {
  const { cpu } = task.kernel;
  if (at === 0) {
    resetFpState(cpu);
    return true;
  }
  const image = fpScratch(fpSize(cpu));
  image.fill(0);
  try {
    task.mm.mem.copyIn(at, image, 0, FXSAVE_SIZE);
    const d = new DataView(image.buffer, image.byteOffset, image.length);
    if (image.length > FXSAVE_SIZE && extended(d, cpu, task, at)) {
      task.mm.mem.copyIn(at + FXSAVE_SIZE, image, FXSAVE_SIZE, cpu.xstateSize);
    } else if (image.length > FXSAVE_SIZE) {
      // Only the legacy part is there: the rest gets its initial value.
      image.fill(0, FXSAVE_SIZE);
      d.setUint32(FXSAVE_SIZE, 3, true);
    }
  } catch (e) {
    if (e === linuxError(EFAULT)) return false;
    throw e;
  }
  return cpu.restoreXstate(image.subarray(0, cpu.xstateSize));
}

/** Does the frame hold an XSAVE image of our size (check_xstate_in_sigframe)? */
function extended(d: DataView, cpu: CpuPort, task: Task, at: number): boolean {
  const size = d.getUint32(SW_BYTES + 16, true);
  return (
    d.getUint32(SW_BYTES, true) === FP_XSTATE_MAGIC1 &&
    size === cpu.xstateSize &&
    d.getUint32(SW_BYTES + 4, true) >= size &&
    task.mm.mem.readU32(at + size) === FP_XSTATE_MAGIC2
  );
}
