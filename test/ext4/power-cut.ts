/** Power cuts for tests: a device that remembers writes, and what a cut leaves of them. */

import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import type { BlockDevice } from '../../src/kernel/ports.ts';

/** Keeps a log of writes and flushes. */
export class RecordingDevice implements BlockDevice {
  readonly size: number;
  readonly readOnly = false;
  readonly log: ({ offset: number; bytes: Uint8Array } | 'flush')[] = [];
  private readonly base: BlockDevice;

  constructor(base: BlockDevice) {
    this.base = base;
    this.size = base.size;
  }

  read(offset: number, into: Uint8Array): void {
    this.base.read(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    this.log.push({ offset, bytes: from.slice() });
    this.base.write(offset, from);
  }

  flush(): void {
    this.log.push('flush');
  }
}

export function copyOf(device: BlockDevice): MemoryBlockDevice {
  const bytes = new Uint8Array(device.size);
  device.read(0, bytes);
  return MemoryBlockDevice.from(bytes);
}

/** What is on the disk after a cut before entry `cut`: all until the last flush, some of the rest. */
export function afterCut(
  before: MemoryBlockDevice,
  log: RecordingDevice['log'],
  cut: number,
  seed: number,
): MemoryBlockDevice {
  const disk = copyOf(before);
  let safe = cut;
  while (safe > 0 && log[safe - 1] !== 'flush') safe--;
  let x = seed * 2 + 1;
  for (let i = 0; i < cut; i++) {
    const entry = log[i]!;
    if (entry === 'flush') continue;
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    const kept = i < safe || seed === 0 || (x >>> 16) % 3 > 0;
    if (kept) disk.write(entry.offset, entry.bytes);
  }
  return disk;
}

const SECTOR = 512;

/** Of writes that were not flushed some arrive, some do not and some do in part, in any order. */
export function tornWrite(
  disk: BlockDevice,
  log: RecordingDevice['log'],
  next: (n: number) => number,
): void {
  const writes = log.filter((entry) => entry !== 'flush');
  for (let i = writes.length - 1; i > 0; i--) {
    const k = next(i + 1);
    [writes[i], writes[k]] = [writes[k]!, writes[i]!];
  }
  for (const { offset, bytes } of writes) {
    const fate = next(4);
    if (fate === 0) continue;
    for (let at = 0; at < bytes.length; at += SECTOR) {
      if (fate === 1 && next(2) === 0) continue;
      disk.write(offset + at, bytes.subarray(at, at + SECTOR));
    }
  }
}
