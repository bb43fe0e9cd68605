/**
 * The virtual file system's own vocabulary: inodes, open files, file systems. Every file system
 * (tmpfs, ext4, procfs, devfs, host volumes) implements Inode; everything with a descriptor (also
 * pipes, sockets, epoll) implements OpenFile.
 *
 * Errors are thrown as LinuxError (errno.ts). Sizes and offsets are JavaScript numbers (bytes).
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import type { Sys } from '../syscall/types.ts';
import type { WaitQueue } from '../wait-queue.ts';

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** Seconds and nanoseconds since the epoch. */
export interface Timespec {
  sec: number;
  nsec: number;
}

export interface Stat {
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** makedev(major, minor) of a device node */
  rdev: number;
  size: number;
  /** 512-byte units */
  blocks: number;
  blksize: number;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  btime: Timespec;
}

export interface SetAttr {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Timespec;
  mtime?: Timespec;
  ctime?: Timespec;
}

export interface DirEntry {
  name: string;
  ino: number;
  /** S_IF* type bits of the mode, 0 if unknown */
  type: number;
  /** Opaque position after this entry: getdents continues there. */
  next: number;
}

/** Where data goes to: the user's buffers, or a kernel buffer. */
export interface IoSink {
  /** Bytes still wanted. */
  readonly remaining: number;
  /** Whether the last transfer ended early because memory could not be accessed. */
  readonly faulted?: boolean;
  /** Takes src[start, end), at most `remaining`. @returns bytes taken; throws EFAULT if none could be */
  put(src: Uint8Array, start: number, end: number): number;
}

/** Where data comes from. */
export interface IoSource {
  readonly remaining: number;
  /** Fills dst[start, end), at most `remaining`. @returns bytes given; throws EFAULT if none could be */
  take(dst: Uint8Array, start: number, end: number): number;
}

/** The page cache of a regular file (src/kernel/mm/page-cache.ts), as the VFS sees it. */
export interface FilePages {
  /** Copies file bytes; the caller has limited the range to the file's size. */
  read(offset: number, length: number, to: IoSink): number;
  /** Copies into the cache and marks pages dirty; the caller then sets the size. */
  write(offset: number, length: number, from: IoSource): number;
  /** Frame number of page `index` (filled if absent), for mmap; the cache keeps its own reference. */
  frame(index: number, forWrite: boolean): number;
  /** Drops pages beyond, zeroes the tail of the last one, unmaps them everywhere. */
  truncate(size: number): void;
  /** Writes dirty pages back through the file system. */
  sync(): void;
}

/**
 * An inode. Names are Latin-1 strings that carry the raw bytes of file names one to one (byte n is
 * char code n): Linux names are bytes, not text. Methods that a type of file does not have throw the errno
 * that Linux gives (ENOTDIR, EINVAL, EPERM …); BaseInode in inode.ts has these defaults.
 */
export interface Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  /** Type and permissions (S_IFREG | 0o644). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size: number;
  /** Device number of device nodes. */
  readonly rdev: number;
  /** FS_*_FL, where a file system has them (inode-flags.ts). */
  readonly attributeFlags?: number;
  /** FS_IOC_SETFLAGS; the caller may. */
  setAttributeFlags?(flags: number): void;
  stat(): Stat;
  setattr(attr: SetAttr): void;

  // Directories. Callers have checked permissions and that names are valid.
  /** @returns the inode, or null if there is no such entry */
  lookup(name: string): Inode | null;
  create(name: string, mode: number, uid: number, gid: number, rdev: number): Inode;
  symlink(name: string, target: string, uid: number, gid: number): Inode;
  link(name: string, target: Inode): void;
  unlink(name: string): void;
  rmdir(name: string): void;
  /** rename(2) within one file system; flags: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. */
  rename(name: string, toDir: Inode, toName: string, flags: number): void;
  /** Calls `emit` for each entry from position `from` (0: start; includes . and ..) until it returns false. */
  readdir(from: number, emit: (e: DirEntry) => boolean): void;

  /** Target of a symbolic link. */
  readlink(): string;
  /** A link that does not resolve by its text (/proc/PID/exe, /proc/PID/fd/N): where it leads, or null. */
  followMagic?(): Path | null;

  /** Page cache of a regular file; null for others. */
  readonly pages: FilePages | null;
  /** Opens it: regular files and directories get a generic OpenFile; devices, FIFOs and sockets theirs. */
  open(sys: Sys | null, flags: number, path: Path): OpenFile;

  getxattr(name: string): Uint8Array | null;
  setxattr(name: string, value: Uint8Array, flags: number): void;
  listxattr(): string[];
  removexattr(name: string): void;
  /** O_TMPFILE: a regular file without a name in this directory. */
  tmpfile?(mode: number, uid: number, gid: number): Inode;
  /** Before a page is mapped, to be stored to or only read: reserves its space. What it throws becomes SIGBUS. */
  prepareFault?(page: number, write: boolean): void;
  /**
   * Before a write to the page cache: reserves space, or throws ENOSPC / EDQUOT. Without privilege (default: with),
   * what a file system keeps for administrators is not there.
   */
  prepareWrite?(offset: number, length: number, privileged?: boolean): void;
  /** Makes bytes, which must not change afterwards, the content of a file that was just created. */
  setContent?(bytes: Uint8Array): void;
  /** SEEK_DATA (3) / SEEK_HOLE (4) below the size; without it a file is all data. -1: no data follows. */
  seekSparse?(offset: number, whence: number): number;
  /** fallocate(2). */
  fallocate(mode: number, offset: number, length: number): void;
  /** Makes data and metadata durable. */
  fsync(dataOnly: boolean): void;
  /** Open files and mappings hold a reference; an unlinked inode is freed when the last goes. */
  retain(): void;
  release(): void;
}

export interface StatFs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
}

export interface FileSystem {
  /** "ext4", "tmpfs", "proc", … as in /proc/mounts */
  readonly type: string;
  /** st_dev */
  readonly dev: number;
  readonly readOnly: boolean;
  readonly root: Inode;
  /** Its directories change without the VFS (host volumes, procfs): names are looked up every time. */
  readonly uncached?: boolean;
  /** Options that /proc/mounts shows after those of the mount, e.g. "size=1024k". */
  readonly options?: string;
  /** Mounted read-only as a whole (MS_RDONLY), which may change; `readOnly` is for good. */
  mountedReadOnly?: boolean;
  /** The options of a remount, in mount(2)'s form; without it they are ignored. Throws EINVAL. */
  remount?(options: string): void;
  statfs(): StatFs;
  sync(): void;
  /** The last mount is gone; open files may still be there. */
  unmounted?(): void;
}

/** A place in the name space: mount, and a directory entry in it. Implemented in vfs/path.ts. */
export interface Path {
  readonly inode: Inode;
  /** Absolute name as seen from the mount name space's root (for /proc, getcwd, maps). */
  absolute(): string;
}

/** Poll events (include/uapi/asm-generic/poll.h). */
export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;
export const POLLRDNORM = 64;
export const POLLMSG = 0x400;
export const POLLWRNORM = 256;
export const POLLRDHUP = 0x2000;

/**
 * An open file description (what dup and fork share). Reading and writing follow the retry model:
 * return BLOCKED from sys.block(...) if nothing can be done now and O_NONBLOCK is not set.
 * `BaseFile` in vfs/file.ts has defaults that throw EINVAL / ENOTTY / ESPIPE.
 */
export interface OpenFile {
  /** O_* status flags and access mode. */
  flags: number;
  pos: number;
  /** Null for anonymous files (pipe, socket, epoll) without an inode of their own. */
  readonly inode: Inode | null;
  readonly path: Path | null;
  /** What /proc/PID/fd/N shows: a path, "pipe:[123]", "socket:[…]", "anon_inode:[eventpoll]". */
  describe(): string;
  read(sys: Sys, to: IoSink): number;
  write(sys: Sys, from: IoSource): number;
  /** Positional; ESPIPE where there is no position. */
  pread(sys: Sys, to: IoSink, offset: number): number;
  pwrite(sys: Sys, from: IoSource, offset: number): number;
  seek(sys: Sys, offset: number, whence: number): number;
  ioctl(sys: Sys, request: number, arg: number): number;
  /** fcntl(2) commands of the type of file (F_SETPIPE_SZ …); the arguments as for ioctl. */
  fcntl?(sys: Sys, command: number, arg: number): number;
  /** Events that are true now. */
  poll(): number;
  /** Queues that are woken when poll() may have changed. */
  pollQueues(): readonly WaitQueue[];
  /** getdents: see Inode.readdir. */
  readdir(sys: Sys, emit: (e: DirEntry) => boolean): void;
  /** fstat of a file without an inode; without it the type follows from describe(). */
  stat?(): Stat;
  /** open(2) of /proc/PID/fd/N for a file without a path (a pipe); without it, the inode is opened. */
  reopen?(sys: Sys, flags: number): OpenFile;
  fsync(dataOnly: boolean): void;
  /** Counts it among the machine's open files, once; throws ENFILE or ENOMEM if there are too many. The last release uncounts. */
  countIn(heap: HeapAccount): void;
  /** One more / one fewer reference (descriptor, mapping, SCM_RIGHTS); the last one closes. */
  retain(): void;
  release(): void;
}
