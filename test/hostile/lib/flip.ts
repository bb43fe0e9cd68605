/** Damages files: bits, bytes, edge values in words, cut ends. */

import type { Random } from '../../diff/random.ts';

const WORDS = [0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 0xfffff000, 0x1000];

/** A damaged copy; most damage is in the first `head` bytes. */
export function damage(rng: Random, bytes: Uint8Array, head: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let n = 1 + rng.below(4); n > 0; n--) {
    const at = rng.below(rng.chance(75) ? Math.min(head, copy.length) : copy.length);
    switch (rng.below(4)) {
      case 0:
        copy[at] = rng.below(256);
        break;
      case 1:
        view.setUint32(Math.min(at & ~3, copy.length - 4), rng.pick(WORDS), true);
        break;
      default:
        copy[at] = (copy[at] as number) ^ (1 << rng.below(8));
    }
  }
  return rng.chance(10) ? copy.slice(0, rng.below(copy.length)) : copy;
}
