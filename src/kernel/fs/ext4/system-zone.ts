/**
 * The blocks that hold the file system itself: superblocks, descriptors, bitmaps, inode tables
 * (Linux: fs/ext4/block_validity.c). No file may claim one, so a damaged extent cannot make file data
 * overwrite them.
 */

import type { Volume } from './volume.ts';

export class SystemZone {
  /** Sorted, disjoint: start, end, start, end … */
  private bounds: Float64Array;
  private readonly vol: Volume;

  constructor(vol: Volume) {
    this.vol = vol;
    const { sb, groups } = vol;
    const ranges: [number, number][] = [[0, sb.firstDataBlock + 1]];
    const tableBlocks = groups.inodeTableBlocks;
    for (let g = 0; g < sb.groups; g++) {
      const base = groups.overhead(g);
      if (base > 0) ranges.push([groups.first(g), groups.first(g) + base]);
      ranges.push([groups.blockBitmap(g), groups.blockBitmap(g) + 1]);
      ranges.push([groups.inodeBitmap(g), groups.inodeBitmap(g) + 1]);
      ranges.push([groups.inodeTable(g), groups.inodeTable(g) + tableBlocks]);
    }
    this.bounds = merge(ranges);
  }

  /** Adds ranges of [start, length): the journal's blocks. */
  reserve(more: readonly (readonly [number, number])[]): void {
    const ranges: [number, number][] = more.map(([start, length]) => [start, start + length]);
    for (let i = 0; i < this.bounds.length; i += 2) {
      ranges.push([this.bounds[i]!, this.bounds[i + 1]!]);
    }
    this.bounds = merge(ranges);
  }

  /** Whether `count` blocks from `start` may belong to a file. */
  allows(start: number, count: number): boolean {
    if (start <= 0 || count <= 0 || start + count > this.vol.sb.blocks) return false;
    const b = this.bounds;
    let lo = 0;
    let hi = b.length >> 1;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (b[mid * 2 + 1]! <= start) lo = mid + 1;
      else hi = mid;
    }
    return lo * 2 >= b.length || b[lo * 2]! >= start + count;
  }
}

function merge(ranges: [number, number][]): Float64Array {
  ranges.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [start, end] of ranges) {
    const last = out.length - 1;
    if (last > 0 && start <= out[last]!) out[last] = Math.max(out[last]!, end);
    else out.push(start, end);
  }
  return Float64Array.from(out);
}
