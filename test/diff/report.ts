/**
 * What a person gets of a difference: the smallest program that still shows it (instructions replaced by NOPs of
 * the same length, so that nothing moves), its code, the states side by side with what differs marked, and the
 * translation.
 */

import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { type Difference, firstDifference, NAMES } from './compare.ts';
import type { Engine } from './engine.ts';
import type { DiffInsn, DiffProgram } from './generate.ts';
import { runNative } from './native.ts';
import { CODE, CpuState, FX } from './state.ts';

interface Wrong extends Difference {
  readonly program: DiffProgram;
}

const NOP = 0x90;

/** The program from one state and without one of its instructions. */
function without(program: DiffProgram, state: CpuState, insn: DiffInsn | null): DiffProgram {
  const copy = new CpuState(state.bytes.slice());
  if (insn !== null) copy.code.fill(NOP, insn.at, insn.at + insn.length);
  const insns = program.insns.filter((i) => i !== insn);
  return { ...program, insns, rows: insns.map((i) => i.row), states: [copy] };
}

/** Leaves out every instruction that the difference does not need. */
export function minimized(
  program: DiffProgram,
  native: readonly CpuState[],
  engine: Engine,
  runner: string,
): Wrong {
  const first = firstDifference(program, native, engine);
  if (first === null) throw new Error('the difference is gone when the engine runs again');
  let wrong: Wrong = { program: without(program, first.state, null), ...first };
  for (const insn of program.insns) {
    const smaller = without(wrong.program, wrong.program.states[0]!, insn);
    if (smaller.insns.length === 0) continue;
    const found = firstDifference(smaller, runNative(runner, smaller.states), engine);
    if (found !== null) wrong = { program: smaller, ...found };
  }
  return wrong;
}

function disassembly({ length }: DiffProgram, state: CpuState): string[] {
  const decoder = new Decoder(64, state.code.slice(0, length), DecoderOptions.None);
  decoder.ip = BigInt(CODE + state.codeOffset);
  const formatter = new Formatter(FormatterSyntax.Gas);
  const lines: string[] = [];
  while (decoder.canDecode) {
    const at = decoder.position;
    const insn = decoder.decode();
    const bytes = Buffer.from(state.code.subarray(at, at + insn.length)).toString('hex');
    if (bytes !== '90')
      lines.push(`${insn.ip.toString(16)}  ${bytes.padEnd(30)} ${formatter.format(insn)}`);
    insn.free();
  }
  decoder.free();
  formatter.free();
  return lines;
}

const hex64 = (v: bigint): string => v.toString(16).padStart(16, '0');

/** Registers before, on the CPU and here; `*` where the last two differ. */
function registers(before: CpuState, cpu: CpuState, ours: CpuState | null): string[] {
  const lines = ['    register  before           cpu              ours'];
  const line = (name: string, get: (s: CpuState) => bigint): void => {
    const values = [before, cpu, ours ?? cpu].map((s) => hex64(get(s)));
    lines.push(`${values[1] === values[2] ? '   ' : '  *'} ${name.padEnd(9)} ${values.join(' ')}`);
  };
  for (const [n, name] of NAMES.entries()) line(name, (s) => s.gpr(n));
  line('rip', (s) => (s === before ? BigInt(CODE + s.codeOffset) : s.rip));
  line('rflags', (s) => BigInt(s.rflags & 0xcd5));
  line('mxcsr', (s) => BigInt(s.fx32(FX.mxcsr)));
  line('fcw', (s) => BigInt(s.fx16(FX.fcw)));
  line('fsw', (s) => BigInt(s.fx16(FX.fsw)));
  line('ftw', (s) => BigInt(s.fx[FX.ftw]!));
  return lines;
}

/** Vector and x87 registers that the run changed or that differ. */
function wideRegisters(before: CpuState, cpu: CpuState, ours: CpuState | null): string[] {
  const lines: string[] = [];
  const line = (name: string, get: (s: CpuState) => Uint8Array): void => {
    const [a, b, c] = [before, cpu, ours ?? cpu].map((s) => Buffer.from(get(s)).toString('hex'));
    if (a === b && b === c) return;
    lines.push(
      `${b === c ? '   ' : '  *'} ${name.padEnd(9)} before ${a}`,
      `${' '.repeat(14)}cpu    ${b}`,
    );
    if (b !== c) lines.push(`${' '.repeat(14)}ours   ${c}`);
  };
  for (let i = 0; i < 8; i++)
    line(`st${i}`, (s) => s.fx.subarray(FX.st + 16 * i, FX.st + 16 * i + 10));
  for (let i = 0; i < 16; i++) {
    line(`xmm${i}`, (s) => s.fx.subarray(FX.xmm + 16 * i, FX.xmm + 16 * i + 16));
    line(`ymm${i} high`, (s) => s.ymmHigh.subarray(16 * i, 16 * i + 16));
  }
  return lines;
}

export function report({ program, state, cpu, ours, lines }: Wrong, engine: Engine): string {
  const rows = program.rows.map((r) => `${r.text} [${r.encoding}]`).join(' ; ');
  const code = program.states[0]!;
  return [
    `${engine.name} differs from the CPU: ${rows}`,
    ...disassembly(program, code).map((l) => `    ${l}`),
    ...lines.map((l) => `  ${l}`),
    ...registers(state, cpu, ours),
    ...wideRegisters(state, cpu, ours),
    ...engine
      .explain(code)
      .split('\n')
      .map((l) => `    ${l}`),
  ].join('\n');
}
