/**
 * Loads and stores: an inlined TLB check (layout.ts), the access through the DataView (guest data may
 * be unaligned), and a slow path that calls GuestAccess. A load's slow path yields a host offset too,
 * so the access itself is written once; a store's slow path stores by itself.
 *
 * A lean region leaves where it would take the slow path.
 *
 * `_g` caches the TLB generation; it is read again after everything that could change it.
 */

import {
  ENG_TLB_GEN,
  TLB_ADDEND,
  TLB_EDGE,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import { MEM_ALIGN, type MemOpName, OPS, type OpRow, STRIDE } from '../ir/ops.ts';
import { NONE } from '../ir/refs.ts';
import { addressSemantics } from '../ir/semantics.ts';
import type { EmitContext } from './context.ts';
import { destination, templateInput, tidyText } from './emit-int.ts';
import { isReadAsDouble, isReadOnlyAsDouble } from './emit-slot.ts';
import { windowRegister } from './windows.ts';

interface Load {
  readonly size: number;
  /** Result halves given host offset _a; `hi` null: sign of the low half. */
  readonly lo: string;
  readonly hi: string | null;
}

const LOADS: Partial<Record<MemOpName, Load>> = {
  ld8u: { size: 1, lo: 'U8[_a]', hi: '0' },
  ld8s: { size: 1, lo: 'U8[_a]<<24>>24', hi: '0' },
  ld16u: { size: 2, lo: 'D.getUint16(_a,true)', hi: '0' },
  ld16s: { size: 2, lo: 'D.getInt16(_a,true)', hi: '0' },
  ld32: { size: 4, lo: 'D.getInt32(_a,true)', hi: '0' },
  'ld8s.i64': { size: 1, lo: 'U8[_a]<<24>>24', hi: null },
  'ld16s.i64': { size: 2, lo: 'D.getInt16(_a,true)', hi: null },
  'ld32s.i64': { size: 4, lo: 'D.getInt32(_a,true)', hi: null },
  ld64: { size: 8, lo: 'D.getInt32(_a,true)', hi: 'D.getInt32(_a+4,true)' },
};

/** Words of the accesses that move between guest memory and a memory slot. */
const SLOT_WORDS: Partial<Record<MemOpName, number>> = { ld128: 4, ld256: 8, st128: 4, st256: 8 };

const STORE_SIZE: Partial<Record<MemOpName, number>> = { st8: 1, st16: 2, st32: 4, st64: 8 };

/** Computes the effective address. @returns text before, and the names or literals of its halves */
function address(e: EmitContext, at: number): { pre: string; l: string; h: string } {
  const r = addressSemantics(templateInput(e, at));
  return { pre: tidyText(r.pre ?? ''), l: r.lo, h: r.hi };
}

/** An access whose address is at h:l once `pre` has run. */
interface Access {
  readonly at: number;
  readonly pre: string;
  readonly l: string;
  readonly h: string;
  readonly size: number;
  readonly store: boolean;
  /** With _a the host offset; what a store's slow path does by itself. */
  readonly fast: string;
  readonly slow: string;
}

/** `if(hit){_a=…;fast}else{slow}`, where the register has a window behind `if(in it){_a=…;fast}else`. */
function translate(e: EmitContext, x: Access): string {
  const { l, h, size, fast } = x;
  const last = size === 1 ? l : `${l}+${size - 1}`;
  const tag = x.store ? TLB_WRITE : TLB_READ;
  const window = e.windows.at(e.ir, x.at);
  const move = window === undefined ? '' : e.windows.move(window, l, h, x.store);
  const miss = e.lean
    ? e.leaveSlow(x.at)
    : `${x.slow}_g=I32[${ENG_TLB_GEN}]|_f;${e.windows.empty()}`;
  const lookup =
    `${x.pre}${alignCheck(e, x.at, l, size)}` +
    `_i=(${l}>>>${TLB_INDEX_SHIFT}&${TLB_INDEX_MASK})+${TLB_WORD};` +
    `if(I32[_i${tag === 0 ? '' : `+${tag}`}]===(${last}&-4096|_g)&&I32[_i+${TLB_HI}]===${h})` +
    `{_a=${l}+I32[_i+${TLB_ADDEND}]|0;${move}${fast}}else{${miss}}`;
  if (window === undefined) return lookup;
  const low = templateInput(e, x.at).al;
  const disp = e.ir.code[x.at + 5]!;
  const check = e.windows.check(window, low, disp, x.store);
  const more = isAligned(e, x) ? `&&(_a&${size - 1})===0` : '';
  return `${check}${more}){_a=_a+${e.windows.offset(window)}|0;${fast}}else{${lookup}}`;
}

/** Bytes that a register's address may be away from it, and be moved on afterwards: less than TLB_EDGE in all. */
const NEAR = TLB_EDGE / 4;

/** Remembers that the access at `at`, which went through the TLB or a window, was close to its register. */
function rememberCarryFree(e: EmitContext, at: number): void {
  if (!e.lean) return;
  const v = windowRegister(e.ir, at);
  if (v >= 0 && Math.abs(e.ir.code[at + 5]!) <= NEAR) e.carryFree.set(v, NEAR);
}

/** Must the address be checked for alignment? */
function isAligned(e: EmitContext, { at, size }: Access): boolean {
  return size >= 16 && (e.ir.code[at + 4]! & MEM_ALIGN) !== 0;
}

function alignCheck(e: EmitContext, at: number, l: string, size: number): string {
  if (size < 16 || (e.ir.code[at + 4]! & MEM_ALIGN) === 0) return '';
  const raise = e.lean ? e.leaveSlow(at) : `_r=m.raise(13,0);${e.fault(at)}`;
  return `if((${l}&${size - 1})!==0){${raise}}`;
}

export function emitLoad(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const name = (OPS[code[at]!] as OpRow).name as MemOpName;
  const load = LOADS[name];
  const words = SLOT_WORDS[name] ?? 0;
  const size = load?.size ?? words * 4;
  const { pre, l, h } = address(e, at);
  const slow = e.lean ? '' : `_a=m.read(${l},${h},${size})|0;if(_a<0){_r=-1;${e.fault(at)}}`;
  e.line(translate(e, { at, pre, l, h, size, store: false, fast: '', slow }));
  const d = code[at + 1]!;
  rememberCarryFree(e, at);
  e.high.step(e.ir, at);
  if (d === NONE) return;
  if (load === undefined) {
    e.line(copyWords(words, (i) => `I32[${e.slot(d) + i}]=D.getInt32(_a+${i * 4},true);`));
    return;
  }
  if (name === 'ld64' && isReadOnlyAsDouble(e, d, at + STRIDE)) {
    e.line(`${e.loadLater(d, at)}=_a;${e.doubles.define(e.slot(d), false)}=D.getFloat64(_a,true);`);
    return;
  }
  const dest = destination(e, d);
  const hi = load.hi ?? `${dest.l}>>31`;
  e.line(`${dest.l}=${load.lo};${dest.h === '' ? '' : `${dest.h}=${hi};`}`);
  if (name === 'ld64' && isReadAsDouble(e, d, at + STRIDE)) {
    e.line(`${e.doubles.define(e.slot(d), false)}=D.getFloat64(_a,true);`);
  }
}

function copyWords(words: number, one: (i: number) => string): string {
  return Array.from({ length: words }, (_, i) => one(i)).join('');
}

export function emitStore(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const name = (OPS[code[at]!] as OpRow).name as MemOpName;
  const d = code[at + 1]!;
  const words = SLOT_WORDS[name] ?? 0;
  const size = STORE_SIZE[name] ?? words * 4;
  const { pre, l, h } = address(e, at);
  const { fast, call } = store(e, name, d, l, h, words);
  const slow = e.lean ? '' : `_s=${call}|0;if(_s!==0){_r=_s;${e.fault(at)}}`;
  e.line(translate(e, { at, pre, l, h, size, store: true, fast, slow }));
  rememberCarryFree(e, at);
}

function store(
  e: EmitContext,
  name: MemOpName,
  d: number,
  l: string,
  h: string,
  words: number,
): { fast: string; call: string } {
  switch (name) {
    case 'st8':
      return { fast: `U8[_a]=${e.lo(d)};`, call: `m.write8(${l},${h},${e.lo(d)})` };
    case 'st16':
      return {
        fast: `D.setInt16(_a,${e.lo(d)},true);`,
        call: `m.write16(${l},${h},${e.lo(d)})`,
      };
    case 'st32':
      return {
        fast: `D.setInt32(_a,${e.lo(d)},true);`,
        call: `m.write32(${l},${h},${e.lo(d)})`,
      };
    case 'st64':
      return {
        fast: `D.setInt32(_a,${e.lo(d)},true);D.setInt32(_a+4,${e.hi(d)},true);`,
        call: `m.write64(${l},${h},${e.lo(d)},${e.hi(d)})`,
      };
    case 'st128':
    case 'st256':
      return {
        fast: copyWords(words, (i) => `D.setInt32(_a+${i * 4},I32[${e.slot(d) + i}],true);`),
        call: `m.writeBytes(${l},${h},${e.slot(d) * 4},${words * 4})`,
      };
    default:
      return panic(`${name} is not a store`);
  }
}
