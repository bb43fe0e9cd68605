/**
 * What the integer operations mean, written once, as JavaScript source over int32 halves. The
 * interpreter instantiates a template with memory slots, backend-js with locals and literals.
 *
 * Rules for templates: operands are side-effect-free names or literals (int32). A result is two
 * expressions; `hi` does not mention low halves, so a caller may assign lo first even when the
 * destination is an operand. What does not fit goes into statements (`pre`) that leave their results
 * in the scratch locals s0..s3 (int32) and f0..f4 (double), which the enclosing function
 * declares. No BigInt.
 */

import { COND_NAMES, type IntOpName } from './ops.ts';

export interface SemInput {
  readonly al: string;
  readonly ah: string;
  readonly bl: string;
  readonly bh: string;
  readonly cl: string;
  /** Raw `c` field, for lea. */
  readonly c: number;
  readonly imm: number;
}

export interface SemResult {
  readonly pre?: string;
  readonly lo: string;
  readonly hi: string;
}

export type Semantics = (x: SemInput) => SemResult;

/** Declares the scratch locals: goes at the top of every function that uses templates. */
export const SCRATCH_DECL = 'let s0=0,s1=0,s2=0,s3=0,f0=0.1,f1=0.1,f2=0.1,f3=0.1,f4=0.1;';

/** Operands that a template reads, for callers that load them first. */
export function isLiteral(s: string): boolean {
  return /^-?\d+$/.test(s);
}

/** Boolean expression for condition `cond` of two i32 values. */
export function condExpr32(cond: number, a: string, b: string): string {
  switch (COND_NAMES[cond]) {
    case 'eq':
      return `${a}===${b}`;
    case 'ne':
      return `${a}!==${b}`;
    case 'lts':
      return `${a}<${b}`;
    case 'ges':
      return `${a}>=${b}`;
    case 'les':
      return `${a}<=${b}`;
    case 'gts':
      return `${a}>${b}`;
    case 'ltu':
      return `${u(a)}<${u(b)}`;
    case 'geu':
      return `${u(a)}>=${u(b)}`;
    case 'leu':
      return `${u(a)}<=${u(b)}`;
    default:
      return `${u(a)}>${u(b)}`;
  }
}

/** Boolean expression for condition `cond` of two i64 values. */
export function condExpr64(cond: number, al: string, ah: string, bl: string, bh: string): string {
  const name = COND_NAMES[cond] as string;
  if (name === 'eq' || name === 'ne') {
    const op = name === 'eq' ? '===' : '!==';
    if (bl === '0' && bh === '0') return ah === '0' ? `${al}${op}0` : `(${al}|${ah})${op}0`;
    return name === 'eq' ? `(${al}===${bl}&&${ah}===${bh})` : `(${al}!==${bl}||${ah}!==${bh})`;
  }
  if (ah === '0' && bh === '0')
    return condExpr32(COND_NAMES.indexOf(`${name.slice(0, 2)}u`), al, bl);
  if (bl === '0' && bh === '0' && name === 'lts') return `${ah}<0`;
  if (bl === '0' && bh === '0' && name === 'ges') return `${ah}>=0`;
  const signed = name.endsWith('s');
  const strict = `${name.slice(0, 1)}t`;
  const less = strict === 'lt';
  const hiCmp = signed ? `${ah}${less ? '<' : '>'}${bh}` : `${u(ah)}${less ? '<' : '>'}${u(bh)}`;
  const loCmp = `${u(al)}${name.startsWith('lt') || name.startsWith('gt') ? (less ? '<' : '>') : less ? '<=' : '>='}${u(bl)}`;
  return `(${ah}===${bh}?${loCmp}:${hiCmp})`;
}

function u(s: string): string {
  return isLiteral(s) ? String(Number(s) >>> 0) : `(${s}>>>0)`;
}

function r32(lo: string, pre?: string): SemResult {
  return pre === undefined ? { lo, hi: '0' } : { pre, lo, hi: '0' };
}

/** High 32 bits of a 32 x 32 unsigned product whose low half is in `lo`: exact, see bench/backend.ts. */
function mulHigh32(a: string, b: string, lo: string): string {
  return `((${u(a)}*${u(b)}-(${lo}>>>0))*2.3283064365386963e-10+0.5|0)`;
}

function shift64(kind: 'shl' | 'shr' | 'sar', x: SemInput): SemResult {
  const { al, ah, bl } = x;
  const fill = kind === 'sar' ? `${ah}>>31` : '0';
  const right = kind === 'sar' ? '>>' : '>>>';
  if (isLiteral(bl)) {
    const n = Number(bl) & 63;
    if (n === 0) return { lo: al, hi: ah };
    if (kind === 'shl') {
      if (n >= 32) return { pre: `s1=${al}<<${n - 32};`, lo: '0', hi: 's1' };
      return { pre: `s0=${al}<<${n};s1=${ah}<<${n}|${al}>>>${32 - n};`, lo: 's0', hi: 's1' };
    }
    if (n >= 32) return { lo: `${ah}${right}${n - 32}${kind === 'shr' ? '|0' : ''}`, hi: fill };
    return {
      lo: `${al}>>>${n}|${ah}<<${32 - n}`,
      hi: `${ah}${right}${n}${kind === 'shr' ? '|0' : ''}`,
    };
  }
  if (kind === 'shl') {
    return {
      pre: `if(${bl}&32){s0=0;s1=${al}<<${bl};}else{s0=${al}<<${bl};s1=${ah}<<${bl}|${al}>>>1>>>~${bl};}`,
      lo: 's0',
      hi: 's1',
    };
  }
  return {
    pre: `if(${bl}&32){s0=${ah}${right}${bl}|0;s1=${fill};}else{s0=${al}>>>${bl}|${ah}<<1<<~${bl};s1=${ah}${right}${bl}|0;}`,
    lo: 's0',
    hi: 's1',
  };
}

function rotl64({ al, ah, bl }: SemInput): SemResult {
  if (isLiteral(bl)) {
    const n = Number(bl) & 63;
    const [l, h] = n < 32 ? [al, ah] : [ah, al];
    const k = n & 31;
    if (k === 0) return { pre: `s0=${l};s1=${h};`, lo: 's0', hi: 's1' };
    return {
      pre: `s0=${l}<<${k}|${h}>>>${32 - k};s1=${h}<<${k}|${l}>>>${32 - k};`,
      lo: 's0',
      hi: 's1',
    };
  }
  return {
    pre: `if(${bl}&32){s2=${ah};s3=${al};}else{s2=${al};s3=${ah};}s0=s2<<${bl}|s3>>>1>>>~${bl};s1=s3<<${bl}|s2>>>1>>>~${bl};`,
    lo: 's0',
    hi: 's1',
  };
}

/** High 64 bits of the unsigned product into s0, s1; the doubles stay below 2^35, so they are exact. */
function mulhu64({ al, ah, bl, bh }: SemInput): string {
  return (
    `s0=Math.imul(${al},${bl});f0=(${mulHigh32(al, bl, 's0')}>>>0);` +
    `s0=Math.imul(${al},${bh});f1=(${mulHigh32(al, bh, 's0')}>>>0);f0+=(s0>>>0);` +
    `s0=Math.imul(${ah},${bl});f2=(${mulHigh32(ah, bl, 's0')}>>>0);f0+=(s0>>>0);` +
    `s0=Math.imul(${ah},${bh});f3=(${mulHigh32(ah, bh, 's0')}>>>0);` +
    `f4=f1+f2+(s0>>>0)+Math.floor(f0*2.3283064365386963e-10);` +
    `s0=f4|0;s1=f3+Math.floor(f4*2.3283064365386963e-10)|0;`
  );
}

function popcnt(x: string, out: string): string {
  return (
    `${out}=${x}-(${x}>>>1&0x55555555)|0;${out}=(${out}&0x33333333)+(${out}>>>2&0x33333333)|0;` +
    `${out}=Math.imul(${out}+(${out}>>>4)&0x0f0f0f0f,0x01010101)>>>24;`
  );
}

function bswap(x: string): string {
  return `(${x}<<24|(${x}&0xff00)<<8|${x}>>>8&0xff00|${x}>>>24)`;
}

function shift32(op: string, { al, bl }: SemInput): SemResult {
  if (isLiteral(bl)) return r32(`${al}${op}${Number(bl) & 31}${op === '>>>' ? '|0' : ''}`);
  return r32(`${al}${op}${bl}${op === '>>>' ? '|0' : ''}`);
}

function add64(al: string, ah: string, bl: string, bh: string): SemResult {
  return {
    pre: `s0=${al}+${bl}|0;s1=${ah}+${bh}+(${u('s0')}<${u(al)}|0)|0;`,
    lo: 's0',
    hi: 's1',
  };
}

/** a + (b << scale) + disp, operands '0' where absent; result in s0, s1. */
export function addressSemantics(x: SemInput): SemResult {
  const scale = x.c & 3;
  const { al, ah, bl, bh, imm } = x;
  const noBase = al === '0' && ah === '0';
  const noIndex = bl === '0' && bh === '0';
  let pre = '';
  let lo = al;
  let hi = ah;
  if (!noIndex) {
    let il = bl;
    let ih = bh;
    if (scale > 0) {
      pre += `s2=${bl}<<${scale};s3=${ih === '0' ? '' : `${bh}<<${scale}|`}${bl}>>>${32 - scale};`;
      il = 's2';
      ih = 's3';
    }
    if (noBase) {
      lo = il;
      hi = ih;
    } else {
      pre += `s0=${al}+${il}|0;s1=${ah}+${ih}+((s0>>>0)<${u(al)}|0)|0;`;
      lo = 's0';
      hi = 's1';
    }
  }
  if (imm !== 0) {
    const carryIn = imm < 0 ? '-1' : '';
    pre +=
      lo === 's0'
        ? `s2=s0+${imm}|0;s1=s1${carryIn}+((s2>>>0)<(s0>>>0)|0)|0;s0=s2;`
        : `s0=${lo}+${imm}|0;s1=${hi}${carryIn}+((s0>>>0)<${u(lo)}|0)|0;`;
    return { pre, lo: 's0', hi: 's1' };
  }
  if (lo === 's2') return { pre: `${pre}s0=s2;s1=s3;`, lo: 's0', hi: 's1' };
  return pre === '' ? { lo, hi } : { pre, lo, hi };
}

export const SEMANTICS: Readonly<Record<IntOpName, Semantics>> = {
  'mov.i32': (x) => r32(x.al),
  'add.i32': (x) => r32(`${x.al}+${x.bl}|0`),
  'sub.i32': (x) => r32(`${x.al}-(${x.bl})|0`),
  'mul.i32': (x) => r32(`Math.imul(${x.al},${x.bl})`),
  'and.i32': (x) => r32(`${x.al}&${x.bl}`),
  'or.i32': (x) => r32(`${x.al}|${x.bl}`),
  'xor.i32': (x) => r32(`${x.al}^${x.bl}`),
  'shl.i32': (x) => shift32('<<', x),
  'shr.i32': (x) => shift32('>>>', x),
  'sar.i32': (x) => shift32('>>', x),
  'rotl.i32': ({ al, bl }) => r32(`${al}<<${bl}|${al}>>>1>>>~${bl}`),
  'neg.i32': (x) => r32(`0-(${x.al})|0`),
  'not.i32': (x) => r32(`~${x.al}`),
  'clz.i32': (x) => r32(`Math.clz32(${x.al})`),
  'ctz.i32': (x) => r32('s0', `s0=${x.al};s0=s0===0?32:31-Math.clz32(s0&-s0);`),
  'popcnt.i32': (x) => r32('s0', popcnt(x.al, 's0')),
  'bswap.i32': (x) => r32(bswap(x.al)),
  'ext8u.i32': (x) => r32(`${x.al}&255`),
  'ext8s.i32': (x) => r32(`${x.al}<<24>>24`),
  'ext8h.i32': (x) => r32(`${x.al}>>>8&255`),
  'ext16u.i32': (x) => r32(`${x.al}&65535`),
  'ext16s.i32': (x) => r32(`${x.al}<<16>>16`),
  'hi.i32': (x) => r32(x.ah),
  'set.i32': (x) => r32(`(${condExpr32(x.imm, x.al, x.bl)}|0)`),
  'set.i64': (x) => r32(`(${condExpr64(x.imm, x.al, x.ah, x.bl, x.bh)}|0)`),
  'select.i32': (x) => r32(`(${x.cl}!==0?${x.al}:${x.bl})`),
  'select.i64': (x) => ({
    pre: `if(${x.cl}!==0){s0=${x.al};s1=${x.ah};}else{s0=${x.bl};s1=${x.bh};}`,
    lo: 's0',
    hi: 's1',
  }),
  'mov.i64': (x) => ({ lo: x.al, hi: x.ah }),
  'add.i64': (x) => add64(x.al, x.ah, x.bl, x.bh),
  'sub.i64': ({ al, ah, bl, bh }) => ({
    pre: `s0=${al}-(${bl})|0;s1=${ah}-(${bh})-(${u(al)}<${u(bl)}|0)|0;`,
    lo: 's0',
    hi: 's1',
  }),
  'mul.i64': ({ al, ah, bl, bh }) => ({
    pre: `s0=Math.imul(${al},${bl});s1=${mulHigh32(al, bl, 's0')}+Math.imul(${al},${bh})+Math.imul(${ah},${bl})|0;`,
    lo: 's0',
    hi: 's1',
  }),
  'mulhu.i64': (x) => ({ pre: mulhu64(x), lo: 's0', hi: 's1' }),
  'mulhs.i64': (x) => ({
    pre:
      `${mulhu64(x)}if(${x.ah}<0){s2=s0;s0=s0-(${x.bl})|0;s1=s1-(${x.bh})-((s2>>>0)<${u(x.bl)}|0)|0;}` +
      `if(${x.bh}<0){s2=s0;s0=s0-(${x.al})|0;s1=s1-(${x.ah})-((s2>>>0)<${u(x.al)}|0)|0;}`,
    lo: 's0',
    hi: 's1',
  }),
  'and.i64': (x) => ({ lo: `${x.al}&${x.bl}`, hi: `${x.ah}&${x.bh}` }),
  'or.i64': (x) => ({ lo: `${x.al}|${x.bl}`, hi: `${x.ah}|${x.bh}` }),
  'xor.i64': (x) => ({ lo: `${x.al}^${x.bl}`, hi: `${x.ah}^${x.bh}` }),
  'shl.i64': (x) => shift64('shl', x),
  'shr.i64': (x) => shift64('shr', x),
  'sar.i64': (x) => shift64('sar', x),
  'rotl.i64': rotl64,
  'neg.i64': ({ al, ah }) => ({
    pre: `s0=0-(${al})|0;s1=~${ah}+(${al}===0|0)|0;`,
    lo: 's0',
    hi: 's1',
  }),
  'not.i64': (x) => ({ lo: `~${x.al}`, hi: `~${x.ah}` }),
  'clz.i64': ({ al, ah }) => r32(`(${ah}!==0?Math.clz32(${ah}):32+Math.clz32(${al}))`),
  'ctz.i64': ({ al, ah }) =>
    r32('s0', `s1=${al};s2=0;if(s1===0){s1=${ah};s2=32;}s0=s1===0?64:s2+31-Math.clz32(s1&-s1);`),
  'popcnt.i64': ({ al, ah }) => r32('s0', `${popcnt(al, 's1')}${popcnt(ah, 's2')}s0=s1+s2;`),
  'bswap.i64': ({ al, ah }) => ({ pre: `s0=${bswap(ah)};s1=${bswap(al)};`, lo: 's0', hi: 's1' }),
  'sext.i64': ({ al }) => ({ pre: `s0=${al};`, lo: 's0', hi: 's0>>31' }),
  'concat.i64': ({ al, bl }) => ({ pre: `s0=${al};s1=${bl};`, lo: 's0', hi: 's1' }),
  'ins8.i64': ({ al, ah, bl }) => ({ lo: `${al}&-256|${bl}&255`, hi: ah }),
  'ins8h.i64': ({ al, ah, bl }) => ({ lo: `${al}&-65281|(${bl}&255)<<8`, hi: ah }),
  'ins16.i64': ({ al, ah, bl }) => ({ lo: `${al}&-65536|${bl}&65535`, hi: ah }),
  'lea.i64': (x) => {
    const r = addressSemantics(x);
    return {
      pre: `${r.pre ?? ''}${r.lo === 's0' ? '' : `s0=${r.lo};s1=${r.hi};`}`,
      lo: 's0',
      hi: 's1',
    };
  },
};
