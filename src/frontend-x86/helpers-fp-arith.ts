/**
 * x87 helpers: loads, stores, arithmetic and comparison (SDM vol. 1, 8.3; vol. 2 for each).
 *
 * A helper's last argument is a selector that the lifter packs (see SEL), because the instructions
 * of a group differ only in registers, operand kinds and pops.
 */

import { SCRATCH_BASE } from '../common/layout.ts';
import { ARITH, C0, C1, C2, C3, COM, KIND, SEL } from '../common/x87.ts';
import { IE, OE, PE, UE } from '../ir/fp-env.ts';
import type { HelperEnv, HelperFn } from '../ir/helpers.ts';
import { addNum, compareNum, divNum, mulNum } from '../ir/softfloat/arith.ts';
import { fromInt, numToInt } from '../ir/softfloat/integer.ts';
import { flagDenormals, nanX87 } from '../ir/softfloat/nan.ts';
import {
  CLS,
  copyNum,
  F32,
  F64,
  type Format,
  loadF32,
  loadF64,
  loadF80,
  type Num,
  newNum,
  packF32,
  packF64,
  QNAN,
  SNAN,
  ZERO,
} from '../ir/softfloat/num.ts';
import { dropFlags, fpFlags, raiseFlags, round } from '../ir/softfloat/round.ts';
import { statusFlags } from './flags.ts';
import { bcdToNum, numToBcd } from './x87-bcd.ts';
import {
  begin,
  blocked,
  CW,
  complete,
  copySt,
  isEmpty,
  loadSt,
  pop,
  precision,
  push,
  pushResult,
  rounding,
  roundTo,
  SF,
  setCodes,
  setExceptions,
  storeSt,
  stWord,
  underflow,
} from './x87-state.ts';

const X: Num = newNum();
const Y: Num = newNum();
const R: Num = newNum();

function compute(I32: Int32Array, op: number, x: Num, y: Num): void {
  if (nanX87(x, y, R)) return;
  const reversed = op === ARITH.subr || op === ARITH.divr;
  const a = reversed ? y : x;
  const b = reversed ? x : y;
  if (op >= ARITH.div) {
    if (b[CLS] !== ZERO) flagDenormals(a, b);
    divNum(a, b, R);
    return;
  }
  flagDenormals(a, b);
  if (op === ARITH.mul) mulNum(a, b, R);
  else addNum(a, b, R, rounding(I32), op >= ARITH.sub);
}

/** ST(dst) = R, rounded as precision control says, unless an exception prevents it. */
function deliver(I32: Int32Array, dst: number, pops: number): void {
  if (blocked(I32)) {
    complete(I32);
    return;
  }
  roundTo(I32, R, precision(I32));
  storeSt(I32, dst, R);
  complete(I32);
  if (pops > 0) pop(I32);
}

/** ST(dst) = ST(dst) op ST(src) */
export const x87Arith: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[a]!;
  const dst = (sel >> SEL.dst) & 7;
  const src = (sel >> SEL.src) & 7;
  const pops = (sel >> SEL.pops) & 3;
  if (isEmpty(I32, dst) || isEmpty(I32, src)) {
    if (!underflow(I32, R)) return 0;
    storeSt(I32, dst, R);
    if (pops > 0) pop(I32);
    return 0;
  }
  loadSt(I32, dst, X);
  loadSt(I32, src, Y);
  compute(I32, sel & 15, X, Y);
  deliver(I32, dst, pops);
  return 0;
};

/** Unpacks a memory operand; SNaNs and denormals are the operation's business. */
function loadKind(I32: Int32Array, kind: number, a: number, r: Num): void {
  const lo = I32[a]!;
  if (kind === KIND.f32) loadF32(lo, r);
  else if (kind === KIND.f64) loadF64(lo, I32[a + 1]!, r);
  else if (kind === KIND.i16) fromInt((lo << 16) >> 16, (lo << 16) >> 31, r);
  else fromInt(lo, kind === KIND.i32 ? lo >> 31 : I32[a + 1]!, r);
}

/** x87ArithMem(value, sel): ST(0) = ST(0) op value */
export const x87ArithMem: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[b]!;
  if (isEmpty(I32, 0)) {
    if (underflow(I32, R)) storeSt(I32, 0, R);
    return 0;
  }
  loadSt(I32, 0, X);
  loadKind(I32, (sel >> SEL.kind) & 15, a, Y);
  compute(I32, sel & 15, X, Y);
  deliver(I32, 0, 0);
  return 0;
};

/** Condition codes of X compared with Y, raising flags. */
function relation(how: number): number {
  if (X[CLS]! >= QNAN || Y[CLS]! >= QNAN) {
    const quietOnly = X[CLS]! < SNAN && Y[CLS]! < SNAN;
    if (how === COM.ordered || !quietOnly) raiseFlags(IE);
    return C3 | C2 | C0;
  }
  flagDenormals(X, Y);
  const c = compareNum(X, Y);
  return c === 0 ? C3 : c < 0 ? C0 : 0;
}

const CODES = C0 | C2 | C3;

/** Sets the codes (or, empty operand, unordered) and pops. @returns the codes; -1: nothing was set */
function compare(
  I32: Int32Array,
  how: number,
  empty: boolean,
  pops: number,
  toFlags: boolean,
): number {
  let codes = CODES;
  if (empty) {
    raiseFlags(IE);
    setExceptions(I32, IE | SF);
  } else codes = relation(how);
  if (empty || !toFlags) setCodes(I32, C1, 0);
  setExceptions(I32, fpFlags);
  // The codes are set even if an unmasked exception keeps the operands on the stack.
  if (!toFlags) setCodes(I32, CODES, codes);
  if (blocked(I32)) return toFlags ? codes : -1;
  for (let i = 0; i < pops; i++) pop(I32);
  return codes;
}

/** FCOM ST(i) and relatives. */
export const x87Com: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[a]!;
  const src = (sel >> SEL.src) & 7;
  loadSt(I32, 0, X);
  loadSt(I32, src, Y);
  compare(I32, sel & 15, isEmpty(I32, 0) || isEmpty(I32, src), (sel >> SEL.pops) & 3, false);
  return 0;
};

export const x87ComMem: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[b]!;
  loadSt(I32, 0, X);
  loadKind(I32, (sel >> SEL.kind) & 15, a, Y);
  compare(I32, sel & 15, isEmpty(I32, 0), (sel >> SEL.pops) & 3, false);
  return 0;
};

/** FCOMI: ZF PF CF in EFLAGS positions (the others clear); unchanged flags if an exception prevents it. */
export const x87Comi: HelperFn = (env, d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[a]!;
  const src = (sel >> SEL.src) & 7;
  loadSt(I32, 0, X);
  loadSt(I32, src, Y);
  const empty = isEmpty(I32, 0) || isEmpty(I32, src);
  const c = compare(I32, sel & 15, empty, (sel >> SEL.pops) & 3, true);
  // C3 C2 C0 are ZF PF CF one byte higher.
  I32[d] = c < 0 ? statusFlags(I32) : c >> 8;
  I32[d + 1] = 0;
  return 0;
};

/** FTST: compared with 0. */
export const x87Tst: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  loadSt(I32, 0, X);
  fromInt(0, 0, Y);
  compare(I32, COM.ordered, isEmpty(I32, 0), 0, false);
  return 0;
};

/** x87Load(value, sel): FLD m32, m64 and FILD. */
export const x87Load: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const kind = (I32[b]! >> SEL.kind) & 15;
  loadKind(I32, kind, a, X);
  if (isEmpty(I32, -1) && !nanX87(X, X, R)) {
    flagDenormals(X, X);
    copyNum(X, R);
  }
  pushResult(I32, R, IE);
  return 0;
};

/** x87Load80(significand, sign and exponent): bits as they are. */
export const x87Load80: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  if (!isEmpty(I32, -1)) {
    pushResult(I32, R);
    return 0;
  }
  setCodes(I32, C1, 0);
  push(I32);
  loadF80(0, 0, 0, R);
  storeSt(I32, 0, R);
  const w = stWord(I32, 0);
  I32[w] = I32[a]!;
  I32[w + 1] = I32[a + 1]!;
  I32[w + 2] = I32[b]! & 0xffff;
  return 0;
};

/** FBLD (address) */
export const x87LoadBcd: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const at = env.mem.read(I32[a]!, I32[a + 1]!, 10);
  if (at < 0) return -1;
  bcdToNum(env.U8, at, R);
  pushResult(I32, R);
  return 0;
};

/** Bytes of a memory operand by kind. */
const SIZE: readonly number[] = [4, 8, 10, 2, 4, 8, 10];
const FORMAT: readonly Format[] = [F32, F64];
const image: Int32Array = new Int32Array(3);

/** Converts X to the memory format in `image`. @returns false: nothing is to be stored */
function convert(env: HelperEnv, kind: number, truncate: boolean): boolean {
  const { I32 } = env;
  const rc = truncate ? 3 : rounding(I32);
  if (kind >= KIND.i16) {
    if (kind === KIND.bcd) numToBcd(X, rc, image);
    else numToInt(X, kind === KIND.i16 ? 16 : kind === KIND.i32 ? 32 : 64, rc, image, 0);
    return !blocked(I32);
  }
  if (nanX87(X, X, R)) {
    if (blocked(I32)) return false;
  } else {
    copyNum(X, R);
    round(R, FORMAT[kind]!, rc, ~I32[CW]! & (OE | UE), false);
    // An unmasked overflow or underflow of a memory destination stores nothing, and is not inexact.
    if (fpFlags & ~I32[CW]! & (OE | UE)) {
      dropFlags(PE);
      return false;
    }
  }
  if (kind === KIND.f32) image[0] = packF32(R);
  else packF64(R, image, 0);
  return true;
}

function writeImage(env: HelperEnv, lo: number, hi: number, kind: number): number {
  switch (SIZE[kind]) {
    case 2:
      return env.mem.write16(lo, hi, image[0]!);
    case 4:
      return env.mem.write32(lo, hi, image[0]!);
    case 8:
      return env.mem.write64(lo, hi, image[0]!, image[1]!);
    default:
      env.I32.set(image, SCRATCH_IMAGE >> 2);
      return env.mem.writeBytes(lo, hi, SCRATCH_IMAGE, 10);
  }
}

/** A store that an exception prevents still faults if the memory is not writable. */
function probe(env: HelperEnv, lo: number, hi: number, kind: number): number {
  const size = SIZE[kind]!;
  const crosses = (lo & 0xfff) + size > 0x1000;
  const at = crosses ? env.mem.read(lo, hi, size) : env.mem.writable(lo, hi, size);
  return at === -1 ? -1 : 0;
}

/** Where a ten-byte operand is assembled: the end of the scratch area. */
const SCRATCH_IMAGE = SCRATCH_BASE + 0xff0;

/** x87Store(address, sel): FST(P), FIST(P), FISTTP, FBSTP. Memory is written before any state. */
export const x87Store: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[b]!;
  const kind = (sel >> SEL.kind) & 15;
  let flags = 0;
  let popAfter = false;
  if (isEmpty(I32, 0)) {
    flags = SF | IE;
    raiseFlags(IE);
    if (!blocked(I32)) indefinite(kind);
  } else if (kind === KIND.f80) {
    const w = stWord(I32, 0);
    image.set(I32.subarray(w, w + 3));
  } else {
    loadSt(I32, 0, X);
    if (!convert(env, kind, (sel & SEL.truncate) !== 0)) {
      if (probe(env, I32[a]!, I32[a + 1]!, kind) < 0) return -1;
      complete(I32);
      return 0;
    }
  }
  if (blocked(I32)) {
    if (probe(env, I32[a]!, I32[a + 1]!, kind) < 0) return -1;
  } else {
    const status = writeImage(env, I32[a]!, I32[a + 1]!, kind);
    if (status < 0) return status;
    popAfter = ((sel >> SEL.pops) & 3) !== 0;
  }
  complete(I32);
  setExceptions(I32, flags);
  if (popAfter) pop(I32);
  return 0;
};

/** The integer or real indefinite. */
function indefinite(kind: number): void {
  image[0] = 0;
  image[1] = 0xc0000000;
  image[2] = 0xffff;
  if (kind === KIND.f32) image[0] = 0xffc00000;
  else if (kind === KIND.f64) image[1] = 0xfff80000;
  else if (kind === KIND.i16) image[0] = 0x8000;
  else if (kind === KIND.i32) image[0] = 0x80000000;
  else if (kind === KIND.i64) image[1] = 0x80000000;
}

/** FLD ST(i): underflow comes before overflow. */
export const x87LoadSt: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const i = I32[a]!;
  if (isEmpty(I32, i)) {
    if (!underflow(I32, R)) return 0;
    push(I32);
    storeSt(I32, 0, R);
  } else if (!isEmpty(I32, -1)) {
    pushResult(I32, R);
  } else {
    setCodes(I32, C1, 0);
    push(I32);
    copySt(I32, i + 1, 0);
  }
  return 0;
};

/** FST ST(i), FSTP ST(i) */
export const x87StoreSt: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const sel = I32[a]!;
  const dst = (sel >> SEL.dst) & 7;
  if (isEmpty(I32, 0)) {
    if (!underflow(I32, R)) return 0;
    storeSt(I32, dst, R);
  } else {
    setCodes(I32, C1, 0);
    copySt(I32, 0, dst);
  }
  if ((sel >> SEL.pops) & 3) pop(I32);
  return 0;
};

/** FXCH ST(i) */
export const x87Xch: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const i = I32[a]!;
  if (isEmpty(I32, 0) || isEmpty(I32, i)) {
    if (!underflow(I32, R)) return 0;
    if (isEmpty(I32, 0)) storeSt(I32, 0, R);
    if (isEmpty(I32, i)) storeSt(I32, i, R);
  }
  setCodes(I32, C1, 0);
  const x = stWord(I32, 0);
  const y = stWord(I32, i);
  for (let k = 0; k < 3; k++) {
    const w = I32[x + k]!;
    I32[x + k] = I32[y + k]!;
    I32[y + k] = w;
  }
  return 0;
};

/** FCMOVcc: x87Cmov(condition, i) */
export const x87Cmov: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const i = I32[b]!;
  if (isEmpty(I32, 0) || isEmpty(I32, i)) {
    if (underflow(I32, R)) storeSt(I32, 0, R);
    return 0;
  }
  if (I32[a] !== 0) copySt(I32, i, 0);
  return 0;
};
