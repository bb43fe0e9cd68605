/**
 * Helpers of AVX instructions that access memory lane by lane: masked moves and gathers (SDM vol. 2,
 * VMASKMOV, VPGATHERDD). They find their vector registers by number in `how` (vectorHow).
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { HelperEnv, HelperFn, HelperRow } from '../ir/helpers.ts';
import type { Field } from '../ir/ops.ts';
import { YMM_BASE } from './state.ts';

const YMM_WORD = YMM_BASE >> 2;
const SHORT_ADDRESS = 0x20000;

/** What the helpers need to know: register numbers, and sizes. */
export interface VectorHow {
  /** Destination (gather, load) or value (store). */
  readonly data: number;
  readonly mask: number;
  readonly index?: number;
  readonly scale?: number;
  /** Bytes of a lane, of an index, of the whole register. */
  readonly lane: 4 | 8;
  readonly indexSize?: 4 | 8;
  readonly bytes: 16 | 32;
  /** Effective addresses are modulo 2^32. */
  readonly shortAddress?: boolean;
}

export function vectorHow(h: VectorHow): number {
  return (
    h.data |
    (h.mask << 4) |
    ((h.index ?? 0) << 8) |
    ((h.scale ?? 0) << 12) |
    (h.lane === 8 ? 0x4000 : 0) |
    (h.indexSize === 8 ? 0x8000 : 0) |
    (h.bytes === 32 ? 0x10000 : 0) |
    (h.shortAddress === true ? SHORT_ADDRESS : 0)
  );
}

const dataWord = (how: number): number => YMM_WORD + (how & 15) * 8;
const maskWord = (how: number): number => YMM_WORD + ((how >> 4) & 15) * 8;
const indexWord = (how: number): number => YMM_WORD + ((how >> 8) & 15) * 8;
/** Words of a lane, and lanes of a register. */
const laneWords = (how: number): number => (how & 0x4000 ? 2 : 1);
const laneCount = (how: number): number => (how & 0x10000 ? 8 : 4) / laneWords(how);

/** Is the top bit of lane i of the mask set? */
function isActive(I32: Int32Array, how: number, i: number): boolean {
  const words = laneWords(how);
  return I32[maskWord(how) + i * words + words - 1]! < 0;
}

/** Host offset for reading `words` words at hi:lo + offset (a safe integer), or -1. */
function readAt(env: HelperEnv, lo: number, hi: number, offset: number, words: number): number {
  const sum = (lo >>> 0) + offset;
  const carry = Math.floor(sum / 0x100000000);
  return env.mem.read(sum | 0, (hi + carry) | 0, words * 4);
}

const loaded: Int32Array = new Int32Array(8);

/** maskload(address, how): lanes whose mask is clear become zero, and their memory is not looked at. */
const maskload: HelperFn = (env, _d, a, b) => {
  const { I32, D } = env;
  const how = I32[b]!;
  const words = laneWords(how);
  loaded.fill(0);
  for (let i = 0; i < laneCount(how); i++) {
    if (!isActive(I32, how, i)) continue;
    const at = readAt(env, I32[a]!, I32[a + 1]!, i * words * 4, words);
    if (at < 0) return -1;
    for (let k = 0; k < words; k++) loaded[i * words + k] = D.getInt32(at + 4 * k, true);
  }
  // VEX.128 zeroes the upper half.
  I32.set(loaded, dataWord(how));
  return 0;
};

/** maskstore(address, how): nothing is written unless every active lane can be. */
const maskstore: HelperFn = (env, _d, a, b) => {
  const { I32, mem } = env;
  const how = I32[b]!;
  const words = laneWords(how);
  const data = dataWord(how);
  for (const write of [false, true]) {
    for (let i = 0; i < laneCount(how); i++) {
      if (!isActive(I32, how, i)) continue;
      for (let k = 0; k < words * 4; k++) {
        const sum = (I32[a]! >>> 0) + i * words * 4 + k;
        const hi = (I32[a + 1]! + (sum > 0xffffffff ? 1 : 0)) | 0;
        const byte = (I32[data + i * words + (k >> 2)]! >> ((k & 3) << 3)) & 0xff;
        const status = write ? mem.write8(sum | 0, hi, byte) : mem.writable(sum | 0, hi, 1);
        if (status < 0) return status;
      }
    }
  }
  return 0;
};

/** Index of lane i, sign-extended to 64 bits, times the scale: low and high word. */
function scaledIndex(I32: Int32Array, how: number, i: number): readonly [lo: number, hi: number] {
  const at = indexWord(how);
  const wide = (how & 0x8000) !== 0;
  const lo = I32[at + (wide ? 2 * i : i)]!;
  const hi = wide ? I32[at + 2 * i + 1]! : lo >> 31;
  const n = (how >> 12) & 3;
  return n === 0 ? [lo, hi] : [lo << n, (hi << n) | (lo >>> (32 - n))];
}

/** Host offset for reading lane i at base + index * scale + segment, or -1. */
function readLane(env: HelperEnv, base: number, segment: number, how: number, i: number): number {
  const { I32 } = env;
  const [lo, hi] = scaledIndex(I32, how, i);
  const sum = (I32[base]! >>> 0) + (lo >>> 0);
  const high = I32[base + 1]! + hi + (sum > 0xffffffff ? 1 : 0);
  const linear = (sum >>> 0) + (I32[segment]! >>> 0);
  const carry = linear > 0xffffffff ? 1 : 0;
  const linearHigh = (how & SHORT_ADDRESS ? 0 : high) + I32[segment + 1]! + carry;
  return env.mem.read(linear | 0, linearHigh | 0, laneWords(how) * 4);
}

/** Each lane of a gather's mask becomes its sign: what a fault shows of it (SDM vol. 2, VPGATHERDD). */
function extendMask(I32: Int32Array, how: number): void {
  const words = laneWords(how);
  for (let i = 0; i < laneCount(how); i++) {
    const at = maskWord(how) + i * words;
    I32.fill(I32[at + words - 1]! >> 31, at, at + words);
  }
}

/**
 * gather(base, how, segment): loads lanes with a set mask from base + index * scale, lowest first, and clears
 * each lane's mask when it is there. A fault leaves what was loaded, and the rest to be done again.
 */
const gather: HelperFn = (env, _d, a, b, c) => {
  const { I32, D } = env;
  const how = I32[b]!;
  const words = laneWords(how);
  const data = dataWord(how);
  const mask = maskWord(how);
  extendMask(I32, how);
  if ((how & 0x10000) === 0) {
    I32.fill(0, data + 4, data + 8);
    I32.fill(0, mask + 4, mask + 8);
  }
  // As many lanes as there are indices and data of that size.
  const count = how & 0x8000 ? laneCount(how | 0x4000) : laneCount(how);
  for (let i = 0; i < count; i++) {
    if (isActive(I32, how, i)) {
      const at = readLane(env, a, c, how, i);
      if (at < 0) return -1;
      for (let k = 0; k < words; k++) I32[data + i * words + k] = D.getInt32(at + 4 * k, true);
    }
    for (let k = 0; k < words; k++) I32[mask + i * words + k] = 0;
  }
  // Beyond the lanes that there were, up to the end of the YMM registers: zero.
  I32.fill(0, data + count * words, data + 8);
  I32.fill(0, mask + count * words, mask + 8);
  return 0;
};

/** probeWrite(address, bytes): faults where a store would, so that flags can be set before it. */
const probeWrite: HelperFn = (env, _d, a, b) => {
  const { I32, mem } = env;
  const lo = I32[a]!;
  const hi = I32[a + 1]!;
  const first = mem.writable(lo, hi, 1);
  if (first < 0) return first;
  const last = (lo >>> 0) + I32[b]! - 1;
  if (last >>> 12 === lo >>> 12 && last <= 0xffffffff) return 0;
  const second = mem.writable(last & -PAGE_SIZE, (hi + (last > 0xffffffff ? 1 : 0)) | 0, 1);
  return second < 0 ? second : 0;
};

const row = (name: string, args: readonly Field[], fn: HelperFn): HelperRow => ({
  name,
  result: null,
  args,
  reads: 'all',
  writes: 'all',
  mayFault: true,
  fn,
});

export const VEC_HELPERS: readonly HelperRow[] = [
  row('maskload', ['i64', 'i32'], maskload),
  row('maskstore', ['i64', 'i32'], maskstore),
  row('probeWrite', ['i64', 'i32'], probeWrite),
  row('gather', ['i64', 'i32', 'i64'], gather),
];
