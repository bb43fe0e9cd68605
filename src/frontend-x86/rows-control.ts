/** Control transfer, system, string and flag instructions. */

import { SEGMENT } from './helpers-segment.ts';
import { XSAVE_COMPACTED } from './helpers-xsave.ts';
import {
  liftCall,
  liftCallIndirect,
  liftClc,
  liftCld,
  liftClflush,
  liftCmc,
  liftCmps,
  liftCpuid,
  liftInt,
  liftInt1,
  liftInt3,
  liftJcc,
  liftJmp,
  liftJmpIndirect,
  liftJrcxz,
  liftLods,
  liftLoop,
  liftMovs,
  liftNop,
  liftPrivileged,
  liftRdpid,
  liftRdrand,
  liftRdtsc,
  liftRdtscp,
  liftReadBase,
  liftRet,
  liftScas,
  liftStc,
  liftStd,
  liftStos,
  liftSyscall,
  liftUd,
  liftWriteBase,
} from './lift-control.ts';
import {
  descriptorTable,
  liftCallFar,
  liftIret,
  liftJmpFar,
  liftRetFar,
  privilegedRegister,
  segmentCheck,
  segmentTo,
  systemWord,
} from './lift-segment.ts';
import { liftXgetbv, liftXrstor, liftXsave } from './lift-xsave.ts';
import { CONDITIONS } from './rows-move.ts';
import { type InsnRow, insn } from './table-format.ts';

const TRANSFER = 'leaves the test block; covered by unit tests';
const SYSTEM = 'depends on the machine';
const RANDOM = { flags: 'w:oszapc', noFuzz: 'another number each time' } as const;

/** #GP(0) at CPL 3. */
function privileged(text: string, encoding: string): InsnRow {
  return insn(text, encoding, liftPrivileged, { privileged: true });
}

const CONTROL: readonly InsnRow[] = [
  ...CONDITIONS.flatMap(([cc, flags], n) => {
    const digit = n.toString(16).toUpperCase();
    return [
      insn(`j${cc} Jb`, `7${digit} cb`, liftJcc, { flags: `r:${flags}`, size: 'f64' }),
      insn(`j${cc} Jz`, `0F 8${digit} cz`, liftJcc, { flags: `r:${flags}`, size: 'f64' }),
    ];
  }),
  insn('jmp Jb', 'EB cb', liftJmp, { size: 'f64' }),
  insn('jmp Jz', 'E9 cz', liftJmp, { size: 'f64' }),
  insn('jmp Ev', 'FF /4', liftJmpIndirect, { size: 'f64' }),
  insn('call Jz', 'E8 cz', liftCall, { size: 'f64' }),
  insn('call Ev', 'FF /2', liftCallIndirect, { size: 'f64' }),
  insn('ret Iw', 'C2 iw', liftRet, { size: 'f64' }),
  insn('ret', 'C3', liftRet, { size: 'f64' }),
  insn('loopne Jb', 'E0 cb', liftLoop, { flags: 'r:z', size: 'f64' }),
  insn('loope Jb', 'E1 cb', liftLoop, { flags: 'r:z', size: 'f64' }),
  insn('loop Jb', 'E2 cb', liftLoop, { size: 'f64' }),
  insn('jrcxz Jb', 'E3 cb', liftJrcxz, { size: 'f64' }),
  // Far transfers between code segments: 64-bit user code has one.
  insn('callf Mp', 'FF /3', liftCallFar, { noFuzz: TRANSFER }),
  insn('jmpf Mp', 'FF /5', liftJmpFar, { noFuzz: TRANSFER }),
  insn('retf Iw', 'CA iw', liftRetFar, { noFuzz: TRANSFER }),
  insn('retf', 'CB', liftRetFar, { noFuzz: TRANSFER }),
  insn('iret', 'CF', liftIret, { flags: 'w:oszapcd', noFuzz: TRANSFER }),
];

const COMPARES = { flags: 'w:oszapc', vendors: 'flags at a fault' } as const;

const STRINGS: readonly InsnRow[] = [
  insn('movs Yb,Xb', 'A4', liftMovs),
  insn('movs Yv,Xv', 'A5', liftMovs),
  insn('cmps Xb,Yb', 'A6', liftCmps, COMPARES),
  insn('cmps Xv,Yv', 'A7', liftCmps, COMPARES),
  insn('stos Yb,AL', 'AA', liftStos),
  insn('stos Yv,rAX', 'AB', liftStos),
  insn('lods AL,Xb', 'AC', liftLods),
  insn('lods rAX,Xv', 'AD', liftLods),
  insn('scas AL,Yb', 'AE', liftScas, COMPARES),
  insn('scas rAX,Yv', 'AF', liftScas, COMPARES),
];

const XSTATE = 'the image depends on which states the CPU has, and which are in use';

const SYSTEM_ROWS: readonly InsnRow[] = [
  insn('syscall', '0F 05', liftSyscall, { noFuzz: SYSTEM }),
  insn('int3', 'CC', liftInt3),
  insn('int Ib', 'CD ib', liftInt, { noFuzz: SYSTEM }),
  insn('int1', 'F1', liftInt1, { vendors: 'RIP of a trap' }),
  insn('ud2', '0F 0B', liftUd),
  insn('ud1 Gv,Ev', '0F B9 /r', liftUd),
  insn('ud0 Gv,Ev', '0F FF /r', liftUd, { noFuzz: 'AMD CPUs decode no ModRM' }),
  insn('cpuid', '0F A2', liftCpuid, { noFuzz: SYSTEM }),
  insn('rdtsc', '0F 31', liftRdtsc, { noFuzz: SYSTEM }),
  insn('rdtscp', '0F 01 F9', liftRdtscp, { noFuzz: SYSTEM, feature: 'rdtscp' }),
  insn('rdfsbase Ry', 'F3 0F AE /0', liftReadBase, { feature: 'fsgsbase', noFuzz: SYSTEM }),
  insn('rdgsbase Ry', 'F3 0F AE /1', liftReadBase, { feature: 'fsgsbase', noFuzz: SYSTEM }),
  insn('wrfsbase Ry', 'F3 0F AE /2', liftWriteBase, { feature: 'fsgsbase', noFuzz: SYSTEM }),
  insn('wrgsbase Ry', 'F3 0F AE /3', liftWriteBase, { feature: 'fsgsbase', noFuzz: SYSTEM }),
  insn('xgetbv', 'NP 0F 01 D0', liftXgetbv, { feature: 'xsave', noFuzz: SYSTEM }),
  insn('xsave M', 'NP 0F AE /4', liftXsave(0), { feature: 'xsave', noFuzz: XSTATE }),
  insn('xrstor M', 'NP 0F AE /5', liftXrstor, { feature: 'xsave', noFuzz: XSTATE }),
  insn('xsaveopt M', 'NP 0F AE /6', liftXsave(0), { feature: 'xsaveopt', noFuzz: XSTATE }),
  insn('xsavec M', 'NP 0F C7 /4', liftXsave(XSAVE_COMPACTED), {
    feature: 'xsavec',
    noFuzz: XSTATE,
  }),
  // F2 and F3 make something else of them.
  ...['NP', '66'].flatMap((prefix) => [
    insn('rdrand Rv', `${prefix} 0F C7 /6`, liftRdrand, { feature: 'rdrand', ...RANDOM }),
    insn('rdseed Rv', `${prefix} 0F C7 /7`, liftRdrand, { feature: 'rdseed', ...RANDOM }),
  ]),
  insn('rdpid Rq', 'F3 0F C7 /7', liftRdpid, { feature: 'rdpid', noFuzz: SYSTEM }),

  insn('clc', 'F8', liftClc, { flags: 'w:c' }),
  insn('stc', 'F9', liftStc, { flags: 'w:c' }),
  insn('cmc', 'F5', liftCmc, { flags: 'r:c w:c' }),
  insn('cld', 'FC', liftCld, { flags: 'w:d' }),
  insn('std', 'FD', liftStd, { flags: 'w:d' }),

  // 0F 1E includes ENDBR64 and ENDBR32 (F3, RDSSP as NOP without CET), 0F 1F the multi-byte NOP, 0F 18 PREFETCHh.
  insn('prefetch Eb', '0F 18 /r', liftNop),
  ...['19', '1A', '1B', '1C', '1D', '1E', '1F'].map((op) => insn('nop Ev', `0F ${op} /r`, liftNop)),
  insn('prefetchw Mb', '0F 0D /r', liftNop, { feature: 'prefetchw' }),
  insn('nop Ev', '0F 0D /r', liftNop, { noFuzz: 'AMD CPUs raise #UD for the register form' }),
  insn('lfence', 'NP 0F AE E8+i', liftNop, { feature: 'sse2' }),
  insn('mfence', 'NP 0F AE F0+i', liftNop, { feature: 'sse2' }),
  insn('sfence', 'NP 0F AE F8+i', liftNop, { feature: 'sse' }),
  insn('clflush Mb', 'NP 0F AE /7', liftClflush, { feature: 'clflush' }),
  insn('clflushopt Mb', '66 0F AE /7', liftClflush, { feature: 'clflushopt' }),
  insn('clwb Mb', '66 0F AE /6', liftClflush, { feature: 'clwb' }),
];

const REGISTER = { privileged: true, noFuzz: 'not every number names a register' } as const;
const CONTROL_REGISTERS = [0, 2, 3, 4, 8];
const DEBUG_REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7];

/** A 64-bit user program gets #GP(0) from these: IOPL is 0, CPL is 3. */
const PRIVILEGED: readonly InsnRow[] = [
  privileged('hlt', 'F4'),
  privileged('cli', 'FA'),
  privileged('sti', 'FB'),
  privileged('in AL,Ib', 'E4 ib'),
  privileged('in rAX,Ib', 'E5 ib'),
  privileged('out Ib,AL', 'E6 ib'),
  privileged('out Ib,rAX', 'E7 ib'),
  privileged('in AL,DX', 'EC'),
  privileged('in rAX,DX', 'ED'),
  privileged('out DX,AL', 'EE'),
  privileged('out DX,rAX', 'EF'),
  privileged('ins Yb,DX', '6C'),
  privileged('ins Yz,DX', '6D'),
  privileged('outs DX,Xb', '6E'),
  privileged('outs DX,Xz', '6F'),
  insn('mov Rq,Cd', '0F 20 /r', privilegedRegister(1, CONTROL_REGISTERS), REGISTER),
  insn('mov Rq,Dd', '0F 21 /r', privilegedRegister(1, DEBUG_REGISTERS), REGISTER),
  insn('mov Cd,Rq', '0F 22 /r', privilegedRegister(0, CONTROL_REGISTERS), REGISTER),
  insn('mov Dd,Rq', '0F 23 /r', privilegedRegister(0, DEBUG_REGISTERS), REGISTER),
  // As under a kernel without IA-32 emulation, which has no use for it.
  insn('sysenter', '0F 34', liftPrivileged, { privileged: true, noFuzz: 'enters 32-bit code' }),
  privileged('sysexit', '0F 35'),
  privileged('clts', '0F 06'),
  privileged('sysret', '0F 07'),
  privileged('invd', '0F 08'),
  privileged('wbinvd', '0F 09'),
  privileged('wrmsr', '0F 30'),
  privileged('rdmsr', '0F 32'),
  privileged('rdpmc', '0F 33'),
  privileged('lldt Ew', '0F 00 /2'),
  privileged('ltr Ew', '0F 00 /3'),
  privileged('lgdt M', '0F 01 /2'),
  privileged('lidt M', '0F 01 /3'),
  privileged('lmsw Ew', '0F 01 /6'),
  privileged('invlpg M', '0F 01 /7'),
  insn('xsetbv', 'NP 0F 01 D1', liftPrivileged, { privileged: true, feature: 'xsave' }),
  privileged('swapgs', '0F 01 F8'),
];

/** A program that has UMIP's #GP coming gets what Linux answers in its place. */
const UMIP = { noFuzz: 'emulated by the kernel, if the CPU has UMIP' } as const;

const SEGMENTS: readonly InsnRow[] = [
  insn('sldt Ev', '0F 00 /0', systemWord(0), UMIP),
  insn('str Ev', '0F 00 /1', systemWord(0x40), UMIP),
  insn('sgdt M', '0F 01 /0', descriptorTable(0xfffe0000 | 0), UMIP),
  insn('sidt M', '0F 01 /1', descriptorTable(0xffff0000 | 0), UMIP),
  insn('smsw Ev', '0F 01 /4', systemWord(0x80050033 | 0), UMIP),
  insn('verr Ew', '0F 00 /4', segmentCheck(SEGMENT.read), { flags: 'w:z' }),
  insn('verw Ew', '0F 00 /5', segmentCheck(SEGMENT.write), { flags: 'w:z' }),
  insn('lar Gv,Ew', '0F 02 /r', segmentTo(SEGMENT.access), { flags: 'w:z' }),
  insn('lsl Gv,Ew', '0F 03 /r', segmentTo(SEGMENT.limit), { flags: 'w:z' }),
];

export const CONTROL_ROWS: readonly InsnRow[] = [
  ...CONTROL,
  ...STRINGS,
  ...SYSTEM_ROWS,
  ...PRIVILEGED,
  ...SEGMENTS,
];
