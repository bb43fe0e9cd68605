/** Looking something up by pc in one of the caches of linear memory (layout.ts). */

import {
  ENG_CODE_GEN,
  JUMP_CACHE_BASE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_GEN,
  JUMP_CACHE_SHIFT,
  REGION_CACHE_BASE,
  REGION_CACHE_ENTRIES,
  REGION_CACHE_GEN,
  REGION_CACHE_SHIFT,
} from '../common/layout.ts';
import type { FunctionBody } from './function-body.ts';
import { W } from './opcodes.ts';

/** A direct-mapped cache: byte offset, entries of 16 bytes, and which word of one holds the code generation. */
export interface CacheByPc {
  readonly base: number;
  readonly entries: number;
  readonly shift: number;
  readonly gen: number;
}

export const REGION_CACHE: CacheByPc = {
  base: REGION_CACHE_BASE,
  entries: REGION_CACHE_ENTRIES,
  shift: REGION_CACHE_SHIFT,
  gen: REGION_CACHE_GEN,
};
export const JUMP_CACHE: CacheByPc = {
  base: JUMP_CACHE_BASE,
  entries: JUMP_CACHE_ENTRIES,
  shift: JUMP_CACHE_SHIFT,
  gen: JUMP_CACHE_GEN,
};

/**
 * Pushes whether the pc in a local is in the cache, under the current code generation.
 * @param entry local that becomes the byte offset of its entry
 */
export function pushFound(f: FunctionBody, cache: CacheByPc, pc: number, entry: number): void {
  f.get(pc);
  f.op(W.i32WrapI64);
  f.tee(entry);
  f.get(entry);
  f.i32(cache.shift);
  f.op(W.i32ShrU, W.i32Xor);
  f.i32(cache.entries - 1);
  f.op(W.i32And);
  f.i32(4);
  f.op(W.i32Shl);
  f.tee(entry);
  f.memory(W.i64Load, cache.base);
  f.get(pc);
  f.op(W.i64Eq);
  f.get(entry);
  f.memory(W.i32Load, cache.base + cache.gen * 4);
  f.i32(0);
  f.memory(W.i32Load, ENG_CODE_GEN * 4);
  f.op(W.i32Eq, W.i32And);
}
