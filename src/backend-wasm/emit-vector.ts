/** Vector operations in line: what there are instructions for. Those without an entry are called. */

import type { VEC_OPS } from '../ir/ops-vec.ts';
import type { Ref } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { V, W } from './opcodes.ts';
import type { ValueContext } from './values.ts';

/** Operands of an instruction. */
export interface SlotOperands {
  readonly d: Ref;
  readonly a: Ref;
  readonly b: Ref;
  readonly c: Ref;
  readonly imm: number;
}

export type EmitSlot = (e: EmitContext, x: SlotOperands) => void;

/** One that needs nothing of a region. */
type EmitVector = (e: ValueContext, x: SlotOperands) => void;

type VecName = (typeof VEC_OPS)[number]['name'];

const ZERO: readonly number[] = [0, 0, 0, 0];

/** Both operands pushed, one instruction. */
const binary =
  (op: number): EmitVector =>
  (e, { d, a, b }) => {
    e.pushV128(a);
    e.pushV128(b);
    e.f.simd(op);
    e.setV128(d);
  };

const unary =
  (...ops: number[]): EmitVector =>
  (e, { d, a }) => {
    e.pushV128(a);
    for (const op of ops) e.f.simd(op);
    e.setV128(d);
  };

/** ~a & b */
const andNot: EmitVector = (e, { d, a, b }) => {
  e.pushV128(b);
  e.pushV128(a);
  e.f.simd(V.andnot);
  e.setV128(d);
};

const bitmask =
  (op: number): EmitVector =>
  (e, { d, a }) => {
    e.pushV128(a);
    e.f.simd(op);
    e.setI32(d);
  };

/** Bytes of both operands by `bytes` of imm; a second operand that is not there is zero. */
const shuffled =
  (bytes: (imm: number) => readonly number[], second: 'a' | 'b' | 'zero'): EmitVector =>
  (e, { d, a, b, imm }) => {
    e.pushV128(a);
    if (second === 'zero') e.f.v128(ZERO);
    else e.pushV128(second === 'a' ? a : b);
    e.f.shuffle(bytes(imm));
    e.setV128(d);
  };

/** The bytes of lanes of `size` bytes; lanes of the second operand come after those of the first. */
function lanes(size: number, ...numbers: number[]): number[] {
  return numbers.flatMap((n) => Array.from({ length: size }, (_, i) => n * size + i));
}

const sequence = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Lanes alternately from a and b, from lane `from` on. */
const interleaved = (size: number, high: boolean): EmitVector => {
  const count = 16 / size;
  const from = high ? count / 2 : 0;
  const picked = sequence(count / 2).flatMap((i) => [from + i, count + from + i]);
  return shuffled(() => lanes(size, ...picked), 'b');
};

/** Lanes of b where imm's bit is set. */
const blended = (size: number): EmitVector => {
  const count = 16 / size;
  return shuffled(
    (imm) => lanes(size, ...sequence(count).map((i) => i + ((imm >> i) & 1) * count)),
    'b',
  );
};

const pair = (imm: number, shift: number): number => (imm >> shift) & 3;

/** The bytes 16 − n … of zeros and then a, or from n on of a and then zeros. */
function byteShift(imm: number, left: boolean): number[] {
  const n = Math.min(imm & 255, 16);
  return sequence(16).map((i) => {
    const from = left ? i - n : i + n;
    return from < 0 || from > 15 ? 16 : from;
  });
}

/** The 32 bytes a:b (b low) from byte n on: operands are pushed as a, b. */
function aligned(imm: number): number[] {
  const n = imm & 255;
  return sequence(16).map((i) => {
    const from = i + n;
    return from < 16 ? 16 + from : from - 16;
  });
}

const shiftByImm =
  (op: number, width: number, arithmetic: boolean): EmitVector =>
  (e, { d, a, imm }) => {
    const count = imm & 255;
    if (count >= width && !arithmetic) e.f.v128(ZERO);
    else {
      e.pushV128(a);
      e.f.i32(Math.min(count, width - 1));
      e.f.simd(op);
    }
    e.setV128(d);
  };

/** By the low 64 bits of b. */
const shiftByLane =
  (op: number, width: number, arithmetic: boolean): EmitVector =>
  (e, { d, a, b }) => {
    const { f } = e;
    const count = f.takeLocal('i64');
    e.pushV128(b);
    f.lane(V.i64x2Extract, 0);
    f.set(count);
    e.pushV128(a);
    if (arithmetic) {
      f.get(count);
      f.i64(width - 1, 0);
      f.get(count);
      f.i64(width - 1, 0);
      f.op(W.i64LtU, W.select, W.i32WrapI64);
      f.simd(op);
    } else {
      f.get(count);
      f.op(W.i32WrapI64);
      f.simd(op);
      f.v128(ZERO);
      f.get(count);
      f.i64(width, 0);
      f.op(W.i64LtU, W.select);
    }
    e.setV128(d);
    f.giveLocal('i64', count);
  };

/** Lanes of b where c's lane is negative, else of a. */
const blendedByMask =
  (op: number, width: number): EmitVector =>
  (e, { d, a, b, c }) => {
    e.pushV128(b);
    e.pushV128(a);
    e.pushV128(c);
    e.f.i32(width - 1);
    e.f.simd(op);
    e.f.simd(V.bitselect);
    e.setV128(d);
  };

const extract =
  (op: number, count: number, wide: boolean): EmitVector =>
  (e, { d, a, imm }) => {
    e.pushV128(a);
    e.f.lane(op, imm & (count - 1));
    if (wide) e.setI64(d);
    else e.setI32(d);
  };

const replace =
  (op: number, count: number, wide: boolean): EmitVector =>
  (e, { d, a, b, imm }) => {
    e.pushV128(a);
    if (wide) e.pushI64(b);
    else e.pushI32(b);
    e.f.lane(op, imm & (count - 1));
    e.setV128(d);
  };

/** Products of the even lanes, 32 by 32 bits. */
const mulEven =
  (op: number): EmitVector =>
  (e, { d, a, b }) => {
    for (const ref of [a, b]) {
      e.pushV128(ref);
      e.pushV128(ref);
      e.f.shuffle(lanes(4, 0, 2, 0, 2));
    }
    e.f.simd(op);
    e.setV128(d);
  };

/** 1 if a & b, or ~a & b, is zero. */
const test =
  (inverted: boolean): EmitVector =>
  (e, { d, a, b }) => {
    e.pushV128(inverted ? b : a);
    e.pushV128(inverted ? a : b);
    e.f.simd(inverted ? V.andnot : V.and);
    e.f.simd(V.anyTrue);
    e.f.op(W.i32Eqz);
    e.setI32(d);
  };

export const VECTOR_EMIT: Readonly<Partial<Record<VecName, EmitVector>>> = {
  vzero: (e, { d }) => {
    e.f.v128(ZERO);
    e.setV128(d);
  },
  vmov: unary(),
  'vmov.64': (e, { d, a }) => {
    e.pushF64(a);
    e.setF64(d);
  },
  'vmov.32': (e, { d, a }) => {
    e.pushF32(a);
    e.setF32(d);
  },
  'vzx.64': (e, { d, a }) => {
    e.f.v128(ZERO);
    e.pushI64(a);
    e.f.lane(V.i64x2Replace, 0);
    e.setV128(d);
  },
  'vzx.32': (e, { d, a }) => {
    e.f.v128(ZERO);
    e.pushI32(a);
    e.f.lane(V.i32x4Replace, 0);
    e.setV128(d);
  },
  'vget.64': extract(V.i64x2Extract, 2, true),
  'vget.32': extract(V.i32x4Extract, 4, false),
  'vget.16': extract(V.i16x8ExtractU, 8, false),
  'vget.8': extract(V.i8x16ExtractU, 16, false),
  'vset.64': replace(V.i64x2Replace, 2, true),
  'vset.32': replace(V.i32x4Replace, 4, false),
  'vset.16': replace(V.i16x8Replace, 8, false),
  'vset.8': replace(V.i8x16Replace, 16, false),
  'vbits.64': (e, { d, a }) => {
    e.pushI64(a);
    e.setI64(d);
  },
  'vbits.32': (e, { d, a }) => {
    e.pushI32(a);
    e.setI32(d);
  },
  vand: binary(V.and),
  vor: binary(V.or),
  vxor: binary(V.xor),
  vandn: andNot,
  'vadd.i8x16': binary(V.i8x16Add),
  'vadd.i16x8': binary(V.i16x8Add),
  'vadd.i32x4': binary(V.i32x4Add),
  'vadd.i64x2': binary(V.i64x2Add),
  'vsub.i8x16': binary(V.i8x16Sub),
  'vsub.i16x8': binary(V.i16x8Sub),
  'vsub.i32x4': binary(V.i32x4Sub),
  'vsub.i64x2': binary(V.i64x2Sub),
  'vaddss.i8x16': binary(V.i8x16AddSatS),
  'vaddss.i16x8': binary(V.i16x8AddSatS),
  'vaddus.i8x16': binary(V.i8x16AddSatU),
  'vaddus.i16x8': binary(V.i16x8AddSatU),
  'vsubss.i8x16': binary(V.i8x16SubSatS),
  'vsubss.i16x8': binary(V.i16x8SubSatS),
  'vsubus.i8x16': binary(V.i8x16SubSatU),
  'vsubus.i16x8': binary(V.i16x8SubSatU),
  'vavgu.i8x16': binary(V.i8x16AvgrU),
  'vavgu.i16x8': binary(V.i16x8AvgrU),
  'vmins.i8x16': binary(V.i8x16MinS),
  'vmins.i16x8': binary(V.i16x8MinS),
  'vmins.i32x4': binary(V.i32x4MinS),
  'vminu.i8x16': binary(V.i8x16MinU),
  'vminu.i16x8': binary(V.i16x8MinU),
  'vminu.i32x4': binary(V.i32x4MinU),
  'vmaxs.i8x16': binary(V.i8x16MaxS),
  'vmaxs.i16x8': binary(V.i16x8MaxS),
  'vmaxs.i32x4': binary(V.i32x4MaxS),
  'vmaxu.i8x16': binary(V.i8x16MaxU),
  'vmaxu.i16x8': binary(V.i16x8MaxU),
  'vmaxu.i32x4': binary(V.i32x4MaxU),
  'vabs.i8x16': unary(V.i8x16Abs),
  'vabs.i16x8': unary(V.i16x8Abs),
  'vabs.i32x4': unary(V.i32x4Abs),
  'vcmpeq.i8x16': binary(V.i8x16Eq),
  'vcmpeq.i16x8': binary(V.i16x8Eq),
  'vcmpeq.i32x4': binary(V.i32x4Eq),
  'vcmpeq.i64x2': binary(V.i64x2Eq),
  'vcmpgts.i8x16': binary(V.i8x16GtS),
  'vcmpgts.i16x8': binary(V.i16x8GtS),
  'vcmpgts.i32x4': binary(V.i32x4GtS),
  'vcmpgts.i64x2': binary(V.i64x2GtS),
  'vmullo.i16x8': binary(V.i16x8Mul),
  'vmullo.i32x4': binary(V.i32x4Mul),
  'vmulwu.i32x4': mulEven(V.i64x2ExtmulLowU),
  'vmulws.i32x4': mulEven(V.i64x2ExtmulLowS),
  'vmadd.i16x8': binary(V.i32x4DotI16x8),
  'vshli.i16x8': shiftByImm(V.i16x8Shl, 16, false),
  'vshli.i32x4': shiftByImm(V.i32x4Shl, 32, false),
  'vshli.i64x2': shiftByImm(V.i64x2Shl, 64, false),
  'vshri.i16x8': shiftByImm(V.i16x8ShrU, 16, false),
  'vshri.i32x4': shiftByImm(V.i32x4ShrU, 32, false),
  'vshri.i64x2': shiftByImm(V.i64x2ShrU, 64, false),
  'vsari.i16x8': shiftByImm(V.i16x8ShrS, 16, true),
  'vsari.i32x4': shiftByImm(V.i32x4ShrS, 32, true),
  'vshl.i16x8': shiftByLane(V.i16x8Shl, 16, false),
  'vshl.i32x4': shiftByLane(V.i32x4Shl, 32, false),
  'vshl.i64x2': shiftByLane(V.i64x2Shl, 64, false),
  'vshr.i16x8': shiftByLane(V.i16x8ShrU, 16, false),
  'vshr.i32x4': shiftByLane(V.i32x4ShrU, 32, false),
  'vshr.i64x2': shiftByLane(V.i64x2ShrU, 64, false),
  'vsar.i16x8': shiftByLane(V.i16x8ShrS, 16, true),
  'vsar.i32x4': shiftByLane(V.i32x4ShrS, 32, true),
  vshlb: shuffled((imm) => byteShift(imm, true), 'zero'),
  vshrb: shuffled((imm) => byteShift(imm, false), 'zero'),
  valign: (e, x) => {
    const n = x.imm & 255;
    if (n < 16) shuffled(aligned, 'b')(e, x);
    else shuffled(() => byteShift(n - 16, false), 'zero')(e, x);
  },
  'vshuf.i32x4': shuffled((i) => lanes(4, pair(i, 0), pair(i, 2), pair(i, 4), pair(i, 6)), 'a'),
  'vshuflo.i16x8': shuffled(
    (i) => [...lanes(2, pair(i, 0), pair(i, 2), pair(i, 4), pair(i, 6)), ...lanes(8, 1)],
    'a',
  ),
  'vshufhi.i16x8': shuffled(
    (i) => [
      ...lanes(8, 0),
      ...lanes(2, 4 + pair(i, 0), 4 + pair(i, 2), 4 + pair(i, 4), 4 + pair(i, 6)),
    ],
    'a',
  ),
  'vshuf2.i32x4': shuffled(
    (i) => lanes(4, pair(i, 0), pair(i, 2), 4 + pair(i, 4), 4 + pair(i, 6)),
    'b',
  ),
  'vshuf2.i64x2': shuffled((i) => lanes(8, i & 1, 2 + ((i >> 1) & 1)), 'b'),
  /** An index with bit 7 gives zero; swizzle gives zero from 16 on. */
  vshufb: (e, { d, a, b }) => {
    e.pushV128(a);
    e.pushV128(b);
    e.f.v128([0x8f8f8f8f, 0x8f8f8f8f, 0x8f8f8f8f, 0x8f8f8f8f]);
    e.f.simd(V.and);
    e.f.simd(V.swizzle);
    e.setV128(d);
  },
  'vunpcklo.i8x16': interleaved(1, false),
  'vunpcklo.i16x8': interleaved(2, false),
  'vunpcklo.i32x4': interleaved(4, false),
  'vunpcklo.i64x2': interleaved(8, false),
  'vunpckhi.i8x16': interleaved(1, true),
  'vunpckhi.i16x8': interleaved(2, true),
  'vunpckhi.i32x4': interleaved(4, true),
  'vunpckhi.i64x2': interleaved(8, true),
  'vpackss.i16x8': binary(V.i8x16NarrowS),
  'vpackss.i32x4': binary(V.i16x8NarrowS),
  'vpackus.i16x8': binary(V.i8x16NarrowU),
  'vpackus.i32x4': binary(V.i16x8NarrowU),
  'vmsk.i8x16': bitmask(V.i8x16Bitmask),
  'vmsk.i32x4': bitmask(V.i32x4Bitmask),
  'vmsk.i64x2': bitmask(V.i64x2Bitmask),
  'vblend.i16x8': blended(2),
  'vblend.i32x4': blended(4),
  'vblend.i64x2': blended(8),
  'vblendv.i8x16': blendedByMask(V.i8x16ShrS, 8),
  'vblendv.i32x4': blendedByMask(V.i32x4ShrS, 32),
  'vblendv.i64x2': blendedByMask(V.i64x2ShrS, 64),
  'vsx.i8.i16': unary(V.i16x8ExtendLowS),
  'vsx.i8.i32': unary(V.i16x8ExtendLowS, V.i32x4ExtendLowS),
  'vsx.i8.i64': unary(V.i16x8ExtendLowS, V.i32x4ExtendLowS, V.i64x2ExtendLowS),
  'vsx.i16.i32': unary(V.i32x4ExtendLowS),
  'vsx.i16.i64': unary(V.i32x4ExtendLowS, V.i64x2ExtendLowS),
  'vsx.i32.i64': unary(V.i64x2ExtendLowS),
  'vzx.i8.i16': unary(V.i16x8ExtendLowU),
  'vzx.i8.i32': unary(V.i16x8ExtendLowU, V.i32x4ExtendLowU),
  'vzx.i8.i64': unary(V.i16x8ExtendLowU, V.i32x4ExtendLowU, V.i64x2ExtendLowU),
  'vzx.i16.i32': unary(V.i32x4ExtendLowU),
  'vzx.i16.i64': unary(V.i32x4ExtendLowU, V.i64x2ExtendLowU),
  'vzx.i32.i64': unary(V.i64x2ExtendLowU),
  vtestz: test(false),
  vtestc: test(true),
};
