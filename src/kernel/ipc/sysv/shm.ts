/**
 * System V shared memory (ipc/shm.c, shmop(2), shmctl(2)).
 *
 *     struct shmid64_ds: perm (48 bytes), segsz, atime, dtime, ctime (64 bits each), cpid, lpid (32), nattch (64)
 *
 * Invariant: the areas that map a segment hold it, so `attached` is their number (as in Linux, where a split area
 * counts twice); a removed segment lives until the last of them goes.
 */

import { EINVAL, ENOMEM, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import { MAP_FIXED, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../mm/abi.ts';
import { mmap, munmap } from '../../mm/mmap.ts';
import { PageCache } from '../../mm/page-cache.ts';
import type { MappedFile, Vma } from '../../mm/vma.ts';
import { Enum, Flags, HexInt, Int, Ptr, Size } from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  copyView,
  IPC_COMMANDS,
  IPC_CREAT,
  IPC_EXCL,
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  IpcObject,
  IpcTable,
  READ,
  seconds,
  setLong,
  WRITE,
} from './objects.ts';

const PAGE_SIZE = 4096;
const SHMMNI = 4096;
const SHM_DEST = 0o1000;
const SHM_HUGETLB = 0o4000;
const SHM_RDONLY = 0o10000;
const SHM_RND = 0o20000;
const SHM_REMAP = 0o40000;
const SHM_EXEC = 0o100000;
const EXECUTE = 0o111;
const SHM_LOCK = 11;
const SHM_UNLOCK = 12;
const SHM_STAT = 13;
const SHM_INFO = 14;
const SHM_STAT_ANY = 15;

class Segment extends IpcObject implements MappedFile {
  readonly pages: PageCache;
  readonly path: string;
  readonly dev: number = 1;
  readonly size: number;
  attached = 0;
  private attachTime = 0;
  private detachTime = 0;
  private readonly creator: number;
  private lastPid = 0;
  private readonly kernel: Kernel;

  constructor(sys: Sys, key: number, size: number, mode: number) {
    super(sys, key, mode);
    const { kernel } = sys;
    const pages = Math.ceil(size / PAGE_SIZE);
    const { paging } = kernel.mmu;
    if (pages > paging.frames.total) throw linuxError(ENOMEM);
    this.kernel = kernel;
    this.size = size;
    this.creator = sys.task.tgid;
    this.pages = new PageCache(paging, { size: pages * PAGE_SIZE });
    this.path = `/SYSV${(key >>> 0).toString(16).padStart(8, '0')} (deleted)`;
  }

  /** /proc/PID/maps shows the identifier. */
  get ino(): number {
    return this.id;
  }

  retain(): void {
    this.attached++;
    this.attachTime = seconds(this.kernel);
    this.lastPid = this.currentPid();
  }

  release(): void {
    this.attached--;
    this.detachTime = seconds(this.kernel);
    this.lastPid = this.currentPid();
    if (this.attached === 0 && (this.mode & SHM_DEST) !== 0) this.destroy();
  }

  private currentPid(): number {
    return this.kernel.scheduler.current?.tgid ?? 0;
  }

  /** IPC_RMID: nobody finds it by its key any more. */
  markRemoved(): void {
    if (this.attached === 0) {
      this.destroy();
      return;
    }
    this.mode |= SHM_DEST;
    this.key = 0;
  }

  private destroy(): void {
    segmentsOf(this.kernel).remove(this);
    this.pages.dispose();
  }

  toStruct(): DataView {
    const d = this.describe(112);
    setLong(d, 48, this.size);
    setLong(d, 56, this.attachTime);
    setLong(d, 64, this.detachTime);
    setLong(d, 72, this.changeTime);
    d.setInt32(80, this.creator, true);
    d.setInt32(84, this.lastPid, true);
    setLong(d, 88, this.attached);
    return d;
  }
}

const tables = new WeakMap<Kernel, IpcTable<Segment>>();

function segmentsOf(kernel: Kernel): IpcTable<Segment> {
  let table = tables.get(kernel);
  if (table === undefined) {
    table = new IpcTable(SHMMNI);
    tables.set(kernel, table);
  }
  return table;
}

function sysShmget(sys: Sys, a: { key: number; size: number; shmflg: number }): number {
  const fits = (segment: Segment): void => {
    if (a.size > segment.size) throw linuxError(EINVAL);
  };
  return segmentsOf(sys.kernel).get(sys, a.key, a.shmflg, fits, () => {
    if (a.size < 1) throw linuxError(EINVAL);
    // There are no huge pages in reserve.
    if ((a.shmflg & SHM_HUGETLB) !== 0) throw linuxError(ENOMEM);
    return new Segment(sys, a.key, a.size, a.shmflg);
  });
}

/** Where the caller wants the segment; 0: anywhere. */
function attachAddress(wanted: number, flags: number): number {
  const offset = wanted % PAGE_SIZE;
  if (offset !== 0 && (flags & SHM_RND) === 0) throw linuxError(EINVAL);
  const addr = wanted - offset;
  if (addr === 0 && (flags & SHM_REMAP) !== 0) throw linuxError(EINVAL);
  return addr;
}

function sysShmat(sys: Sys, a: { shmid: number; shmaddr: number; shmflg: number }): number {
  if (a.shmid < 0) throw linuxError(EINVAL);
  const addr = attachAddress(a.shmaddr, a.shmflg);
  const segment = segmentsOf(sys.kernel).find(a.shmid);
  const readOnly = (a.shmflg & SHM_RDONLY) !== 0;
  const executes = (a.shmflg & SHM_EXEC) !== 0;
  segment.check(sys.task.cred, READ | (readOnly ? 0 : WRITE) | (executes ? EXECUTE : 0));
  const { mm } = sys.task;
  const taken = addr !== 0 && mm.areas.overlaps(addr, addr + segment.pages.size);
  if (taken && (a.shmflg & SHM_REMAP) === 0) throw linuxError(EINVAL);
  return mmap(mm, {
    addr,
    length: segment.size,
    prot: PROT_READ | (readOnly ? 0 : PROT_WRITE) | (executes ? PROT_EXEC : 0),
    flags: MAP_SHARED | (addr !== 0 ? MAP_FIXED : 0),
    file: segment,
    offset: 0,
    fileReadable: true,
    fileWritable: !readOnly,
  });
}

/** Unmaps what is left of the attachment that begins at the address. */
function sysShmdt(sys: Sys, { shmaddr }: { shmaddr: number }): number {
  if (shmaddr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  const { mm } = sys.task;
  const belongs = (vma: Vma): boolean =>
    vma.file instanceof Segment && vma.start - vma.filePage * PAGE_SIZE === shmaddr;
  const first = mm.areas.items.toArray().find((vma) => vma.start >= shmaddr && belongs(vma));
  if (first === undefined) throw linuxError(EINVAL);
  const end = shmaddr + (first.file as Segment).pages.size;
  const parts = mm.areas.items
    .toArray()
    .filter(
      (vma) => vma.file === first.file && vma.end <= end && vma.start >= shmaddr && belongs(vma),
    );
  for (const { start, pages } of parts) munmap(mm, start, pages * PAGE_SIZE);
  return 0;
}

function sysShmctl(sys: Sys, a: { shmid: number; cmd: number; buf: number }): number {
  if (a.cmd < 0 || a.shmid < 0) throw linuxError(EINVAL);
  const table = segmentsOf(sys.kernel);
  const { cred } = sys.task;
  switch (a.cmd) {
    case IPC_INFO:
    case SHM_INFO:
      copyView(sys, a.buf, a.cmd === IPC_INFO ? limits() : usage(table));
      return table.highest;
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY: {
      const segment = a.cmd === IPC_STAT ? table.find(a.shmid) : table.at(a.shmid);
      if (a.cmd !== SHM_STAT_ANY) segment.check(cred, READ);
      copyView(sys, a.buf, segment.toStruct());
      return a.cmd === IPC_STAT ? 0 : segment.id;
    }
    case IPC_SET:
      table.find(a.shmid).assign(sys, a.buf);
      return 0;
    case IPC_RMID: {
      const segment = table.find(a.shmid);
      segment.checkOwner(cred);
      segment.markRemoved();
      return 0;
    }
    case SHM_LOCK:
    case SHM_UNLOCK:
      // Nothing is ever swapped out.
      table.find(a.shmid).checkOwner(cred);
      return 0;
    default:
      throw linuxError(EINVAL);
  }
}

/** struct shminfo64: shmmax, shmmin, shmmni, shmseg, shmall */
function limits(): DataView {
  const d = new DataView(new ArrayBuffer(72));
  const unlimited = 18446744073692774399n;
  d.setBigUint64(0, unlimited, true);
  setLong(d, 8, 1);
  setLong(d, 16, SHMMNI);
  setLong(d, 24, SHMMNI);
  d.setBigUint64(32, unlimited, true);
  return d;
}

/** struct shm_info: used_ids, shm_tot, shm_rss, shm_swp … */
function usage(table: IpcTable<Segment>): DataView {
  const d = new DataView(new ArrayBuffer(48));
  const all = table.all();
  let pages = 0;
  let resident = 0;
  for (const s of all) {
    pages += s.pages.size / PAGE_SIZE;
    resident += s.pages.resident;
  }
  d.setInt32(0, all.length, true);
  setLong(d, 8, pages);
  setLong(d, 16, resident);
  return d;
}

const GET_FLAGS = { IPC_CREAT, IPC_EXCL, SHM_HUGETLB } as const;
const AT_FLAGS = { SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC } as const;
const COMMANDS = {
  ...IPC_COMMANDS,
  ...{ SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY },
} as const;

export const SHM_SYSCALLS: readonly SyscallRow[] = [
  syscall(29, 'shmget', { key: HexInt, size: Size, shmflg: Flags('IPC', GET_FLAGS) }, sysShmget),
  syscall(30, 'shmat', { shmid: Int, shmaddr: Ptr, shmflg: Flags('SHM', AT_FLAGS) }, sysShmat),
  syscall(31, 'shmctl', { shmid: Int, cmd: Enum('SHM', COMMANDS), buf: Ptr }, sysShmctl),
  syscall(67, 'shmdt', { shmaddr: Ptr }, sysShmdt),
];
