/**
 * Region → JavaScript. The result is the body of a factory whose parameters are EMIT_PARAMS and
 * which returns the region's function:
 *
 *     const h3=H[3];                          helpers and slot operations it calls
 *     return(function memcpy_0x401230(){      parenthesized: compiled at once, not first skipped
 *     const I32=i32,…                         the views
 *     let _n=I32[budget],_g=…,…               budget, TLB generation, scratch
 *     let rax_l=I32[…],rax_h=I32[…],…         guest registers the region uses
 *     X:{ … _x=8;break X; … }                 the code; _x: index of an exit record in T
 *     I32[…]=rax_l;…                          registers it may have written
 *     …                                       pc, budget and return code from the exit record
 *     })
 *
 * Warming up. V8 gives optimized code up when a path is taken that had not been taken before, and what it
 * compiles for a loop that never ends (OSR) knows little of types. So runs are cut into slices (the rest
 * of the budget is held back in `_k`): the function is then optimized as a whole between two runs. In
 * every eighth of the first runs all TLB checks fail (`_f` makes the generation -1), and in another the windows
 * are empty (`_p` is 0; windows.ts), so that the slow paths have been seen. bench/backend.ts: a loop entered once 16.5 ns without this, 4.6 ns with it.
 *
 * A lean region has no slow paths but leaves with EXIT.slow: it only needs the windows to be empty now and then.
 *
 * Leaving is free of branches for the same reason; a fault's return code is -2 * _r: 2 or 4.
 *
 * Return value: an EXIT code, or the number of a link (≥ 16); the pc is always stored. The
 * parameters are never assigned, so V8 can treat them as constants and embed the views' addresses.
 */

import { ENG_BUDGET, ENG_STOP, ENG_TLB_GEN, TLB_ENTRIES, TLB_WORD } from '../common/layout.ts';
import type { Region } from '../ir/cfg/region.ts';
import { structure } from '../ir/cfg/structure.ts';
import { F_NONE, F_RAW, FIELDS, WRITES_D } from '../ir/fields.ts';
import { FAST_MASK, FAST_VALUE, FP_ENV_WORD } from '../ir/fp-env.ts';
import { EXIT, OP, STRIDE } from '../ir/ops.ts';
import { isVar, NONE, refIndex } from '../ir/refs.ts';
import { SCRATCH_DECL } from '../ir/semantics.ts';
import { COUNTERS, EmitContext, type EmitOptions, EXIT_WORDS } from './context.ts';
import { ControlEmitter, NOWHERE } from './emit-control.ts';
import { carriedDoubles } from './emit-slot.ts';
import { knownZeroOnEntry } from './high-halves.ts';
import { chooseWindows, WINDOW_LIMIT, Windows } from './windows.ts';

/**
 * Views of the machine's memory; helper environment and guest access; helper and slot functions by
 * number; exit records; the number of runs that still warm up.
 */
export const EMIT_PARAMS = [
  'i32',
  'u8',
  'f32',
  'f64',
  'd',
  'env',
  'mem',
  'H',
  'S',
  'T',
  'W',
] as const;

/**
 * The function's own names for what it uses all the time. V8 loses what it knows of a variable of the factory's
 * at every call in a loop, and then tests again what kind of object it is; of a local it does not.
 * bench/backend.ts; sse2_matrix of bench/programs/kernels.c: 11.8 ns a round without, 8.4 ns with them.
 */
const LOCAL_VIEWS = 'const I32=i32,U8=u8,F32=f32,F64=f64,D=d,m=mem;';

/**
 * Guest instructions in one run: while warming up, while V8 makes up its mind, and from then on (some 0.3 ms; at
 * 20,000, leaving and entering took an eighth of the time of hot loops).
 */
const WARM_SLICE = 4000;
const SETTLE_SLICE = 20_000;
const SLICE = 200_000;
/** Runs of the first two kinds. */
const WARM_RUNS = 48;
const SETTLE_RUNS = 2048;
/** The TLB entry that a generation of -1 could match: then, slow paths are not forced. */
const LAST_TLB = TLB_WORD + (TLB_ENTRIES - 1) * 8;

export interface EmittedRegion {
  readonly name: string;
  /** Body of the factory function. */
  readonly source: string;
  /** Exit records: EXIT_WORDS each. */
  readonly exits: Int32Array;
  /** Per source line: block index << 16 | instruction index, low half 0xffff: belongs to none. */
  readonly lines: Int32Array;
  /** Index of the source line that `lines` begins at. */
  readonly firstLine: number;
  /** Runs that warm up. */
  readonly warm: number;
  /** Words that W has. */
  readonly counters: number;
  /** Whether it has floating-point arithmetic in line. */
  readonly arithmetic: boolean;
}

export function emitRegion(region: Region, options: EmitOptions): EmittedRegion {
  const e = new EmitContext(region, options);
  collectVariables(e);
  e.doubles.keep(carriedDoubles(e));
  const { helpers } = options;
  e.windows = new Windows(chooseWindows(region, helpers, (v) => e.hasLocal(v) && e.isWide(v)));
  const known = knownZeroOnEntry(region.blocks, e.high);
  const tree = structure({ entry: 0, succ: region.blocks.map((b) => b.succ) });
  new ControlEmitter(e, known).list(tree, NOWHERE);
  const head = prologue(e);
  return {
    name: options.name,
    source: `${head}\n${e.text()}\n${epilogue(e)}`,
    exits: Int32Array.from(e.exits),
    lines: e.lines(),
    warm: (options.warm ?? WARM_RUNS) + SETTLE_RUNS,
    firstLine: head.split('\n').length,
    arithmetic: e.arithmetic,
    counters: COUNTERS + region.blocks.length + (e.exits.length / EXIT_WORDS) * 2,
  };
}

function prologue(e: EmitContext): string {
  const names = e.tempLocals().flatMap((t) => [`${t}_l=0`, `${t}_h=0`]);
  names.push(...e.doubles.declarations(), ...e.offsetLocals().map((a) => `${a}=0`));
  const registers = e.used.flatMap((v) => {
    const lo = `${e.locals[v]}_l=I32[${e.varWord(v)}]`;
    return e.isWide(v) ? [lo, `${e.locals[v]}_h=I32[${e.varWord(v) + 1}]`] : [lo];
  });
  const functions = [
    ...[...e.helpersUsed].map((h) => `const h${h}=H[${h}];`),
    ...[...e.slotsUsed].map((s) => `const v${s}=S[${s}];`),
  ];
  return (
    `"use strict";${functions.join('')}return(function ${e.options.name}(){${LOCAL_VIEWS}\n` +
    `let _n=I32[${ENG_BUDGET}]|0,_k=0,_f=0,_p=${WINDOW_LIMIT},_q=0,_e=0,_o=0,_r=0,_x=0,_a=0,_i=0,_s=0,_w=W[0]|0;${SCRATCH_DECL}\n` +
    `_k=_n-${SLICE}|0;if(_w!==0){W[0]=_w-1|0;_k=_n-${SETTLE_SLICE}|0;if(_w>${SETTLE_RUNS}){_k=_n-${WARM_SLICE}|0;${warmModes(e)}}}` +
    '_k=_k&~(_k>>31);_n=_n-_k|0;' +
    `let _g=I32[${ENG_TLB_GEN}]|_f;\n` +
    (!e.arithmetic ? '' : `if((I32[${FP_ENV_WORD}]&${FAST_MASK}|_f)!==${FAST_VALUE})_q=-1;`) +
    `${declare(names)}${declare(registers)}\n${e.windows.fill((v) => e.locals[v]!)}${e.doubles.checkAll()}X:{`
  );
}

/** Statements that have the paths taken, while warming up, that are seldom taken later. */
function warmModes(e: EmitContext): string {
  if (e.lean) return 'if((_w&7)===3)_p=0;';
  const forceable = `I32[${LAST_TLB}]!==-1&&I32[${LAST_TLB + 1}]!==-1&&I32[${ENG_TLB_GEN}]!==4095`;
  return `if((_w&7)===3){_p=0;_q=-1;}if((_w&7)===7&&${forceable})_f=-1;`;
}

function declare(names: readonly string[]): string {
  return names.length === 0 ? '' : `let ${names.join(',')};`;
}

function epilogue(e: EmitContext): string {
  const pc = e.varWord(e.options.layout.pc);
  return (
    `}\n${e.options.profile === true ? countExit(e) : ''}${e.spill('all')}\n` +
    `I32[${pc}]=T[_x]|_e&T[_x+4];I32[${pc + 1}]=T[_x+1]|_o&T[_x+4];` +
    `I32[${ENG_BUDGET}]=_n+_k-T[_x+2]|0;` +
    `_w=T[_x+3];if(_w===${EXIT.budget})_w=_k!==0&I32[${ENG_STOP}]===0?${EXIT.next}:${EXIT.budget};` +
    `return _w-_r-_r|0;})`
  );
}

/** Statements that count the exit taken. */
function countExit(e: EmitContext): string {
  const first = COUNTERS + e.region.blocks.length;
  return `_f=${first}+(_x/${EXIT_WORDS}|0)*2-(_r>>31)|0;W[_f]=W[_f]+1|0;\n`;
}

/**
 * Finds the integer variables that the region mentions, and those it may write. What a helper writes
 * is not dirty: the local is loaded again from the state page, so the two agree.
 */
function collectVariables(e: EmitContext): void {
  const { ccKind, ccA, ccB, ccC } = e.options.layout;
  const dirty = new Set<number>();
  const read = (v: number): void => e.addLocal(v);
  const write = (v: number): void => {
    e.addLocal(v);
    if (e.hasLocal(v)) dirty.add(v);
  };
  for (const { ir } of e.region.blocks) {
    const { code } = ir;
    for (let at = 0; at < ir.length; at += STRIDE) {
      const op = code[at]!;
      if (op === OP.ccset) [ccKind, ccA, ccB, ccC].forEach(write);
      for (let k = 0; k < 4; k++) {
        const f = FIELDS[op * 4 + k];
        const ref = code[at + 1 + k]!;
        if (f === F_NONE || f === F_RAW || ref === NONE || !isVar(ref)) continue;
        if (k === 0 && WRITES_D[op] === 1) write(refIndex(ref));
        else read(refIndex(ref));
      }
    }
    if (ir.pendingCc.length > 0) {
      [ccKind, ccA, ccB, ccC].forEach(write);
      ir.pendingCc.forEach((ref, i) => {
        if (i % 4 !== 0 && isVar(ref)) read(refIndex(ref));
      });
    }
  }
  e.dirty.push(...[...dirty].sort((a, b) => a - b));
  e.used.sort((a, b) => a - b);
}
