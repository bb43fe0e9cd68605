/** An open file as a mapping holds it: one object per open file, so that adjacent areas can merge. */

import { ENODEV, linuxError } from '../errno.ts';
import type { Inode, OpenFile } from '../vfs/types.ts';
import { PageCache } from './page-cache.ts';
import type { MappedFile } from './vma.ts';

/** FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
const PUNCH_HOLE = 3;
const PAGE_SIZE = 4096;

const mappings = new WeakMap<OpenFile, OpenFileMapping>();

class OpenFileMapping implements MappedFile {
  readonly pages: PageCache;
  private readonly file: OpenFile;
  private readonly inode: Inode;

  constructor(file: OpenFile, inode: Inode, pages: PageCache) {
    this.file = file;
    this.inode = inode;
    this.pages = pages;
  }

  get path(): string {
    return this.file.describe();
  }

  get dev(): number {
    return this.inode.fs.dev;
  }

  get ino(): number {
    return this.inode.ino;
  }

  prepareFault(page: number, write: boolean): void {
    if (write) this.pages.limitDirty();
    this.inode.prepareFault?.(page, write);
  }

  punch(from: number, to: number): void {
    this.inode.fallocate(PUNCH_HOLE, from * PAGE_SIZE, (to - from) * PAGE_SIZE);
  }

  retain(): void {
    this.file.retain();
  }

  release(): void {
    this.file.release();
  }
}

/** For mmap; throws ENODEV if the file has no pages (pipes, sockets, devices, directories, procfs). */
export function mappedFile(file: OpenFile): MappedFile {
  let mapping = mappings.get(file);
  // A file system may replace the cache of an inode (tmpfs, when a file is imported).
  if (mapping !== undefined && mapping.pages === file.inode?.pages) return mapping;
  const pages = file.inode?.pages;
  if (file.inode === null || !(pages instanceof PageCache)) throw linuxError(ENODEV);
  mapping = new OpenFileMapping(file, file.inode, pages);
  mappings.set(file, mapping);
  return mapping;
}
