/**
 * The SHA extensions' operations (SDM vol. 1, 12.8; FIPS 180-4): rounds and message schedule of SHA-1 and
 * SHA-256. A vector is four words, the lowest lane first.
 *
 * Invariant: operands are read before the destination is written, for they may be one slot.
 */

import { put, type SlotFn } from './slot-fn.ts';

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
const rotr = (x: number, n: number): number => (x >>> n) | (x << (32 - n));

const choose = (x: number, y: number, z: number): number => (x & y) ^ (~x & z);
const majority = (x: number, y: number, z: number): number => (x & y) ^ (x & z) ^ (y & z);
const parity = (x: number, y: number, z: number): number => x ^ y ^ z;

/** FIPS 180-4, 4.1.2: upper and lower case sigma. */
const SIGMA0 = (x: number): number => rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22);
const SIGMA1 = (x: number): number => rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25);
const sigma0 = (x: number): number => rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
const sigma1 = (x: number): number => rotr(x, 17) ^ rotr(x, 19) ^ (x >>> 10);

/** Two rounds: a holds C D G H, b holds A B E F (highest lane first), c the two words plus constants. */
const sha256rnds2: SlotFn = ({ I32 }, d, a, b, c) => {
  const [c0, d0, g0, h0] = [I32[a + 3]!, I32[a + 2]!, I32[a + 1]!, I32[a]!];
  const [a0, b0, e0, f0] = [I32[b + 3]!, I32[b + 2]!, I32[b + 1]!, I32[b]!];
  const t0 = (choose(e0, f0, g0) + SIGMA1(e0) + I32[c]! + h0) | 0;
  const a1 = (t0 + majority(a0, b0, c0) + SIGMA0(a0)) | 0;
  const e1 = (t0 + d0) | 0;
  const t1 = (choose(e1, e0, f0) + SIGMA1(e1) + I32[c + 1]! + g0) | 0;
  const a2 = (t1 + majority(a1, a0, b0) + SIGMA0(a1)) | 0;
  return put(I32, d, e1, (t1 + c0) | 0, a1, a2);
};

const sha256msg1: SlotFn = ({ I32 }, d, a, b) => {
  const [w0, w1, w2, w3, w4] = [I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!, I32[b]!];
  return put(I32, d, w0 + sigma0(w1), w1 + sigma0(w2), w2 + sigma0(w3), w3 + sigma0(w4));
};

const sha256msg2: SlotFn = ({ I32 }, d, a, b) => {
  const w16 = (I32[a]! + sigma1(I32[b + 2]!)) | 0;
  const w17 = (I32[a + 1]! + sigma1(I32[b + 3]!)) | 0;
  const w18 = (I32[a + 2]! + sigma1(w16)) | 0;
  return put(I32, d, w16, w17, w18, I32[a + 3]! + sigma1(w17));
};

const sha1nexte: SlotFn = ({ I32 }, d, a, b) =>
  put(I32, d, I32[b]!, I32[b + 1]!, I32[b + 2]!, I32[b + 3]! + rotl(I32[a + 3]!, 30));

const sha1msg1: SlotFn = ({ I32 }, d, a, b) => {
  const [w3, w2, w1, w0] = [I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!];
  return put(I32, d, I32[b + 2]! ^ w3, I32[b + 3]! ^ w2, w3 ^ w1, w2 ^ w0);
};

const sha1msg2: SlotFn = ({ I32 }, d, a, b) => {
  const w16 = rotl(I32[a + 3]! ^ I32[b + 2]!, 1);
  const w17 = rotl(I32[a + 2]! ^ I32[b + 1]!, 1);
  const w18 = rotl(I32[a + 1]! ^ I32[b]!, 1);
  return put(I32, d, rotl(I32[a]! ^ w16, 1), w18, w17, w16);
};

/** FIPS 180-4, 4.1.1 and 4.2.1, by imm. */
const SHA1_FUNCTIONS = [choose, parity, majority, parity];
const SHA1_CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

/** Four rounds: a holds A B C D, b the words, the first one with E added (highest lane first). */
const sha1rnds4: SlotFn = ({ I32 }, d, a, b, _c, imm) => {
  const f = SHA1_FUNCTIONS[imm & 3]!;
  const k = SHA1_CONSTANTS[imm & 3]!;
  let [w, x, y, z] = [I32[a + 3]!, I32[a + 2]!, I32[a + 1]!, I32[a]!];
  let e = 0;
  for (let i = 3; i >= 0; i--) {
    const next = (f(x, y, z) + rotl(w, 5) + I32[b + i]! + e + k) | 0;
    e = z;
    z = y;
    y = rotl(x, 30);
    x = w;
    w = next;
  }
  return put(I32, d, z, y, x, w);
};

export const SHA_FNS = {
  vsha256rnds2: sha256rnds2,
  vsha256msg1: sha256msg1,
  vsha256msg2: sha256msg2,
  vsha1nexte: sha1nexte,
  vsha1msg1: sha1msg1,
  vsha1msg2: sha1msg2,
  vsha1rnds4: sha1rnds4,
} satisfies Record<string, SlotFn>;
