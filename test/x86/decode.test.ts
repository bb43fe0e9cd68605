/** Instruction lengths against objdump, over compiled code and over random bytes; limits of decoding. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DECODE, decode } from '../../src/frontend-x86/decode.ts';
import { Decoded } from '../../src/frontend-x86/decoded.ts';
import { assert, suite } from '../lib/suite.ts';
import { type Disassembled, disassemble, haveObjdump } from './objdump.ts';

const test = suite('decoder');
const d = new Decoded();

function decodeBytes(bytes: readonly number[]): number {
  const all = new Uint8Array(32);
  all.set(bytes);
  return decode(d, all, 0, 15);
}

/** Instructions whose length differs from objdump's. */
function mismatches(list: readonly Disassembled[]): string[] {
  const out: string[] = [];
  for (const i of list) {
    if (i.text.includes('(bad)')) continue;
    const status = decodeBytes(i.bytes);
    // No row: nothing to compare; the tests of `todo` rows count those.
    if (status === DECODE.invalid && d.row === null) continue;
    if (d.length !== i.bytes.length) {
      out.push(`${i.bytes.map((b) => b.toString(16)).join(' ')}: ${d.length}, objdump ${i.text}`);
    }
  }
  return out;
}

/** Real code: the compiler's own arithmetic, strings, floating point. */
const C_SOURCE = `
#include <stdint.h>
#include <string.h>
typedef unsigned __int128 u128;
u128 mul(uint64_t a, uint64_t b) { return (u128)a * b; }
u128 shift(u128 a, int n) { return a << n | a >> 3; }
uint64_t divide(uint64_t a, uint64_t b) { return a / b + a % b; }
int64_t sdivide(int64_t a, int32_t b, int16_t c) { return a / b % c; }
double poly(double x, float y) { return x * y + (x - y) / 3.0; }
long double ext(long double x) { return x * 1.5L - 2; }
int bits(unsigned x) { return __builtin_clz(x) + __builtin_ctz(x) + __builtin_popcount(x); }
int sw(int x, int *p) { switch (x) { case 1: return *p; case 2: return p[3]; case 3: return p[x];
  case 4: return -1; case 5: return p[9] * x; case 7: return x << p[2]; default: return 0; } }
void bytes(uint8_t *p, int n) { for (int i = 0; i < n; i++) p[i] = (p[i] << 3) ^ (p[i] >> 5) ^ i; }
int16_t words(int16_t *p, int n) { int16_t s = 0; for (int i = 0; i < n; i++) s += p[i] * p[n - i]; return s; }
int cas(int *p, int a, int b) { return __sync_bool_compare_and_swap(p, a, b) + __sync_fetch_and_add(p, b); }
void big(char *p) { memset(p, 0, 4096); memcpy(p + 4096, p, 4096); }
`;

const NO_TOOLS = spawnSync('gcc', ['--version']).status !== 0 || !haveObjdump();

if (NO_TOOLS) test.skip('lengths of compiled code', 'needs gcc and objdump');
else {
  test('lengths of compiled code are objdump’s', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kevlar-decode-'));
    try {
      for (const options of [['-O0'], ['-O2'], ['-Os', '-mstringop-strategy=rep_byte']]) {
        writeFileSync(join(dir, 'a.c'), C_SOURCE);
        const r = spawnSync('gcc', [...options, '-c', '-o', join(dir, 'a.o'), join(dir, 'a.c')]);
        assert.is(r.status, 0, String(r.stderr));
        const list = disassemble([join(dir, 'a.o')]);
        assert.ok(list.length > 100);
        assert.equal(mismatches(list), []);
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('lengths of random bytes are objdump’s', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kevlar-decode-'));
    try {
      const bytes = new Uint8Array(60_000);
      let s = 1;
      for (let i = 0; i < bytes.length; i++) {
        s = (Math.imul(s, 1103515245) + 12345) | 0;
        bytes[i] = s >>> 16;
      }
      writeFileSync(join(dir, 'a.bin'), bytes);
      const list = disassemble([
        '-b',
        'binary',
        '-m',
        'i386:x86-64',
        '-M',
        'intel64',
        join(dir, 'a.bin'),
      ]);
      const odd =
        /\(bad\)|^(data16|addr32|rex|cs|ds|es|ss|fs|gs|lock|rep|repz|repnz|bnd|notrack|xacquire|xrelease)\b/;
      assert.equal(mismatches(list.filter((i) => !odd.test(i.text) && isPlain(i))), []);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  const BUSYBOX = process.env['KEVLAR_TEST_BINARY'] ?? '';
  if (!existsSync(BUSYBOX)) {
    test.skip('lengths of a real program', 'KEVLAR_TEST_BINARY does not name a binary');
  } else {
    test('lengths of a real program are objdump’s', () => {
      assert.equal(mismatches(disassemble([BUSYBOX])), []);
    });
  }
}

/** No EVEX, XOP or 3DNow!, which objdump knows and the table does not. */
function isPlain(i: Disassembled): boolean {
  const b = i.bytes.find(
    (x) => ![0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65].includes(x),
  );
  return (
    b !== 0x62 &&
    b !== 0x8f &&
    !(i.bytes.includes(0x0f) && i.bytes[i.bytes.indexOf(0x0f) + 1] === 0x0f)
  );
}

test('15 bytes are the limit', () => {
  const nop = (prefixes: number): number[] => [...new Array<number>(prefixes).fill(0x66), 0x90];
  assert.is(decodeBytes(nop(14)), DECODE.ok);
  assert.is(d.length, 15);
  assert.is(decodeBytes(nop(15)), DECODE.tooLong);
  assert.is(
    decodeBytes([...new Array<number>(10).fill(0x66), 0x81, 0x05, 0, 0, 0, 0, 0, 0]),
    DECODE.tooLong,
  );
});

test('bytes that are missing are reported, not invented', () => {
  const bytes = Uint8Array.from([0x48, 0x81, 0x84, 0x88, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (let n = 0; n < bytes.length; n++)
    assert.is(decode(d, bytes, 0, n), DECODE.truncated, `${n} bytes`);
  assert.is(decode(d, bytes, 0, 12), DECODE.ok);
  assert.is(d.length, 12);
  assert.is(d.disp, 0x04030201);
  assert.is(d.immLo, 0x08070605);
});

test('a missing ModRM byte is no reason to call the opcode invalid', () => {
  // MOVMSKPS exists with a register operand only.
  const bytes = Uint8Array.from([0x45, 0x0f, 0x50, 0xd3]);
  assert.is(decode(d, bytes, 0, 3), DECODE.truncated);
  assert.is(decode(d, bytes, 0, 4), DECODE.ok);
});

test('REX counts only directly before the opcode', () => {
  decodeBytes([0x48, 0x66, 0x01, 0xc0]);
  assert.is(d.opSize, 2);
  decodeBytes([0x66, 0x48, 0x01, 0xc0]);
  assert.is(d.opSize, 8);
});

test('LOCK needs a lockable row and a memory destination', () => {
  assert.is(decodeBytes([0xf0, 0x01, 0x00]), DECODE.ok);
  assert.is(decodeBytes([0xf0, 0x01, 0xc0]), DECODE.invalid);
  assert.is(decodeBytes([0xf0, 0x03, 0x00]), DECODE.invalid);
  assert.is(decodeBytes([0xf0, 0x39, 0x00]), DECODE.invalid);
  assert.is(decodeBytes([0xf0, 0x90]), DECODE.invalid);
});

test('opcodes that 64-bit mode does not have are invalid', () => {
  for (const op of [
    0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce,
    0xd4, 0xd5, 0xd6, 0xea,
  ]) {
    assert.is(decodeBytes([op, 0, 0, 0, 0, 0]), DECODE.invalid, op.toString(16));
  }
});

test('VEX prefixes that the SDM makes #UD (vol. 2, 2.3)', () => {
  const cases: readonly (readonly [string, readonly number[], number])[] = [
    ['vpaddd xmm1,xmm2,xmm3', [0xc5, 0xe9, 0xfe, 0xcb], DECODE.ok],
    ['vmovdqu ymm1,[rax]', [0xc5, 0xfe, 0x6f, 0x08], DECODE.ok],
    ['the same with vvvv other than 1111', [0xc5, 0xee, 0x6f, 0x08], DECODE.invalid],
    ['66 before', [0x66, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.invalid],
    ['F2 before', [0xf2, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.invalid],
    ['F3 before', [0xf3, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.invalid],
    ['LOCK before', [0xf0, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.invalid],
    ['REX before', [0x40, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.invalid],
    ['FS before', [0x64, 0xc5, 0xe9, 0xfe, 0xcb], DECODE.ok],
    ['map 0', [0xc4, 0xe0, 0x69, 0xfe, 0xcb], DECODE.invalid],
    ['map 4', [0xc4, 0xe4, 0x69, 0xfe, 0xcb], DECODE.invalid],
    ['andn eax,ecx,edx', [0xc4, 0xe2, 0x70, 0xf2, 0xc2], DECODE.ok],
    ['the same with L', [0xc4, 0xe2, 0x74, 0xf2, 0xc2], DECODE.invalid],
  ];
  for (const [what, bytes, status] of cases) assert.is(decodeBytes(bytes), status, what);
});
