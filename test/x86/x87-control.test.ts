/**
 * Floating-point state management that the random tests leave out, as code sequences run by the
 * CPU and by the interpreter: environments, FXSAVE, MXCSR, unmasked exceptions, masked stores.
 */

import { STATE_BASE } from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import { fxrstor, fxsave, MXCSR_MASK, resetFpState } from '../../src/frontend-x86/fxsave.ts';
import { SSE_ROWS } from '../../src/frontend-x86/rows-sse.ts';
import { GUEST_STATE_SIZE } from '../../src/frontend-x86/state.ts';
import { differences } from '../diff/compare.ts';
import { InterpEngine } from '../diff/engines.ts';
import { type DiffProgram, single } from '../diff/generate.ts';
import { buildRunner, runNative, whyNoNative } from '../diff/native.ts';
import { Random } from '../diff/random.ts';
import { DATA } from '../diff/state.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('floating-point state');

interface Sequence {
  readonly name: string;
  /** Hexadecimal; RBX and RDI point to the operand. */
  readonly code: string;
  /** Words at the operand. */
  readonly data?: readonly number[];
  /** Images differ in instruction pointers, which are not tracked, and in MXCSR_MASK. */
  readonly ignoreMemory?: true;
}

const FLDCW = 'd92b';
const LDMXCSR = '0fae13';

const SEQUENCES: readonly Sequence[] = [
  { name: 'fnstenv, fninit, fldenv', code: 'd933 dbe3 d923', ignoreMemory: true },
  { name: 'fnstenv masks exceptions', code: `${FLDCW} d933`, data: [0x340], ignoreMemory: true },
  { name: 'fnsave initialises', code: 'dd33', ignoreMemory: true },
  { name: 'fnsave, frstor', code: 'dd33 dd23', ignoreMemory: true },
  { name: '16-bit fnsave, frstor', code: '66dd33 66dd23', ignoreMemory: true },
  { name: '16-bit fnstenv, fldenv', code: '66d933 dbe3 66d923', ignoreMemory: true },
  { name: 'fxsave, fninit, fxrstor', code: '0fae03 dbe3 660fefc0 0fae0b', ignoreMemory: true },
  { name: 'fxsave64, emms, fxrstor64', code: '480fae03 0f77 480fae0b', ignoreMemory: true },
  { name: 'fxsave to an odd address', code: '48ffc3 0fae03' },
  { name: 'fxrstor from an odd address', code: '48ffc3 0fae0b' },
  { name: 'ldmxcsr', code: LDMXCSR, data: [0xffc0] },
  { name: 'ldmxcsr with a reserved bit', code: LDMXCSR, data: [0x80001f80] },
  { name: 'ldmxcsr, stmxcsr', code: `${LDMXCSR} 0fae5b04`, data: [0x7fbf] },
  { name: 'fldcw, fnstcw', code: `${FLDCW} d97b04`, data: [0xf37f] },
  { name: 'fldcw of zeros', code: `dbe2 ${FLDCW} d97b04`, data: [0] },
  { name: 'division by zero, fwait', code: `dbe3 ${FLDCW} d9ee d9e8 d8f1 9b`, data: [0x37b] },
  { name: 'invalid, a store waits', code: `dbe3 ${FLDCW} d9ee d8f0 d91b`, data: [0x37e] },
  { name: 'invalid, fnstsw does not wait', code: `dbe3 ${FLDCW} d9ee d8f0 dfe0`, data: [0x37e] },
  { name: 'invalid, fnclex, then on', code: `dbe3 ${FLDCW} d9ee d8f0 dbe2 d9e8`, data: [0x37e] },
  { name: 'invalid, MMX waits', code: `dbe3 ${FLDCW} d9ee d8f0 0fefc0`, data: [0x37e] },
  { name: 'unmasking a sticky exception', code: `dbe3 d9ee d8f0 ${FLDCW} 9b`, data: [0x37e] },
  { name: 'stack overflow', code: 'dbe3 d9e8d9e8d9e8d9e8d9e8d9e8d9e8d9e8d9e8' },
  { name: 'stack underflow', code: 'dbe3 dec1' },
  { name: 'unmasked stack overflow', code: `${FLDCW} dbe2 d9e8d9e8d9e8 9b`, data: [0x37e] },
  {
    name: 'divsd by zero, unmasked',
    code: `0f57c9 ${LDMXCSR} f20f5e4304f2480f2ac0f20f5ec1`,
    data: [0x1d80, 0, 0],
  },
  {
    name: 'sqrtps of negatives, unmasked',
    code: `${LDMXCSR} 0f515310`,
    data: [0x1f00, 0, 0, 0, 0xbf800000, 0, 0, 0x3f800000],
  },
  {
    name: 'inexact addss, unmasked',
    code: `${LDMXCSR} f30f104304 f30f584308`,
    data: [0xf80, 0x3f800000, 0x3dcccccd],
  },
  { name: 'maskmovdqu', code: '660ff7ca' },
  { name: 'maskmovq', code: '0ff7ca' },
  { name: 'movnti, movntq, movntdq', code: '0fc3430c 0fe70b 660fe75320' },
  { name: 'mmx, emms, x87', code: 'dbe3 0f6ec8 0f62c9 0f77 d9e8 dec1' },
];

function prepare(s: Sequence, seed: number): DiffProgram {
  const c = single(new Random(seed), SSE_ROWS[0]!);
  const state = c.states[0]!;
  state.codeOffset = 0;
  state.setGpr(3, BigInt(DATA + 0x800));
  state.setGpr(7, BigInt(DATA + 0x800));
  const bytes = Buffer.from(s.code.replaceAll(' ', ''), 'hex');
  state.code.fill(0xcc);
  state.code.set(bytes);
  const view = new DataView(state.data.buffer, state.data.byteOffset);
  s.data?.forEach((w, i) => {
    view.setUint32(0x800 + 4 * i, w, true);
  });
  return { ...c, states: [state], rows: [], length: bytes.length, flags: 0, faultFlags: 0 };
}

const reason = whyNoNative();
for (const s of SEQUENCES) {
  if (reason !== null) {
    test.skip(s.name, reason);
    continue;
  }
  test(s.name, () => {
    const cases = [1, 2, 3, 4].map((seed) => prepare(s, seed));
    const native = runNative(
      buildRunner(),
      cases.map((c) => c.states[0]!),
    );
    const engine = new InterpEngine(true);
    cases.forEach((c, i) => {
      engine.prepare(c.states[0]!);
      const lines = differences(c, native[i]!, engine.run(c.states[0]!)).filter(
        (l) => !(s.ignoreMemory && /^memory|^ +ours/.test(l)),
      );
      assert.is(lines.join('\n'), '', `case ${i + 1}`);
    });
  });
}

test('an FXSAVE image restores the state it was made from', () => {
  const m = createLinearMemory(1 << 16);
  resetFpState(m);
  const rng = new Random(5);
  const image = 0x8000;
  for (let i = 0; i < 416; i++) m.U8[image + i] = rng.below(256);
  // What the CPU would change: reserved bits of FCW, and in FSW the summary of unmasked exceptions.
  m.D.setUint16(image, 0xc7f, true);
  m.D.setUint16(image + 2, rng.below(0x10000) & 0x7f7f, true);
  m.D.setInt32(image + 24, 0x1f80, true);
  m.D.setInt32(image + 28, MXCSR_MASK, true);
  m.D.setUint16(image + 6, 0x123, true);
  m.U8[image + 5] = 0;
  for (let i = 0; i < 8; i++) m.U8.fill(0, image + 32 + 16 * i + 10, image + 48 + 16 * i);
  assert.ok(fxrstor(m, image));
  const before = m.U8.slice(STATE_BASE, STATE_BASE + GUEST_STATE_SIZE);
  fxsave(m, 0x9000);
  assert.equal(m.U8.slice(0x9000, 0x9000 + 416), m.U8.slice(image, image + 416));
  resetFpState(m);
  assert.ok(fxrstor(m, 0x9000));
  assert.equal(m.U8.slice(STATE_BASE, STATE_BASE + GUEST_STATE_SIZE), before);
});

test('an image with reserved MXCSR bits is refused', () => {
  const m = createLinearMemory(1 << 16);
  resetFpState(m);
  fxsave(m, 0x8000);
  m.D.setInt32(0x8000 + 24, 0x10000, true);
  assert.not.ok(fxrstor(m, 0x8000));
});
