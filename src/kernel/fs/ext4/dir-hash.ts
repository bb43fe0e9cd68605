/**
 * Hashes of names in indexed directories (fs/ext4/hash.c, lib/halfmd4.c): the legacy hash, half-MD4 and
 * TEA, each with names as signed or unsigned characters.
 */

export const HASH_LEGACY = 0;
export const HASH_HALF_MD4 = 1;
export const HASH_TEA = 2;
/** Added to a version: characters count as unsigned. */
const UNSIGNED = 3;

const DELTA = 0x9e3779b9;
/** End-of-file mark of readdir; no name may have it. */
const HTREE_EOF = 0x7fffffff;

/** Major (lowest bit clear) and minor, unsigned. */
export interface NameHash {
  readonly major: number;
  readonly minor: number;
}

export interface HashParams {
  /** As in the directory's root: 0…5. */
  readonly version: number;
  /** Four words; all zero: the default. */
  readonly seed: readonly number[];
}

const DEFAULT_SEED = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** The last result: a name is looked up before it is added or removed. */
const last: { name: string; version: number; seed: readonly number[]; hash: NameHash } = {
  name: '',
  version: -1,
  seed: DEFAULT_SEED,
  hash: { major: 0, minor: 0 },
};

function sameWords(a: readonly number[], b: readonly number[]): boolean {
  return a === b || a.every((word, i) => word === b[i]);
}

export function hashName(name: string, params: HashParams): NameHash {
  const { seed, version } = params;
  if (name !== last.name || version !== last.version || !sameWords(seed, last.seed)) {
    last.hash = computeHash(name, params);
    last.name = name;
    last.version = version;
    last.seed = seed;
  }
  return last.hash;
}

/** What is hashed so far, and the words that come next: used again for each name. */
const state = new Int32Array(4);
const input = new Int32Array(8);

function computeHash(name: string, params: HashParams): NameHash {
  const unsigned = params.version >= UNSIGNED;
  const version = unsigned ? params.version - UNSIGNED : params.version;
  const { seed } = params;
  const seeded = (seed[0]! | seed[1]! | seed[2]! | seed[3]!) !== 0;
  state.set(seeded ? seed : DEFAULT_SEED);
  let major: number;
  let minor = 0;
  if (version === HASH_LEGACY) {
    major = legacyHash(name, unsigned);
  } else if (version === HASH_HALF_MD4) {
    for (let at = 0; at < name.length; at += 32) {
      packName(name, at, 8, unsigned);
      halfMd4(state);
    }
    major = state[1]!;
    minor = state[2]!;
  } else {
    for (let at = 0; at < name.length; at += 16) {
      packName(name, at, 4, unsigned);
      tea(state);
    }
    major = state[0]!;
    minor = state[1]!;
  }
  major = (major & ~1) >>> 0;
  if (major === HTREE_EOF * 2) major = (HTREE_EOF - 1) * 2;
  return { major, minor: minor >>> 0 };
}

function charAt(name: string, i: number, unsigned: boolean): number {
  const c = name.charCodeAt(i) & 0xff;
  return unsigned ? c : (c << 24) >> 24;
}

function legacyHash(name: string, unsigned: boolean): number {
  let hash0 = 0x12a3fe2d;
  let hash1 = 0x37abe8f9;
  for (let i = 0; i < name.length; i++) {
    let hash = (hash1 + (hash0 ^ Math.imul(charAt(name, i, unsigned), 7152373))) | 0;
    if (hash & 0x80000000) hash = (hash - 0x7fffffff) | 0;
    hash1 = hash0;
    hash0 = hash;
  }
  return hash0 << 1;
}

/** str2hashbuf: sets `words` words of the input from the name at `at`, padded with its length. */
function packName(name: string, at: number, words: number, unsigned: boolean): void {
  let left = name.length - at;
  let pad = left | (left << 8);
  pad |= pad << 16;
  let val = pad;
  const n = Math.min(left, words * 4);
  let word = 0;
  for (let i = 0; i < n; i++) {
    val = (charAt(name, at + i, unsigned) + (val << 8)) | 0;
    if (i % 4 === 3) {
      input[word++] = val;
      val = pad;
    }
  }
  left = words - word;
  if (left > 0) {
    input[word++] = val;
    while (word < words) input[word++] = pad;
  }
}

function tea(buf: Int32Array): void {
  let sum = 0;
  let b0 = buf[0]!;
  let b1 = buf[1]!;
  const [a, b, c, d] = input as unknown as [number, number, number, number];
  for (let n = 0; n < 16; n++) {
    sum = (sum + DELTA) | 0;
    b0 = (b0 + (((b1 << 4) + a) ^ (b1 + sum) ^ ((b1 >>> 5) + b))) | 0;
    b1 = (b1 + (((b0 << 4) + c) ^ (b0 + sum) ^ ((b0 >>> 5) + d))) | 0;
  }
  buf[0] = buf[0]! + b0;
  buf[1] = buf[1]! + b1;
}

/** The order in which a round takes the input words, and its rotations. */
const MD4_ROUNDS: readonly { k: number; order: readonly number[]; rot: readonly number[] }[] = [
  { k: 0, order: [0, 1, 2, 3, 4, 5, 6, 7], rot: [3, 7, 11, 19] },
  { k: 0x5a827999, order: [1, 3, 5, 7, 0, 2, 4, 6], rot: [3, 5, 9, 13] },
  { k: 0x6ed9eba1, order: [3, 7, 2, 6, 1, 5, 0, 4], rot: [3, 9, 11, 15] },
];

function md4Mix(round: number, x: number, y: number, z: number): number {
  if (round === 0) return z ^ (x & (y ^ z));
  if (round === 1) return ((x & y) + ((x ^ y) & z)) | 0;
  return x ^ y ^ z;
}

const mixing = new Int32Array(4);

function halfMd4(buf: Int32Array): void {
  // Step i changes variable (4 - i) mod 4: a, d, c, b, a, …
  const s = mixing;
  s.set(buf);
  for (let round = 0; round < 3; round++) {
    const { k, order, rot } = MD4_ROUNDS[round]!;
    for (let i = 0; i < 8; i++) {
      const t = (4 - (i & 3)) & 3;
      const mixed = md4Mix(round, s[(t + 1) & 3]!, s[(t + 2) & 3]!, s[(t + 3) & 3]!);
      const v = (s[t]! + mixed + input[order[i]!]! + k) | 0;
      const r = rot[i & 3]!;
      s[t] = (v << r) | (v >>> (32 - r));
    }
  }
  for (let i = 0; i < 4; i++) buf[i] = buf[i]! + s[i]!;
}
