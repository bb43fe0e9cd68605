/** The op table as flat arrays, for the loops of analyses and emitters. */

import { type Field, OPS, type OpRow } from './ops.ts';

export const F_NONE = 0;
/** Reads or writes the low 32 bits, all 64 bits, or a memory slot. */
export const F_I32 = 1;
export const F_I64 = 2;
export const F_SLOT = 3;
/** Not a ref: a raw integer. */
export const F_RAW = 4;

function fieldCode(f: Field): number {
  if (f === null) return F_NONE;
  if (f === 'int') return F_RAW;
  if (f.startsWith('i32')) return F_I32;
  return f.startsWith('i64') ? F_I64 : F_SLOT;
}

/** Field codes of op n: d, a, b, c at 4 * n. */
export const FIELDS: Uint8Array = Uint8Array.from(
  OPS.flatMap((r: OpRow) => [r.d, r.a, r.b, r.c].map(fieldCode)),
);

/** Effect codes: positions in EFFECT_NAMES. */
export const EFFECT_PURE = 0;
export const EFFECT_FP = 3;
export const EFFECT_CC = 4;
export const EFFECT_CALL = 5;
export const EFFECT_TERM = 6;
export const EFFECT_MARK = 7;
const EFFECT_NAMES = ['pure', 'load', 'store', 'fp', 'cc', 'call', 'term', 'mark'];

export const EFFECTS: Uint8Array = Uint8Array.from(OPS, (r: OpRow) =>
  EFFECT_NAMES.indexOf(r.effect),
);

/** 1 if the op writes what `d` names (a store reads it). */
export const WRITES_D: Uint8Array = Uint8Array.from(OPS, (r: OpRow) =>
  r.d !== null && r.effect !== 'store' ? 1 : 0,
);

/** 1 if the op may fault, helper calls aside. */
export const FAULTS: Uint8Array = Uint8Array.from(OPS, (r: OpRow) =>
  r.effect === 'load' || r.effect === 'store' || r.effect === 'fp' ? 1 : 0,
);
