/** Integer operations, memory, conditions and control flow of the interpreter, against BigInt. */

import { ENG_BUDGET } from '../../src/common/layout.ts';
import { BlockBuilder } from '../../src/ir/builder.ts';
import { EXIT_LINK } from '../../src/ir/interp.ts';
import { COND, EXIT, type IntOpName, OPS, type OpName, type OpRow } from '../../src/ir/ops.ts';
import { NONE, varRef } from '../../src/ir/refs.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { INTERPRETERS, type InterpreterName } from '../lib/interpreters.ts';
import { assert, suite } from '../lib/suite.ts';
import { DATA, newBench, TEST_LAYOUT } from './harness.ts';

const test = suite('interpreter');
const [R0, R1, R2, R3] = [0, 1, 2, 3].map(varRef) as [number, number, number, number];
const u = (n: number, v: bigint): bigint => BigInt.asUintN(n, v);
const s = (n: number, v: bigint): bigint => BigInt.asIntN(n, v);

type Ref3 = (a: bigint, b: bigint, c: bigint, imm: number) => bigint;

function clz(n: number, a: bigint): bigint {
  return BigInt(n - (a === 0n ? 0 : a.toString(2).length));
}
function ctz(n: number, a: bigint): bigint {
  let i = 0;
  while (i < n && ((a >> BigInt(i)) & 1n) === 0n) i++;
  return BigInt(i);
}
function bytesReversed(n: number, a: bigint): bigint {
  let r = 0n;
  for (let i = 0; i < n / 8; i++) r = (r << 8n) | ((a >> BigInt(i * 8)) & 255n);
  return r;
}
function cond(n: number, imm: number, a: bigint, b: bigint): bigint {
  const name = Object.keys(COND)[imm] as string;
  const [x, y] = name.endsWith('s') ? [s(n, a), s(n, b)] : [a, b];
  const t = { eq: x === y, ne: x !== y, lt: x < y, ge: x >= y, le: x <= y, gt: x > y }[
    name.slice(0, 2)
  ];
  return t ? 1n : 0n;
}

/** Reference semantics for width n; operands are already truncated to their types. */
function common(n: 32 | 64): Record<string, Ref3> {
  const m = BigInt(n - 1);
  return {
    mov: (a) => a,
    add: (a, b) => u(n, a + b),
    sub: (a, b) => u(n, a - b),
    mul: (a, b) => u(n, a * b),
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    shl: (a, b) => u(n, a << (b & m)),
    shr: (a, b) => a >> (b & m),
    sar: (a, b) => u(n, s(n, a) >> (b & m)),
    rotl: (a, b) => u(n, (a << (b & m)) | (a >> (BigInt(n) - (b & m)))),
    neg: (a) => u(n, -a),
    not: (a) => u(n, ~a),
    clz: (a) => clz(n, a),
    ctz: (a) => ctz(n, a),
    popcnt: (a) => BigInt(a.toString(2).replace(/0/g, '').length),
    bswap: (a) => bytesReversed(n, a),
    set: (a, b, _c, imm) => cond(n, imm, a, b),
    select: (a, b, c) => (c !== 0n ? a : b),
  };
}

const REFERENCE: Partial<Record<IntOpName, Ref3>> = {};
for (const n of [32, 64] as const) {
  for (const [k, f] of Object.entries(common(n))) REFERENCE[`${k}.i${n}` as IntOpName] = f;
}
const SPECIAL: Partial<Record<IntOpName, Ref3>> = {
  'ext8u.i32': (a) => a & 255n,
  'ext8s.i32': (a) => u(32, s(8, a)),
  'ext8h.i32': (a) => (a >> 8n) & 255n,
  'ext16u.i32': (a) => a & 65535n,
  'ext16s.i32': (a) => u(32, s(16, a)),
  'hi.i32': (a) => a >> 32n,
  'mulhu.i64': (a, b) => (a * b) >> 64n,
  'mulhs.i64': (a, b) => u(64, (s(64, a) * s(64, b)) >> 64n),
  'sext.i64': (a) => u(64, s(32, a)),
  'concat.i64': (a, b) => a | (b << 32n),
  'ins8.i64': (a, b) => (a & ~255n) | (b & 255n),
  'ins8h.i64': (a, b) => (a & ~0xff00n) | ((b & 255n) << 8n),
  'ins16.i64': (a, b) => (a & ~65535n) | (b & 65535n),
};
Object.assign(REFERENCE, SPECIAL);

let seed = 12345;
function rnd(): number {
  seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  return (seed >>> 8) & 0xffff;
}
const EDGES = [
  0n,
  1n,
  2n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
  0xffffffff00000000n,
  0x8000000080000000n,
];
function value(): bigint {
  if (rnd() % 3 === 0) return EDGES[rnd() % EDGES.length] as bigint;
  return (BigInt(rnd()) << 48n) | (BigInt(rnd()) << 32n) | (BigInt(rnd()) << 16n) | BigInt(rnd());
}
function narrow(field: string | null, v: bigint): bigint {
  return field?.startsWith('i32') ? u(32, v) : v;
}

const b = new BlockBuilder();

function addTests(interpreter: InterpreterName): void {
  const bench = newBench([], TEST_LAYOUT, interpreter);

  for (const row of OPS as readonly OpRow[]) {
    if (row.cls !== 'int' || row.name === 'lea.i64') continue;
    test(`${interpreter}: ${row.name}`, () => {
      const reference = REFERENCE[row.name as IntOpName];
      if (reference === undefined) throw new Error(`no reference for ${row.name}`);
      for (let i = 0; i < 300; i++) {
        const [x, y, z] = [value(), value(), rnd() % 2 === 0 ? 0n : value()];
        const imm = row.imm === 'cond' ? i % 10 : 0;
        // The destination is a fresh register, or one of the operands.
        const d = [R3, R0, R1][i % 3] as number;
        b.reset(0x1000, 0);
        b.opTo(
          d,
          row.name as OpName,
          R0,
          row.b === null ? NONE : R1,
          row.c === null ? NONE : R2,
          imm,
        );
        b.opTo(NONE, 'exit', b.const64(0x1004, 0), NONE, NONE, EXIT.syscall);
        const block = b.finish(4, 1);
        assert.equal(verifyBlock(block, TEST_LAYOUT, 0), []);
        bench.set('r0', x);
        bench.set('r1', y);
        bench.set('r2', z);
        bench.set('r3', value());
        assert.is(bench.run(block), EXIT.syscall);
        const want = reference(narrow(row.a, x), narrow(row.b, y), narrow(row.c, z), imm);
        const got = bench.get(['r3', 'r0', 'r1'][i % 3] as string);
        assert.is(
          got.toString(16),
          want.toString(16),
          `${row.name} ${x.toString(16)} ${y.toString(16)} ${z.toString(16)} ${imm}`,
        );
      }
    });
  }

  test(`${interpreter}: lea adds base, scaled index and displacement`, () => {
    for (let i = 0; i < 300; i++) {
      const [x, y] = [value(), value()];
      const scale = i & 3;
      const disp = [0, 1, -1, 0x7fffffff, -0x80000000, 123456][i % 6] as number;
      const useIndex = i % 5 !== 0;
      const useBase = i % 7 !== 0;
      b.reset(0x1000, 0);
      b.opTo(R3, 'lea.i64', useBase ? R0 : NONE, useIndex ? R1 : NONE, scale, disp);
      b.opTo(NONE, 'exit', b.const64(0x1004, 0), NONE, NONE, EXIT.syscall);
      bench.set('r0', x);
      bench.set('r1', y);
      bench.run(b.finish(4, 1));
      const want = u(64, (useBase ? x : 0n) + (useIndex ? y << BigInt(scale) : 0n) + BigInt(disp));
      assert.is(bench.get('r3'), want);
    }
  });

  test(`${interpreter}: loads and stores of every size, sign and alignment`, () => {
    const LOADS: [OpName, number, boolean, number][] = [
      ['ld8u', 8, false, 32],
      ['ld8s', 8, true, 32],
      ['ld16u', 16, false, 32],
      ['ld16s', 16, true, 32],
      ['ld32', 32, false, 32],
      ['ld8s.i64', 8, true, 64],
      ['ld16s.i64', 16, true, 64],
      ['ld32s.i64', 32, true, 64],
      ['ld64', 64, false, 64],
    ];
    for (const [name, bits, signed, to] of LOADS) {
      for (let i = 0; i < 40; i++) {
        const v = value();
        const at = DATA + 0x100 + i;
        b.reset(0x1000, 0);
        b.opTo(R1, `st${bits}` as OpName, R0, NONE, 0, i);
        b.opTo(R2, name, R0, R3, 3, i - 8);
        b.opTo(NONE, 'exit', b.const64(0x1004, 0), NONE, NONE, EXIT.syscall);
        bench.set('r0', BigInt(at));
        bench.set('r1', v);
        bench.set('r3', 1n);
        assert.is(bench.run(b.finish(4, 1)), EXIT.syscall);
        const x = u(bits, v);
        assert.is(bench.get('r2'), signed ? u(to, s(bits, x)) : x, name);
      }
    }
  });

  test(`${interpreter}: a fault gives the pc of its instruction and the unused budget back`, () => {
    b.reset(0xfffffff8, 0x12);
    b.opTo(NONE, 'insn', NONE, NONE, 4, 0);
    b.opTo(R0, 'add.i64', R0, b.const32(5));
    b.opTo(NONE, 'insn', NONE, NONE, 4, 10);
    b.opTo(R1, 'ld64', b.const32(8));
    b.opTo(NONE, 'insn', NONE, NONE, 4, 14);
    b.opTo(NONE, 'exit', b.const64(0, 0), NONE, NONE, EXIT.syscall);
    bench.set('r0', 1n);
    bench.set('r1', 7n);
    assert.is(bench.run(b.finish(18, 3)), EXIT.exception);
    assert.is(bench.get('pc'), 0x1300000002n);
    assert.is(bench.get('r0'), 6n);
    assert.is(bench.get('r1'), 7n);
    assert.is(bench.mem.I32[ENG_BUDGET], 1_000_000 - 1);
  });

  test(`${interpreter}: links lead from block to block until the code generation changes`, () => {
    b.reset(0x1000, 0);
    b.opTo(R0, 'sub.i64', R0, b.const32(1));
    const t = b.op('set.i64', R0, b.const32(0), NONE, COND.ne);
    b.opTo(NONE, 'branch', b.const64(0x1000, 0), b.const64(0x2000, 0), t);
    const { interp, mem } = bench;
    const block = interp.add(b.finish(4, 2));
    mem.I32[ENG_BUDGET] = 1000;
    bench.set('r0', 3n);
    assert.is(interp.enter(block), EXIT_LINK);
    assert.is(bench.get('pc'), 0x1000n);
    assert.is(bench.get('r0'), 2n);
    interp.link(interp.at.p, block, 1);
    bench.set('r0', 100n);
    assert.is(interp.enter(block), EXIT_LINK);
    assert.is(bench.get('pc'), 0x2000n);
    assert.is(bench.get('r0'), 0n);
    assert.is(mem.I32[ENG_BUDGET], 1000 - 2 - 200);
    bench.set('r0', 10000n);
    assert.is(interp.enter(block), EXIT.budget);
    assert.is(bench.get('pc'), 0x1000n);
    assert.ok((mem.I32[ENG_BUDGET] as number) < 2);
    interp.kill(block);
    assert.is(interp.enter(block), EXIT.next);
    assert.is(bench.get('pc'), 0x1000n);
  });
}

INTERPRETERS.forEach(addTests);
