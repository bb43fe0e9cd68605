/**
 * The AES operations (SDM vol. 1, 12.13; FIPS 197) and carry-less multiplication (SDM vol. 2, PCLMULQDQ).
 * A vector is the state's four columns, the lowest lane first; byte 0 of a word is row 0.
 *
 * Invariant: operands are read before the destination is written, for they may be one slot.
 *
 * A round is looked up: SubBytes and MixColumns of one byte are one word (Daemen and Rijmen, The Design of
 * Rijndael, 4.2), ShiftRows is which column the byte is taken from. A product is summed from multiples of one factor,
 * four bits of the other at a time. bench/crypto.ts: 20 ns a round, 75 ns a product.
 */

import { put, type SlotFn } from './slot-fn.ts';

/** FIPS 197, 5.1.1 and 5.3.2. All tables are made when the first of these operations is executed. */
const SBOX = new Uint8Array(256);
const INV_SBOX = new Uint8Array(256);
/** Row r of a column adds TABLE[r << 8 | byte] to it: SubBytes and MixColumns, and their inverses. */
const ROUND = new Int32Array(1024);
const INV_ROUND = new Int32Array(1024);

/** FIPS 197, 5.1.1: the affine transformation of SubBytes is this, and an addition of AFFINE_CONSTANT. */
export function affine(x: number): number {
  const twice = x | (x << 8);
  return (x ^ (twice >> 7) ^ (twice >> 6) ^ (twice >> 5) ^ (twice >> 4)) & 0xff;
}
export const AFFINE_CONSTANT = 0x63;

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

/** Product in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, 4.2). */
export function times(x: number, y: number): number {
  let r = 0;
  for (let a = x, b = y; b !== 0; b >>= 1) {
    if (b & 1) r ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11b : 0);
  }
  return r;
}

function makeSboxes(): void {
  // 3 generates the multiplicative group: p runs through it, and q through the inverses.
  let p = 1;
  let q = 1;
  do {
    p = times(p, 3);
    q = times(q, 0xf6);
    SBOX[p] = affine(q) ^ AFFINE_CONSTANT;
  } while (p !== 1);
  SBOX[0] = AFFINE_CONSTANT;
  for (let x = 0; x < 256; x++) INV_SBOX[SBOX[x]!] = x;
}

/** The column that a byte in row 0 becomes, by the coefficients of rows 0 to 3, and its rotations for the other rows. */
function makeTable(table: Int32Array, sub: Uint8Array, factors: readonly number[]): void {
  for (let x = 0; x < 256; x++) {
    let w = 0;
    for (let row = 0; row < 4; row++) w |= times(sub[x]!, factors[row]!) << (8 * row);
    for (let row = 0; row < 4; row++) table[(row << 8) | x] = rotl(w, 8 * row);
  }
}

function makeTables(): void {
  makeSboxes();
  makeTable(ROUND, SBOX, [2, 1, 1, 3]);
  makeTable(INV_ROUND, INV_SBOX, [14, 9, 13, 11]);
}

/** A column of the next state from the four columns that its rows come from. */
const mix = (t: Int32Array, w0: number, w1: number, w2: number, w3: number): number =>
  t[w0 & 255]! ^
  t[256 | ((w1 >>> 8) & 255)]! ^
  t[512 | ((w2 >>> 16) & 255)]! ^
  t[768 | (w3 >>> 24)]!;

/** The same without MixColumns: the last round. */
const substitute = (s: Uint8Array, w0: number, w1: number, w2: number, w3: number): number =>
  s[w0 & 255]! |
  (s[(w1 >>> 8) & 255]! << 8) |
  (s[(w2 >>> 16) & 255]! << 16) |
  (s[w3 >>> 24]! << 24);

const aesenc: SlotFn = ({ I32 }, d, a, b) => {
  if (ROUND[0] === 0) makeTables();
  const w0 = I32[a]!;
  const w1 = I32[a + 1]!;
  const w2 = I32[a + 2]!;
  const w3 = I32[a + 3]!;
  return put(
    I32,
    d,
    mix(ROUND, w0, w1, w2, w3) ^ I32[b]!,
    mix(ROUND, w1, w2, w3, w0) ^ I32[b + 1]!,
    mix(ROUND, w2, w3, w0, w1) ^ I32[b + 2]!,
    mix(ROUND, w3, w0, w1, w2) ^ I32[b + 3]!,
  );
};

const aesenclast: SlotFn = ({ I32 }, d, a, b) => {
  if (ROUND[0] === 0) makeTables();
  const w0 = I32[a]!;
  const w1 = I32[a + 1]!;
  const w2 = I32[a + 2]!;
  const w3 = I32[a + 3]!;
  return put(
    I32,
    d,
    substitute(SBOX, w0, w1, w2, w3) ^ I32[b]!,
    substitute(SBOX, w1, w2, w3, w0) ^ I32[b + 1]!,
    substitute(SBOX, w2, w3, w0, w1) ^ I32[b + 2]!,
    substitute(SBOX, w3, w0, w1, w2) ^ I32[b + 3]!,
  );
};

const aesdec: SlotFn = ({ I32 }, d, a, b) => {
  if (ROUND[0] === 0) makeTables();
  const w0 = I32[a]!;
  const w1 = I32[a + 1]!;
  const w2 = I32[a + 2]!;
  const w3 = I32[a + 3]!;
  return put(
    I32,
    d,
    mix(INV_ROUND, w0, w3, w2, w1) ^ I32[b]!,
    mix(INV_ROUND, w1, w0, w3, w2) ^ I32[b + 1]!,
    mix(INV_ROUND, w2, w1, w0, w3) ^ I32[b + 2]!,
    mix(INV_ROUND, w3, w2, w1, w0) ^ I32[b + 3]!,
  );
};

const aesdeclast: SlotFn = ({ I32 }, d, a, b) => {
  if (ROUND[0] === 0) makeTables();
  const w0 = I32[a]!;
  const w1 = I32[a + 1]!;
  const w2 = I32[a + 2]!;
  const w3 = I32[a + 3]!;
  return put(
    I32,
    d,
    substitute(INV_SBOX, w0, w3, w2, w1) ^ I32[b]!,
    substitute(INV_SBOX, w1, w0, w3, w2) ^ I32[b + 1]!,
    substitute(INV_SBOX, w2, w1, w0, w3) ^ I32[b + 2]!,
    substitute(INV_SBOX, w3, w2, w1, w0) ^ I32[b + 3]!,
  );
};

const subWord = (w: number): number => substitute(SBOX, w, w, w, w);

/** InvMixColumns: the inverse table's substitution is undone first. */
const inverseMix = (w: number): number => {
  const s = subWord(w);
  return mix(INV_ROUND, s, s, s, s);
};

const aesimc: SlotFn = ({ I32 }, d, a) => {
  if (ROUND[0] === 0) makeTables();
  return put(
    I32,
    d,
    inverseMix(I32[a]!),
    inverseMix(I32[a + 1]!),
    inverseMix(I32[a + 2]!),
    inverseMix(I32[a + 3]!),
  );
};

/** SubWord of columns 1 and 3, and RotWord of it plus the round constant. */
const aeskeygen: SlotFn = ({ I32 }, d, a, _b, _c, imm) => {
  if (ROUND[0] === 0) makeTables();
  const s1 = subWord(I32[a + 1]!);
  const s3 = subWord(I32[a + 3]!);
  return put(I32, d, s1, rotl(s1, 24) ^ imm, s3, rotl(s3, 24) ^ imm);
};

/** 0 to 15 times one factor of a carry-less product, three words each. */
const MULTIPLES = new Int32Array(48);

function makeMultiples(x0: number, x1: number): void {
  const m = MULTIPLES;
  m[3] = x0;
  m[4] = x1;
  for (let i = 6; i < 48; i += 6) {
    const w0 = m[i >> 1]!;
    const w1 = m[(i >> 1) + 1]!;
    const v0 = w0 << 1;
    const v1 = (w1 << 1) | (w0 >>> 31);
    const v2 = (m[(i >> 1) + 2]! << 1) | (w1 >>> 31);
    m[i] = v0;
    m[i + 1] = v1;
    m[i + 2] = v2;
    m[i + 3] = v0 ^ x0;
    m[i + 4] = v1 ^ x1;
    m[i + 5] = v2;
  }
}

/** Bit 0 of imm chooses the quadword of a, bit 4 that of b. Four bits of each of b's words a round. */
const clmul: SlotFn = ({ I32 }, d, a, b, _c, imm) => {
  const x = a + ((imm & 1) << 1);
  const y = b + ((imm & 16) >> 3);
  const y0 = I32[y]!;
  const y1 = I32[y + 1]!;
  makeMultiples(I32[x]!, I32[x + 1]!);
  const m = MULTIPLES;
  let r0 = 0;
  let r1 = 0;
  let r2 = 0;
  let r3 = 0;
  for (let shift = 28; shift >= 0; shift -= 4) {
    const p = ((y0 >>> shift) & 15) * 3;
    const q = ((y1 >>> shift) & 15) * 3;
    r3 = (r3 << 4) ^ (r2 >>> 28) ^ m[q + 2]!;
    r2 = (r2 << 4) ^ (r1 >>> 28) ^ m[p + 2]! ^ m[q + 1]!;
    r1 = (r1 << 4) ^ (r0 >>> 28) ^ m[p + 1]! ^ m[q]!;
    r0 = (r0 << 4) ^ m[p]!;
  }
  return put(I32, d, r0, r1, r2, r3);
};

export const AES_FNS = {
  vaesenc: aesenc,
  vaesenclast: aesenclast,
  vaesdec: aesdec,
  vaesdeclast: aesdeclast,
  vaesimc: aesimc,
  vaeskeygen: aeskeygen,
  vclmul: clmul,
} satisfies Record<string, SlotFn>;
