/**
 * siginfo_t: what came with a signal, and its 128 bytes in user memory
 * (include/uapi/asm-generic/siginfo.h, LP64):
 *
 *   0 si_signo | 4 si_errno | 8 si_code | 12 padding | 16 the union:
 *     kill, rt:  16 si_pid  20 si_uid  24 si_value
 *     timer:     16 si_timerid  20 si_overrun  24 si_value
 *     SIGCHLD:   16 si_pid  20 si_uid  24 si_status  32 si_utime  40 si_stime
 *     fault:     16 si_addr
 *     SIGIO:     16 si_band  24 si_fd
 */

import { SI_KERNEL, SI_TKILL, SI_USER } from './numbers.ts';

export const SIGINFO_SIZE = 128;

/** Which member of the union holds. */
export type SigInfoKind = 'kill' | 'rt' | 'timer' | 'chld' | 'fault' | 'poll' | 'raw';

export interface SigInfo {
  readonly signo: number;
  readonly errno: number;
  readonly code: number;
  readonly kind: SigInfoKind;
  readonly pid: number;
  readonly uid: number;
  /** SIGCHLD: exit status or signal. */
  readonly status: number;
  /** SIGCHLD: CPU times in clock ticks. */
  readonly utime: number;
  readonly stime: number;
  /** Faults: the address. */
  readonly addr: number;
  /** sigval, timers and sigqueue. */
  readonly valueLo: number;
  readonly valueHi: number;
  /** Timers. */
  readonly timerId: number;
  overrun: number;
  /** SIGIO. */
  readonly band: number;
  readonly fd: number;
  /** rt_sigqueueinfo: the bytes as given. */
  readonly raw: Uint8Array | null;
}

const BLANK: SigInfo = {
  signo: 0,
  errno: 0,
  code: 0,
  kind: 'kill',
  pid: 0,
  uid: 0,
  status: 0,
  utime: 0,
  stime: 0,
  addr: 0,
  valueLo: 0,
  valueHi: 0,
  timerId: 0,
  overrun: 0,
  band: 0,
  fd: 0,
  raw: null,
};

export function sigInfo(fields: Partial<SigInfo> & { signo: number }): SigInfo {
  return { ...BLANK, ...fields };
}

/** From kill(2) and tgkill(2). */
export function killInfo(signo: number, pid: number, uid: number, tkill = false): SigInfo {
  return sigInfo({ signo, code: tkill ? SI_TKILL : SI_USER, kind: 'kill', pid, uid });
}

/** From the kernel itself (terminal, SIGPIPE's cousins, timers of setitimer). */
export function kernelInfo(signo: number): SigInfo {
  return sigInfo({ signo, code: SI_KERNEL });
}

/** The bytes as given to rt_sigqueueinfo(2). */
export function rawInfo(signo: number, bytes: Uint8Array): SigInfo {
  const d = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  d.setInt32(0, signo, true);
  return sigInfo({
    signo,
    errno: d.getInt32(4, true),
    code: d.getInt32(8, true),
    kind: 'raw',
    pid: d.getInt32(16, true),
    uid: d.getUint32(20, true),
    valueLo: d.getInt32(24, true),
    valueHi: d.getInt32(28, true),
    raw: bytes,
  });
}

/** Writes the 128 bytes at `at`. */
export function encodeSigInfo(info: SigInfo, into: Uint8Array, at = 0): void {
  into.fill(0, at, at + SIGINFO_SIZE);
  if (info.raw !== null) {
    into.set(info.raw.subarray(0, SIGINFO_SIZE), at);
    return;
  }
  const d = new DataView(into.buffer, into.byteOffset + at, SIGINFO_SIZE);
  d.setInt32(0, info.signo, true);
  d.setInt32(4, info.errno, true);
  d.setInt32(8, info.code, true);
  encodeUnion(info, d);
}

function encodeUnion(info: SigInfo, d: DataView): void {
  switch (info.kind) {
    case 'fault':
      setAddress(d, 16, info.addr);
      return;
    case 'timer':
      d.setInt32(16, info.timerId, true);
      d.setInt32(20, info.overrun, true);
      d.setInt32(24, info.valueLo, true);
      d.setInt32(28, info.valueHi, true);
      return;
    case 'poll':
      setAddress(d, 16, info.band);
      d.setInt32(24, info.fd, true);
      return;
    default:
      d.setInt32(16, info.pid, true);
      d.setUint32(20, info.uid, true);
      if (info.kind === 'chld') {
        d.setInt32(24, info.status, true);
        setAddress(d, 32, info.utime);
        setAddress(d, 40, info.stime);
      } else {
        d.setInt32(24, info.valueLo, true);
        d.setInt32(28, info.valueHi, true);
      }
  }
}

/** Stores a number of -2^63 to 2^64 as 64 bits. */
export function setAddress(d: DataView, at: number, value: number): void {
  d.setUint32(at, value % 4294967296, true);
  d.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
