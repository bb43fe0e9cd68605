/** The textual form of IR: what is printed parses to the same block. */

import { EXIT } from '../../src/ir/ops.ts';
import { formatBlock, parseBlock } from '../../src/ir/text.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { assert, suite } from '../lib/suite.ts';
import { newBench, TEST_LAYOUT } from './harness.ts';

const test = suite('IR text');

const SAMPLE = `block 0x123456789ab bytes 20 insns 3
insn +0 4
t0:i64 = add.i64 r0, 0xfffffffffffffff0
t1:i32 = ld32 [r1 + t0*4 - 8]
st128 [r1 + 16] align = v0
insn +4 3
t2:i64 = lea.i64 [r0 + r1*8 + 100]
st64 [r1] = t2
r0 = sub.i32 r0, t1
ccset 7 (r0, t1, _)
insn +7 2
t3:i32 = set.i64 ltu r0, t2
branch t3 ? 0x401010 : 0x401007`;

test('printing and parsing are inverse', () => {
  assert.is(formatBlock(parseBlock(SAMPLE, TEST_LAYOUT), TEST_LAYOUT), SAMPLE);
});

test('every kind of terminator survives', () => {
  for (const t of [
    'jump call 0x10, 0x20',
    'jump next 0x10',
    'jumpind ret r0',
    'exit syscall 0x7',
  ]) {
    const text = `block 0x0 bytes 1 insns 1\n${t}`;
    assert.is(formatBlock(parseBlock(text, TEST_LAYOUT), TEST_LAYOUT), text);
  }
});

test('errors name the line', () => {
  assert.throws(
    () => parseBlock('block 0x0 bytes 1 insns 1\nr0 = frob r1', TEST_LAYOUT),
    /line 2: no op frob/,
  );
});

test('the verifier accepts the sample and names what is wrong', () => {
  assert.equal(verifyBlock(parseBlock(SAMPLE, TEST_LAYOUT), TEST_LAYOUT, 0), []);
  const bad = (body: string): string[] =>
    verifyBlock(parseBlock(`block 0x0 bytes 1 insns 1\n${body}`, TEST_LAYOUT), TEST_LAYOUT, 1);
  assert.match(bad('r0 = add.i64 r1, r2')[0] as string, /no terminator/);
  assert.match(bad('r0 = add.i64 t5, r2\nexit next 0x0').join(), /no temp t5/);
  assert.match(bad('v0 = add.i64 r1, r2\nexit next 0x0').join(), /result i64 into v128/);
  assert.match(bad('call 1 (_, _, _)\nexit next 0x0').join(), /helper 1/);
});

test('parsed text runs', () => {
  const bench = newBench();
  bench.set('r0', 5n);
  const block = parseBlock(
    'block 0x10 bytes 1 insns 1\nt0:i64 = mul.i64 r0, 0x100000001\nr1 = mov.i64 t0\nexit syscall 0x11',
    TEST_LAYOUT,
  );
  assert.is(bench.run(block), EXIT.syscall);
  assert.is(bench.get('r1'), 0x500000005n);
  assert.is(bench.get('pc'), 0x11n);
});
