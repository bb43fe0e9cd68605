/** Compares an engine's result with the CPU's, and prints what differs in a form one can act on. */

import type { Engine } from './engine.ts';
import type { DiffProgram } from './generate.ts';
import {
  CODE_AT,
  type CpuState,
  DATA,
  DATA_AT,
  FX,
  FX_AT,
  STATE_BYTES,
  YMM_HIGH_AT,
} from './state.ts';
import { Vendors } from './vendors.ts';

export const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

const hex = (v: bigint | number): string => v.toString(16);

function bytesHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}

const topOf = (s: CpuState): number => (s.fx16(FX.fsw) >> 11) & 7;

/** The physical x87 register n: its ten bytes. */
function physical(s: CpuState, n: number): Uint8Array {
  const at = FX.st + ((n - topOf(s)) & 7) * 16;
  return s.fx.subarray(at, at + 10);
}

interface How {
  readonly approximate: boolean;
  readonly vendors: Vendors;
  readonly out: string[];
}

/** Differences in x87 and SSE state, as lines. */
function compareFx(native: CpuState, ours: CpuState, { approximate, vendors, out }: How): void {
  const check = (name: string, a: number, b: number): void => {
    if (a !== b) out.push(`${name}: cpu ${hex(a)} ours ${hex(b)}`);
  };
  check(
    'mxcsr',
    native.fx32(FX.mxcsr) & vendors.mxcsrMask,
    ours.fx32(FX.mxcsr) & vendors.mxcsrMask,
  );
  check('fcw', native.fx16(FX.fcw), ours.fx16(FX.fcw));
  // How an approximate result was rounded (C1, PE) is not comparable either.
  const fsw = (approximate ? ~0x220 : ~0) & vendors.fswMask;
  check('fsw', native.fx16(FX.fsw) & fsw, ours.fx16(FX.fsw) & fsw);
  check('ftw', native.fx[FX.ftw] as number, ours.fx[FX.ftw] as number);
  if (approximate) return;
  const tags = native.fx[FX.ftw] as number;
  for (let n = 0; n < 8; n++) {
    // Contents of an empty register are not observable but through FXSAVE.
    if (((tags >> n) & 1) === 0) continue;
    const [a, b] = [bytesHex(physical(native, n)), bytesHex(physical(ours, n))];
    if (a !== b) out.push(`st${(n - topOf(native)) & 7}: cpu ${a} ours ${b}`);
  }
  for (let i = 0; i < 16; i++) {
    const at = FX.xmm + i * 16;
    const vector = (name: string, a: Uint8Array, b: Uint8Array): void => {
      if (!vendors.sameVector(a, b))
        out.push(`${name}${i}: cpu ${bytesHex(a)} ours ${bytesHex(b)}`);
    };
    vector('xmm', native.fx.subarray(at, at + 16), ours.fx.subarray(at, at + 16));
    const high = (s: CpuState): Uint8Array => s.ymmHigh.subarray(i * 16, i * 16 + 16);
    vector('high half of ymm', high(native), high(ours));
  }
}

const GPRS_END = 128;

/** Whether all is the same, without a look at what need not be. */
function identical(c: DiffProgram, native: CpuState, ours: CpuState): boolean {
  const flags = native.vector === 3 ? c.flags : c.faultFlags;
  return (
    native.vector === ours.vector &&
    native.sameBytes(ours, 0, GPRS_END) &&
    native.rip === ours.rip &&
    (native.vector !== 14 || native.address === ours.address) &&
    ((native.rflags ^ ours.rflags) & flags) === 0 &&
    native.sameBytes(ours, FX_AT, FX_AT + 5) &&
    ((native.fx32(FX.mxcsr) ^ ours.fx32(FX.mxcsr)) & 0xffff) === 0 &&
    native.sameBytes(ours, FX_AT + FX.st, FX_AT + FX.end) &&
    native.sameBytes(ours, YMM_HIGH_AT, CODE_AT) &&
    native.sameBytes(ours, DATA_AT, STATE_BYTES)
  );
}

/** @returns lines that say what differs; empty: equal */
export function differences(c: DiffProgram, native: CpuState, ours: CpuState): string[] {
  return identical(c, native, ours) ? [] : allDifferences(c, native, ours);
}

function allDifferences(c: DiffProgram, native: CpuState, ours: CpuState): string[] {
  const out: string[] = [];
  const vendors = new Vendors(c, native);
  if (!vendors.sameException(ours.vector)) {
    out.push(`vector: cpu ${native.vector} ours ${ours.vector}`);
  }
  if (!vendors.sameRip(ours.rip)) out.push(`rip: cpu ${hex(native.rip)} ours ${hex(ours.rip)}`);
  if (native.vector === 14 && !vendors.sameFaultAddress(ours.address)) {
    out.push(`fault address: cpu ${hex(native.address)} ours ${hex(ours.address)}`);
  }
  for (let i = 0; i < 16; i++) {
    const [a, b] = [native.gpr(i), ours.gpr(i)];
    if (a !== b) out.push(`${NAMES[i]}: cpu ${hex(a)} ours ${hex(b)}`);
  }
  const mask = native.vector === 3 ? c.flags : c.faultFlags;
  if (vendors.comparesFlags && ((native.rflags ^ ours.rflags) & mask) !== 0) {
    out.push(`flags: cpu ${hex(native.rflags & mask)} ours ${hex(ours.rflags & mask)}`);
  }
  const approximate = c.rows.some((r) => r.options.approximate !== undefined);
  compareFx(native, ours, { approximate, vendors, out });
  const sameMemory = Buffer.compare(native.data, ours.data) === 0;
  const [from, to] = vendors.memoryRange;
  const compared = (i: number): boolean => !c.ignored.some(([f, t]) => i >= f && i < t);
  for (let i = from; i < to && !sameMemory; i++) {
    if (native.data[i] !== ours.data[i] && compared(i)) {
      const at = i & ~15;
      out.push(
        `memory ${hex(DATA + at)}: cpu ${bytesHex(native.data.subarray(at, at + 32))}`,
        `                ours ${bytesHex(ours.data.subarray(at, at + 32))}`,
      );
      break;
    }
  }
  return out;
}

/** Where a run went another way than the CPU. */
export interface Difference {
  readonly state: CpuState;
  readonly cpu: CpuState;
  /** null: the engine threw. */
  readonly ours: CpuState | null;
  readonly lines: readonly string[];
}

/** Runs the program in the engine from all of its states; null: right. */
export function firstDifference(
  program: DiffProgram,
  native: readonly CpuState[],
  engine: Engine,
): Difference | null {
  engine.prepare(program.states[0]!);
  for (let i = 0; i < native.length; i++) {
    const [state, cpu] = [program.states[i]!, native[i]!];
    let ours: CpuState | null = null;
    let lines: string[];
    try {
      ours = engine.run(state);
      lines = differences(program, cpu, ours);
    } catch (e) {
      lines = [(e as Error).stack ?? String(e)];
    }
    if (lines.length > 0) return { state, cpu, ours, lines };
  }
  return null;
}
