/**
 * Machines for hostile guests: small, with a clock that only moves when the test says so (so that a
 * seed names one run), and with everything mounted that a guest can reach.
 */

import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import type { Sys } from '../../../src/kernel/syscall/types.ts';
import { MS_RELATIME } from '../../../src/kernel/vfs/constants.ts';
import { mountSystem, registerSystem } from '../../../src/kernel/vfs/system-mounts.ts';
import type { IoSource, OpenFile } from '../../../src/kernel/vfs/types.ts';
import { ENGINES, type Engine } from '../../../src/machine/engines.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { checkEmitted } from '../../backend-js/check-emitted.ts';
import type { Random } from '../../diff/random.ts';
import { CaptureFile, putFile } from '../../kernel/lib/run-guest.ts';

const MB = 1024 * 1024;
const EPOCH = 1_700_000_000;

export interface RigOptions {
  readonly engine?: Engine;
  /** Megabytes of guest RAM. */
  readonly memory?: number;
  /** Executions after which code is compiled (engines other than interp). */
  readonly hot?: number;
  /** Whether the regions' sources are kept, to be checked (default: true). */
  readonly records?: boolean;
  /** Source of /dev/urandom and the like. */
  readonly rng: Random;
}

/** What guests print; without end, so only the beginning is kept. */
class Output extends CaptureFile {
  override write(sys: Sys, from: IoSource): number {
    const n = super.write(sys, from);
    if (this.text.length > MB) this.text = this.text.slice(0, MB / 2);
    return n;
  }
}

/** A machine, its virtual clock, and what it logged. */
export class Rig {
  readonly machine: Machine;
  readonly log: string[] = [];
  readonly out: CaptureFile = new Output();
  /** Virtual milliseconds. */
  now = 1000;

  constructor(options: RigOptions) {
    const { rng } = options;
    const clock = {
      realtime: () => ({
        sec: EPOCH + Math.floor(this.now / 1000),
        nsec: Math.floor((this.now % 1000) * 1e6),
      }),
      // Moves with what is executed, and a little by itself: nothing lasts for ever.
      monotonicMs: () => {
        this.now += 1e-4;
        return this.now + this.executed() / 50_000;
      },
    };
    this.machine = new Machine({
      memory: (options.memory ?? 16) * MB,
      engine: options.engine ?? 'interp',
      ...(options.hot === undefined ? {} : { hot: options.hot }),
      audit: true,
      host: {
        clock,
        random: (into) => {
          for (let i = 0; i < into.length; i++) into[i] = rng.below(256);
        },
        log: (line) => void this.log.push(line),
      },
    });
    const { kernel, mmu, regions } = this.machine;
    const inJavaScript = ENGINES[options.engine ?? 'interp'].backend === 'js';
    if (regions !== null && inJavaScript && options.records !== false) regions.keepRecords = true;
    registerSystem(kernel);
    const root = new TmpFs(mmu.paging, kernel.clock, {
      dev: 1,
      mode: 0o755,
      maxPages: Math.floor(mmu.paging.frames.total / 2),
    });
    root.root.create('tmp', 0o041777, 0, 0, 0);
    kernel.vfs.mountRoot(root, 'rootfs', MS_RELATIME);
    mountSystem(kernel);
  }

  private executed(): number {
    return (this.machine as Machine | undefined)?.cpu.instructions ?? 0;
  }

  put(path: string, bytes: Uint8Array | string, mode = 0o755): void {
    putFile(this.machine, path, typeof bytes === 'string' ? Buffer.from(bytes) : bytes, mode);
  }

  /** Starts a program. @returns its wait status (-1 while it runs) */
  start(
    argv: readonly string[],
    stdio: readonly (OpenFile | null)[] = [this.out, this.out, this.out],
    env: readonly string[] = ['PATH=/bin'],
  ): { status: number } {
    const result = { status: -1 };
    this.machine.kernel.spawn(argv, env, {
      stdio,
      onExit: (s) => {
        result.status = s;
      },
    });
    return result;
  }

  /**
   * Runs slices until no process is left or `instructions` were executed; then kills what is left.
   * The clock moves with the instructions, and to the next deadline when all wait.
   * @returns whether it ended by itself
   */
  run(instructions: number): boolean {
    const { kernel, cpu } = this.machine;
    const end = cpu.instructions + instructions;
    for (let idle = 0; cpu.instructions < end && idle < 1000; ) {
      const r = kernel.runSlice(1);
      if (r.kind === 'exited') return true;
      if (r.kind !== 'idle') continue;
      idle++;
      if (r.deadline === Number.POSITIVE_INFINITY) break;
      this.now += Math.max(0, r.deadline - kernel.now());
    }
    kernel.killAll(9);
    return false;
  }

  /** Throws if page tables, areas, frames, TLB and translations do not agree. */
  audit(): void {
    this.machine.audit?.check('a step');
  }

  /** Proves of every function compiled so far that it names only what it may. @returns how many */
  checkEmitted(): number {
    const { regions } = this.machine;
    if (regions === null) return 0;
    const n = regions.records.length;
    for (const { emitted } of regions.records) checkEmitted(emitted.source);
    regions.records = [];
    return n;
  }
}
