/**
 * The approximate instructions: x87 functions within one unit in the last place of the CPU's (whose
 * own error is below 1 ulp), RCP and RSQRT within the bound of the SDM.
 */

import { createLinearMemory } from '../../src/common/memory.ts';
import { SSE_ROWS } from '../../src/frontend-x86/rows-sse.ts';
import { X87_ROWS } from '../../src/frontend-x86/rows-x87.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { InterpEngine } from '../diff/engines.ts';
import { single } from '../diff/generate.ts';
import { buildRunner, runNative, whyNoNative } from '../diff/native.ts';
import { Random } from '../diff/random.ts';
import { type CpuState, FX } from '../diff/state.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('approximate functions');
const CASES = 250;

interface Domain {
  /** Exponent range of ST(0) and whether it may be negative; ST(1) is anything. */
  readonly low: number;
  readonly high: number;
  readonly negative: boolean;
}

const DOMAINS: Record<string, Domain> = {
  f2xm1: { low: -70, high: -1, negative: true },
  fyl2x: { low: -300, high: 300, negative: false },
  fyl2xp1: { low: -200, high: -3, negative: true },
  fptan: { low: -140, high: 62, negative: true },
  fpatan: { low: -120, high: 120, negative: true },
  fsin: { low: -140, high: 62, negative: true },
  fcos: { low: -140, high: 62, negative: true },
  fsincos: { low: -140, high: 62, negative: true },
};

function fxView(s: CpuState): DataView {
  return new DataView(s.fx.buffer, s.fx.byteOffset, 512);
}

/** Two random normal numbers on a stack with two entries and room. */
function prepare(rng: Random, name: string, domain: Domain): CpuState {
  const row = X87_ROWS.find((r) => r.mnemonic === name)!;
  const state = single(rng, row).states[0]!;
  const v = fxView(state);
  v.setUint16(FX.fcw, 0x37f, true);
  v.setUint16(FX.fsw, 0x3000, true); // TOP 6
  v.setUint8(FX.ftw, 0xc0);
  const number = (at: number, low: number, high: number, negative: boolean): void => {
    v.setBigUint64(at, rng.u64() | (1n << 63n), true);
    const sign = negative && rng.chance(50) ? 0x8000 : 0;
    v.setUint16(at + 8, (0x3fff + low + rng.below(high - low + 1)) | sign, true);
  };
  number(FX.st, domain.low, domain.high, domain.negative);
  number(FX.st + 16, -120, 120, true);
  return state;
}

/** Encoding of an 80-bit number as an integer that counts ulps. */
function ordinal(s: CpuState, at: number): bigint {
  const v = fxView(s);
  const se = v.getUint16(at + 8, true);
  const m = BigInt(se & 0x7fff) * (1n << 63n) + (v.getBigUint64(at, true) & ((1n << 63n) - 1n));
  return se & 0x8000 ? -m : m;
}

const reason = whyNoNative();
for (const [name, domain] of Object.entries(DOMAINS)) {
  if (reason !== null) {
    test.skip(name, reason);
    continue;
  }
  test(name, () => {
    const rng = new Random(77);
    const cases = Array.from({ length: CASES }, () => prepare(rng, name, domain));
    const native = runNative(buildRunner(), cases);
    const engine = new InterpEngine(false);
    cases.forEach((c, i) => {
      engine.prepare(c);
      const ours = engine.run(c);
      for (const at of [FX.st, FX.st + 16]) {
        const d = ordinal(ours, at) - ordinal(native[i]!, at);
        const operands = Buffer.from(c.fx.subarray(FX.st, FX.st + 32)).toString('hex');
        assert.ok(d >= -1n && d <= 1n, `case ${i}: ${d} ulp, operands ${operands}`);
      }
    });
  });
}

const EXACT = 'fyl2x: the logarithm of a power of two, times denormals';
if (reason !== null) test.skip(EXACT, reason);
else {
  test(EXACT, () => {
    const rng = new Random(5);
    const cases = Array.from({ length: 60 }, (_, i) => {
      const state = prepare(rng, 'fyl2x', DOMAINS['fyl2x']!);
      const v = fxView(state);
      v.setBigUint64(FX.st, 1n << 63n, true);
      v.setUint16(FX.st + 8, 0x3fff + [1, 2, 4, -1, -2, 3][i % 6]!, true);
      v.setBigUint64(FX.st + 16, rng.u64() >> BigInt(1 + rng.below(8)), true);
      v.setUint16(FX.st + 24, rng.chance(50) ? 0x8000 : 0, true);
      v.setUint16(FX.fcw, 0x37f | (rng.below(4) << 10), true);
      return state;
    });
    const native = runNative(buildRunner(), cases);
    const engine = new InterpEngine(false);
    const seen = (s: CpuState): string =>
      `${Buffer.from(s.fx.subarray(FX.st, FX.st + 10)).toString('hex')} ${(fxView(s).getUint16(FX.fsw, true) & ~0x200).toString(16)}`;
    cases.forEach((c, i) => {
      engine.prepare(c);
      assert.is(seen(engine.run(c)), seen(native[i]!), `case ${i}`);
    });
  });
}

for (const [op, exact] of [
  ['frcp.f32', (x: number): number => 1 / x],
  ['frsqrt.f32', (x: number): number => 1 / Math.sqrt(x)],
] as const) {
  test(`${op} is within 1.5 * 2^-12`, () => {
    const env = createLinearMemory(65536) as HelperEnv;
    const rng = new Random(3);
    for (let i = 0; i < 20_000; i++) {
      env.I32[64] = ((1 + rng.below(252)) << 23) | rng.below(1 << 23);
      SLOT_FNS[op](env, 65, 64, -1, -1, 0);
      const want = exact(env.F32[64]!);
      if (Math.abs(want) < 2 ** -126) continue;
      assert.ok(Math.abs(env.F32[65]! / want - 1) <= 1.5 * 2 ** -12, `${env.F32[64]}`);
    }
  });
}

test('rows that approximate say so', () => {
  const marked = [...SSE_ROWS, ...X87_ROWS].filter((r) => r.options.approximate !== undefined);
  const names = marked.map((r) => r.mnemonic).sort();
  const sse = ['rcpps', 'rcpss', 'rsqrtps', 'rsqrtss'];
  assert.equal(names, [...Object.keys(DOMAINS), ...sse].sort());
});
