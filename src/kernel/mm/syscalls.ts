/** The memory system calls: table rows, and what of them depends on open files. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { EACCES, EINVAL, ENOSPC, EPERM, linuxError } from '../errno.ts';
import { TmpFile } from '../fs/tmpfs/file.ts';
import {
  Enum,
  ExactLength,
  Fd,
  Flags,
  type FlagTable,
  Hex,
  Int,
  Length,
  OutBuf,
  Ptr,
} from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  MS_NOEXEC,
  O_ACCMODE,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '../vfs/constants.ts';
import { isAppendOnly } from '../vfs/inode-flags.ts';
import { VfsPath } from '../vfs/path.ts';
import { type OpenFile, S_IFCHR, S_IFMT } from '../vfs/types.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_TYPE, PROT_WRITE } from './abi.ts';
import { madvise, mincore, msync } from './madvise.ts';
import { mlock, mlockall, munlock, munlockall } from './mlock.ts';
import { brk, mmap, mprotect, munmap } from './mmap.ts';
import { mremap } from './mremap.ts';
import { mappedFile } from './open-file-mapping.ts';

const PROT_NAMES: FlagTable = {
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
  PROT_SEM: 8,
  PROT_GROWSDOWN: 0x01000000,
  PROT_GROWSUP: 0x02000000,
};

const MAP_NAMES: FlagTable = {
  MAP_SHARED_VALIDATE: 3,
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_32BIT: 0x40,
  MAP_NORESERVE: 0x4000,
  MAP_POPULATE: 0x8000,
  MAP_NONBLOCK: 0x10000,
  MAP_GROWSDOWN: 0x100,
  MAP_DENYWRITE: 0x800,
  MAP_EXECUTABLE: 0x1000,
  MAP_LOCKED: 0x2000,
  MAP_STACK: 0x20000,
  MAP_HUGETLB: 0x40000,
  MAP_SYNC: 0x80000,
  MAP_FIXED_NOREPLACE: 0x100000,
};

const MADV_NAMES: FlagTable = {
  MADV_NORMAL: 0,
  MADV_RANDOM: 1,
  MADV_SEQUENTIAL: 2,
  MADV_WILLNEED: 3,
  MADV_DONTNEED: 4,
  MADV_FREE: 8,
  MADV_REMOVE: 9,
  MADV_DONTFORK: 10,
  MADV_DOFORK: 11,
  MADV_MERGEABLE: 12,
  MADV_UNMERGEABLE: 13,
  MADV_HUGEPAGE: 14,
  MADV_NOHUGEPAGE: 15,
  MADV_DONTDUMP: 16,
  MADV_DODUMP: 17,
  MADV_WIPEONFORK: 18,
  MADV_KEEPONFORK: 19,
  MADV_COLD: 20,
  MADV_PAGEOUT: 21,
  MADV_POPULATE_READ: 22,
  MADV_POPULATE_WRITE: 23,
  MADV_DONTNEED_LOCKED: 24,
};

const Prot = Flags('PROT', PROT_NAMES);
const MapFlags = Flags('MAP', MAP_NAMES);
const MremapFlags = Flags('MREMAP', {
  MREMAP_MAYMOVE: 1,
  MREMAP_FIXED: 2,
  MREMAP_DONTUNMAP: 4,
});
const MsyncFlags = Flags('MS', { MS_ASYNC: 1, MS_INVALIDATE: 2, MS_SYNC: 4 });
const MclFlags = Flags('MCL', { MCL_CURRENT: 1, MCL_FUTURE: 2, MCL_ONFAULT: 4 });
const MlockFlags = Flags('MLOCK', { MLOCK_ONFAULT: 1 });
const Advice = Enum('MADV', MADV_NAMES);

const DEV_ZERO = (1 << 8) | 5;

interface MmapArgs {
  addr: number;
  length: number;
  prot: number;
  flags: number;
  fd: number;
  offset: number;
}

function sysMmap(sys: Sys, { addr, length, prot, flags, fd, offset }: MmapArgs): number {
  const as = sys.task.mm;
  if (offset % 4096 !== 0) throw linuxError(EINVAL);
  if ((flags & MAP_ANONYMOUS) !== 0) {
    return mmap(as, { addr, length, prot, flags, file: null, offset: 0 });
  }
  const open = sys.task.files.get(fd);
  if (isDevZero(open)) return mmap(as, { addr, length, prot, flags, file: null, offset: 0 });
  const access = open.flags & O_ACCMODE;
  const { inode, path } = open;
  const seals = inode instanceof TmpFile ? (inode.seals ?? 0) : 0;
  const sealed = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
  const isShared = (flags & MAP_TYPE) !== MAP_PRIVATE;
  if (isShared && access !== O_RDONLY && inode !== null && isAppendOnly(inode)) {
    throw linuxError(EACCES);
  }
  if (sealed && isShared && (prot & PROT_WRITE) !== 0) throw linuxError(EPERM);
  return mmap(as, {
    addr,
    length,
    prot,
    flags,
    file: mappedFile(open),
    offset,
    fileReadable: access !== O_WRONLY,
    fileWritable: access === O_RDWR && !sealed,
    fileNoExec: path instanceof VfsPath && (path.mount.flags & MS_NOEXEC) !== 0,
  });
}

/** Mapping /dev/zero is the old way to get anonymous memory (null(4)). */
function isDevZero({ inode }: OpenFile): boolean {
  return inode !== null && (inode.mode & S_IFMT) === S_IFCHR && inode.rdev === DEV_ZERO;
}

const MINCORE_CHUNK = PAGE_SIZE * PAGE_SIZE;

function sysMincore(sys: Sys, args: { addr: number; length: number; vec: number }): number {
  // A page of results at a time, as Linux does: a guest may ask about 2^47 bytes.
  for (let done = 0; done === 0 || done < args.length; done += MINCORE_CHUNK) {
    const length = Math.min(args.length - done, MINCORE_CHUNK);
    const vec = mincore(sys.task.mm, args.addr + done, length);
    sys.mem.copyOut(args.vec + done / PAGE_SIZE, vec, 0, vec.length);
  }
  return 0;
}

/** Protection keys need hardware (CPUID PKU), which this CPU does not have: there is only key -1, none. */
function sysPkeyMprotect(
  sys: Sys,
  args: { addr: number; length: number; prot: number; pkey: number },
): number {
  if (args.pkey !== -1) throw linuxError(EINVAL);
  mprotect(sys.task.mm, args.addr, args.length, args.prot);
  return 0;
}

function sysPkeyAlloc(_sys: Sys, args: { flags: number; rights: number }): number {
  if (args.flags !== 0 || args.rights > 3) throw linuxError(EINVAL);
  throw linuxError(ENOSPC);
}

const range = { addr: Ptr, length: Length } as const;
const exactRange = { addr: Ptr, length: ExactLength } as const;

export const MM_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    9,
    'mmap',
    { addr: Ptr, length: Length, prot: Prot, flags: MapFlags, fd: Fd, offset: Hex },
    sysMmap,
  ),
  syscall(10, 'mprotect', { ...range, prot: Prot }, (sys, a) => {
    mprotect(sys.task.mm, a.addr, a.length, a.prot);
    return 0;
  }),
  syscall(11, 'munmap', range, (sys, a) => {
    munmap(sys.task.mm, a.addr, a.length);
    return 0;
  }),
  syscall(12, 'brk', { brk: Ptr }, (sys, a) => brk(sys.task.mm, a.brk)),
  syscall(
    25,
    'mremap',
    { oldAddr: Ptr, oldSize: Length, newSize: Length, flags: MremapFlags, newAddr: Ptr },
    (sys, a) => mremap(sys.task.mm, a.oldAddr, a.oldSize, a.newSize, a.flags, a.newAddr),
  ),
  syscall(26, 'msync', { ...range, flags: MsyncFlags }, (sys, a) => {
    msync(sys.task.mm, a.addr, a.length, a.flags);
    return 0;
  }),
  syscall(27, 'mincore', { ...range, vec: OutBuf('length') }, sysMincore),
  syscall(
    28,
    'madvise',
    { ...range, advice: Advice },
    (sys, a) => {
      madvise(sys.task.mm, a.addr, a.length, a.advice);
      return 0;
    },
    'MADV_MERGEABLE, MADV_COLLAPSE, MADV_HWPOISON',
  ),
  syscall(149, 'mlock', exactRange, (sys, a) => {
    mlock(sys.task.mm, a.addr, a.length, 0);
    return 0;
  }),
  syscall(150, 'munlock', exactRange, (sys, a) => {
    munlock(sys.task.mm, a.addr, a.length);
    return 0;
  }),
  syscall(151, 'mlockall', { flags: MclFlags }, (sys, a) => {
    mlockall(sys.task.mm, a.flags);
    return 0;
  }),
  syscall(152, 'munlockall', {}, (sys) => {
    munlockall(sys.task.mm);
    return 0;
  }),
  syscall(325, 'mlock2', { ...exactRange, flags: MlockFlags }, (sys, a) => {
    mlock(sys.task.mm, a.addr, a.length, a.flags);
    return 0;
  }),
  syscall(329, 'pkey_mprotect', { ...range, prot: Prot, pkey: Int }, sysPkeyMprotect),
  syscall(330, 'pkey_alloc', { flags: Hex, rights: Hex }, sysPkeyAlloc),
  syscall(331, 'pkey_free', { pkey: Int }, () => {
    throw linuxError(EINVAL);
  }),
];
