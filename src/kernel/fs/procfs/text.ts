/**
 * Files whose content is generated: texts, and settings that take what is written.
 *
 * Invariant: a text is generated when it is read from its start, and later reads of that open file continue in the
 * same text (as seq_file does for small files).
 */

import { EINVAL, linuxError } from '../../errno.ts';
import { takeHeap } from '../../heap.ts';
import type { Sys } from '../../syscall/types.ts';
import { BaseFile } from '../../vfs/file.ts';
import { seekRegular } from '../../vfs/regular-file.ts';
import type { IoSink, IoSource, OpenFile, Path } from '../../vfs/types.ts';
import { POLLERR, POLLPRI, S_IFREG } from '../../vfs/types.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { type Owner, type PseudoFs, PseudoInode } from './node.ts';

export interface TextOptions {
  readonly mode?: number;
  readonly owner?: Owner;
  /** Takes what is written, as Latin-1 without a final newline; throws EINVAL. */
  readonly write?: (text: string, sys: Sys) => void;
  /** A final newline is part of what is written. */
  readonly keepsNewline?: boolean;
  /** A write of no bytes does nothing; otherwise it is one of no text. */
  readonly ignoresEmpty?: boolean;
  /** Changes that poll(2) tells (POLLPRI) until the file is read again. */
  readonly changes?: TextChanges;
}

/** Counts the changes of a generated text (kernfs_notify). */
export class TextChanges {
  count = 0;
  readonly queue: WaitQueue = new WaitQueue(POLLPRI | POLLERR);

  changed(): void {
    this.count++;
    this.queue.wake();
  }
}

/** A file whose content is generated: Latin-1 text, or bytes. */
export class PseudoText extends PseudoInode {
  readonly generate: () => string | Uint8Array;
  readonly store: ((text: string, sys: Sys) => void) | null;
  readonly keepsNewline: boolean;
  readonly ignoresEmpty: boolean;
  readonly changes: TextChanges | null;

  constructor(fs: PseudoFs, generate: () => string | Uint8Array, options: TextOptions = {}) {
    const mode = options.mode ?? (options.write === undefined ? 0o444 : 0o644);
    super(fs, S_IFREG | mode, options.owner);
    this.generate = generate;
    this.store = options.write ?? null;
    this.keepsNewline = options.keepsNewline ?? false;
    this.ignoresEmpty = options.ignoresEmpty ?? false;
    this.changes = options.changes ?? null;
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
  /** Changes that were there at the last read. */
  private seen = 0;

  constructor(inode: PseudoText, path: Path, flags: number) {
    super(inode, path, flags);
    this.seen = inode.changes?.count ?? 0;
  }

  override poll(): number {
    const changed = (this.inode.changes?.count ?? 0) !== this.seen;
    return super.poll() | (changed ? POLLPRI | POLLERR : 0);
  }

  override pollQueues(): readonly WaitQueue[] {
    const { changes } = this.inode;
    return changes === null ? super.pollQueues() : [changes.queue];
  }

  override read(sys: Sys, to: IoSink): number {
    const n = this.pread(sys, to, this.pos);
    this.pos += n;
    return n;
  }

  override pread(_sys: Sys, to: IoSink, offset: number): number {
    if (offset === 0 || this.text === null) {
      this.seen = this.inode.changes?.count ?? 0;
      this.keep(bytesOf(this.inode.generate()));
    }
    const text = this.text as Uint8Array;
    const end = Math.min(text.length, offset + to.remaining);
    return offset >= end ? 0 : to.put(text, offset, end);
  }

  private keep(text: Uint8Array): void {
    const { heap } = this.inode.fs.kernel;
    this.closed();
    takeHeap(heap, text.length);
    this.text = text;
  }

  protected override closed(): void {
    this.inode.fs.kernel.heap.give(this.text?.length ?? 0);
    this.text = null;
  }

  override write(sys: Sys, from: IoSource): number {
    if (this.inode.store === null) throw linuxError(EINVAL);
    if (from.remaining === 0 && this.inode.ignoresEmpty) return 0;
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
