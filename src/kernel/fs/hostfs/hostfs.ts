/**
 * Host volumes (`-v HOST:GUEST`): a folder of the host as a file system of the guest.
 *
 * Invariants
 * - Names are resolved one component at a time by the guest's own path walk; symbolic links are only
 *   read, never followed on the host. So nothing outside the folder can be named (see port.ts).
 * - Directories are asked every time (`uncached`): the host may change them. The same object has the
 *   same inode, hard links included.
 * - Reads and writes go straight to the host. The page cache exists only for files that are mapped; it
 *   is written back before a read and updated by a write, so both agree.
 * - At most MAX_HANDLES directories are held open; a closed one is opened again through its parent and
 *   must still be the same object (ESTALE).
 */

import type { Paging } from '../../../mmu/paging.ts';
import { ESTALE, linuxError } from '../../errno.ts';
import { PageCache } from '../../mm/page-cache.ts';
import { V9FS_MAGIC } from '../../vfs/constants.ts';
import type { FileSystem, StatFs } from '../../vfs/types.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { HostDirectory } from './directory.ts';
import { HostFileInode } from './file.ts';
import { type HostInode, HostLeaf } from './inode.ts';
import type { HostDirectoryPort, HostHandle, HostStat } from './port.ts';

const MAX_HANDLES = 128;
const MAX_IDLE = 64;

export interface HostFsOptions {
  readonly dev: number;
  readonly readOnly?: boolean;
  /** The host user's ids; what they own belongs to `owner` in the guest. */
  readonly hostUid: number;
  readonly hostGid: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const NOBODY = 65534;

export class HostFs implements FileSystem {
  readonly type = '9p';
  readonly dev: number;
  readonly readOnly: boolean;
  readonly uncached = true;
  readonly options = 'trans=virtio';
  readonly port: HostDirectoryPort;
  readonly paging: Paging;
  readonly root: HostDirectory;
  private readonly ids: HostFsOptions;
  private readonly known = new Map<string, WeakRef<HostInode>>();
  private sweepAt = 1024;
  /** Open directories, least recently used first. */
  private readonly openDirectories = new Set<HostDirectory>();
  private readonly idleFiles = new Set<HostFileInode>();
  /** Files with pages that may be dirty. */
  readonly mapped: Set<HostFileInode> = new Set();

  constructor(port: HostDirectoryPort, paging: Paging, options: HostFsOptions) {
    this.port = port;
    this.paging = paging;
    this.dev = options.dev;
    this.ids = options;
    this.readOnly = options.readOnly === true || port.readOnly;
    this.root = new HostDirectory(this, port.stat(port.root), null, '');
    this.remember(this.root);
  }

  /** The inode for an entry that the host just described. */
  inodeFor(st: HostStat, dir: HostDirectory, name: string): HostInode {
    const old = this.known.get(key(st))?.deref();
    if (old !== undefined && (old.mode & S_IFMT) === (st.mode & S_IFMT)) {
      old.foundAt(dir, name, st);
      return old;
    }
    const inode = this.create(st, dir, name);
    this.remember(inode);
    return inode;
  }

  private create(st: HostStat, dir: HostDirectory, name: string): HostInode {
    switch (st.mode & S_IFMT) {
      case S_IFDIR:
        return new HostDirectory(this, st, dir, name);
      case S_IFREG:
        return new HostFileInode(this, st, dir, name);
      default:
        return new HostLeaf(this, st, dir, name);
    }
  }

  private remember(inode: HostInode): void {
    this.known.set(key(inode.st), new WeakRef(inode));
    if (this.known.size < this.sweepAt) return;
    for (const [k, ref] of this.known) if (ref.deref() === undefined) this.known.delete(k);
    this.sweepAt = Math.max(1024, this.known.size * 2);
  }

  /** An open handle of a directory. */
  directoryHandle(dir: HostDirectory): HostHandle {
    if (dir.parent === null) return this.port.root;
    if (dir.handle >= 0) {
      this.openDirectories.delete(dir);
      this.openDirectories.add(dir);
      return dir.handle;
    }
    const handle = this.port.openDirectory(this.directoryHandle(dir.parent), dir.name);
    if (key(this.port.stat(handle)) !== key(dir.st)) {
      this.port.close(handle);
      throw linuxError(ESTALE);
    }
    dir.handle = handle;
    this.openDirectories.add(dir);
    if (this.openDirectories.size > MAX_HANDLES) this.closeOldest();
    return handle;
  }

  private closeOldest(): void {
    for (const dir of this.openDirectories) {
      // A directory in use (a working directory) keeps its handle: it may have been moved or removed.
      if (dir.inUse) continue;
      this.closeDirectory(dir);
      return;
    }
  }

  closeDirectory(dir: HostDirectory): void {
    this.openDirectories.delete(dir);
    if (dir.handle >= 0) this.port.close(dir.handle);
    dir.handle = -1;
  }

  guestUid(uid: number): number {
    return guestId(uid, this.ids.hostUid, this.ids.owner?.uid ?? 0);
  }

  guestGid(gid: number): number {
    return guestId(gid, this.ids.hostGid, this.ids.owner?.gid ?? 0);
  }

  /** A file that is open without being in use: the oldest of MAX_IDLE such files is closed. */
  keepAwhile(file: HostFileInode): void {
    this.idleFiles.delete(file);
    this.idleFiles.add(file);
    if (this.idleFiles.size <= MAX_IDLE) return;
    for (const oldest of this.idleFiles) {
      this.idleFiles.delete(oldest);
      oldest.idle();
      return;
    }
  }

  pagesFor(inode: HostFileInode): PageCache {
    return new PageCache(this.paging, inode);
  }

  statfs(): StatFs {
    return { ...this.port.statfs(), type: V9FS_MAGIC };
  }

  sync(): void {
    for (const inode of this.mapped) inode.fsync(false);
  }
}

/** The host user's files are the guest owner's; root's of the host must not look like root's of the guest. */
function guestId(id: number, host: number, owner: number): number {
  if (id === host) return owner;
  return id === owner ? NOBODY : id;
}

export function key(st: HostStat): string {
  return `${st.dev}:${st.ino}`;
}
