/** siginfo as strace shows it. */

import * as n from './numbers.ts';
import type { SigInfo } from './siginfo.ts';

const GENERAL: Readonly<Record<number, string>> = {
  [n.SI_USER]: 'SI_USER',
  [n.SI_KERNEL]: 'SI_KERNEL',
  [n.SI_QUEUE]: 'SI_QUEUE',
  [n.SI_TIMER]: 'SI_TIMER',
  [n.SI_MESGQ]: 'SI_MESGQ',
  [n.SI_ASYNCIO]: 'SI_ASYNCIO',
  [n.SI_SIGIO]: 'SI_SIGIO',
  [n.SI_TKILL]: 'SI_TKILL',
};

const SPECIFIC: Readonly<Record<number, readonly string[]>> = {
  [n.SIGILL]: ['', 'ILL_ILLOPC', 'ILL_ILLOPN'],
  [n.SIGFPE]: [
    '',
    'FPE_INTDIV',
    'FPE_INTOVF',
    'FPE_FLTDIV',
    'FPE_FLTOVF',
    'FPE_FLTUND',
    'FPE_FLTRES',
    'FPE_FLTINV',
  ],
  [n.SIGSEGV]: ['', 'SEGV_MAPERR', 'SEGV_ACCERR'],
  [n.SIGBUS]: ['', 'BUS_ADRALN', 'BUS_ADRERR'],
  [n.SIGTRAP]: ['', 'TRAP_BRKPT', 'TRAP_TRACE'],
  [n.SIGCHLD]: [
    '',
    'CLD_EXITED',
    'CLD_KILLED',
    'CLD_DUMPED',
    'CLD_TRAPPED',
    'CLD_STOPPED',
    'CLD_CONTINUED',
  ],
};

function codeName(info: SigInfo): string {
  const specific = info.code > 0 ? SPECIFIC[info.signo]?.[info.code] : undefined;
  return specific ?? GENERAL[info.code] ?? String(info.code);
}

function valueText(info: SigInfo): string {
  const pointer = (info.valueHi >>> 0) * 4294967296 + (info.valueLo >>> 0);
  const ptr = pointer === 0 ? 'NULL' : `0x${pointer.toString(16)}`;
  return `si_value={int=${info.valueLo}, ptr=${ptr}}`;
}

/** The kernel's half has negative addresses. */
function addressText(addr: number): string {
  return addr === 0 ? 'NULL' : `0x${BigInt.asUintN(64, BigInt(addr)).toString(16)}`;
}

function details(info: SigInfo): string {
  const sender = `, si_pid=${info.pid}, si_uid=${info.uid}`;
  switch (info.kind) {
    case 'chld': {
      const isStatus = info.code === n.CLD_EXITED;
      const status = isStatus ? String(info.status) : n.signalName(info.status);
      return `${sender}, si_status=${status}, si_utime=${info.utime}, si_stime=${info.stime}`;
    }
    case 'fault':
      return `, si_addr=${addressText(info.addr)}`;
    case 'timer':
      return `, si_timerid=${info.timerId}, si_overrun=${info.overrun}, ${valueText(info)}`;
    case 'poll':
      return `, si_band=${info.band}, si_fd=${info.fd}`;
    case 'rt':
    case 'raw':
      return `${sender}, ${valueText(info)}`;
    default:
      return info.code === n.SI_KERNEL ? '' : sender;
  }
}

export function formatSigInfo(info: SigInfo): string {
  return `{si_signo=${n.signalName(info.signo)}, si_code=${codeName(info)}${details(info)}}`;
}
