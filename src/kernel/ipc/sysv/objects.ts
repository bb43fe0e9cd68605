/**
 * What the three kinds of System V IPC share: identifiers, keys, owners and permissions (ipc/util.c, svipc(7)).
 *
 *     struct ipc64_perm: key, uid, gid, cuid, cgid, mode (32 bits each), seq (16); 48 bytes
 *
 * Invariants: an identifier is the index of the object and a number that is another when the index is used again,
 * so an old identifier leads nowhere; a key leads to one object at most, and to none that was removed.
 */

import { CAP, type Cred } from '../../cred/cred.ts';
import { EACCES, EEXIST, EINVAL, ENOENT, ENOSPC, EPERM, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Sys } from '../../syscall/types.ts';

export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;
export const IPC_COMMANDS = { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO } as const;

export const READ = 0o444;
export const WRITE = 0o222;
const IPC_PRIVATE = 0;
/** Identifiers: number * IPCMNI + index. */
const IPCMNI = 32768;
const MAX_SEQUENCE = 0xffff;
const PERM_SIZE = 48;

/** Seconds now, as the kernel stores them. */
export function seconds(kernel: Kernel): number {
  return kernel.clock.realtime().sec;
}

export class IpcObject {
  key: number;
  id = 0;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  mode: number;
  removed = false;
  changeTime: number;

  constructor(sys: Sys, key: number, mode: number) {
    const { cred } = sys.task;
    this.key = key;
    this.uid = this.cuid = cred.euid;
    this.gid = this.cgid = cred.egid;
    this.mode = mode & 0o777;
    this.changeTime = seconds(sys.kernel);
  }

  /** ipcperms(). `wanted`: READ, WRITE, both, or the mode that ...get(2) was given. */
  check(cred: Cred, wanted: number): void {
    const request = (wanted >> 6) | (wanted >> 3) | wanted;
    let granted = this.mode;
    if (cred.euid === this.cuid || cred.euid === this.uid) granted >>= 6;
    else if (inGroup(cred, this.cgid) || inGroup(cred, this.gid)) granted >>= 3;
    if ((request & ~granted & 7) !== 0 && !cred.has(CAP.IPC_OWNER)) throw linuxError(EACCES);
  }

  /** For IPC_SET and IPC_RMID: the owner, the creator, or an administrator. */
  checkOwner(cred: Cred): void {
    const own = cred.euid === this.cuid || cred.euid === this.uid;
    if (!own && !cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
  }

  /** A structure of `size` bytes that begins with the permissions. */
  describe(size: number): DataView {
    const d = new DataView(new ArrayBuffer(size));
    d.setInt32(0, this.key, true);
    d.setUint32(4, this.uid, true);
    d.setUint32(8, this.gid, true);
    d.setUint32(12, this.cuid, true);
    d.setUint32(16, this.cgid, true);
    d.setUint32(20, this.mode, true);
    d.setUint16(24, Math.floor(this.id / IPCMNI), true);
    return d;
  }

  /** IPC_SET: what of the permissions at `addr` can be changed. */
  assign(sys: Sys, addr: number): void {
    const bytes = new Uint8Array(PERM_SIZE);
    sys.mem.copyIn(addr, bytes);
    this.checkOwner(sys.task.cred);
    const d = new DataView(bytes.buffer);
    const uid = d.getUint32(4, true);
    const gid = d.getUint32(8, true);
    if (uid === 0xffffffff || gid === 0xffffffff) throw linuxError(EINVAL);
    this.uid = uid;
    this.gid = gid;
    this.mode = (this.mode & ~0o777) | (d.getUint32(20, true) & 0o777);
    this.changeTime = seconds(sys.kernel);
  }
}

function inGroup(cred: Cred, gid: number): boolean {
  return cred.egid === gid || cred.groups.includes(gid);
}

export function setLong(d: DataView, at: number, value: number): void {
  d.setBigUint64(at, BigInt(value), true);
}

export function copyView(sys: Sys, addr: number, d: DataView): void {
  sys.mem.copyOut(addr, new Uint8Array(d.buffer));
}

/** The objects of one kind in a machine. */
export class IpcTable<T extends IpcObject> {
  private readonly objects: (T | null)[] = [];
  private readonly limit: number;
  private sequence = 0;

  /** @param limit how many there may be */
  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * shmget(2) and its kin. `fits` throws if the object with this key is not what the caller wants.
   * @returns the identifier
   */
  get(sys: Sys, key: number, flags: number, fits: (object: T) => void, create: () => T): number {
    const found = key === IPC_PRIVATE ? undefined : this.objects.find((o) => o?.key === key);
    if (found == null) {
      if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) throw linuxError(ENOENT);
      return this.add(create);
    }
    if ((flags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) throw linuxError(EEXIST);
    fits(found);
    found.check(sys.task.cred, flags & 0o777);
    return found.id;
  }

  private add(create: () => T): number {
    let index = this.objects.indexOf(null);
    if (index < 0) index = this.objects.length;
    if (index >= this.limit) throw linuxError(ENOSPC);
    const object = create();
    object.id = this.sequence * IPCMNI + index;
    this.objects[index] = object;
    return object.id;
  }

  /** The object of an identifier, or EINVAL. */
  find(id: number): T {
    const object = id < 0 ? undefined : this.objects[id % IPCMNI];
    if (object == null || object.id !== id) throw linuxError(EINVAL);
    return object;
  }

  /** For SHM_STAT and its kin, which go through all indexes. */
  at(index: number): T {
    const object = this.objects[index];
    if (object == null) throw linuxError(EINVAL);
    return object;
  }

  remove(object: T): void {
    object.removed = true;
    this.objects[object.id % IPCMNI] = null;
    this.sequence = (this.sequence + 1) % MAX_SEQUENCE;
  }

  all(): T[] {
    return this.objects.filter((o) => o !== null);
  }

  /** What IPC_INFO returns: the highest index in use, 0 if there is none. */
  get highest(): number {
    let index = this.objects.length - 1;
    while (index > 0 && this.objects[index] === null) index--;
    return Math.max(index, 0);
  }
}
