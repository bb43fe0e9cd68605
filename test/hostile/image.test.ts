/**
 * Damaged ext4 images, mounted and walked by a running guest: mounting fails with one line, or reading
 * and changing gives errnos (SIGBUS for mapped pages), in bounded time.
 */

import { mountOn } from '../../src/host/mounts.ts';
import { LinuxError } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { Ext4ImageError } from '../../src/kernel/fs/ext4/errors.ts';
import { guestPages } from '../../src/kernel/fs/ext4/file-pages.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { Random } from '../diff/random.ts';
import { haveCompiler, readBinary } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { compileHostile } from './lib/compile.ts';
import { mountExt4 } from './lib/mounts.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile images', { timeout: 1_700_000 });
const RUNS = Number(process.env['KEVLAR_FUZZ_RUNS'] ?? 25);

/** A good image with something of everything. */
function goodImage(): Uint8Array {
  const rig = new Rig({ rng: new Random(1), memory: 16 });
  const device = mountExt4(rig);
  for (let i = 0; i < 100; i++) rig.put(`/ext/many/name-${i}`, 'x'.repeat(i * 50), 0o644);
  rig.machine.kernel.vfs.sync();
  const bytes = new Uint8Array(device.size);
  device.read(0, bytes);
  return bytes;
}

/** Flips bits where the image is not empty. */
function flip(rng: Random, image: Uint8Array, used: readonly number[]): Uint8Array {
  const copy = image.slice();
  for (let n = 1 + rng.below(12); n > 0; n--) {
    const at = rng.pick(used);
    copy[at] = (copy[at] as number) ^ (1 << rng.below(8));
  }
  return copy;
}

if (!haveCompiler('musl-gcc')) test.skip('all cases', 'musl-gcc is not installed');
else {
  test('damaged ext4 images walked by a guest', () => {
    const image = goodImage();
    const used: number[] = [];
    image.forEach((b, i) => {
      if (b !== 0) used.push(i);
    });
    const walk = readBinary(compileHostile('walk'));
    const ends = new Map<string, number>();
    for (let i = 0; i < RUNS; i++) {
      const rng = new Random(77_000 + i);
      const rig = new Rig({ rng, memory: 16 });
      rig.put('/bin/walk', walk);
      let end = '';
      try {
        const device = MemoryBlockDevice.from(flip(rng, image, used));
        const pages = guestPages(rig.machine.mmu.paging);
        mountOn(
          rig.machine,
          '/ext',
          Ext4FileSystem.open(device, { dev: 0x801, pages }),
          '/dev/vdb',
          0,
        );
        const result = rig.start(['/bin/walk', '/ext']);
        end = rig.run(20_000_000) ? String(result.status) : 'budget';
        rig.audit();
      } catch (e) {
        if (!(e instanceof LinuxError || e instanceof Ext4ImageError)) throw e;
        assert.not.match(e.message, '\n');
        end = e.constructor.name;
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    assert.ok(ends.has('0'), [...ends].join(' '));
  });
}
