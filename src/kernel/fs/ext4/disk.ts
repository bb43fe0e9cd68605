/**
 * The device in blocks. Whatever the host's device throws becomes EIO here, and nothing outside the
 * file system can be addressed: a corrupted block number ends as EUCLEAN, not as a wild access.
 */

import { EIO, EUCLEAN, LinuxError, linuxError } from '../../errno.ts';
import type { BlockDevice } from '../../ports.ts';

export class Disk {
  readonly device: BlockDevice;
  readonly blockSize: number;
  readonly blocks: number;
  private readonly log: (line: string) => void;

  constructor(device: BlockDevice, blockSize: number, blocks: number, log: (line: string) => void) {
    this.device = device;
    this.blockSize = blockSize;
    this.blocks = blocks;
    this.log = log;
  }

  /** Reads whole blocks from `block` on. */
  read(block: number, into: Uint8Array): void {
    this.check(block, into.length);
    this.guard('read', block, () => this.device.read(block * this.blockSize, into));
  }

  write(block: number, from: Uint8Array): void {
    this.check(block, from.length);
    this.guard('write', block, () => this.device.write(block * this.blockSize, from));
  }

  flush(): void {
    this.guard('flush', 0, () => this.device.flush());
  }

  private check(block: number, length: number): void {
    if (block >= 0 && block + length / this.blockSize <= this.blocks) return;
    this.log(`block ${block} is outside the file system`);
    throw linuxError(EUCLEAN);
  }

  private guard(what: string, block: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.log(`${what} error at block ${block}: ${text}`);
      throw error instanceof LinuxError ? error : linuxError(EIO);
    }
  }
}
