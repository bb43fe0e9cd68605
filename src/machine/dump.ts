/**
 * What was translated: collects every block (its bytes, its IR before and after the passes) and region
 * while a program runs, and gives it as plain data that `kevlar-jit dump` shows.
 *
 * Counts are exact: blocks count their entries in the interpreter, regions are compiled with counters
 * (region-compiler.ts). Nothing of this costs anything unless `record` is called before the program starts.
 */

import { EXIT_WORDS } from '../backend-js/context.ts';
import { sourceMap } from '../backend-js/source-map.ts';
import { X86_STATE } from '../frontend-x86/state.ts';
import type { IrBlock } from '../ir/block.ts';
import { pcNumber } from '../ir/cfg/region.ts';
import { EXIT, OP, STRIDE } from '../ir/ops.ts';
import { formatBlock } from '../ir/text.ts';
import type { Invalidation, Tb } from './code-cache.ts';
import type { TranslationObserver } from './cpu.ts';
import type { Machine } from './machine.ts';
import type { RegionRecord } from './region-compiler.ts';

/** A block as it was lifted. */
export interface BlockDump {
  readonly pc: number;
  /** `memcpy+0x12`, `busybox@0x4712` or ''. */
  readonly symbol: string;
  /** Guest code, hexadecimal. */
  readonly bytes: string;
  /** Offset of each instruction. */
  readonly offsets: readonly number[];
  readonly executions: number;
  readonly irBefore: string;
  readonly irAfter: string;
}

export interface ExitDump {
  /**
   * link: to a known address; indirect: to a computed one; slow: the interpreter was to execute what the region
   * has no code for; else why it left.
   */
  readonly kind: 'link' | 'indirect' | 'syscall' | 'exception' | 'budget' | 'fault' | 'slow';
  /** Where the guest goes on; null if it is computed. */
  readonly pc: number | null;
  readonly count: number;
}

export interface RegionDump {
  readonly name: string;
  readonly pc: number;
  readonly symbol: string;
  /** Dispatches into it. */
  readonly entries: number;
  readonly instructions: number;
  /** False: a block of it was invalidated, or everything was dropped. */
  readonly alive: boolean;
  readonly blocks: readonly BlockDump[];
  readonly exits: readonly ExitDump[];
  /** The function as it was given to the engine, without its counters. */
  readonly source: string;
  /** Per source line [block, instruction]; -1: none. */
  readonly lines: readonly (readonly [number, number])[];
  readonly sourceMap: string;
}

export interface TranslationDump {
  readonly instructions: number;
  readonly inRegions: number;
  readonly blocksTranslated: number;
  readonly regionsCompiled: number;
  /** Those that executed most instructions first. */
  readonly regions: readonly RegionDump[];
  /** The blocks that executed most in the interpreter. */
  readonly blocks: readonly BlockDump[];
  readonly invalidations: Readonly<Record<string, number>>;
  /** The first of them, with their addresses. */
  readonly log: readonly (Invalidation & { readonly symbol: string })[];
}

/** How much a dump shows. */
export interface DumpLimits {
  readonly regions: number;
  readonly blocks: number;
}

interface Lifted {
  readonly before: IrBlock;
  readonly bytes: string;
  readonly symbol: string;
}

interface Recorded {
  readonly ir: IrBlock;
  executions: number;
  /** While its counter in the interpreter is its own. */
  tb: Tb | null;
}

export class TranslationRecorder implements TranslationObserver {
  private readonly machine: Machine;
  private readonly lifts = new Map<IrBlock, Lifted>();
  private recorded: Recorded[] = [];

  private constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Starts recording; to be called before a program starts. */
  static record(machine: Machine): TranslationRecorder {
    const recorder = new TranslationRecorder(machine);
    machine.cpu.observer = recorder;
    machine.cpu.cache.onFlush = () => recorder.settle();
    if (machine.regions !== null) {
      machine.regions.keepRecords = true;
      machine.regions.profile = true;
    }
    return recorder;
  }

  lifted(ir: IrBlock): void {
    const pc = pcNumber(ir.pcLo, ir.pcHi);
    this.lifts.set(ir, {
      // The passes work in place.
      before: {
        ...ir,
        code: ir.code.slice(),
        consts: ir.consts.slice(),
        tempTypes: [...ir.tempTypes],
      },
      bytes: this.machine.cpu.codeBytes(ir),
      symbol: this.machine.symbolAt(pc) ?? '',
    });
  }

  translated(tb: Tb, ir: IrBlock): void {
    this.recorded.push({ ir, executions: 0, tb });
  }

  /** Reads the interpreter's counters, which are about to be used for other blocks. */
  private settle(): void {
    for (const r of this.recorded) {
      if (r.tb === null) continue;
      r.executions += this.machine.cpu.interp.entered(r.tb.interp);
      r.tb = null;
    }
  }

  /** @param limits how many regions, and blocks in the interpreter: those that executed most */
  collect(limits: DumpLimits): TranslationDump {
    this.settle();
    const { cpu, regions } = this.machine;
    const executed = (r: RegionRecord): number => r.counts?.instructions ?? 0;
    const records = [...(regions?.records ?? [])].sort((a, b) => executed(b) - executed(a));
    const names = this.symbolsByPc();
    const weight = (r: Recorded): number => r.executions * r.ir.insnCount;
    const hottest = this.recorded
      .filter((r) => r.executions > 0)
      .sort((a, b) => weight(b) - weight(a))
      .slice(0, limits.blocks);
    return {
      instructions: cpu.instructions,
      inRegions: records.reduce((n, r) => n + executed(r), 0),
      blocksTranslated: this.recorded.length,
      regionsCompiled: records.length,
      regions: records.slice(0, limits.regions).map((r) => this.region(r)),
      blocks: hottest.map((r) => this.block(r.ir, r.executions)),
      invalidations: Object.fromEntries(cpu.cache.invalidations),
      log: cpu.cache.log.map((e) => ({ ...e, symbol: names.get(e.pc) ?? '' })),
    };
  }

  /** Symbols by address, of the blocks translated there first. */
  private symbolsByPc(): Map<number, string> {
    const names = new Map<number, string>();
    for (const { ir } of this.recorded) {
      const pc = pcNumber(ir.pcLo, ir.pcHi);
      if (!names.has(pc)) names.set(pc, this.lifts.get(ir)?.symbol ?? '');
    }
    return names;
  }

  private block(ir: IrBlock, executions: number): BlockDump {
    const lift = this.lifts.get(ir);
    const offsets: number[] = [];
    for (let at = 0; at < ir.length; at += STRIDE) {
      if (ir.code[at] === OP.insn) offsets.push(ir.code[at + 5] as number);
    }
    return {
      pc: pcNumber(ir.pcLo, ir.pcHi),
      symbol: lift?.symbol ?? '',
      bytes: lift?.bytes ?? '',
      offsets,
      executions,
      irBefore: lift === undefined ? '' : formatBlock(lift.before, X86_STATE),
      irAfter: formatBlock(ir, X86_STATE),
    };
  }

  private region(record: RegionRecord): RegionDump {
    const { region, emitted, compiled, counts } = record;
    counts?.drain();
    const lines: (readonly [number, number])[] = [];
    for (let i = 0; i < emitted.source.split('\n').length; i++) {
      const entry = emitted.lines[i - emitted.firstLine];
      if (entry === undefined) lines.push([-1, -1]);
      else lines.push([entry >>> 16, (entry << 16) >> 16]);
    }
    return {
      name: compiled.name,
      pc: compiled.entry.pc,
      symbol: this.lifts.get(region.blocks[0]!.ir)?.symbol ?? '',
      entries: compiled.entries,
      instructions: counts?.instructions ?? 0,
      alive: compiled.alive,
      blocks: region.blocks.map((b, i) => this.block(b.ir, counts?.blocks[i] ?? 0)),
      exits: exitsOf(record),
      source: emitted.source,
      lines,
      sourceMap: sourceMap(region, emitted, `${compiled.name}.js`),
    };
  }
}

/** The exits that were taken, by kind and address. */
function exitsOf({ emitted, counts }: RegionRecord): ExitDump[] {
  const found = new Map<string, ExitDump>();
  const add = (kind: ExitDump['kind'], pc: number | null, count: number): void => {
    if (count === 0) return;
    const key = `${kind} ${pc}`;
    found.set(key, { kind, pc, count: count + (found.get(key)?.count ?? 0) });
  };
  const { exits } = emitted;
  for (let i = 0; i < exits.length / EXIT_WORDS; i++) {
    const [lo, hi, , code, mask] = exits.subarray(i * EXIT_WORDS, (i + 1) * EXIT_WORDS);
    const pc = mask === -1 ? null : pcNumber(lo as number, hi as number);
    add(exitKind(code as number, pc), pc, counts?.exits[i] ?? 0);
    add('fault', pc, counts?.faults[i] ?? 0);
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

function exitKind(code: number, pc: number | null): ExitDump['kind'] {
  switch (code) {
    case EXIT.syscall:
      return 'syscall';
    case EXIT.exception:
      return 'exception';
    case EXIT.budget:
      return 'budget';
    case EXIT.slow:
      return 'slow';
    default:
      return pc === null ? 'indirect' : 'link';
  }
}
