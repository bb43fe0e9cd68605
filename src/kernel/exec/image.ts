/**
 * What execve(2) loaded: for /proc/PID/{exe,cmdline,environ,auxv,stat} and PR_SET_MM-like queries. While an image
 * is there its file cannot be written.
 */

import type { OpenFile, Path } from '../vfs/types.ts';
import { addProgram, removeProgram } from '../vfs/write-access.ts';

export class ProgramImage {
  /** The executable as opened; null for the kernel's own first process before its execve. */
  readonly file: OpenFile | null;
  readonly path: Path | null;
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  startCode = 0;
  endCode = 0;
  startData = 0;
  endData = 0;
  startStack = 0;
  startBrk = 0;
  /** The auxiliary vector's bytes. */
  auxv: Uint8Array = new Uint8Array(0);
  private references = 1;

  constructor(file: OpenFile | null) {
    this.file = file;
    this.path = file === null ? null : file.path;
    if (file?.inode != null) addProgram(file.inode);
    file?.retain();
  }

  share(): ProgramImage {
    this.references++;
    return this;
  }

  release(): void {
    if (--this.references > 0 || this.file === null) return;
    if (this.file.inode !== null) removeProgram(this.file.inode);
    this.file.release();
  }
}
