/** The TLB check in line (layout.ts), compared in 64 bits: tag and high half of the page address at once. */

import {
  ENG_TLB_GEN,
  PAGE_SIZE,
  TLB_ADDEND,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
} from '../common/layout.ts';
import type { FunctionBody } from './function-body.ts';
import { W } from './opcodes.ts';

/** `(address >>> 7) & MASK` is the byte offset of its TLB entry. */
const INDEX_SHIFT = 7;
const INDEX_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_SIZE;

/** Locals of a memory access: address, its TLB entry, host offset. */
export interface Access {
  readonly f: FunctionBody;
  readonly ea: number;
  readonly entry: number;
  readonly host: number;
}

/** The TLB generation, as an i64, from memory. */
export function pushGeneration(f: FunctionBody): void {
  f.i32(0);
  f.memory(W.i64Load32u, ENG_TLB_GEN * 4);
}

/**
 * Pushes whether the TLB does not have the page for an access, or it crosses a page.
 * @param tag TLB_READ or TLB_WRITE
 * @param pushLast pushes the distance of its last byte, as an i64; null: it is one byte
 */
export function pushTlbMiss(
  { f, ea, entry }: Access,
  tag: number,
  pushLast: (() => void) | null,
  pushGen: () => void = () => pushGeneration(f),
): void {
  f.get(ea);
  f.op(W.i32WrapI64);
  f.i32(INDEX_SHIFT);
  f.op(W.i32ShrU);
  f.i32(INDEX_MASK);
  f.op(W.i32And);
  f.tee(entry);
  f.memory(W.i64Load, TLB_BASE + tag * 4);
  f.get(ea);
  if (pushLast !== null) {
    pushLast();
    f.op(W.i64Add);
  }
  f.i64(-PAGE_SIZE, -1);
  f.op(W.i64And);
  pushGen();
  f.op(W.i64Or, W.i64Ne);
}

/** The host offset of a hit to `host`. */
export function setTlbHost({ f, ea, entry, host }: Access): void {
  f.get(ea);
  f.op(W.i32WrapI64);
  f.get(entry);
  f.memory(W.i32Load, TLB_BASE + TLB_ADDEND * 4);
  f.op(W.i32Add);
  f.set(host);
}
