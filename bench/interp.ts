/**
 * The translator, step by step: microseconds a block for lifting (decoding included), for the passes, for
 * lowering to the interpreter's micro code, and for emitting and compiling a region to JavaScript. The
 * blocks are those that can be reached in kernels.c with musl's libc (needs musl-gcc).
 *
 *     node --import tsx bench/interp.ts
 *
 * Functions close over module variables and there is no `setup`: the benchmark package compiles a suite
 * with `setup` anew, in which locals shadow the module's, and then reports 0 Hz without an error; so a rate
 * that is not positive is an error here.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Benchmark from 'benchmark';
import { RegionCompiler } from '../src/backend-js/compile.ts';
import { type EmittedRegion, emitRegion } from '../src/backend-js/emit-region.ts';
import { RAM_BASE } from '../src/common/layout.ts';
import { HELPERS } from '../src/frontend-x86/helpers-table.ts';
import { X86_STATE } from '../src/frontend-x86/state.ts';
import { type CodeSource, translateBlock } from '../src/frontend-x86/translate.ts';
import type { IrBlock } from '../src/ir/block.ts';
import { formRegion, pcNumber, type Region } from '../src/ir/cfg/region.ts';
import { Interpreter } from '../src/ir/interp.ts';
import { JUMP, OP, STRIDE } from '../src/ir/ops.ts';
import { runPasses } from '../src/ir/passes/index.ts';
import { isConst, refIndex } from '../src/ir/refs.ts';
import { SLOT_FNS } from '../src/ir/slot-ops.ts';
import { toyMachine } from '../test/backend-js/toy-machine.ts';

const MAX_BLOCKS = 2000;
const REGIONS = 60;

function compile(): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-bench-'));
  try {
    const out = join(directory, 'kernels');
    const source = fileURLToPath(new URL('./programs/kernels.c', import.meta.url));
    const r = spawnSync('musl-gcc', ['-static', '-O2', '-o', out, source], { encoding: 'utf8' });
    if (r.status !== 0) throw new Error(`musl-gcc: ${r.error?.message ?? r.stderr}`);
    return readFileSync(out);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const { env } = toyMachine();
const elf = compile();
env.U8.set(elf, RAM_BASE);

/** Executable segments: [address, offset, size]. */
const segments: [number, number, number][] = [];
for (let i = 0; i < elf.readUInt16LE(56); i++) {
  const at = Number(elf.readBigUInt64LE(32)) + i * 56;
  if (elf.readUInt32LE(at) !== 1 || (elf.readUInt32LE(at + 4) & 1) === 0) continue;
  segments.push([
    Number(elf.readBigUInt64LE(at + 16)),
    Number(elf.readBigUInt64LE(at + 8)),
    Number(elf.readBigUInt64LE(at + 32)),
  ]);
}

const code: CodeSource = {
  U8: env.U8,
  I32: env.I32,
  fetch: (lo, hi) => {
    for (const [address, offset, size] of segments) {
      if (hi === 0 && lo >= address && lo < address + size) return RAM_BASE + offset + lo - address;
    }
    return -1;
  },
};

function constants(ir: IrBlock): number[] {
  const last = ir.length - STRIDE;
  const op = ir.code[last];
  const refs = op === OP.branch ? [2, 3] : op === OP.jump ? [2] : [];
  if (ir.code[last + 5] === JUMP.call && op !== OP.branch) refs.push(3);
  return refs
    .map((k) => ir.code[last + k]!)
    .filter(isConst)
    .map((ref) => pcNumber(ir.consts[refIndex(ref) * 2]!, ir.consts[refIndex(ref) * 2 + 1]!));
}

/** Blocks reachable from the program's entry. */
function discover(): number[] {
  const found = new Set<number>();
  const queue = [Number(elf.readBigUInt64LE(24)), ...functionStarts()];
  for (let pc = queue.pop(); pc !== undefined && found.size < MAX_BLOCKS; pc = queue.pop()) {
    if (found.has(pc) || code.fetch(pc, 0) < 0) continue;
    found.add(pc);
    queue.push(...constants(translateBlock(code, pc, 0)));
  }
  return [...found];
}

/** main is reached through a register: functions begin at multiples of 16 behind a return. */
function functionStarts(): number[] {
  const starts: number[] = [];
  for (const [address, offset, size] of segments) {
    for (let i = 16; i < size; i += 16) {
      if (elf[offset + i - 1] === 0xc3) starts.push(address + i);
    }
  }
  return starts;
}

const pcs = discover();
const optimized = new Map(
  pcs.map((pc) => {
    const ir = translateBlock(code, pc, 0);
    runPasses(ir, X86_STATE, HELPERS);
    return [pc, ir];
  }),
);
const blocks = [...optimized.values()];
const interpreter = new Interpreter(env, X86_STATE, HELPERS);
const backend = new RegionCompiler(env, HELPERS, SLOT_FNS);
const source = {
  block: (lo: number, hi: number): IrBlock | null => optimized.get(pcNumber(lo, hi)) ?? null,
  count: (): number => 1,
};

function region(pc: number): Region {
  const r = formRegion(pc, 0, source, X86_STATE, HELPERS);
  if (r === null) throw new Error('no region');
  return r;
}

const emit = (r: Region): EmittedRegion =>
  emitRegion(r, { layout: X86_STATE, helpers: HELPERS, name: 'bench' });
const entries = pcs.filter((_, i) => i % Math.ceil(pcs.length / REGIONS) === 0);
const regions = entries.map(region);
const emitted = regions.map(emit);
const inRegions = regions.reduce((n, r) => n + r.blocks.length, 0);

let next = 0;
function cycle<T>(list: readonly T[]): T {
  next = next + 1 < list.length ? next + 1 : 0;
  return list[next] as T;
}

/** Name, blocks an execution (on average), function. */
const STEPS: readonly (readonly [string, number, () => unknown])[] = [
  ['decode and lift', 1, () => translateBlock(code, cycle(pcs), 0)],
  [
    'decode, lift and passes',
    1,
    () => runPasses(translateBlock(code, cycle(pcs), 0), X86_STATE, HELPERS),
  ],
  [
    'lower to micro code',
    1,
    () => {
      if (interpreter.full) interpreter.clear();
      return interpreter.add(cycle(blocks));
    },
  ],
  ['form region', inRegions / regions.length, () => region(cycle(entries))],
  ['emit JavaScript', inRegions / regions.length, () => emit(cycle(regions))],
  ['compile JavaScript', inRegions / regions.length, () => backend.compile(cycle(emitted))],
];

const insns = blocks.reduce((n, b) => n + b.insnCount, 0) / blocks.length;
console.log(`${blocks.length} blocks of ${insns.toFixed(1)} instructions on average`);
for (const [name, per, fn] of STEPS) {
  const b = new Benchmark(name, fn, { maxTime: 1 });
  b.run();
  if (b.error !== undefined) throw b.error;
  if (!(b.hz > 0)) throw new Error(`${name}: benchmark reports ${b.hz} Hz`);
  const us = 1e6 / b.hz / per;
  console.log(
    `${name.padEnd(28)} ${us.toFixed(2).padStart(8)} µs a block ±${b.stats.rme.toFixed(0)} %`,
  );
}
