/** System identification, randomness, and calls that this kernel refuses in a documented way. */

import { CAP } from '../cred/cred.ts';
import { EINVAL, ENOSYS, EPERM, linuxError } from '../errno.ts';
import {
  Flags,
  Hex,
  HexInt,
  InBuf,
  Int,
  Long,
  OutBuf,
  Pid,
  Ptr,
  Size,
  StructOut,
} from '../syscall/args.ts';
import { bytesAt, quoteHex, STRING_LIMIT } from '../syscall/text.ts';
import { type ArgType, refused, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { UTS_MACHINE, UTS_RELEASE, UTS_SYSNAME, UTS_VERSION } from '../version.ts';

const NEW_UTS_LEN = 64;
const UTS_FIELD = 65;
const PER_LINUX32 = 8;
const PAGE_SIZE = 4096;

function sysUname(sys: Sys, { buf }: { buf: number }): number {
  const { hostname, domainname } = sys.kernel;
  const machine = (sys.task.process.personality & 0xff) === PER_LINUX32 ? 'i686' : UTS_MACHINE;
  const fields = [UTS_SYSNAME, hostname, UTS_RELEASE, UTS_VERSION, machine, domainname];
  const image = new Uint8Array(UTS_FIELD * fields.length);
  fields.forEach((text, f) => {
    for (let i = 0; i < text.length && i < NEW_UTS_LEN; i++) {
      image[f * UTS_FIELD + i] = text.charCodeAt(i);
    }
  });
  sys.mem.copyOut(buf, image, 0, image.length);
  return 0;
}

function readName(sys: Sys, addr: number, length: number): string {
  if (!sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
  if (length < 0 || length > NEW_UTS_LEN) throw linuxError(EINVAL);
  const bytes = new Uint8Array(length);
  sys.mem.copyIn(addr, bytes, 0, length);
  return String.fromCharCode(...bytes);
}

/** struct sysinfo (include/uapi/linux/sysinfo.h), 112 bytes. */
function sysSysinfo(sys: Sys, { info }: { info: number }): number {
  const { kernel } = sys;
  const { frames } = kernel.mmu.paging;
  const image = new Uint8Array(112);
  const d = new DataView(image.buffer);
  const u64 = (at: number, v: number): void => {
    d.setUint32(at, v % 4294967296, true);
    d.setUint32(at + 4, Math.floor(v / 4294967296), true);
  };
  u64(0, Math.floor((kernel.now() - kernel.bootTime) / 1000));
  u64(32, frames.total * PAGE_SIZE);
  u64(40, frames.free * PAGE_SIZE);
  d.setUint16(80, kernel.tasks.size, true);
  d.setUint32(104, 1, true);
  sys.mem.copyOut(info, image, 0, image.length);
  return 0;
}

const GRND_NONBLOCK = 1;
const GRND_RANDOM = 2;
const GRND_INSECURE = 4;
/** Bytes from the host at a time (crypto.getRandomValues allows 65,536). */
const RANDOM_CHUNK = 4096;

const RandomBytes: ArgType<number> = {
  ...OutBuf('count'),
  format(v, ctx) {
    const n = Math.min(ctx.result ?? -1, STRING_LIMIT);
    const bytes = n < 0 ? null : bytesAt(ctx.mem, v, n);
    if (bytes === null) return Ptr.format(v, ctx);
    return quoteHex(bytes) + ((ctx.result as number) > n ? '...' : '');
  },
};

function sysGetrandom(sys: Sys, a: { buf: number; count: number; flags: number }): number {
  const known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
  if ((a.flags & ~known) !== 0) throw linuxError(EINVAL);
  if ((a.flags & (GRND_RANDOM | GRND_INSECURE)) === (GRND_RANDOM | GRND_INSECURE)) {
    throw linuxError(EINVAL);
  }
  const sink = sys.sink(a.buf, a.count);
  let done = 0;
  while (sink.remaining > 0) {
    const n = Math.min(sink.remaining, RANDOM_CHUNK);
    const bytes = new Uint8Array(n);
    sys.kernel.host.random(bytes);
    const put = sink.put(bytes, 0, n);
    done += put;
    if (put < n) break;
  }
  return done;
}

const PERSONALITY_QUERY = 0xffffffff;

function sysPersonality(sys: Sys, { persona }: { persona: number }): number {
  const { process } = sys.task;
  const old = process.personality;
  if (persona !== PERSONALITY_QUERY) process.personality = persona;
  return old;
}

const MEMBARRIER_CMD_QUERY = 0;
const MEMBARRIER_CMD_GLOBAL = 1;
const MEMBARRIER_PRIVATE_EXPEDITED = 8;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16;
const MEMBARRIER_KNOWN =
  MEMBARRIER_CMD_GLOBAL | MEMBARRIER_PRIVATE_EXPEDITED | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;

/** Tasks run one at a time and every switch orders memory, so a barrier has nothing to do. */
function sysMembarrier(sys: Sys, a: { cmd: number; flags: number; cpu: number }): number {
  if (a.flags !== 0) throw linuxError(EINVAL);
  switch (a.cmd) {
    case MEMBARRIER_CMD_QUERY:
      return MEMBARRIER_KNOWN;
    case MEMBARRIER_CMD_GLOBAL:
      return 0;
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
      sys.task.process.membarrierRegistered = true;
      return 0;
    case MEMBARRIER_PRIVATE_EXPEDITED:
      if (!sys.task.process.membarrierRegistered) throw linuxError(EPERM);
      return 0;
    default:
      throw linuxError(EINVAL);
  }
}

function sysSetHostname(sys: Sys, { name, len }: { name: number; len: number }): number {
  sys.kernel.hostname = readName(sys, name, len);
  return 0;
}

function sysSetDomainname(sys: Sys, { name, len }: { name: number; len: number }): number {
  sys.kernel.domainname = readName(sys, name, len);
  return 0;
}

export const MISC_SYSCALLS: readonly SyscallRow[] = [
  syscall(63, 'uname', { buf: StructOut('utsname') }, sysUname),
  syscall(99, 'sysinfo', { info: Ptr }, sysSysinfo, 'load averages, shared and buffer memory'),
  refused(
    101,
    'ptrace',
    { request: Long, pid: Pid, addr: Ptr, data: Ptr },
    EPERM,
    'no process can trace another',
  ),
  syscall(
    135,
    'personality',
    { persona: HexInt },
    sysPersonality,
    'effects of flags other than PER_LINUX32',
  ),
  syscall(170, 'sethostname', { name: InBuf('len'), len: Int }, sysSetHostname),
  syscall(171, 'setdomainname', { name: InBuf('len'), len: Int }, sysSetDomainname),
  refused(272, 'unshare', { flags: Hex }, EPERM, 'no namespaces', true),
  refused(308, 'setns', { fd: Int, flags: Hex }, EPERM, 'no namespaces', true),
  refused(
    317,
    'seccomp',
    { op: Int, flags: HexInt, args: Ptr },
    EINVAL,
    'no filters of system calls',
    true,
  ),
  syscall(
    318,
    'getrandom',
    {
      buf: RandomBytes,
      count: Size,
      flags: Flags('GRND', { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE }),
    },
    sysGetrandom,
  ),
  syscall(
    324,
    'membarrier',
    { cmd: Int, flags: HexInt, cpu: Int },
    sysMembarrier,
    'commands for all processes, for rseq and for code',
  ),
  refused(
    334,
    'rseq',
    { rseq: Ptr, len: Hex, flags: HexInt, sig: HexInt },
    ENOSYS,
    'C libraries do without restartable sequences',
    true,
  ),
];
