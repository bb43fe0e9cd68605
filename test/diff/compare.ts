/** Compares an engine's result with the CPU's, and prints what differs in a form one can act on. */

import type { DiffCase } from './generate.ts';
import { CODE, type CpuState, DATA, FX } from './state.ts';

const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

const hex = (v: bigint | number): string => v.toString(16);

function bytesHex(b: Uint8Array): string {
  return Buffer.from(b).toString('hex');
}

/** #SS is what #GP is called when the base is rSP or rBP: Linux tells them apart by the signal's details only. */
function vectorOf(s: CpuState): number {
  return s.vector === 12 ? 13 : s.vector;
}

const TOP_OF_FSW = 0x3800;

/** Differences in x87 and SSE state, as lines. */
function compareFx(native: CpuState, ours: CpuState, approximate: boolean, out: string[]): void {
  const check = (name: string, a: number, b: number): void => {
    if (a !== b) out.push(`${name}: cpu ${hex(a)} ours ${hex(b)}`);
  };
  check('mxcsr', native.fx32(FX.mxcsr) & 0xffff, ours.fx32(FX.mxcsr) & 0xffff);
  check('fcw', native.fx16(FX.fcw), ours.fx16(FX.fcw));
  // How an approximate result was rounded (C1, PE) is not comparable either.
  const fsw = approximate ? ~0x220 : ~0;
  check('fsw', native.fx16(FX.fsw) & fsw, ours.fx16(FX.fsw) & fsw);
  check('ftw', native.fx[FX.ftw] as number, ours.fx[FX.ftw] as number);
  if (approximate) return;
  const top = (native.fx16(FX.fsw) & TOP_OF_FSW) >> 11;
  const tags = native.fx[FX.ftw] as number;
  for (let i = 0; i < 8; i++) {
    // Contents of an empty register are not observable but through FXSAVE.
    if (((tags >> ((top + i) & 7)) & 1) === 0) continue;
    const at = FX.st + i * 16;
    const [a, b] = [native.fx.subarray(at, at + 10), ours.fx.subarray(at, at + 10)].map(bytesHex);
    if (a !== b) out.push(`st${i}: cpu ${a} ours ${b}`);
  }
  for (let i = 0; i < 16; i++) {
    const at = FX.xmm + i * 16;
    const [a, b] = [native.fx.subarray(at, at + 16), ours.fx.subarray(at, at + 16)].map(bytesHex);
    if (a !== b) out.push(`xmm${i}: cpu ${a} ours ${b}`);
    const [c, d] = [native, ours].map((s) => bytesHex(s.ymmHigh.subarray(i * 16, i * 16 + 16)));
    if (c !== d) out.push(`high half of ymm${i}: cpu ${c} ours ${d}`);
  }
}

/** @returns lines that say what differs; empty: equal */
export function differences(c: DiffCase, native: CpuState, ours: CpuState): string[] {
  const out: string[] = [];
  if (vectorOf(native) !== vectorOf(ours)) {
    out.push(`vector: cpu ${native.vector} ours ${ours.vector}`);
  }
  if (native.rip !== ours.rip) out.push(`rip: cpu ${hex(native.rip)} ours ${hex(ours.rip)}`);
  if (native.vector === 14 && native.address !== ours.address) {
    out.push(`fault address: cpu ${hex(native.address)} ours ${hex(ours.address)}`);
  }
  for (let i = 0; i < 16; i++) {
    const [a, b] = [native.gpr(i), ours.gpr(i)];
    if (a !== b) out.push(`${NAMES[i]}: cpu ${hex(a)} ours ${hex(b)}`);
  }
  const mask = native.vector === 3 ? c.flags : c.faultFlags;
  if (((native.rflags ^ ours.rflags) & mask) !== 0) {
    out.push(`flags: cpu ${hex(native.rflags & mask)} ours ${hex(ours.rflags & mask)}`);
  }
  compareFx(
    native,
    ours,
    c.rows.some((r) => r.options.approximate !== undefined),
    out,
  );
  const sameMemory = Buffer.compare(native.data, ours.data) === 0;
  for (let i = 0; i < native.data.length && !sameMemory; i++) {
    if (native.data[i] !== ours.data[i]) {
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

/** The case's input: code bytes, registers, flags. */
export function describe(c: DiffCase): string {
  const s = c.state;
  const regs = NAMES.map((n, i) => `${n}=${hex(s.gpr(i))}`);
  return [
    `rows: ${c.rows.map((r) => `${r.text} [${r.encoding}]`).join(' ; ')}`,
    `code at ${hex(CODE + s.codeOffset)}: ${bytesHex(s.code.subarray(0, c.length))}`,
    `${regs.slice(0, 8).join(' ')}`,
    `${regs.slice(8).join(' ')}`,
    `rflags=${hex(s.rflags)} mxcsr=${hex(s.fx32(FX.mxcsr))} fcw=${hex(s.fx16(FX.fcw))} fsw=${hex(s.fx16(FX.fsw))} ftw=${hex(s.fx[FX.ftw] as number)}`,
  ].join('\n    ');
}
