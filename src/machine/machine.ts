/**
 * One machine: linear memory, MMU, CPU and kernel, put together.
 */

import { RAM_BASE } from '../common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../common/memory.ts';
import type { CpuLevel } from '../frontend-x86/cpuid.ts';
import { pcNumber } from '../ir/cfg/region.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { MmLayout } from '../kernel/mm/layout.ts';
import type { HostPort } from '../kernel/ports.ts';
import { Mmu } from '../mmu/mmu.ts';
import { Paging } from '../mmu/paging.ts';
import { WatchedFrames } from '../mmu/watched-frames.ts';
import { returnAddresses } from './call-stack.ts';
import { Cpu } from './cpu.ts';
import { ENGINES, type Engine } from './engines.ts';
import { MachineAudit } from './machine-audit.ts';
import { RegionCompiler } from './region-compiler.ts';
import { type Located, Symbols } from './symbols.ts';
import type { TranslationStore } from './translation-cache.ts';

export interface MachineOptions {
  /** Guest RAM in bytes, a multiple of 4 KiB; at most 2 GiB - 24 MiB. */
  readonly memory: number;
  readonly engine: Engine;
  /** Executions of a block after which it is compiled, instead of the engine's: for tests. */
  readonly hot?: number;
  /** x86-64 microarchitecture level of the CPU (with 3: AVX2, FMA and others); default 2. */
  readonly cpuLevel?: CpuLevel;
  readonly host: HostPort;
  readonly hostname?: string;
  /** See KernelOptions. */
  readonly system?: boolean;
  /** Check memory maps after every system call that changes them (machine-audit.ts): for tests. */
  readonly audit?: boolean;
  /** Where translations of earlier runs are; `cpu.saveTranslations` puts this one's there. */
  readonly translations?: TranslationStore;
  /** Where programs' memory goes: for tests. */
  readonly layout?: MmLayout;
}

/** Random words of the host's, a KiB at a time: a call of its own for each would cost a microsecond. */
function randomWords(host: HostPort): () => number {
  const words = new Int32Array(256);
  const bytes = new Uint8Array(words.buffer);
  let next = words.length;
  return () => {
    if (next === words.length) {
      host.random(bytes);
      next = 0;
    }
    const w = words[next] as number;
    // No number is left behind for whoever looks.
    words[next++] = 0;
    return w;
  };
}

/**
 * Bytes of regions' source in lockstep, which compiles nearly every block that runs. `import unittest` in CPython
 * is 127 MB; with the usual 48 everything was dropped 13 times, and it took 159 s instead of 82. At 256 MB the code
 * that V8 makes of it filled V8's 512 MB for code, and a long run of `test_decimal` did nothing but collect garbage.
 */
const LOCKSTEP_SOURCE = 160 * 1024 * 1024;

export class Machine {
  readonly memory: LinearMemory;
  readonly mmu: Mmu;
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly regions: RegionCompiler | null;
  readonly symbols: Symbols = new Symbols();
  readonly audit: MachineAudit | null;

  constructor(options: MachineOptions) {
    this.memory = createLinearMemory(RAM_BASE + options.memory);
    const frames = options.audit === true ? new WatchedFrames(this.memory) : null;
    this.mmu = new Mmu(frames === null ? new Paging(this.memory) : new Paging(this.memory, frames));
    this.cpu = new Cpu(
      this.memory,
      this.mmu,
      options.engine,
      randomWords(options.host),
      options.cpuLevel,
      options.hot,
    );
    if (options.translations !== undefined) this.cpu.useStore(options.translations);
    const { backend, lockstep, keeps } = ENGINES[options.engine];
    this.regions = backend === null ? null : new RegionCompiler(this.cpu, backend);
    this.cpu.symbolize = (pc) => this.symbolAt(pc);
    if (this.regions !== null) {
      this.regions.symbolize = (lo, hi) => this.locate(pcNumber(lo, hi))?.name ?? null;
      this.regions.now = () => options.host.clock.monotonicMs();
      if (lockstep) {
        this.regions.describable = true;
        this.regions.maxSource = LOCKSTEP_SOURCE;
      }
      // Lockstep compares whole runs: what leaves within a block has no counterpart in the interpreter.
      this.regions.leanFirst = !lockstep;
      this.regions.repeatable = lockstep;
      this.regions.keeps = keeps;
      this.cpu.useRegions(this.regions);
    }
    this.kernel = new Kernel({
      memory: this.memory,
      mmu: this.mmu,
      cpu: this.cpu,
      host: options.host,
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
      ...(options.system === undefined ? {} : { system: options.system }),
      ...(options.layout === undefined ? {} : { layout: options.layout }),
    });
    this.cpu.returnsTo = () => this.caller();
    this.audit = frames === null ? null : new MachineAudit(this.kernel, this.cpu.cache, frames);
  }

  /** The function at an address of the running program. */
  locate(pc: number): Located | null {
    const task = this.kernel.scheduler.current;
    return task === null ? null : this.symbols.locate(task.mm, pc);
  }

  /** Where the running program's function returns to. */
  private caller(): number | null {
    const task = this.kernel.scheduler.current;
    return task === null ? null : (returnAddresses(this.kernel, task.mm, 1)[0] ?? null);
  }

  /** `memcpy+0x1f`, or `busybox@0x4712` (offset in the file) where there are no symbols. */
  symbolAt(pc: number): string | null {
    const found = this.locate(pc);
    if (found !== null) {
      return found.offset === 0 ? found.name : `${found.name}+0x${found.offset.toString(16)}`;
    }
    const task = this.kernel.scheduler.current;
    const at = task === null ? null : this.symbols.module(task.mm, pc);
    if (at === null) return null;
    const name = at.path.slice(at.path.lastIndexOf('/') + 1).replace(/[^!-~]/g, '?');
    return `${name}@0x${at.offset.toString(16)}`;
  }
}
