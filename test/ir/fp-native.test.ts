/**
 * Floating-point operations against the real CPU: results and MXCSR flags of every operation on
 * all pairs of edge values, under every rounding mode, with DAZ and FTZ, with PE already set (fast
 * paths) and not.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinearMemory } from '../../src/common/memory.ts';
import { FP_ENV_WORD } from '../../src/ir/fp-env.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import type { SlotFn } from '../../src/ir/slot-fn.ts';
import { FP_FNS } from '../../src/ir/slot-fp.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('floating point against the CPU');
const FNS: Record<string, SlotFn> = FP_FNS;

/** op, instruction, imm of the op, kind of operands. */
type Case = readonly [
  op: string,
  asm: string,
  imm: number,
  kind: 'v' | 'unary' | 'toInt' | 'fromInt' | 'flags',
];
const CASES: Case[] = [];
for (const [op, mnemonic] of [
  ['fadd', 'add'],
  ['fsub', 'sub'],
  ['fmul', 'mul'],
  ['fdiv', 'div'],
  ['fmin', 'min'],
  ['fmax', 'max'],
] as const) {
  CASES.push([`${op}.f32`, `${mnemonic}ss`, 0, 'v'], [`${op}.f64`, `${mnemonic}sd`, 0, 'v']);
  CASES.push([`v${op}.f32x4`, `${mnemonic}ps`, 0, 'v'], [`v${op}.f64x2`, `${mnemonic}pd`, 0, 'v']);
}
for (let p = 0; p < 8; p++) {
  CASES.push([`fcmp.f64`, `cmpsd $${p},`, p, 'v'], ['vfcmp.f32x4', `cmpps $${p},`, p, 'v']);
}
CASES.push(
  ['fsqrt.f32', 'sqrtss', 0, 'unary'],
  ['fsqrt.f64', 'sqrtsd', 0, 'unary'],
  ['vfsqrt.f32x4', 'sqrtps', 0, 'unary'],
  ['vfaddsub.f32x4', 'addsubps', 0, 'v'],
  ['vfaddsub.f64x2', 'addsubpd', 0, 'v'],
  ['vfhadd.f32x4', 'haddps', 0, 'v'],
  ['vfhsub.f64x2', 'hsubpd', 0, 'v'],
  ['vfdot.f32x4', 'dpps $0xff,', 0xff, 'v'],
  ['vfdot.f32x4', 'dpps $0x75,', 0x75, 'v'],
  ['vfdot.f64x2', 'dppd $0x31,', 0x31, 'v'],
  ['cvt.f32.f64', 'cvtsd2ss', 0, 'unary'],
  ['cvt.f64.f32', 'cvtss2sd', 0, 'unary'],
  ['vcvt.f32x4.i32x4', 'cvtdq2ps', 0, 'unary'],
  ['vcvt.i32x4.f32x4', 'cvtps2dq', 0, 'unary'],
  ['vcvt.i32x4.f32x4', 'cvttps2dq', 1, 'unary'],
  ['vcvt.f64x2.i32x2', 'cvtdq2pd', 0, 'unary'],
  ['vcvt.i32x2.f64x2', 'cvtpd2dq', 0, 'unary'],
  ['vcvt.i32x2.f64x2', 'cvttpd2dq', 1, 'unary'],
  ['vcvt.f32x2.f64x2', 'cvtpd2ps', 0, 'unary'],
  ['vcvt.f64x2.f32x2', 'cvtps2pd', 0, 'unary'],
);
for (const imm of [0, 1, 2, 3, 4, 8, 12]) {
  CASES.push(
    ['fround.f64', `roundsd $${imm},`, imm, 'unary'],
    ['fround.f32', `roundss $${imm},`, imm, 'unary'],
  );
}
for (const [type, s] of [
  ['f32', 'ss'],
  ['f64', 'sd'],
] as const) {
  CASES.push([`cvt.i32.${type}`, `cvt${s}2si %2, %%eax; xor %%edx, %%edx #`, 0, 'toInt']);
  CASES.push([`cvt.i32.${type}`, `cvtt${s}2si %2, %%eax; xor %%edx, %%edx #`, 1, 'toInt']);
  CASES.push([`cvt.i64.${type}`, `cvt${s}2si %2, %%rax #`, 0, 'toInt']);
  CASES.push([`cvt.i64.${type}`, `cvtt${s}2si %2, %%rax #`, 1, 'toInt']);
  CASES.push([`cvt.${type}.i32`, `cvtsi2${s}l`, 0, 'fromInt']);
  CASES.push([`cvt.${type}.i64`, `cvtsi2${s}q`, 0, 'fromInt']);
  CASES.push([`fcom.${type}`, `ucomi${s}`, 0, 'flags'], [`fcom.${type}`, `comi${s}`, 1, 'flags']);
}

function f64Edges(): bigint[] {
  const list = [
    0x0n,
    0x3ff0000000000000n,
    0x3ff8000000000000n,
    0x1n,
    0x3n,
    0xfffffffffffffn,
    0x8000000000000n,
    0x10000000000000n,
    0x10000000000001n,
    0x1fffffffffffffn,
    0x7fefffffffffffffn,
    0x7fe0000000000000n,
    0x7ff0000000000000n,
    0x7ff8000000000000n,
    0x7ff8000000001234n,
    0x7ff0000000000001n,
    0x7ff4567800000000n,
    0x3ff0000000000001n,
    0x3fb999999999999an,
    0x3fefffffffffffffn,
    0x3fe0000000000000n,
    0x3fdfffffffffffffn,
    0x41dfffffffc00000n,
    0x41e0000000000000n,
    0x41e0000000100000n,
    0x43dfffffffffffffn,
    0x43e0000000000000n,
    0x4330000000000001n,
    0x432fffffffffffffn,
    0x380fffffffffffffn,
    0x3810000000000000n,
    0x47efffffe0000000n,
    0x47efffffefffffffn,
    0x3690000000000000n,
    0x3ca0000000000000n,
    0x1ff0000000000001n,
    0x5ff0000000000003n,
    0x4004cccccccccccdn,
    0x4002000000000000n,
    0x3ff0000010000000n,
    0x36a8000000000000n,
  ];
  return list.flatMap((v) => [v, v | (1n << 63n)]);
}

function f32Edges(): number[] {
  const list = [
    0, 0x3f800000, 0x3fc00000, 1, 3, 0x7fffff, 0x400000, 0x800000, 0x800001, 0xffffff, 0x7f7fffff,
    0x7f000000, 0x7f800000, 0x7fc00000, 0x7fc01234, 0x7f800001, 0x7fa00000, 0x3f800001, 0x3dcccccd,
    0x3f7fffff, 0x3f000000, 0x3effffff, 0x4f000000, 0x4effffff, 0x5f000000, 0x5effffff, 0x1f800001,
    0x5f800003, 0x40200000, 0x4b000001, 0x33800000, 0x34000000,
  ];
  return list.flatMap((v) => [v, v | 0x80000000]);
}

/** Operand pairs of 16 bytes each: edge values of both lane types mixed with neighbours. */
function operandPairs(): Int32Array {
  const d = new BigUint64Array(f64Edges());
  const words64 = new Int32Array(d.buffer);
  const words32 = Int32Array.from(f32Edges());
  const pairs: number[] = [];
  const n64 = d.length;
  for (let i = 0; i < n64; i++) {
    for (let j = 0; j < n64; j++) {
      const k = (i + j) % n64;
      pairs.push(...words64.subarray(2 * i, 2 * i + 2), ...words64.subarray(2 * k, 2 * k + 2));
      pairs.push(...words64.subarray(2 * j, 2 * j + 2), ...words64.subarray(2 * i, 2 * i + 2));
    }
  }
  const n32 = words32.length;
  for (let i = 0; i < n32; i++) {
    for (let j = 0; j < n32; j++) {
      for (const s of [i, j]) {
        for (let l = 0; l < 4; l++) pairs.push(words32[(s + l * 7) % n32]!);
      }
    }
  }
  return Int32Array.from(pairs);
}

const MODES = [0x1f80, 0x1fa0, 0x3f80, 0x5f80, 0x7f80, 0x9f80, 0x1fc0, 0xdfc0, 0xffe0];

function source(): string {
  const bodies = CASES.map(([, asm, , kind], k) => {
    const pre = 'asm volatile("ldmxcsr %1\\n\\t';
    const post = 'stmxcsr %1"';
    if (kind === 'toInt') {
      return `case ${k}: { long r = 0; ${pre}${asm}\\n\\t${post} : "=a"(r), "+m"(mx) : "x"(y) : "rdx"); if (${asm.includes('eax') ? 1 : 0}) r = (unsigned)r; out[0] = r; out[1] = r >> 32; break; }`;
    }
    if (kind === 'fromInt') {
      return `case ${k}: { int4 r = {0}; long v = *(long*)&y; ${pre}${asm} %2, %0\\n\\t${post} : "+x"(r), "+m"(mx) : "r"(${asm.endsWith('q') ? 'v' : '(int)v'})); memcpy(out, &r, 16); break; }`;
    }
    if (kind === 'flags') {
      return `case ${k}: { long r; ${pre}${asm} %3, %2\\n\\tpushfq\\n\\tpopq %0\\n\\t${post} : "=r"(r), "+m"(mx) : "x"(x), "x"(y) : "cc"); out[0] = r & 0x45; break; }`;
    }
    const start = kind === 'unary' ? 'int4 r = {0};' : 'int4 r = x;';
    return `case ${k}: { ${start} ${pre}${asm} %2, %0\\n\\t${post} : "+x"(r), "+m"(mx) : "x"(y)); memcpy(out, &r, 16); break; }`;
  });
  return `
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
typedef int int4 __attribute__((vector_size(16)));
int main(void) {
  static int modes[] = {${MODES.join(',')}};
  static int in[1 << 20]; size_t n = fread(in, 32, sizeof in / 32, stdin);
  for (int k = 0; k < ${CASES.length}; k++) for (int m = 0; m < ${MODES.length}; m++) for (size_t i = 0; i < n; i++) {
    int4 x, y; memcpy(&x, in + 8*i, 16); memcpy(&y, in + 8*i + 4, 16);
    unsigned mx = modes[m]; unsigned out[5] = {0};
    switch (k) { ${bodies.join('\n')} }
    out[4] = mx; fwrite(out, 4, 5, stdout);
  }
  return 0;
}`;
}

function reference(pairs: Int32Array): Int32Array {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-fp-'));
  try {
    writeFileSync(join(dir, 'f.c'), source());
    execFileSync('gcc', [
      '-O1',
      '-msse4.2',
      '-fno-strict-aliasing',
      '-o',
      join(dir, 'f'),
      join(dir, 'f.c'),
    ]);
    const out = execFileSync(join(dir, 'f'), {
      input: new Uint8Array(pairs.buffer),
      maxBuffer: 1 << 30,
    });
    return new Int32Array(out.buffer.slice(out.byteOffset, out.byteOffset + out.byteLength));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const hex = (w: ArrayLike<number>): string =>
  Array.from(w, (v) => (v >>> 0).toString(16).padStart(8, '0')).join(' ');

/** Whether word j belongs to a lane that is a NaN. */
function isNan(op: string, words: Int32Array, j: number): boolean {
  const { buffer } = Int32Array.from(words);
  const lane = op.includes('f64') ? new Float64Array(buffer)[j >> 1] : new Float32Array(buffer)[j];
  return Number.isNaN(lane);
}

/** Words that the instruction defines: scalar results are compared alone. */
function resultWords(op: string): number {
  if (op.startsWith('v')) return 4;
  return op.endsWith('.f64') && !op.startsWith('cvt') ? 2 : /^cvt\.(f64|i)|^fcom/.test(op) ? 2 : 1;
}

if (spawnSync('gcc', ['--version']).status !== 0 || process.arch !== 'x64') {
  test.skip('all operations', 'needs gcc on an x86-64 host');
} else {
  const all = operandPairs();
  // Every 3rd pair of each kind keeps the run short; the stride is coprime to the table sizes.
  const pairs = Int32Array.from(
    { length: Math.floor(all.length / 8 / 5) * 8 },
    (_, i) => all[Math.floor(i / 8) * 40 + (i % 8)]!,
  );
  const n = pairs.length / 8;
  const want = reference(pairs);
  const env = { ...createLinearMemory(65536), mem: { raise: () => -1 } } as unknown as HelperEnv;
  const { I32 } = env;
  CASES.forEach(([op, asm, imm], k) => {
    test(`${op} ${imm}: ${asm}`, () => {
      const words = resultWords(op);
      const unary = CASES[k]![3] !== 'v' && CASES[k]![3] !== 'flags';
      // AMD's and Intel's processors choose another one of several NaNs.
      const anyNan = op.startsWith('vfdot');
      let bad = 0;
      let first = '';
      MODES.forEach((mode, m) => {
        for (let i = 0; i < n; i++) {
          I32[FP_ENV_WORD] = mode;
          I32.set(pairs.subarray(8 * i, 8 * i + 8), 64);
          I32.fill(0, 72, 76);
          const status = FNS[op]!(env, 72, unary ? 68 : 64, unary ? -1 : 68, -1, imm);
          const at = 5 * ((k * MODES.length + m) * n + i);
          const cpu = want.subarray(at, at + words);
          const ours = I32.subarray(72, 72 + words);
          const sameWord = (w: number, j: number): boolean =>
            w === ours[j] || (anyNan && isNan(op, cpu, j) && isNan(op, ours, j));
          const same = status === 0 && cpu.every(sameWord) && want[at + 4] === I32[FP_ENV_WORD];
          if (same) continue;
          if (bad++ < 6)
            first += `\nmxcsr ${mode.toString(16)} x ${hex(pairs.subarray(8 * i, 8 * i + 4))} y ${hex(pairs.subarray(8 * i + 4, 8 * i + 8))}: ${hex(I32.subarray(72, 72 + words))} mxcsr ${I32[FP_ENV_WORD]!.toString(16)} status ${status}; CPU ${hex(cpu)} mxcsr ${want[at + 4]!.toString(16)}`;
        }
      });
      if (bad > 0) assert.unreachable(`${bad} differences, such as${first}`);
    });
  });
}
