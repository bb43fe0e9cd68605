/** The source map resolves each generated line to the guest instruction it is for. */

import { SourceMapConsumer } from 'source-map';
import { emitRegion } from '../../src/backend-js/emit-region.ts';
import { functionName } from '../../src/backend-js/names.ts';
import { sourceMap } from '../../src/backend-js/source-map.ts';
import { X86_STATE } from '../../src/frontend-x86/state.ts';
import { parseBlock } from '../../src/ir/text.ts';
import { assert, suite } from '../lib/suite.ts';
import { regionOf } from './engines.ts';

const test = suite('backend-js source maps and names');

const BLOCKS = [
  `block 0x7f00401230 bytes 8 insns 2
   insn +0 4
   rax = add.i64 rax, 0x111
   insn +4 4
   rbx = add.i64 rbx, 0x222
   jump next 0x7f00401238`,
  `block 0x7f00401238 bytes 8 insns 2
   insn +0 4
   rcx = add.i64 rcx, 0x333
   insn +4 4
   exit syscall 0x7f00401240`,
].map((t) => parseBlock(t, X86_STATE));

test('each line maps to its instruction', async () => {
  const index = new Map([
    [0x7f00401230, 0],
    [0x7f00401238, 1],
  ]);
  const region = regionOf(BLOCKS, index, 0x7f00401230);
  const emitted = emitRegion(region, { layout: X86_STATE, helpers: [], name: 'f' });
  const text = sourceMap(region, emitted, 'f.js');
  const lineOf = (part: string): number =>
    emitted.source.split('\n').findIndex((l) => l.includes(part)) + 1;
  await SourceMapConsumer.with(text, null, (consumer) => {
    const where = (part: string): string => {
      const p = consumer.originalPositionFor({ line: lineOf(part), column: 0 });
      return `${p.source}:${p.line}`;
    };
    assert.is(where(`${0x111}`), '0x7f00401230:1');
    assert.is(where(`${0x222}`), '0x7f00401230:2');
    assert.is(where(`${0x333}`), '0x7f00401238:1');
  });
});

test('symbols are reduced to identifiers', () => {
  assert.is(functionName('memcpy', 0x1234, 0), 'memcpy_0x1234');
  assert.is(functionName(null, 0x1234, 0x7f), 'block_0x7f00001234');
  assert.is(functionName('x(){}//\n$\u2028é', 1, 0), 'x_______$___0x1');
  assert.is(functionName('0day', 1, 0), '_0day_0x1');
  assert.ok(functionName('a'.repeat(500), 1, 0).length < 100);
});
