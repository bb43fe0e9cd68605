/**
 * The kinds of nodes that procfs and sysfs consist of: directories whose entries come from a function, and links;
 * texts are in text.ts.
 *
 * Invariant: a directory hands out the same inode for a name as long as that name means the same, so paths into
 * procfs stay valid.
 */

import { EACCES, ENOENT, EPERM, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import { BaseInode } from '../../vfs/inode.ts';
import type {
  DirEntry,
  FileSystem,
  Inode,
  Path,
  SetAttr,
  Stat,
  StatFs,
  Timespec,
} from '../../vfs/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';

/** A file system of generated nodes. */
export class PseudoFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly readOnly = false;
  readonly uncached = true;
  readonly kernel: Kernel;
  readonly born: Timespec;
  private readonly magic: number;
  private lastIno = 0;
  root!: Inode;

  constructor(kernel: Kernel, type: string, dev: number, magic: number) {
    this.kernel = kernel;
    this.type = type;
    this.dev = dev;
    this.magic = magic;
    this.born = kernel.clock.realtime();
  }

  takeIno(): number {
    return ++this.lastIno;
  }

  statfs(): StatFs {
    return {
      type: this.magic,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
    };
  }

  sync(): void {}
}

/** Whose node it is; root's unless it is about a process. */
export type Owner = () => { uid: number; gid: number };
const ROOT: Owner = () => ({ uid: 0, gid: 0 });

export abstract class PseudoInode extends BaseInode {
  declare readonly fs: PseudoFs;
  readonly mode: number;
  readonly rdev = 0;
  readonly size: number = 0;
  private readonly owner: Owner;

  constructor(fs: PseudoFs, mode: number, owner: Owner = ROOT) {
    super(fs, fs.takeIno());
    this.mode = mode;
    this.owner = owner;
  }

  get nlink(): number {
    return 1;
  }

  get uid(): number {
    return this.owner().uid;
  }

  get gid(): number {
    return this.owner().gid;
  }

  stat(): Stat {
    const { uid, gid } = this.owner();
    const now = this.fs.born;
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid,
      gid,
      rdev: 0,
      size: this.size,
      blocks: 0,
      blksize: 1024,
      atime: now,
      mtime: now,
      ctime: now,
      btime: now,
    };
  }

  setattr(attr: SetAttr): void {
    // O_TRUNC on a setting (echo x > /proc/sys/…) changes nothing; modes and owners are fixed.
    if (attr.mode !== undefined || attr.uid !== undefined || attr.gid !== undefined) {
      throw linuxError(EPERM);
    }
  }
}

/** A directory with the children that `names` and `find` give. */
export class PseudoDirectory extends PseudoInode {
  private readonly names: () => readonly string[];
  private readonly find: (name: string) => Inode | null;
  parent: Inode | null = null;

  constructor(
    fs: PseudoFs,
    mode: number,
    names: () => readonly string[],
    find: (name: string) => Inode | null,
    owner?: Owner,
  ) {
    super(fs, S_IFDIR | mode, owner);
    this.names = names;
    this.find = find;
  }

  /** Linux counts the subdirectories of few directories. */
  subdirectories: () => number = () => 0;

  override get nlink(): number {
    return 2 + this.subdirectories();
  }

  override lookup(name: string): Inode | null {
    const inode = this.find(name);
    if (inode instanceof PseudoDirectory) inode.parent ??= this;
    return inode;
  }

  /** Nothing can be made; in procfs Linux fails in the lookup already. */
  override create(_name: string, mode: number): Inode {
    if (this.fs.type === 'proc') throw linuxError(ENOENT);
    throw linuxError((mode & S_IFMT) === S_IFREG ? EACCES : EPERM);
  }

  override rename(_name: string, toDir: Inode, toName: string): void {
    const missing = this.fs.type === 'proc' && toDir.lookup(toName) === null;
    throw linuxError(missing ? ENOENT : EPERM);
  }

  override symlink(): Inode {
    throw linuxError(this.fs.type === 'proc' ? ENOENT : EPERM);
  }

  /** Positions are indexes; numeric names (processes, descriptors) are positioned by their number. */
  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    if (from < 1 && !emit({ name: '.', ino: this.ino, type: S_IFDIR, next: 1 })) return;
    const up = this.parent ?? this;
    if (from < 2 && !emit({ name: '..', ino: up.ino, type: S_IFDIR, next: 2 })) return;
    let index = 0;
    for (const name of this.names()) {
      const position = /^\d+$/.test(name) ? NUMBERED + Number(name) : 2 + index++;
      if (position < from) continue;
      const inode = this.lookup(name);
      if (inode === null) continue;
      const type = inode.mode & S_IFMT;
      if (!emit({ name, ino: inode.ino, type, next: position + 1 })) return;
    }
  }
}

const NUMBERED = 0x1000;

/** A directory with fixed children. */
export function fixedDirectory(
  fs: PseudoFs,
  children: Readonly<Record<string, Inode>>,
  mode: number = 0o555,
  owner?: Owner,
): PseudoDirectory {
  const map = new Map(Object.entries(children));
  const names = [...map.keys()];
  return new PseudoDirectory(
    fs,
    mode,
    () => names,
    (name) => map.get(name) ?? null,
    owner,
  );
}

export class PseudoLink extends PseudoInode {
  private readonly target: () => string;

  constructor(fs: PseudoFs, target: () => string, owner?: Owner, mode: number = 0o777) {
    super(fs, S_IFLNK | mode, owner);
    this.target = target;
  }

  override readlink(): string {
    return this.target();
  }
}

/** A link that leads to an object and not to what its text names (/proc/PID/exe, fd/N …). */
export class MagicLink extends PseudoLink {
  private readonly to: () => Path | null;

  constructor(
    fs: PseudoFs,
    target: () => string,
    to: () => Path | null,
    owner: Owner,
    mode?: number,
  ) {
    super(fs, target, owner, mode);
    this.to = to;
  }

  followMagic(): Path | null {
    return this.to();
  }
}
