/**
 * Writes the source of the interpreter: one `switch` over micro operations with literal case numbers
 * (V8 makes a jump table of those only), generated once at start-up from the same semantic
 * templates that backend-js uses. design.md measures 4.7-5.4 ns a micro operation for this shape.
 *
 * The function runs from one arena index until something needs the dispatcher, and returns an EXIT
 * code; ENG_INTERP_P is then the micro operation it stopped at, ENG_INTERP_BLOCK the block it was in.
 */

import {
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_INTERP_BLOCK,
  ENG_INTERP_P,
  ENG_INTERP_PASS,
  ENG_TLB_GEN,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_GEN,
  JUMP_CACHE_P,
  JUMP_CACHE_SHIFT,
  TLB_ADDEND,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../common/layout.ts';
import { EXIT_LINK, EXIT_REGION } from './interp-words.ts';
import { MICRO_OPS, type MicroOp, RECENT_TARGETS } from './micro.ts';
import { EXIT, type IntOpName, MEM_ALIGN, type MemOpName, OPS, type OpRow, STRIDE } from './ops.ts';
import { condExpr32, condExpr64, SCRATCH_DECL, SEMANTICS, type SemResult } from './semantics.ts';

const JUMP_CACHE_HASH = `((s0^s0>>>${JUMP_CACHE_SHIFT})&${JUMP_CACHE_ENTRIES - 1})<<2`;

interface MemShape {
  readonly size: number;
  /** Expression for the low and high result word given host offset h; for stores the statement. */
  readonly lo: string;
  readonly hi: string;
}

const LOADS: Partial<Record<MemOpName, MemShape>> = {
  ld8u: { size: 1, lo: 'U8[h]', hi: '0' },
  ld8s: { size: 1, lo: 'U8[h]<<24>>24', hi: '0' },
  ld16u: { size: 2, lo: 'D.getUint16(h,true)', hi: '0' },
  ld16s: { size: 2, lo: 'D.getInt16(h,true)', hi: '0' },
  ld32: { size: 4, lo: 'D.getInt32(h,true)', hi: '0' },
  'ld8s.i64': { size: 1, lo: 'U8[h]<<24>>24', hi: 'U8[h]<<24>>31' },
  'ld16s.i64': { size: 2, lo: 'D.getInt16(h,true)', hi: 'D.getInt16(h,true)>>31' },
  'ld32s.i64': { size: 4, lo: 'D.getInt32(h,true)', hi: 'D.getInt32(h,true)>>31' },
  ld64: { size: 8, lo: 'D.getInt32(h,true)', hi: 'D.getInt32(h+4,true)' },
  ld128: { size: 16, lo: '', hi: '' },
  ld256: { size: 32, lo: '', hi: '' },
};

const STORES: Partial<Record<MemOpName, MemShape>> = {
  st8: { size: 1, lo: 'U8[h]=I32[C[p+1]];', hi: 'm.write8(s0,s1,I32[C[p+1]])' },
  st16: { size: 2, lo: 'D.setInt16(h,I32[C[p+1]],true);', hi: 'm.write16(s0,s1,I32[C[p+1]])' },
  st32: { size: 4, lo: 'D.setInt32(h,I32[C[p+1]],true);', hi: 'm.write32(s0,s1,I32[C[p+1]])' },
  st64: {
    size: 8,
    lo: 'D.setInt32(h,I32[C[p+1]],true);D.setInt32(h+4,I32[C[p+1]+1],true);',
    hi: 'm.write64(s0,s1,I32[C[p+1]],I32[C[p+1]+1])',
  },
  st128: { size: 16, lo: copyOut(4), hi: 'm.writeBytes(s0,s1,C[p+1]<<2,16)' },
  st256: { size: 32, lo: copyOut(8), hi: 'm.writeBytes(s0,s1,C[p+1]<<2,32)' },
};

function copyOut(words: number): string {
  let s = 'a=C[p+1];';
  for (let i = 0; i < words; i++) s += `D.setInt32(h+${i * 4},I32[a+${i}],true);`;
  return s;
}

function copyIn(words: number): string {
  let s = 'a=C[p+1];';
  for (let i = 0; i < words; i++) s += `I32[a+${i}]=D.getInt32(h+${i * 4},true);`;
  return s;
}

/** The pc of a head, from its words 3 and 4. */
const HEAD_PC = 'I32[PC]=C[p+3];I32[PC+1]=C[p+4];';

/** Leaves the switch: the tail behind it returns r, a fault (-1, -2) or an exit code. */
const LEAVE = 'break;';

/** Effective address of micro op at p into s0 (low), s1 (high). */
function address(m: MicroOp): string {
  const load = 'a=C[p+2];s0=I32[a];s1=I32[a+1];';
  const index = m.hasIndex
    ? 'b=C[p+3];h=C[p+4];bl=I32[b];bh=I32[b+1]<<(h&3)|bl>>>1>>>(31-(h&3));bl=bl<<(h&3);' +
      's2=s0+bl|0;s1=s1+bh+((s2>>>0)<(s0>>>0)?1:0)|0;s0=s2;'
    : '';
  return `${load}${index}a=C[p+5];s2=s0+a|0;s1=s1+(a>>31)+((s2>>>0)<(s0>>>0)?1:0)|0;s0=s2;`;
}

/** Statement `if (hit) { h=…; then } else { miss }` for an access of `size` bytes at s1:s0. */
function translate(size: number, tag: number, then: string, miss: string): string {
  const last = size === 1 ? 's0' : `s0+${size - 1}`;
  return (
    `a=(s0>>>${TLB_INDEX_SHIFT}&${TLB_INDEX_MASK})+${TLB_WORD};` +
    `if(I32[a${tag === 0 ? '' : `+${tag}`}]===(${last}&-4096|I32[${ENG_TLB_GEN}])&&I32[a+${TLB_HI}]===s1)` +
    `{h=s0+I32[a+${TLB_ADDEND}]|0;${then}}else{${miss}}`
  );
}

function alignCheck(size: number): string {
  return size < 16
    ? ''
    : `if((C[p+4]&${MEM_ALIGN})!==0&&(s0&${size - 1})!==0){r=m.raise(13,0);${LEAVE}}`;
}

function loadCase(m: MicroOp): string {
  const name = (OPS[m.op] as OpRow).name as MemOpName;
  const s = LOADS[name] as MemShape;
  const get = s.size >= 16 ? copyIn(s.size / 4) : `a=C[p+1];I32[a]=${s.lo};I32[a+1]=${s.hi};`;
  const miss = `h=m.read(s0,s1,${s.size});if(h<0){r=-1;${LEAVE}}`;
  return `${address(m)}${alignCheck(s.size)}${translate(s.size, TLB_READ, '', miss)}${get}p+=${STRIDE};continue;`;
}

function storeCase(m: MicroOp): string {
  const name = (OPS[m.op] as OpRow).name as MemOpName;
  const s = STORES[name] as MemShape;
  const miss = `r=${s.hi};if(r!==0){${LEAVE}}`;
  return `${address(m)}${alignCheck(s.size)}${translate(s.size, TLB_WRITE, s.lo, miss)}p+=${STRIDE};continue;`;
}

/** Templates with doubles run out of line: double locals in the big function cost it deoptimizations. */
function outOfLine(m: MicroOp): string {
  const r = semanticsOf(m);
  if (r === null || !/\bf0\b/.test(r.pre ?? '')) return '';
  return `function op${m.op}(al,ah,bl,bh){${SCRATCH_DECL}${r.pre}high=${r.hi};return ${r.lo};}\n`;
}

function semanticsOf(m: MicroOp): SemResult | null {
  const row = OPS[m.op] as OpRow;
  if (m.kind !== 'int' || row.name === 'lea.i64') return null;
  return SEMANTICS[row.name as IntOpName]({
    al: 'al',
    ah: 'ah',
    bl: 'bl',
    bh: 'bh',
    cl: 'cl',
    c: 0,
    imm: m.cond,
  });
}

function intCase(m: MicroOp): string {
  const r = semanticsOf(m);
  if (r === null) return `${address(m)}a=C[p+1];I32[a]=s0;I32[a+1]=s1;p+=${STRIDE};continue;`;
  const text = `${r.pre ?? ''}${r.lo};${r.hi}`;
  const uses = (v: string): boolean => new RegExp(`\\b${v}\\b`).test(text);
  const operand = (index: string, slot: string, lo: string, hi: string): string =>
    uses(lo) || uses(hi)
      ? `${index}=C[p+${slot}];${uses(lo) ? `${lo}=I32[${index}];` : ''}${uses(hi) ? `${hi}=I32[${index}+1];` : ''}`
      : '';
  const load =
    operand('a', '2', 'al', 'ah') +
    operand('b', '3', 'bl', 'bh') +
    (uses('cl') ? 'cl=I32[C[p+4]];' : '');
  const compute =
    outOfLine(m) === ''
      ? `${r.pre ?? ''}a=C[p+1];I32[a]=${r.lo};I32[a+1]=${r.hi};`
      : `s0=op${m.op}(al,ah,bl,bh);a=C[p+1];I32[a]=s0;I32[a+1]=high;`;
  return `${load}${compute}p+=${STRIDE};continue;`;
}

/** ccset by operand: all are read before any is written. */
const CCSET = [
  [
    'a=C[p+2];al=I32[a];ah=I32[a+1];',
    'b=C[p+3];bl=I32[b];bh=I32[b+1];',
    'h=C[p+4];s0=I32[h];s1=I32[h+1];',
  ],
  ['I32[CCA]=al;I32[CCA+1]=ah;', 'I32[CCB]=bl;I32[CCB+1]=bh;', 'I32[CCC]=s0;I32[CCC+1]=s1;'],
];

/** Follows the link at q = b (link, generation, pc word), or leaves to have it made. */
const FOLLOW =
  `if(C[b]!==0&&C[b+1]===I32[${ENG_CODE_GEN}]){p=C[b];continue;}p=b;` +
  `a=C[b+2];I32[PC]=I32[a];I32[PC+1]=I32[a+1];r=${EXIT_LINK};${LEAVE}`;

function branchCase(cond: string): string {
  return `b=${cond}?p+${STRIDE}:p+${STRIDE + 3};${FOLLOW}`;
}

function microCase(m: MicroOp): string {
  switch (m.kind) {
    case 'head':
      return (
        `B=C[p+1];budget=budget-C[p+2]|0;if(budget<0)r=${EXIT.budget};` +
        `else if((HITS[B]=HITS[B]-1|0)!==0){p+=${STRIDE};continue;}else r=${EXIT.hot};` +
        `budget=budget+C[p+2]|0;${HEAD_PC}${LEAVE}`
      );
    case 'dead':
      return `B=C[p+1];${HEAD_PC}r=${EXIT.next};${LEAVE}`;
    case 'region':
      return (
        `B=C[p+1];r=${EXIT_REGION};if(I32[${ENG_INTERP_PASS}]!==0){budget=budget-C[p+2]|0;` +
        `if(budget>=0){p+=${STRIDE};continue;}budget=budget+C[p+2]|0;r=${EXIT.budget};}${HEAD_PC}${LEAVE}`
      );
    case 'int':
      return intCase(m);
    case 'load':
      return loadCase(m);
    case 'store':
      return storeCase(m);
    case 'slot':
      return `r=SLOT[C[p]](env,C[p+1],C[p+2],C[p+3],C[p+4],C[p+5]);if(r!==0){${LEAVE}}p+=${STRIDE};continue;`;
    case 'ccset':
      return `I32[CCK]=C[p+1];${CCSET.map((half) => half.slice(0, m.cond).join('')).join('')}p+=${STRIDE};continue;`;
    case 'call':
      return (
        `I32[BUDGET]=budget;r=HELPER[C[p+5]](env,C[p+1],C[p+2],C[p+3],C[p+4]);budget=I32[BUDGET];` +
        `if(r!==0){${LEAVE}}p+=${STRIDE};continue;`
      );
    case 'jump':
      return `b=p+${STRIDE};${FOLLOW}`;
    case 'branch':
      return branchCase('I32[C[p+1]]!==0');
    case 'brcmp32':
      return `al=I32[C[p+1]];bl=I32[C[p+2]];${branchCase(condExpr32(m.cond, 'al', 'bl'))}`;
    case 'brcmp64':
      return (
        'a=C[p+1];b=C[p+2];al=I32[a];ah=I32[a+1];bl=I32[b];bh=I32[b+1];' +
        branchCase(condExpr64(m.cond, 'al', 'ah', 'bl', 'bh'))
      );
    case 'jumpind':
      return (
        `a=C[p+1];s0=I32[a];s1=I32[a+1];h=C[p+2];C[p+${STRIDE}+h]=s0;C[p+${STRIDE + 1}+h]=s1;` +
        `C[p+2]=h+2&${2 * RECENT_TARGETS - 1};a=${JUMP_CACHE_HASH};` +
        `if(JC[a]===s0&&JC[a+1]===s1&&JC[a+${JUMP_CACHE_GEN}]===I32[${ENG_CODE_GEN}]){p=JC[a+${JUMP_CACHE_P}];continue;}` +
        `I32[PC]=s0;I32[PC+1]=s1;r=${EXIT.next};${LEAVE}`
      );
    case 'exit':
      return `a=C[p+1];I32[PC]=I32[a];I32[PC+1]=I32[a+1];r=C[p+2];${LEAVE}`;
  }
}

/** Names of the parameters of the factory that `interpreterSource` is the body of. */
export const INTERP_PARAMS = [
  'I32',
  'U8',
  'D',
  'env',
  'm',
  'C',
  'HITS',
  'JC',
  'HELPER',
  'SLOT',
  'PC',
  'CCK',
  'CCA',
  'CCB',
  'CCC',
] as const;

/** Body of a factory function that returns the interpreter `function interpret(p)`. */
export function interpreterSource(): string {
  // Ops that do the same (all slot ops) share one body: V8 does not optimize beyond 61,440 bytes of bytecode.
  const labels = new Map<string, string>();
  MICRO_OPS.forEach((m, i) => {
    const body = microCase(m);
    labels.set(body, `${labels.get(body) ?? ''}case ${i}:`);
  });
  const cases = [...labels].map(([body, label]) => `${label}{${body}}`).join('\n');
  return (
    `"use strict";const BUDGET=${ENG_BUDGET};let high=0;\n${MICRO_OPS.map(outOfLine).join('')}` +
    'return function interpret(p){p=p|0;' +
    `let s0=0,s1=0,s2=0,s3=0,a=0,b=0,h=0,r=0,al=0,ah=0,bl=0,bh=0,cl=0,B=0,budget=I32[BUDGET]|0;\n` +
    `for(;;){switch(C[p]){\n${cases}\ndefault:throw new Error('bad micro op '+C[p]);}\n` +
    `I32[${ENG_INTERP_P}]=p;I32[${ENG_INTERP_BLOCK}]=B;I32[BUDGET]=budget;` +
    `return r===-1?${EXIT.exception}:r===-2?${EXIT.selfModify}:r;}};`
  );
}
