/** Block devices in memory, against arrays: what is read and written, and what is asked of the device below. */

import fc from 'fast-check';
import { MemoryBlockDevice, OverlayBlockDevice } from '../../../src/kernel/fs/blockdev.ts';
import type { BlockDevice } from '../../../src/kernel/ports.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('block devices in memory');
const CHUNK = 4096;
const SIZE = 10 * CHUNK + 1024;

/** A device that counts what is read. */
class Below implements BlockDevice {
  readonly size = SIZE;
  readonly readOnly = true;
  readonly bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);
  readonly reads: [number, number][] = [];

  read(offset: number, into: Uint8Array): void {
    this.reads.push([offset, into.length]);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(): void {
    throw new Error('written to');
  }

  flush(): void {}
}

test('what is absent is read from below in runs', () => {
  const below = new Below();
  const device = new OverlayBlockDevice(below);
  device.write(3 * CHUNK, new Uint8Array(CHUNK).fill(1));
  device.write(6 * CHUNK + 10, new Uint8Array(10).fill(2));
  assert.equal(below.reads, [[6 * CHUNK, CHUNK]], 'the rest of a chunk that is written in part');
  below.reads.length = 0;
  const all = new Uint8Array(SIZE - 100);
  device.read(100, all);
  assert.equal(below.reads, [
    [100, 3 * CHUNK - 100],
    [4 * CHUNK, 2 * CHUNK],
    [7 * CHUNK, SIZE - 7 * CHUNK],
  ]);
  const expected = below.bytes.slice(100);
  expected.fill(1, 3 * CHUNK - 100, 4 * CHUNK - 100);
  expected.fill(2, 6 * CHUNK - 90, 6 * CHUNK - 80);
  assert.equal(all, expected);
});

test('reads and writes at random agree with an array', () => {
  const range = fc.tuple(fc.nat(SIZE), fc.nat(4 * CHUNK), fc.boolean(), fc.nat(255));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), fc.boolean(), (steps, overlay) => {
      const below = new Below();
      const model = overlay ? below.bytes.slice() : new Uint8Array(SIZE);
      const device = overlay ? new OverlayBlockDevice(below) : new MemoryBlockDevice(SIZE);
      for (const [offset, wanted, write, value] of steps) {
        const length = Math.min(wanted, SIZE - offset);
        if (write) {
          model.fill(value, offset, offset + length);
          device.write(offset, new Uint8Array(length).fill(value));
        }
        const got = new Uint8Array(length);
        device.read(offset, got);
        assert.equal(got, model.slice(offset, offset + length));
      }
      const all = new Uint8Array(SIZE);
      device.read(0, all);
      assert.equal(all, model);
    }),
  );
});
