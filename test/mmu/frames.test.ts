/** The frame allocator: accounting, zeroing, blocks of 2 MiB, memory sizes that end in part of a block. */

import { HUGE_PAGE_FRAMES, PAGE_SIZE, RAM_BASE } from '../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../src/common/memory.ts';
import {
  FRAME_ANON,
  FRAME_CACHE,
  FrameAllocator,
  frameHost,
  hostFrame,
} from '../../src/mmu/frames.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('frames');

function memoryOf(frames: number): LinearMemory {
  return createLinearMemory(RAM_BASE + frames * PAGE_SIZE);
}

test('every frame is given out once, and all come back', () => {
  for (const size of [
    16,
    HUGE_PAGE_FRAMES - 16,
    HUGE_PAGE_FRAMES,
    HUGE_PAGE_FRAMES + 16,
    3 * HUGE_PAGE_FRAMES + 48,
  ]) {
    const frames = new FrameAllocator(memoryOf(size));
    assert.is(frames.total, size);
    assert.is(frames.free, size - 1);
    const seen = new Set<number>();
    for (let f = frames.alloc(FRAME_ANON); f >= 0; f = frames.alloc(FRAME_ANON)) {
      assert.ok(f > 0 && f < size && !seen.has(f));
      seen.add(f);
    }
    assert.is(seen.size, size - 1);
    assert.is(frames.free, 0);
    for (const f of seen) frames.discard(f);
    assert.is(frames.free, size - 1);
    assert.ok(frames.alloc(FRAME_ANON) > 0);
  }
});

test('zeroed frames are zero, fresh or reused', () => {
  const memory = memoryOf(16);
  const frames = new FrameAllocator(memory);
  const first = frames.allocZeroed(FRAME_ANON);
  memory.U8.fill(0xaa, frameHost(first), frameHost(first) + PAGE_SIZE);
  frames.discard(first);
  for (let i = 0; i < 15; i++) {
    const host = frameHost(frames.allocZeroed(FRAME_ANON));
    assert.ok(memory.U8.subarray(host, host + PAGE_SIZE).every((b) => b === 0));
  }
  assert.is(hostFrame(frameHost(7) + 123), 7);
});

test('blocks are aligned, and come back when all their frames do', () => {
  const frames = new FrameAllocator(memoryOf(3 * HUGE_PAGE_FRAMES));
  const a = frames.allocBlock(FRAME_ANON);
  const b = frames.allocBlock(FRAME_ANON);
  assert.equal(
    [a, b].map((f) => f % HUGE_PAGE_FRAMES),
    [0, 0],
  );
  assert.is(frames.allocBlock(FRAME_ANON), -1, 'the zero page is in the third');
  frames.retain(a);
  for (let f = a + 1; f < a + HUGE_PAGE_FRAMES; f++) frames.discard(f);
  assert.is(frames.allocBlock(FRAME_ANON), -1);
  frames.release(a);
  assert.is(frames.allocBlock(FRAME_ANON), a);
});

test('reclaimers are asked before an allocation fails, and not when they allocate', () => {
  const frames = new FrameAllocator(memoryOf(16));
  const held: number[] = [];
  let asked = 0;
  const unregister = frames.addReclaimer(() => {
    asked++;
    const frame = held.pop();
    if (frame === undefined) return 0;
    frames.release(frame);
    frames.discard(frames.alloc(FRAME_CACHE));
    return 1;
  });
  for (let i = 0; i < 15; i++) {
    const frame = frames.alloc(FRAME_CACHE);
    frames.retain(frame);
    held.push(frame);
  }
  assert.is(asked, 0);
  assert.ok(frames.alloc(FRAME_ANON) > 0);
  assert.is(asked, 1);
  unregister();
  assert.is(frames.alloc(FRAME_ANON), -1);
});

test('misuse panics', () => {
  const frames = new FrameAllocator(memoryOf(16));
  const frame = frames.alloc(FRAME_ANON);
  frames.retain(frame);
  assert.throws(() => frames.discard(frame), /with 1 refs/);
  frames.release(frame);
  assert.throws(() => frames.retain(frame), /free frame/);
  assert.throws(() => frames.release(frame), /too often/);
});
