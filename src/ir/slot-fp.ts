/**
 * Floating-point operations of the SSE kind: JavaScript's own arithmetic where it provably gives
 * the same bits and flags, soft-float (slot-fp-slow.ts) everywhere else.
 *
 * Fast arithmetic needs: the environment has the default rounding and masks, and PE is already set
 * (so an inexact result changes nothing) or the result is exact; no operand is a NaN or a denormal, and the result is
 * finite and above the smallest normal number (tininess is judged after rounding, so the smallest
 * normal itself goes the slow way), or an exact zero. f32 results are computed in double and
 * rounded once more, which is correct for + - * / and the square root.
 *
 * A template is text, so that a backend can emit it in line: `$SLOW` stands for the statement that
 * calls the operation's function and handles its exception.
 */

import { generated } from '../common/generated.ts';
import { EXACT_MASK, EXACT_VALUE, FAST_MASK, FAST_VALUE, FP_ENV_WORD } from './fp-env.ts';
import type { FP_OPS } from './ops-fp.ts';
import type { SlotFn } from './slot-fn.ts';
import { APPROX_FNS } from './slot-fp-approx.ts';
import {
  convertFormat,
  convertFromHalf,
  convertFromInt,
  convertToHalf,
  convertToInt,
} from './slot-fp-convert.ts';
import { FMA_FNS } from './slot-fp-fma.ts';
import {
  addKernel,
  compareFlags,
  dotProduct,
  type Kernel,
  packedForms,
  pairwise,
  SLOW_ARITH,
  subKernel,
} from './slot-fp-slow.ts';
import type { InlineText } from './slot-vec.ts';
import { exactProduct, exactSum } from './softfloat/exact.ts';

const MIN_F64 = '2.2250738585072014e-308';
const MAX_F64 = '1.7976931348623157e308';
const MIN_F32 = '1.1754943508222875e-38';
const MAX_F32 = '3.4028234663852886e38';

interface Arith {
  /** Expression over x and y. */
  readonly expr: string;
  /** When a zero result r is exact; when any result is, of f64 (whatever x and y) and of f32 (computed in double). */
  readonly zero: string;
  readonly exact64: string;
  readonly exact32: string;
}

const ARITH: Record<string, Arith> = {
  fadd: {
    expr: 'x + y',
    zero: '(r === 0)',
    exact64: 'exactSum(x, y, r)',
    exact32: 'r === x + y && exactSum(x, y, r)',
  },
  fsub: {
    expr: 'x - y',
    zero: '(r === 0)',
    exact64: 'exactSum(x, -y, r)',
    exact32: 'r === x - y && exactSum(x, -y, r)',
  },
  fmul: {
    expr: 'x * y',
    zero: '(r === 0) & ((x === 0) | (y === 0))',
    exact64: 'exactProduct(x, y, r)',
    exact32: 'r === x * y',
  },
  fdiv: {
    expr: 'x / y',
    zero: '(r === 0) & (x === 0)',
    exact64: 'exactProduct(r, y, x)',
    exact32: 'r * y === x',
  },
};

/** All masked and nearest, PE clear: fast arithmetic is still right if its result is exact. */
const ENV_EXACT = `(I32[${FP_ENV_WORD}] & ${EXACT_MASK}) === ${EXACT_VALUE}`;
const ENV_OK = `(I32[${FP_ENV_WORD}] & ${FAST_MASK}) === ${FAST_VALUE}`;

interface Shape {
  readonly lane: 'f32' | 'f64';
  readonly lanes: number;
}

const SHAPES: Record<string, Shape> = {
  f32: { lane: 'f32', lanes: 1 },
  f64: { lane: 'f64', lanes: 1 },
  f32x4: { lane: 'f32', lanes: 4 },
  f64x2: { lane: 'f64', lanes: 2 },
  f32x8: { lane: 'f32', lanes: 8 },
  f64x4: { lane: 'f64', lanes: 4 },
};

function element(lane: string, slot: string, i: number): string {
  return lane === 'f32' ? `F32[${slot} + ${i}]` : `F64[(${slot} >> 1) + ${i}]`;
}

/** Whether x is normal, infinite or zero, as 0 or 1. */
function ordinary(x: string, min: string): string {
  return `((Math.abs(${x}) >= ${min}) | (${x} === 0))`;
}

/** The fast path of a function: r is right, whatever x and y are. */
function acceptText(op: string, lane: 'f32' | 'f64'): string {
  const { zero, exact64, exact32 } = ARITH[op] as Arith;
  const min = lane === 'f32' ? MIN_F32 : MIN_F64;
  const max = lane === 'f32' ? MAX_F32 : MAX_F64;
  const result = `((Math.abs(r) > ${min}) & (Math.abs(r) <= ${max}) | ${zero})`;
  const range = `(${ordinary('x', min)} & ${ordinary('y', min)} & ${result}) !== 0`;
  const exact = lane === 'f32' ? `${exact32} && ${range}` : exact64;
  return `${ENV_OK} ? ${range} : ${ENV_EXACT} && ${exact}`;
}

/**
 * Text: this operand is no NaN, no denormal and not zero. A backend may leave the test out where it knows better:
 * the result's test finds NaNs and infinities, and zeros do no harm.
 */
export function operandCheck(lane: 'f32' | 'f64', name: string): string {
  return `Math.abs(${name}) >= ${lane === 'f32' ? MIN_F32 : MIN_F64}`;
}

/**
 * Arithmetic in line. `_q` is 0 while the environment is the default one with PE set; normal numbers are then
 * right as they are, and so are the zeros of scalars. Everything else is for the function: one call, since each
 * costs registers, and none with numbers as arguments, since V8 makes objects of them, and long before it is
 * known whether there will be a call.
 */
function inlineBinary(op: string, shape: Shape, d: string, a: string, b: string): string {
  const { expr, zero } = ARITH[op] as Arith;
  const { lane, lanes } = shape;
  const max = lane === 'f32' ? MAX_F32 : MAX_F64;
  const min = lane === 'f32' ? MIN_F32 : MIN_F64;
  let text = '';
  let stores = '';
  const normal: string[] = [];
  for (let i = 0; i < lanes; i++) {
    const at = (s: string): string => s.replace(/\b([xyr])\b/g, `$1${i}`);
    const value = lane === 'f32' ? `Math.fround(${expr})` : expr;
    text += at(`const x = ${element(lane, a, i)}, y = ${element(lane, b, i)}, r = ${value}; `);
    normal.push(operandCheck(lane, `x${i}`));
    if (a !== b) normal.push(operandCheck(lane, `y${i}`));
    normal.push(`Math.abs(r${i}) > ${min} && Math.abs(r${i}) <= ${max}`);
    stores += at(` ${element(lane, d, i)} = r;`);
  }
  let test = normal.join(' && ');
  if (lanes === 1) {
    const isZero = zero.replace(/\b([xyr])\b/g, (v) => `${v}0`);
    const result = `(Math.abs(r0) > ${min} && Math.abs(r0) <= ${max} || ${isZero})`;
    test = `(${test} || ${isOrdinary(lane, 'x0')} && ${isOrdinary(lane, 'y0')} && ${result})`;
  }
  return `${text}if (_q === 0 && ${test}) {${stores} } else { $SLOW }`;
}

/** Text: normal, infinite or zero. */
function isOrdinary(lane: 'f32' | 'f64', name: string): string {
  return `(${operandCheck(lane, name)} || ${name} === 0)`;
}

/** Arithmetic in a function. */
function binaryText(op: string, shape: Shape, d: string, a: string, b: string): string {
  const { expr } = ARITH[op] as Arith;
  const { lane, lanes } = shape;
  let text = '';
  let stores = '';
  const accepted = [];
  for (let i = 0; i < lanes; i++) {
    const at = (s: string): string => s.replace(/\b([xyr])\b/g, `$1${i}`);
    const value = lane === 'f32' ? `Math.fround(${expr})` : expr;
    text += at(`const x = ${element(lane, a, i)}, y = ${element(lane, b, i)}, r = ${value}; `);
    accepted.push(at(`(${acceptText(op, lane)})`));
    stores += at(` ${element(lane, d, i)} = r;`);
  }
  return `${text}if (${accepted.join(' && ')}) {${stores} } else { $SLOW }`;
}

function sqrtText(shape: Shape, d: string, a: string): string {
  const f32 = shape.lane === 'f32';
  const x = element(shape.lane, a, 0);
  const root = f32 ? 'Math.fround(Math.sqrt(x))' : 'Math.sqrt(x)';
  const range = f32 ? `x >= ${MIN_F32} && x <= ${MAX_F32}` : `x >= ${MIN_F64} && x <= ${MAX_F64}`;
  const store = `${element(shape.lane, d, 0)} = ${root};`;
  return `const x = ${x}; if (${ENV_OK} && ${range} || x === 0) { ${store} } else { $SLOW }`;
}

/** ZF PF CF for operands that are neither NaNs nor denormals. */
function compareText(shape: Shape, d: string, a: string, b: string, inline: boolean): string {
  const { lane } = shape;
  const min = lane === 'f32' ? MIN_F32 : MIN_F64;
  const operands = `const x0 = ${element(lane, a, 0)}, y0 = ${element(lane, b, 0)}; `;
  const test = inline
    ? `_f === 0 && ${isOrdinary(lane, 'x0')} && ${isOrdinary(lane, 'y0')}`
    : `(${ordinary('x0', min)} & ${ordinary('y0', min)}) !== 0`;
  const result = `I32[${d}] = (x0 < y0) | (x0 === y0) << 6; I32[${d} + 1] = 0;`;
  return `${operands}if (${test}) { ${result} } else { $SLOW }`;
}

/** Minimum and maximum: y unless x is strictly beyond it. */
function extremeText(op: string, shape: Shape, d: string, a: string, b: string): string {
  const min = shape.lane === 'f32' ? MIN_F32 : MIN_F64;
  const operands = `const x = ${element(shape.lane, a, 0)}, y = ${element(shape.lane, b, 0)}; `;
  const test = `(${ordinary('x', min)} & ${ordinary('y', min)}) !== 0`;
  const result = `${element(shape.lane, d, 0)} = x ${op === 'fmin' ? '<' : '>'} y ? x : y;`;
  return `${operands}if (${test}) { ${result} } else { $SLOW }`;
}

const FROM_INT: Record<string, string> = {
  // 32 bits are exact in a double; 64 bits are rounded once, by the addition.
  'cvt.f64.i32': 'F64[($d >> 1) + 0] = I32[$a];',
  'cvt.f64.i64': `if (${ENV_OK} || I32[$a + 1] >> 20 === I32[$a + 1] >> 31) { F64[($d >> 1) + 0] = I32[$a + 1] * 4294967296 + (I32[$a] >>> 0); } else { $SLOW }`,
  'cvt.f32.i32': `if (${ENV_OK} || I32[$a] >> 23 === I32[$a] >> 31) F32[$d] = I32[$a]; else { $SLOW }`,
};

function toInt32Text(lane: string, d: string, a: string): string {
  const store = `I32[${d}] = x; I32[${d} + 1] = 0;`;
  const test = `x > -2147483649 && x < 2147483648 && (${ENV_OK} || x === Math.trunc(x))`;
  return `const x = ${element(lane, a, 0)}; if (${test}) { ${store} } else { $SLOW }`;
}

function toInt64Text(lane: string, d: string, a: string): string {
  const store = `const t = Math.trunc(x), h = Math.floor(t / 4294967296); I32[${d}] = t - h * 4294967296; I32[${d} + 1] = h;`;
  const test = `x >= -9223372036854775808 && x < 9223372036854775808 && (${ENV_OK} || x === Math.trunc(x))`;
  return `const x = ${element(lane, a, 0)}; if (${test}) { ${store} } else { $SLOW }`;
}

/** f64 to f32, for what stays normal; f32 to f64, which is exact. */
function formatText(to: string, d: string, a: string): string {
  if (to === 'f64') {
    const test = `(Math.abs(x) >= ${MIN_F32} || x === 0) && Math.abs(x) <= ${MAX_F32}`;
    return `const x = F32[${a}]; if (${test}) { F64[(${d} >> 1) + 0] = x; } else { $SLOW }`;
  }
  const test = `(${ENV_OK} || r === x) && (Math.abs(r) > ${MIN_F32} && Math.abs(r) <= ${MAX_F32} || x === 0)`;
  return `const x = F64[(${a} >> 1) + 0], r = Math.fround(x); if (${test}) F32[${d}] = r; else { $SLOW }`;
}

/** Fast text by op name, for a function or in line; the truncating conversions are fast with imm 1 only. */
function fastTexts(inline: boolean): Map<string, InlineText> {
  const texts = new Map<string, InlineText>();
  for (const [type, shape] of Object.entries(SHAPES)) {
    const prefix = shape.lanes === 1 ? '' : 'v';
    for (const op of Object.keys(ARITH)) {
      texts.set(`${prefix}${op}.${type}`, (d, a, b) =>
        inline ? inlineBinary(op, shape, d, a, b) : binaryText(op, shape, d, a, b),
      );
    }
    if (shape.lanes > 1) continue;
    texts.set(`fsqrt.${type}`, (d, a) => sqrtText(shape, d, a));
    texts.set(`fcom.${type}`, (d, a, b) => compareText(shape, d, a, b, inline));
    texts.set(`fmin.${type}`, (d, a, b) => extremeText('fmin', shape, d, a, b));
    texts.set(`fmax.${type}`, (d, a, b) => extremeText('fmax', shape, d, a, b));
    texts.set(`cvt.i32.${type}`, (d, a, _b, _c, imm) =>
      imm === 1 ? toInt32Text(type, d, a) : '$SLOW',
    );
    texts.set(`cvt.i64.${type}`, (d, a, _b, _c, imm) =>
      imm === 1 ? toInt64Text(type, d, a) : '$SLOW',
    );
  }
  for (const [op, text] of Object.entries(FROM_INT)) {
    texts.set(op, (d, a) => text.replaceAll('$d', d).replaceAll('$a', a));
  }
  texts.set('cvt.f64.f32', (d, a) => formatText('f64', d, a));
  texts.set('cvt.f32.f64', (d, a) => formatText('f32', d, a));
  return texts;
}

const FAST_TEXTS: Map<string, InlineText> = fastTexts(false);

/** The fast paths as in-line text (blocks of statements). */
export const FP_INLINE: Record<string, InlineText> = Object.fromEntries(
  [...fastTexts(true)].map(([op, text]): [string, InlineText] => [
    op,
    (d, a, b, c, imm) => `{ ${text(d, a, b, c, imm)} }`,
  ]),
);

/**
 * Statement that is never executed, for functions that V8 shall not put into their callers: it goes by their size
 * (460 bytes of bytecode; a call takes some 15).
 */
const PADDING = `if (env === undefined) { ${'slow(env, d, a, b, c, imm); '.repeat(46)} } `;

/** A function that tries the fast path and falls back to `slow`. */
function withFast(op: string, slow: SlotFn): SlotFn {
  const text = FAST_TEXTS.get(op);
  if (text === undefined) return slow;
  return generated(`fp ${op}`, ['slow', 'exactSum', 'exactProduct'], () => fastSource(op, text))(
    slow,
    exactSum,
    exactProduct,
  ) as SlotFn;
}

function fastSource(op: string, text: InlineText): string {
  const call = 'return slow(env, d, a, b, c, imm);';
  const body = text('d', 'a', 'b', 'c', 1).replaceAll('$SLOW', call);
  const guard = /^cvt\.i/.test(op) ? `if (imm !== 1) ${call} ` : '';
  const name = op.replace(/\W/g, '_');
  return `return function ${name}(env, d, a, b, c, imm) { ${PADDING}const { I32, F32, F64 } = env; ${guard}${body} return 0; }`;
}

function accelerate<T extends Record<string, SlotFn>>(fns: T): { readonly [K in keyof T]: SlotFn } {
  return Object.fromEntries(Object.entries(fns).map(([op, slow]) => [op, withFast(op, slow)])) as {
    [K in keyof T]: SlotFn;
  };
}

const alternate = (i: number): Kernel => (i & 1 ? addKernel : subKernel);
const laneOf =
  (step: number) =>
  (s: number, i: number): number =>
    s + i * step;
/** Lane i of a horizontal operation combines a pair of a (low half) or b (high half). */
function pairOf(lane: 'f32' | 'f64', second: 0 | 1) {
  return (a: number, b: number, i: number): number => {
    if (lane === 'f64') return (i === 0 ? a : b) + 2 * second;
    return (i < 2 ? a : b) + 2 * (i & 1) + second;
  };
}

function horizontal(kernel: Kernel) {
  return (lane: 'f32' | 'f64', words: number): SlotFn =>
    pairwise(lane, words, () => kernel, pairOf(lane, 0), pairOf(lane, 1));
}

function addSub(lane: 'f32' | 'f64', words: number): SlotFn {
  const at = laneOf(lane === 'f32' ? 1 : 2);
  return pairwise(
    lane,
    words,
    alternate,
    (a, _b, i) => at(a, i),
    (_a, b, i) => at(b, i),
  );
}

const SLOW = {
  ...SLOW_ARITH,
  ...FMA_FNS,
  ...packedForms('faddsub', addSub),
  ...packedForms('fhadd', horizontal(addKernel)),
  ...packedForms('fhsub', horizontal(subKernel)),
  'vfdot.f32x4': dotProduct('f32', 4),
  'vfdot.f32x8': dotProduct('f32', 8),
  'vfdot.f64x2': dotProduct('f64', 4),
  'fcom.f32': compareFlags('f32'),
  'fcom.f64': compareFlags('f64'),
  'cvt.f32.f64': convertFormat('f64', 'f32', 1, 1),
  'cvt.f64.f32': convertFormat('f32', 'f64', 1, 2),
  'cvt.f64.i32': convertFromInt(1, 'f64', 1, 2),
  'cvt.f64.i64': convertFromInt(2, 'f64', 1, 2),
  'cvt.f32.i32': convertFromInt(1, 'f32', 1, 1),
  'cvt.f32.i64': convertFromInt(2, 'f32', 1, 1),
  'cvt.i32.f64': convertToInt('f64', 32, 1, 2),
  'cvt.i32.f32': convertToInt('f32', 32, 1, 2),
  'cvt.i64.f64': convertToInt('f64', 64, 1, 2),
  'cvt.i64.f32': convertToInt('f32', 64, 1, 2),
  'vcvt.f32x4.i32x4': convertFromInt(1, 'f32', 4, 4),
  'vcvt.i32x4.f32x4': convertToInt('f32', 32, 4, 4),
  'vcvt.f64x2.i32x2': convertFromInt(1, 'f64', 2, 4),
  'vcvt.i32x2.f64x2': convertToInt('f64', 32, 2, 4),
  'vcvt.f32x2.f64x2': convertFormat('f64', 'f32', 2, 4),
  'vcvt.f64x2.f32x2': convertFormat('f32', 'f64', 2, 4),
  'vcvt.f32x8.i32x8': convertFromInt(1, 'f32', 8, 8),
  'vcvt.i32x8.f32x8': convertToInt('f32', 32, 8, 8),
  'vcvt.f64x4.i32x4': convertFromInt(1, 'f64', 4, 8),
  'vcvt.i32x4.f64x4': convertToInt('f64', 32, 4, 4),
  'vcvt.f32x4.f64x4': convertFormat('f64', 'f32', 4, 4),
  'vcvt.f64x4.f32x4': convertFormat('f32', 'f64', 4, 8),
  'vcvt.f32x4.f16x4': convertFromHalf(4),
  'vcvt.f32x8.f16x8': convertFromHalf(8),
  'vcvt.f16x4.f32x4': convertToHalf(4),
  'vcvt.f16x8.f32x8': convertToHalf(8),
};

export const FP_FNS: Record<(typeof FP_OPS)[number]['name'], SlotFn> = {
  ...accelerate(SLOW),
  ...APPROX_FNS,
};
