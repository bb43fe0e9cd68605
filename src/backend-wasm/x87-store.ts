/** FST, FIST and FISTTP of a number that is normal (or zero) and has a place in the format of its destination. */

import { KIND, SEL } from '../common/x87.ts';
import type { Expr } from './helper-code.ts';
import { W } from './opcodes.ts';
import { BIAS, type Num, SIGN, type X87Code } from './x87-code.ts';

/** Functions that store into the guest's memory: address (low, high), words. @returns 0, or negative: nothing was stored */
export interface MmuStores {
  readonly write16: number;
  readonly write32: number;
  readonly write64: number;
  readonly writeBytes: number;
}

/** What is stored, and how it was rounded. */
interface Image {
  /** i64 */
  readonly bits: number;
  /** i32, 0 or 1 */
  readonly inexact: number;
  readonly up: number;
}

const RC_NEAREST = 0;
const RC_ZERO = 3;
const RC_SHIFT = 10;
const TEN_BYTES = 10;

/** Rounds `sig` to its upper bits, `dropped` (a constant, or in a local) of it being lost. @returns those kept */
function roundTo(x: X87Code, sig: number, dropped: Expr, nearest: Expr, r: Image): number {
  const kept = x.let('i64', x.op(W.i64ShrU, x.get(sig), dropped));
  // What is lost, its first bit on top.
  const lost = x.let('i64', x.op(W.i64Shl, x.get(sig), x.op(W.i64Sub, x.i64(0), dropped)));
  x.set(r.inexact, x.op(W.i64Ne, x.get(lost), x.i64(0)));
  const tail = x.op(W.i64Shl, x.get(lost), x.i64(1));
  const odd = x.op(W.i64And, x.get(kept), x.i64(1));
  const more = x.op(W.i64Ne, x.op(W.i64Or, tail, odd), x.i64(0));
  const half = x.op(W.i64LtS, x.get(lost), x.i64(0));
  x.set(r.up, x.op(W.i32And, nearest, x.op(W.i32And, half, more)));
  x.set(kept, x.op(W.i64Add, x.get(kept), x.op(W.i64ExtendI32u, x.get(r.up))));
  return kept;
}

/** @param bits of the significand, the integer bit among them */
function toFloat(x: X87Code, n: Num, r: Image, bits: number, bias: number, limit: number): void {
  const fraction = bits - 1;
  const size = bits === 53 ? 64 : 32;
  const sign = x.op(W.i64ExtendI32u, x.op(W.i32ShrU, x.get(n.se), x.i32(15)));
  x.checkUsual('rounding');
  x.when(
    x.isZero(n),
    () => x.set(r.bits, x.i64(0)),
    () => {
      const e = x.let('i32', x.op(W.i32Sub, x.exponent(n), x.i32(BIAS - bias)));
      const kept = roundTo(x, n.sig, x.i64(64 - bits), x.i32(1), r);
      // A carry out of the significand leaves its fraction 0.
      const carry = x.op(W.i32WrapI64, x.op(W.i64ShrU, x.get(kept), x.i64(bits)));
      x.set(e, x.op(W.i32Add, x.get(e), carry));
      x.slowIf(x.op(W.i32GeU, x.op(W.i32Sub, x.get(e), x.i32(1)), x.i32(limit)));
      const mask = bits === 53 ? x.i64(-1, 0xfffff) : x.i64(0x7fffff);
      const exponent = x.op(W.i64Shl, x.op(W.i64ExtendI32u, x.get(e)), x.i64(fraction));
      x.set(r.bits, x.op(W.i64Or, x.op(W.i64And, x.get(kept), mask), exponent));
    },
  );
  x.set(r.bits, x.op(W.i64Or, x.get(r.bits), x.op(W.i64Shl, sign, x.i64(size - 1))));
}

function toInt(x: X87Code, n: Num, r: Image, sel: number, bits: number): void {
  x.checkUsual('masks');
  const control = x.op(W.i32And, x.op(W.i32ShrU, x.control, x.i32(RC_SHIFT)), x.i32(3));
  const rc = x.let('i32', control);
  x.when(x.op(W.i32And, x.get(sel), x.i32(SEL.truncate)), () => x.set(rc, x.i32(RC_ZERO)));
  const nearest = x.let('i32', x.op(W.i32Eq, x.get(rc), x.i32(RC_NEAREST)));
  const known = x.op(W.i32Or, x.get(nearest), x.op(W.i32Eq, x.get(rc), x.i32(RC_ZERO)));
  x.slowIf(x.op(W.i32Eqz, known));
  const e = x.let('i32', x.op(W.i32Sub, x.exponent(n), x.i32(BIAS)));
  x.when(
    x.isZero(n),
    () => x.set(r.bits, x.i64(0)),
    () => {
      x.when(
        x.op(W.i32LtS, x.get(e), x.i32(0)),
        () => {
          x.slowIf(x.get(nearest));
          x.set(r.inexact, x.i32(1));
          x.set(r.bits, x.i64(0));
        },
        () => {
          // One bit less than there are: rounding up cannot leave the range.
          x.slowIf(x.op(W.i32GeS, x.get(e), x.i32(bits - 2)));
          const dropped = x.let('i64', x.op(W.i64ExtendI32u, x.op(W.i32Sub, x.i32(63), x.get(e))));
          const kept = roundTo(x, n.sig, x.get(dropped), x.get(nearest), r);
          x.set(r.bits, x.get(kept));
        },
      );
      const negative = x.op(W.i32And, x.get(n.se), x.i32(SIGN));
      x.when(negative, () => x.set(r.bits, x.op(W.i64Sub, x.i64(0), x.get(r.bits))));
    },
  );
}

/** Calls a function that stores, and leaves with what it says if it could not. */
function storeBy(x: X87Code, fn: number, words: readonly Expr[]): void {
  const status = x.let('i32', () => {
    x.argument(W.i32Load, 1)();
    x.argument(W.i32Load, 1, 1)();
    for (const push of words) push();
    x.f.call(fn);
  });
  x.when(x.op(W.i32LtS, x.get(status), x.i32(0)), () => {
    x.f.get(status);
    x.f.op(W.return);
  });
}

export function emitStore(x: X87Code, mmu: MmuStores): void {
  x.checkPending();
  const sel = x.let('i32', x.argument(W.i32Load, 2));
  const shifted = x.op(W.i32ShrU, x.get(sel), x.i32(SEL.kind));
  const kind = x.let('i32', x.op(W.i32And, shifted, x.i32(15)));
  const from = x.let('i32', x.physical(x.i32(0)));
  x.checkThere(from);
  const n = x.read(from);
  const r: Image = {
    bits: x.local('i64'),
    inexact: x.let('i32', x.i32(0)),
    up: x.let('i32', x.i32(0)),
  };
  const lo = x.op(W.i32WrapI64, x.get(r.bits));
  const hi = x.op(W.i32WrapI64, x.op(W.i64ShrU, x.get(r.bits), x.i64(32)));
  const cases: readonly [kind: number, convert: () => void, fn: number, words: readonly Expr[]][] =
    [
      [KIND.f64, () => toFloat(x, n, r, 53, 1023, 0x7fe), mmu.write64, [lo, hi]],
      [KIND.f32, () => toFloat(x, n, r, 24, 127, 0xfe), mmu.write32, [lo]],
      [KIND.i64, () => toInt(x, n, r, sel, 64), mmu.write64, [lo, hi]],
      [KIND.i32, () => toInt(x, n, r, sel, 32), mmu.write32, [lo]],
      [KIND.i16, () => toInt(x, n, r, sel, 16), mmu.write16, [lo]],
    ];
  const isKind = (k: number): Expr => x.op(W.i32Eq, x.get(kind), x.i32(k));
  x.slowIf(isKind(KIND.bcd));
  x.when(isKind(KIND.f80), () => {
    // Bits as they are: the register's first ten bytes.
    storeBy(x, mmu.writeBytes, [x.address(from), x.i32(TEN_BYTES)]);
  });
  for (const [k, convert, fn, words] of cases) {
    x.when(isKind(k), () => {
      x.checkNormalOrZero(n);
      convert();
      storeBy(x, fn, words);
    });
  }
  x.setRounded(x.get(r.inexact), x.get(r.up));
  x.popIf(sel);
}
