/**
 * Vector operations that work lane by lane, from templates: one JavaScript expression over the
 * lanes `x` and `y` makes both the function that the interpreter calls and the text that a
 * backend may emit in line. Everything is done on int32 words, four to a register.
 *
 * Invariant: a word is read from all operands before it is written, so operands may alias.
 * Semantics: SDM vol. 2, the instruction named beside a template.
 */

import { generated } from '../common/generated.ts';
import type { SlotFn } from './slot-fn.ts';

/** Expressions over whole words x and y; z is scratch. */
const WORDS = {
  vand: 'x & y',
  vor: 'x | y',
  vxor: 'x ^ y',
  vandn: '~x & y',
  'vadd.i32x4': 'x + y | 0',
  'vsub.i32x4': 'x - y | 0',
  // Four or two lanes at once: the top bit of each lane is added without its carry.
  'vadd.i8x16': '(x & 0x7f7f7f7f) + (y & 0x7f7f7f7f) ^ (x ^ y) & 0x80808080',
  'vadd.i16x8': '(x & 0x7fff7fff) + (y & 0x7fff7fff) ^ (x ^ y) & 0x80008000',
  'vsub.i8x16': '(x | 0x80808080) - (y & 0x7f7f7f7f) ^ (x ^ ~y) & 0x80808080',
  'vsub.i16x8': '(x | 0x80008000) - (y & 0x7fff7fff) ^ (x ^ ~y) & 0x80008000',
  // A lane of z is zero where equal; then its top bit stays clear and is spread over the lane.
  'vcmpeq.i8x16':
    '(z = x ^ y, Math.imul((~((z & 0x7f7f7f7f) + 0x7f7f7f7f | z) & 0x80808080) >>> 7, 255))',
  'vcmpeq.i16x8':
    '(z = x ^ y, Math.imul((~((z & 0x7fff7fff) + 0x7fff7fff | z) & 0x80008000) >>> 15, 65535))',
  'vcmpeq.i32x4': 'x === y ? -1 : 0',
  'vcmpgts.i32x4': 'x > y ? -1 : 0',
  'vmins.i32x4': 'x < y ? x : y',
  'vmaxs.i32x4': 'x > y ? x : y',
  'vminu.i32x4': '(x >>> 0) < (y >>> 0) ? x : y',
  'vmaxu.i32x4': '(x >>> 0) > (y >>> 0) ? x : y',
  'vmullo.i32x4': 'Math.imul(x, y)',
  'vsign.i32x4': 'y < 0 ? -x : y === 0 ? 0 : x',
  'vshlv.i32x4': 'y >>> 0 < 32 ? x << y : 0',
  'vshrv.i32x4': 'y >>> 0 < 32 ? x >>> y : 0',
  'vsarv.i32x4': 'x >> (y >>> 0 < 31 ? y : 31)',
} as const;

/** Expressions over one word. */
const UNARY_WORDS = {
  vmov: 'x',
  'vabs.i32x4': 'x < 0 ? -x : x',
} as const;

/** Expressions over lanes: sign-extended (s) or zero-extended (u); the result is truncated. */
const LANES = {
  'vaddss.i8x16': ['s8', '(z = x + y) > 127 ? 127 : z < -128 ? -128 : z'],
  'vaddss.i16x8': ['s16', '(z = x + y) > 32767 ? 32767 : z < -32768 ? -32768 : z'],
  'vsubss.i8x16': ['s8', '(z = x - y) > 127 ? 127 : z < -128 ? -128 : z'],
  'vsubss.i16x8': ['s16', '(z = x - y) > 32767 ? 32767 : z < -32768 ? -32768 : z'],
  'vaddus.i8x16': ['u8', '(z = x + y) > 255 ? 255 : z'],
  'vaddus.i16x8': ['u16', '(z = x + y) > 65535 ? 65535 : z'],
  'vsubus.i8x16': ['u8', 'x > y ? x - y : 0'],
  'vsubus.i16x8': ['u16', 'x > y ? x - y : 0'],
  'vavgu.i8x16': ['u8', 'x + y + 1 >> 1'],
  'vavgu.i16x8': ['u16', 'x + y + 1 >> 1'],
  'vmins.i8x16': ['s8', 'x < y ? x : y'],
  'vmins.i16x8': ['s16', 'x < y ? x : y'],
  'vminu.i8x16': ['u8', 'x < y ? x : y'],
  'vminu.i16x8': ['u16', 'x < y ? x : y'],
  'vmaxs.i8x16': ['s8', 'x > y ? x : y'],
  'vmaxs.i16x8': ['s16', 'x > y ? x : y'],
  'vmaxu.i8x16': ['u8', 'x > y ? x : y'],
  'vmaxu.i16x8': ['u16', 'x > y ? x : y'],
  'vsign.i8x16': ['s8', 'y < 0 ? -x : y === 0 ? 0 : x'],
  'vsign.i16x8': ['s16', 'y < 0 ? -x : y === 0 ? 0 : x'],
  'vcmpgts.i8x16': ['s8', 'x > y ? -1 : 0'],
  'vcmpgts.i16x8': ['s16', 'x > y ? -1 : 0'],
  'vmullo.i16x8': ['s16', 'Math.imul(x, y)'],
  'vmulhs.i16x8': ['s16', 'Math.imul(x, y) >> 16'],
  'vmulhu.i16x8': ['u16', 'Math.imul(x, y) >>> 16'],
  'vmulhrs.i16x8': ['s16', '(Math.imul(x, y) >> 14) + 1 >> 1'],
} as const;

const UNARY_LANES = {
  'vabs.i8x16': ['s8', 'x < 0 ? -x : x'],
  'vabs.i16x8': ['s16', 'x < 0 ? -x : x'],
} as const;

type LaneType = 's8' | 'u8' | 's16' | 'u16';

/** How to cut each lane out of word `w`, lowest first. */
const CUT: Record<LaneType, (w: string) => string[]> = {
  s8: (w) => [`${w} << 24 >> 24`, `${w} << 16 >> 24`, `${w} << 8 >> 24`, `${w} >> 24`],
  u8: (w) => [`${w} & 255`, `${w} >>> 8 & 255`, `${w} >>> 16 & 255`, `${w} >>> 24`],
  s16: (w) => [`${w} << 16 >> 16`, `${w} >> 16`],
  u16: (w) => [`${w} & 65535`, `${w} >>> 16`],
};

/** Statements that apply a word expression to the four words. */
function wordText(expr: string, unary: boolean, d: string, a: string, b: string): string {
  const z = expr.includes('z');
  let text = `let x${unary ? '' : ', y'}${z ? ', z' : ''};`;
  for (let k = 0; k < 4; k++) {
    text += ` x = I32[${a} + ${k}];`;
    if (!unary) text += ` y = I32[${b} + ${k}];`;
    text += ` I32[${d} + ${k}] = ${expr};`;
  }
  return text;
}

function laneText(type: LaneType, expr: string, unary: boolean): string {
  const width = type.endsWith('8') ? 8 : 16;
  const mask = width === 8 ? 255 : 65535;
  const xs = CUT[type]('v');
  const ys = CUT[type]('w');
  let text = 'let v, w, x, y, z, r;';
  for (let k = 0; k < 4; k++) {
    text += ` v = I32[a + ${k}];${unary ? '' : ` w = I32[b + ${k}];`} r = 0;`;
    xs.forEach((x, i) => {
      text += ` x = ${x};${unary ? '' : ` y = ${ys[i]};`}`;
      text += ` r |= ((${expr}) & ${mask}) << ${i * width};`;
    });
    text += ` I32[d + ${k}] = r;`;
  }
  return text;
}

function compile(name: string, body: () => string): SlotFn {
  const head = `return function ${name.replace(/\W/g, '_')}(env, d, a, b) { const I32 = env.I32; `;
  return generated(`vec ${name}`, [], () => `${head}${body()} return 0; }`)() as SlotFn;
}

type Table<T> = { readonly [K in keyof T]: SlotFn };

function compileAll<T extends object>(table: T, text: (entry: T[keyof T]) => string): Table<T> {
  const fns: [string, SlotFn][] = [];
  for (const [name, entry] of Object.entries(table)) {
    fns.push([name, compile(name, () => text(entry))]);
  }
  return Object.fromEntries(fns) as Table<T>;
}

type LaneOp = Table<typeof WORDS & typeof UNARY_WORDS & typeof LANES & typeof UNARY_LANES>;

export const LANE_FNS: LaneOp = {
  ...compileAll(WORDS, (e) => wordText(e, false, 'd', 'a', 'b')),
  ...compileAll(UNARY_WORDS, (e) => wordText(e, true, 'd', 'a', 'b')),
  ...compileAll(LANES, ([type, e]) => laneText(type, e, false)),
  ...compileAll(UNARY_LANES, ([type, e]) => laneText(type, e, true)),
};

/** In-line text of a word-wise operation: a block of statements. */
export type InlineText = (d: string, a: string, b: string, c: string, imm: number) => string;

/** The word-wise operations worth emitting in line. */
export const WORD_INLINE: Record<keyof typeof WORDS, InlineText> = Object.fromEntries(
  Object.entries(WORDS).map(([name, expr]): [string, InlineText] => [
    name,
    (d, a, b) => `{ ${wordText(expr, false, d, a, b)} }`,
  ]),
) as Record<keyof typeof WORDS, InlineText>;
