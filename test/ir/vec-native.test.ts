/**
 * Vector operations against the real CPU: each operation is paired with the intrinsic of its
 * instruction; a C program prints the results for random and edge operands.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinearMemory } from '../../src/common/memory.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import type { SlotFn } from '../../src/ir/slot-fn.ts';
import { LANE_FNS } from '../../src/ir/slot-vec.ts';
import { MOVE_FNS } from '../../src/ir/slot-vec-move.ts';
import { SHIFT_FNS } from '../../src/ir/slot-vec-shift.ts';
import { WIDE_FNS } from '../../src/ir/slot-vec-wide.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('vector operations against the CPU');
const FNS: Record<string, SlotFn> = { ...LANE_FNS, ...MOVE_FNS, ...SHIFT_FNS, ...WIDE_FNS };

const SUFFIX: Record<string, string> = {
  i8x16: 'epi8',
  i16x8: 'epi16',
  i32x4: 'epi32',
  i64x2: 'epi64',
};
const UNSIGNED: Record<string, string> = { i8x16: 'epu8', i16x8: 'epu16', i32x4: 'epu32' };

/** op -> C expression over __m128i x, y, z. */
const CASES: [string, string, number][] = [];
const add = (op: string, c: string, imm = 0): void => void CASES.push([op, c, imm]);
const each = (op: string, names: Record<string, string>, types: string[], f: string): void => {
  for (const t of types) add(`${op}.${t}`, f.replace('#', names[t]!));
};
const ALL = ['i8x16', 'i16x8', 'i32x4', 'i64x2'];

each('vadd', SUFFIX, ALL, '_mm_add_#(x,y)');
each('vsub', SUFFIX, ALL, '_mm_sub_#(x,y)');
each('vaddss', SUFFIX, ALL.slice(0, 2), '_mm_adds_#(x,y)');
each('vaddus', UNSIGNED, ALL.slice(0, 2), '_mm_adds_#(x,y)');
each('vsubss', SUFFIX, ALL.slice(0, 2), '_mm_subs_#(x,y)');
each('vsubus', UNSIGNED, ALL.slice(0, 2), '_mm_subs_#(x,y)');
each('vavgu', UNSIGNED, ALL.slice(0, 2), '_mm_avg_#(x,y)');
each('vmins', SUFFIX, ALL.slice(0, 3), '_mm_min_#(x,y)');
each('vminu', UNSIGNED, ALL.slice(0, 3), '_mm_min_#(x,y)');
each('vmaxs', SUFFIX, ALL.slice(0, 3), '_mm_max_#(x,y)');
each('vmaxu', UNSIGNED, ALL.slice(0, 3), '_mm_max_#(x,y)');
each('vabs', SUFFIX, ALL.slice(0, 3), '_mm_abs_#(x)');
each('vsign', SUFFIX, ALL.slice(0, 3), '_mm_sign_#(x,y)');
each('vcmpeq', SUFFIX, ALL, '_mm_cmpeq_#(x,y)');
each('vcmpgts', SUFFIX, ALL, '_mm_cmpgt_#(x,y)');
each('vmullo', SUFFIX, ALL.slice(1, 3), '_mm_mullo_#(x,y)');
each('vunpcklo', SUFFIX, ALL, '_mm_unpacklo_#(x,y)');
each('vunpckhi', SUFFIX, ALL, '_mm_unpackhi_#(x,y)');
each('vhadd', SUFFIX, ALL.slice(1, 3), '_mm_hadd_#(x,y)');
each('vhsub', SUFFIX, ALL.slice(1, 3), '_mm_hsub_#(x,y)');
each('vpackss', SUFFIX, ALL.slice(1, 3), '_mm_packs_#(x,y)');
each('vpackus', SUFFIX, ALL.slice(1, 3), '_mm_packus_#(x,y)');
for (const n of [0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 255]) {
  for (const t of ALL.slice(1)) {
    add(`vshli.${t}`, `_mm_slli_${SUFFIX[t]}(x,${n})`, n);
    add(`vshri.${t}`, `_mm_srli_${SUFFIX[t]}(x,${n})`, n);
    if (t !== 'i64x2') add(`vsari.${t}`, `_mm_srai_${SUFFIX[t]}(x,${n})`, n);
  }
  add('vshlb', `_mm_slli_si128(x,${n & 31})`, n & 31);
  add('vshrb', `_mm_srli_si128(x,${n & 31})`, n & 31);
  add('valign', `_mm_alignr_epi8(x,y,${n & 63})`, n & 63);
  add('vshuf.i32x4', `_mm_shuffle_epi32(x,${(n * 37) & 255})`, (n * 37) & 255);
  add('vshuflo.i16x8', `_mm_shufflelo_epi16(x,${(n * 37) & 255})`, (n * 37) & 255);
  add('vshufhi.i16x8', `_mm_shufflehi_epi16(x,${(n * 37) & 255})`, (n * 37) & 255);
  add('vshuf2.i32x4', `ps(_mm_shuffle_ps(X,Y,${(n * 37) & 255}))`, (n * 37) & 255);
  add('vshuf2.i64x2', `pd(_mm_shuffle_pd(XD,YD,${n & 3}))`, n & 3);
  add('vblend.i16x8', `_mm_blend_epi16(x,y,${(n * 37) & 255})`, (n * 37) & 255);
  add('vblend.i32x4', `ps(_mm_blend_ps(X,Y,${n & 15}))`, n & 15);
  add('vblend.i64x2', `pd(_mm_blend_pd(XD,YD,${n & 3}))`, n & 3);
  add('vinsertps', `ps(_mm_insert_ps(X,Y,${(n * 37) & 255}))`, (n * 37) & 255);
  add('vmpsad.i8x16', `_mm_mpsadbw_epu8(x,y,${n & 7})`, n & 7);
}
for (const t of ALL.slice(1)) {
  add(`vshl.${t}`, `_mm_sll_${SUFFIX[t]}(x,y)`);
  add(`vshr.${t}`, `_mm_srl_${SUFFIX[t]}(x,y)`);
  if (t !== 'i64x2') add(`vsar.${t}`, `_mm_sra_${SUFFIX[t]}(x,y)`);
}
const OTHERS: Record<string, string> = {
  vand: '_mm_and_si128(x,y)',
  vor: '_mm_or_si128(x,y)',
  vxor: '_mm_xor_si128(x,y)',
  vandn: '_mm_andnot_si128(x,y)',
  vmov: 'x',
  'vzx.64': '_mm_move_epi64(x)',
  'vmulhs.i16x8': '_mm_mulhi_epi16(x,y)',
  'vmulhu.i16x8': '_mm_mulhi_epu16(x,y)',
  'vmulhrs.i16x8': '_mm_mulhrs_epi16(x,y)',
  'vmulwu.i32x4': '_mm_mul_epu32(x,y)',
  'vmulws.i32x4': '_mm_mul_epi32(x,y)',
  'vmadd.i16x8': '_mm_madd_epi16(x,y)',
  'vmaddus.i8x16': '_mm_maddubs_epi16(x,y)',
  'vsad.i8x16': '_mm_sad_epu8(x,y)',
  vshufb: '_mm_shuffle_epi8(x,y)',
  'vblendv.i8x16': '_mm_blendv_epi8(x,y,z)',
  'vblendv.i32x4': 'ps(_mm_blendv_ps(X,Y,_mm_castsi128_ps(z)))',
  'vblendv.i64x2': 'pd(_mm_blendv_pd(XD,YD,_mm_castsi128_pd(z)))',
  'vhaddss.i16x8': '_mm_hadds_epi16(x,y)',
  'vhsubss.i16x8': '_mm_hsubs_epi16(x,y)',
  'vhminpos.i16x8': '_mm_minpos_epu16(x)',
  'vsx.i8.i16': '_mm_cvtepi8_epi16(x)',
  'vsx.i8.i32': '_mm_cvtepi8_epi32(x)',
  'vsx.i8.i64': '_mm_cvtepi8_epi64(x)',
  'vsx.i16.i32': '_mm_cvtepi16_epi32(x)',
  'vsx.i16.i64': '_mm_cvtepi16_epi64(x)',
  'vsx.i32.i64': '_mm_cvtepi32_epi64(x)',
  'vzx.i8.i16': '_mm_cvtepu8_epi16(x)',
  'vzx.i8.i32': '_mm_cvtepu8_epi32(x)',
  'vzx.i8.i64': '_mm_cvtepu8_epi64(x)',
  'vzx.i16.i32': '_mm_cvtepu16_epi32(x)',
  'vzx.i16.i64': '_mm_cvtepu16_epi64(x)',
  'vzx.i32.i64': '_mm_cvtepu32_epi64(x)',
  'vmsk.i8x16': 'i32(_mm_movemask_epi8(x))',
  'vmsk.i32x4': 'i32(_mm_movemask_ps(X))',
  'vmsk.i64x2': 'i32(_mm_movemask_pd(XD))',
  vtestz: 'i32(_mm_testz_si128(x,y))',
  vtestc: 'i32(_mm_testc_si128(x,y))',
};
for (const [op, c] of Object.entries(OTHERS)) add(op, c);
for (let i = 0; i < 16; i++) {
  add('vget.8', `i32((unsigned char)_mm_extract_epi8(x,${i}))`, i);
  add('vset.8', `_mm_insert_epi8(x,_mm_cvtsi128_si32(y),${i})`, i);
  if (i < 8) {
    add('vget.16', `i32((unsigned short)_mm_extract_epi16(x,${i}))`, i);
    add('vset.16', `_mm_insert_epi16(x,_mm_cvtsi128_si32(y),${i})`, i);
  }
  if (i < 4) {
    add('vget.32', `i32(_mm_extract_epi32(x,${i}))`, i);
    add('vset.32', `_mm_insert_epi32(x,_mm_cvtsi128_si32(y),${i})`, i);
  }
  if (i < 2) {
    add('vget.64', `_mm_cvtsi64_si128(_mm_extract_epi64(x,${i}))`, i);
    add('vset.64', `_mm_insert_epi64(x,_mm_cvtsi128_si64(y),${i})`, i);
  }
}

const INTEGER_RESULT = /^v(msk|test|get)/;

/** Deterministic operand words: random, small, and lanes at the edges. */
function operands(count: number): Int32Array {
  const edge = [
    0, -1, 1, 0x80, 0x7f, 0x8000, 0x7fff, 0x80008000, 0x7fff8000, 0x80000000, 0x7fffffff,
    0x00ff0100, 0x80ff7f01,
  ];
  let s = 12345;
  const next = (): number => (s = Math.imul(s, 1103515245) + 12345) >>> 3;
  return Int32Array.from({ length: count * 12 }, () => {
    const k = next() % 8;
    if (k < 3) return edge[next() % edge.length]!;
    return k === 3 ? next() % 70 : next() * 977 + next();
  });
}

function reference(sets: Int32Array, count: number): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-vec-'));
  try {
    const body = CASES.map(([, c]) => `out(${c});`).join('\n');
    const source = `
#include <stdio.h>
#include <immintrin.h>
static const int in[] __attribute__((aligned(16))) = {${sets.join(',')}};
static void out(__m128i v) { unsigned w[4]; _mm_storeu_si128((void*)w, v); printf("%08x %08x %08x %08x\\n", w[0], w[1], w[2], w[3]); }
static __m128i ps(__m128 v) { return _mm_castps_si128(v); }
static __m128i pd(__m128d v) { return _mm_castpd_si128(v); }
static __m128i i32(unsigned v) { return _mm_cvtsi32_si128(v); }
int main(void) { for (int i = 0; i < ${count}; i++) {
  __m128i x = _mm_load_si128((void*)(in + 12*i)), y = _mm_load_si128((void*)(in + 12*i + 4)), z = _mm_load_si128((void*)(in + 12*i + 8));
  __m128 X = _mm_castsi128_ps(x), Y = _mm_castsi128_ps(y); __m128d XD = _mm_castsi128_pd(x), YD = _mm_castsi128_pd(y);
  ${body}
} return 0; }`;
    writeFileSync(join(dir, 'v.c'), source);
    execFileSync('gcc', ['-O0', '-msse4.2', '-o', join(dir, 'v'), join(dir, 'v.c')]);
    return execFileSync(join(dir, 'v'), { encoding: 'utf8', maxBuffer: 1 << 28 })
      .trim()
      .split('\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const hex = (I32: Int32Array, at: number): string =>
  Array.from(I32.subarray(at, at + 4), (w) => (w >>> 0).toString(16).padStart(8, '0')).join(' ');

const COUNT = 40;
const noGcc = spawnSync('gcc', ['--version']).status !== 0 || process.arch !== 'x64';

/** d is a register of its own, or a, or b: the results must be the same. */
function runAll(dest: 'own' | 'a' | 'b', expected: string[], sets: Int32Array): void {
  const env = createLinearMemory(65536) as HelperEnv;
  const { I32 } = env;
  const [a, b, c] = [64, 68, 72];
  const d = dest === 'a' ? a : dest === 'b' ? b : 80;
  for (let i = 0; i < COUNT; i++) {
    CASES.forEach(([op, text, imm], k) => {
      I32.fill(0, 64, 96);
      I32.set(sets.subarray(12 * i, 12 * i + 12), a);
      if (INTEGER_RESULT.test(op)) I32.fill(0, d + 2, d === 80 ? d + 4 : d + 2);
      assert.is(FNS[op]!(env, d, a, b, c, imm), 0);
      let got = hex(I32, d);
      if (INTEGER_RESULT.test(op)) got = `${got.slice(0, 17)} 00000000 00000000`;
      const want = expected[i * CASES.length + k];
      if (got !== want) assert.unreachable(`${op} (${text}) set ${i}: ${got}, CPU ${want}`);
    });
  }
}

if (noGcc) test.skip('all operations', 'needs gcc on an x86-64 host');
else {
  test('every operation, destination apart and aliasing each operand', () => {
    const sets = operands(COUNT);
    const expected = reference(sets, COUNT);
    runAll('own', expected, sets);
    runAll('a', expected, sets);
    runAll('b', expected, sets);
  });
}
