/**
 * The kinds of nodes that procfs and sysfs consist of: directories whose entries come from a function,
 * texts generated when they are read, links, and writable settings.
 *
 * Invariants: a directory hands out the same inode for a name as long as that name means the same, so
 * paths into procfs stay valid; a text is generated when it is read from its start, and later reads of
 * that open file continue in the same text (as seq_file does for small files).
 */

import { EACCES, EINVAL, ENOENT, EPERM, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Sys } from '../../syscall/types.ts';
import { BaseFile } from '../../vfs/file.ts';
import { BaseInode } from '../../vfs/inode.ts';
import { seekRegular } from '../../vfs/regular-file.ts';
import type {
  DirEntry,
  FileSystem,
  Inode,
  IoSink,
  IoSource,
  OpenFile,
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

export interface TextOptions {
  readonly mode?: number;
  readonly owner?: Owner;
  /** Takes what is written, as Latin-1 without a final newline; throws EINVAL. */
  readonly write?: (text: string, sys: Sys) => void;
  /** A final newline is part of what is written. */
  readonly keepsNewline?: boolean;
}

/** A file whose content is generated: Latin-1 text, or bytes. */
export class PseudoText extends PseudoInode {
  readonly generate: () => string | Uint8Array;
  readonly store: ((text: string, sys: Sys) => void) | null;
  readonly keepsNewline: boolean;

  constructor(fs: PseudoFs, generate: () => string | Uint8Array, options: TextOptions = {}) {
    const mode = options.mode ?? (options.write === undefined ? 0o444 : 0o644);
    super(fs, S_IFREG | mode, options.owner);
    this.generate = generate;
    this.store = options.write ?? null;
    this.keepsNewline = options.keepsNewline ?? false;
  }

  override open(_sys: Sys | null, flags: number, path: Path): OpenFile {
    return new TextFile(this, path, flags);
  }
}

/** Settings are short; longer writes are mistakes. */
const MAX_WRITE = 4096;

class TextFile extends BaseFile {
  declare readonly inode: PseudoText;
  private text: Uint8Array | null = null;

  override read(sys: Sys, to: IoSink): number {
    const n = this.pread(sys, to, this.pos);
    this.pos += n;
    return n;
  }

  override pread(_sys: Sys, to: IoSink, offset: number): number {
    if (offset === 0 || this.text === null) this.text = bytesOf(this.inode.generate());
    const end = Math.min(this.text.length, offset + to.remaining);
    return offset >= end ? 0 : to.put(this.text, offset, end);
  }

  override write(sys: Sys, from: IoSource): number {
    if (this.inode.store === null) throw linuxError(EINVAL);
    const bytes = new Uint8Array(Math.min(MAX_WRITE, from.remaining));
    const n = from.take(bytes, 0, bytes.length);
    const text = String.fromCharCode(...bytes.subarray(0, n));
    const whole = this.inode.keepsNewline || !text.endsWith('\n');
    this.inode.store(whole ? text : text.slice(0, -1), sys);
    return n;
  }

  override pwrite(sys: Sys, from: IoSource): number {
    return this.write(sys, from);
  }

  override seek(_sys: Sys, offset: number, whence: number): number {
    this.pos = seekRegular(this.inode, this.pos, offset, whence);
    return this.pos;
  }
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  if (typeof content !== 'string') return content;
  const bytes = new Uint8Array(content.length);
  for (let i = 0; i < content.length; i++) bytes[i] = content.charCodeAt(i);
  return bytes;
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
