/**
 * One machine: linear memory, MMU, CPU and kernel, put together.
 */

import { RAM_BASE } from '../common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../common/memory.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { HostPort } from '../kernel/ports.ts';
import { Mmu } from '../mmu/mmu.ts';
import { Paging } from '../mmu/paging.ts';
import { Cpu, type Engine } from './cpu.ts';
import { RegionCompiler } from './region-compiler.ts';

export interface MachineOptions {
  /** Guest RAM in bytes, a multiple of 4 KiB; at most 2 GiB - 4 MiB. */
  readonly memory: number;
  readonly engine: Engine;
  readonly host: HostPort;
  readonly hostname?: string;
}

export class Machine {
  readonly memory: LinearMemory;
  readonly mmu: Mmu;
  readonly cpu: Cpu;
  readonly kernel: Kernel;
  readonly regions: RegionCompiler | null;

  constructor(options: MachineOptions) {
    this.memory = createLinearMemory(RAM_BASE + options.memory);
    this.mmu = new Mmu(new Paging(this.memory));
    this.cpu = new Cpu(this.memory, this.mmu, options.engine);
    this.regions = options.engine === 'interp' ? null : new RegionCompiler(this.cpu);
    if (this.regions !== null) {
      this.regions.keepRecords = options.engine === 'lockstep';
      this.cpu.useRegions(this.regions);
    }
    this.kernel = new Kernel({
      memory: this.memory,
      mmu: this.mmu,
      cpu: this.cpu,
      host: options.host,
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    });
  }
}
