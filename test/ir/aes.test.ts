/** AES and carry-less multiplication against FIPS 197's examples and a product bit by bit. */

import { TEMP_BASE } from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import type { SlotOpName } from '../../src/ir/ops.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('AES operations');

const env = { ...createLinearMemory(0x10000), mem: { raise: () => -1 } } as unknown as HelperEnv;
const [A, B, D] = [0, 4, 8].map((i) => (TEMP_BASE >> 2) + i) as [number, number, number];

const NONE: Uint8Array = new Uint8Array(16);

function op(name: SlotOpName, a: Uint8Array, b = NONE, imm = 0): Uint8Array {
  env.U8.set(a, A << 2);
  env.U8.set(b, B << 2);
  assert.is(SLOT_FNS[name](env, D, A, B, 0, imm), 0);
  return env.U8.slice(D << 2, (D << 2) + 16);
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((v, i) => v ^ b[i]!);

/** FIPS 197, 5.2, as programs do it: AESKEYGENASSIST, then prefix sums. */
function expand(key: Uint8Array): Uint8Array[] {
  const keys = [key];
  for (const constant of [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36]) {
    const assist = op('vaeskeygen', keys.at(-1)!, NONE, constant);
    const next = keys.at(-1)!.slice();
    for (let i = 0; i < 16; i++) next[i]! ^= i < 4 ? assist[12 + i]! : next[i - 4]!;
    keys.push(next);
  }
  return keys;
}

const KEY = bytes('2b7e151628aed2a6abf7158809cf4f3c');
const PLAIN = bytes('3243f6a8885a308d313198a2e0370734');
const CIPHER = '3925841d02dc09fbdc118597196a0b32';

test('a key is expanded as in FIPS 197, A.1', () => {
  const keys = expand(KEY);
  assert.is(hex(keys[1]!), 'a0fafe1788542cb123a339392a6c7605');
  assert.is(hex(keys[10]!), 'd014f9a8c9ee2589e13f0cc8b6630ca6');
});

test('a block is enciphered as in FIPS 197, B', () => {
  const keys = expand(KEY);
  let state = xor(PLAIN, keys[0]!);
  for (let i = 1; i < 10; i++) state = op('vaesenc', state, keys[i]);
  assert.is(hex(op('vaesenclast', state, keys[10])), CIPHER);
});

test('and deciphered by the equivalent inverse cipher', () => {
  const keys = expand(KEY);
  let state = xor(bytes(CIPHER), keys[10]!);
  for (let i = 9; i > 0; i--) state = op('vaesdec', state, op('vaesimc', keys[i]!));
  assert.is(hex(op('vaesdeclast', state, keys[0])), hex(PLAIN));
});

test('a carry-less product of each pair of quadwords', () => {
  const a = bytes('8899aabbccddeeffffffffffffffffff');
  const b = bytes('0123456789abcdef0000000000000080');
  const quad = (v: Uint8Array, i: number): bigint => Buffer.from(v).readBigUInt64LE(8 * i);
  for (const imm of [0, 1, 0x10, 0x11, 0xff]) {
    const [x, y] = [quad(a, imm & 1), quad(b, (imm >> 4) & 1)];
    let product = 0n;
    for (let i = 0n; i < 64n; i++) if ((y >> i) & 1n) product ^= x << i;
    const r = op('vclmul', a, b, imm);
    assert.is(quad(r, 0) | (quad(r, 1) << 64n), product, `imm ${imm}`);
  }
});
