/** Shared anonymous memory: a file without a name, kept by its mappings (Linux: shmem_zero_setup). */

import type { Paging } from '../../mmu/paging.ts';
import { PageCache } from './page-cache.ts';
import type { MappedFile } from './vma.ts';

let lastIno = 0;

export class ShmFile implements MappedFile {
  readonly pages: PageCache;
  readonly path: string;
  readonly dev: number = 1;
  readonly ino: number = ++lastIno;
  private refs = 0;

  constructor(paging: Paging, size: number, path = '/dev/zero (deleted)') {
    this.pages = new PageCache(paging, { size });
    this.path = path;
  }

  punch(from: number, to: number): void {
    this.pages.punch(from, to);
  }

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) this.pages.dispose();
  }
}
