/** When blocks count as hot. */

import { ENG_BUDGET } from '../../src/common/layout.ts';
import { BlockBuilder } from '../../src/ir/builder.ts';
import { type InterpBlock, Interpreter } from '../../src/ir/interp.ts';
import { EXIT, OP } from '../../src/ir/ops.ts';
import { NONE } from '../../src/ir/refs.ts';
import { assert, suite } from '../lib/suite.ts';
import { newBench, TEST_LAYOUT } from './harness.ts';

const test = suite('hot blocks');

function interpreter(hotThreshold: number): { interp: Interpreter; add(pc: number): InterpBlock } {
  const { env } = newBench();
  env.I32[ENG_BUDGET] = 1_000_000;
  const interp = new Interpreter(env, TEST_LAYOUT, [], { hotThreshold, arenaWords: 1 << 18 });
  const add = (pc: number): InterpBlock => {
    const b = new BlockBuilder();
    b.reset(pc, 0);
    b.emit(OP.exit, NONE, b.const64(pc, 0), NONE, NONE, EXIT.next);
    return interp.add(b.finish(1, 1));
  };
  return { interp, add };
}

/** Runs the block until it is hot, at most 1,000 times. @returns how often it ran */
function runUntilHot(interp: Interpreter, block: InterpBlock): number {
  for (let i = 0; i < 1000; i++) if (interp.enter(block) === EXIT.hot) return i;
  return Number.POSITIVE_INFINITY;
}

function run(interp: Interpreter, block: InterpBlock, times: number): void {
  for (let i = 0; i < times; i++) assert.is(interp.enter(block), EXIT.next);
}

test('a block is hot at the threshold, once', () => {
  const { interp, add } = interpreter(100);
  const block = add(0x1000);
  assert.is(runUntilHot(interp, block), 99);
  assert.ok(interp.isHot(block));
  interp.coolDown(block);
  assert.is(runUntilHot(interp, block), Number.POSITIVE_INFINITY);
});

test('a lower threshold holds for blocks that count already, and for new ones', () => {
  const { interp, add } = interpreter(100);
  const [fewer, more, cold] = [add(0x1000), add(0x2000), add(0x3000)] as const;
  run(interp, fewer, 5);
  run(interp, more, 50);
  interp.lowerThreshold(20);
  assert.is(runUntilHot(interp, fewer), 14);
  assert.is(runUntilHot(interp, more), 0);
  assert.is(runUntilHot(interp, cold), 19);
  assert.is(runUntilHot(interp, add(0x4000)), 19);
  for (const block of [fewer, more, cold]) assert.ok(interp.isHot(block));
});

test('a lower threshold leaves alone what is counted, hot earlier, or was dealt with', () => {
  const { interp, add } = interpreter(100);
  const [counted, early, dealtWith] = [add(0x1000), add(0x2000), add(0x3000)] as const;
  run(interp, counted, 50);
  interp.hotAfter(early, 10);
  runUntilHot(interp, dealtWith);
  interp.coolDown(dealtWith);
  run(interp, dealtWith, 7);
  interp.lowerThreshold(20);
  assert.is(interp.entered(counted), 50);
  assert.is(interp.executions(counted), 50);
  assert.is(runUntilHot(interp, early), 9);
  assert.is(interp.entered(dealtWith), 99 + 7);
  assert.is(runUntilHot(interp, dealtWith), Number.POSITIVE_INFINITY);
});
