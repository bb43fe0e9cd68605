/**
 * /proc/PID/mem: the memory of a process, read at its addresses (proc(5)); fs/proc/base.c mem_read().
 *
 * A description is about the memory that was there when it was opened: after execve(2) or the end of the process it
 * reads as empty. Writing is for debuggers and is refused, loudly.
 */

import { EINVAL, EIO, EPERM, linuxError } from '../../errno.ts';
import type { AddressSpace } from '../../mm/address-space.ts';
import type { Process } from '../../process/process.ts';
import type { Sys } from '../../syscall/types.ts';
import { O_ACCMODE, O_RDONLY, SEEK_CUR, SEEK_SET } from '../../vfs/constants.ts';
import { BaseFile } from '../../vfs/file.ts';
import type { IoSink, OpenFile, Path } from '../../vfs/types.ts';
import { S_IFREG } from '../../vfs/types.ts';
import { type Owner, type PseudoFs, PseudoInode } from './node.ts';

const CHUNK = 65536;

export class MemoryNode extends PseudoInode {
  private readonly process: () => Process;
  private readonly check: (process: Process) => void;

  /** @param check throws if the reader may not look into the process */
  constructor(fs: PseudoFs, process: () => Process, owner: Owner, check: (p: Process) => void) {
    super(fs, S_IFREG | 0o600, owner);
    this.process = process;
    this.check = check;
  }

  override open(_sys: Sys | null, flags: number, path: Path): OpenFile {
    const process = this.process();
    this.check(process);
    if ((flags & O_ACCMODE) !== O_RDONLY) throw linuxError(EPERM);
    return new MemoryFile(this, path, flags, process);
  }
}

class MemoryFile extends BaseFile {
  private readonly process: Process;
  private readonly mm: WeakRef<AddressSpace> | null;

  constructor(inode: MemoryNode, path: Path, flags: number, process: Process) {
    super(inode, path, flags);
    this.process = process;
    const thread = process.aliveThread();
    this.mm = thread === null ? null : new WeakRef(thread.mm);
  }

  override read(sys: Sys, to: IoSink): number {
    const n = this.pread(sys, to, this.pos);
    this.pos += n;
    return n;
  }

  override pread(_sys: Sys, to: IoSink, offset: number): number {
    const mm = this.process.aliveThread()?.mm;
    if (mm === undefined || this.mm?.deref() !== mm) return 0;
    const bytes = new Uint8Array(Math.min(CHUNK, to.remaining));
    let done = 0;
    while (to.remaining > 0) {
      const wanted = Math.min(bytes.length, to.remaining);
      const n = mm.mem.copyInPartial(offset + done, bytes, 0, wanted);
      const put = n > 0 ? to.put(bytes, 0, n) : 0;
      done += put;
      if (put === 0 && done === 0) throw linuxError(EIO);
      if (put < wanted) break;
    }
    return done;
  }

  /** There is no end to seek from. */
  override seek(_sys: Sys, offset: number, whence: number): number {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) throw linuxError(EINVAL);
    this.pos = whence === SEEK_SET ? offset : this.pos + offset;
    return this.pos;
  }
}
