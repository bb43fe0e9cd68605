/**
 * What a stack of host functions is doing. Functions belong to phases by the file they are in; on the way from the
 * outermost to the innermost one, the last that decides wins. Helpers (what instructions call at run time, numbers,
 * memory layout) decide nothing: they belong to who calls them.
 */

import { SYSCALL_NAMES } from '../../kernel/syscall/names.ts';

export const PHASES = [
  'decode',
  'lift',
  'passes',
  'lower',
  'form regions',
  'emit',
  'compile',
  'interpreter',
  'translated code',
  'TLB misses',
  'dispatcher',
  'kernel',
  'lockstep and audit',
  'host',
  'GC',
  'V8 and Node',
  'idle',
] as const;

export type Phase = (typeof PHASES)[number];

/** A host function, and where it is in src/ ('': not ours). */
export interface Frame {
  readonly name: string;
  readonly place: string;
  /** A function that was made of guest code. */
  readonly translated: boolean;
}

/** What a stack is doing, and for what: a guest function, a system call. */
export interface Doing {
  readonly phase: Phase;
  readonly detail: string;
  /** The frame that decided; those within are its callees. */
  readonly at: number;
}

/** The first pattern that a place matches decides; null: no phase of its own. */
const BY_PLACE: readonly (readonly [RegExp, Phase | null])[] = [
  [/^frontend-x86\/(decode|table|rows|dispatch)/, 'decode'],
  [/^frontend-x86\/(translate|lift|flags-lift)/, 'lift'],
  [/^frontend-x86\//, null],
  [/^ir\/passes\//, 'passes'],
  [/^ir\/cfg\//, 'form regions'],
  [/^ir\/(micro-lower|micro)\./, 'lower'],
  [/^ir\/interp/, 'interpreter'],
  [/^ir\//, null],
  [/^backend-[a-z]+\/compile\./, 'compile'],
  [/^backend-/, 'emit'],
  [/^machine\/(lockstep|machine-audit|translation-audit)/, 'lockstep and audit'],
  [/^machine\/region-compiler\./, 'emit'],
  [/^machine\//, 'dispatcher'],
  [/^kernel\//, 'kernel'],
  [/^(host|cli)\//, 'host'],
];

/** Functions of these names, in these places, are something else than the rest there. */
const BY_NAME: readonly (readonly [name: string, place: RegExp, Phase])[] = [
  ['add', /^ir\/interp\./, 'lower'],
  // From source it is made at run time, and is nowhere.
  ['interpret', /^($|ir\/)/, 'interpreter'],
];

const V8_OWN: Readonly<Record<string, Phase>> = {
  '(garbage collector)': 'GC',
  '(idle)': 'idle',
  '(program)': 'V8 and Node',
};

function phaseOf({ name, place }: Frame): Phase | null {
  for (const [n, p, phase] of BY_NAME) if (n === name && p.test(place)) return phase;
  for (const [pattern, phase] of BY_PLACE) if (pattern.test(place)) return phase;
  return null;
}

/** Functions of WebAssembly that are no regions, by name: theirs end with an address. */
const WASM_OWN: Readonly<Record<string, Phase>> = {
  interpreter: 'interpreter',
  dispatcher: 'dispatcher',
};

/** Who runs guest code; what the MMU does for them is a TLB miss. */
const RUNS_GUEST: ReadonlySet<Phase> = new Set(['interpreter', 'translated code']);

/** What a frame within a phase changes it to, or null. */
function change(phase: Phase, frame: Frame): Phase | null {
  if (frame.place.startsWith('mmu/')) return RUNS_GUEST.has(phase) ? 'TLB misses' : null;
  const wasm = frame.translated ? (WASM_OWN[frame.name] ?? 'translated code') : null;
  const own = V8_OWN[frame.name] ?? wasm ?? phaseOf(frame);
  // What the kernel has others do is its own work, but for running the guest.
  const lent = own === 'host' || (own === 'dispatcher' && frame.name !== 'run');
  return own === phase || (phase === 'kernel' && lent) ? null : own;
}

/** @param stack the outermost function first */
export function doing(stack: readonly Frame[]): Doing {
  let phase: Phase = 'V8 and Node';
  let detail = '';
  let at = 0;
  let handling = false;
  stack.forEach((frame, i) => {
    const next = change(phase, frame);
    if (next !== null) {
      // The symbol or system call stays what a miss is for; everything else begins anew.
      if (next !== 'TLB misses' && next !== 'GC') detail = '';
      phase = next;
      at = i;
    }
    if (phase === 'translated code' && frame.translated) detail = symbolOf(frame.name);
    else if (phase === 'kernel' && detail === '') detail = systemCall(frame.name, handling);
    if (frame.name === 'runHandler') handling = true;
  });
  return { phase, detail, at };
}

/** `memcpy_0x401230` → `memcpy`; without a symbol the address alone. */
function symbolOf(name: string): string {
  return name.replace(/^block_(0x[0-9a-f]+)$/, '$1').replace(/_0x[0-9a-f]+$/, '');
}

const CALLS: ReadonlySet<string> = new Set(Object.values(SYSCALL_NAMES));

/**
 * Handlers are called like the system call: sysRead, or, where a bundle has two of that name, sysRead2. Others are
 * functions without a name that call one with it: munmap.
 */
function systemCall(name: string, handling: boolean): string {
  const m = /^sys([A-Z]\w*)$/.exec(name);
  if (m === null && !handling) return '';
  const call = (m?.[1] ?? name).replace(/(?!^)([A-Z])/g, '_$1').toLowerCase();
  if (CALLS.has(call)) return call;
  return m === null ? '' : call.replace(/\d$/, '');
}
