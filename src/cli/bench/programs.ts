/**
 * What is measured. All engines run the same binaries: kernels.c, compiled here, and the bundled image's
 * BusyBox with its C library, copied out of the image by running `cp` in it.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError, type Engine, have, kevlarCommand, timed } from './run.ts';

const MiB = 1024 * 1024;
const LOADER = 'ld-musl-x86_64.so.1';

export interface Sizes {
  /** Of the hot loops: 1 takes about 0.1 s a line natively. */
  readonly scale: number;
  readonly sha256: number;
  readonly gzip: number;
  readonly forks: number;
}

export const FULL: Sizes = { scale: 4, sha256: 32 * MiB, gzip: 8 * MiB, forks: 200 };
export const QUICK: Sizes = { scale: 0.1, sha256: 4 * MiB, gzip: MiB, forks: 20 };

/** One measurement of one engine: times by row. */
export type Sample = ReadonlyMap<string, number>;

export interface Case {
  readonly name: string;
  /** Why it cannot be measured here, or ''. */
  readonly missing: string;
  readonly run: (engine: Engine) => Sample;
}

/** The directory in which programs and data are, as the guest sees it. */
const GUEST = '/bench';

export class Programs {
  readonly directory: string;
  readonly qemu: boolean = have('qemu-x86_64');
  private readonly sizes: Sizes;
  private readonly outputs = new Map<string, string>();

  constructor(directory: string, sizes: Sizes) {
    this.directory = directory;
    this.sizes = sizes;
  }

  /** Copies and compiles what the cases need. */
  prepare(): void {
    const copy = `cp /bin/busybox /lib/${LOADER} ${GUEST}`;
    timed([...this.inGuest(), 'sh', '-c', copy]);
    writeFileSync(join(this.directory, 'sha'), text(this.sizes.sha256));
    writeFileSync(join(this.directory, 'gz'), text(this.sizes.gzip));
  }

  cases(): Case[] {
    const { sizes } = this;
    const bytes = (n: number): string => `${n / MiB} MB`;
    const loop = `i=0; while [ $i -lt ${sizes.forks} ]; do $RUN true; i=$((i+1)); done`;
    return [
      this.kernels(),
      this.busybox(`sha256sum of ${bytes(sizes.sha256)}`, (d) => ['sha256sum', `${d}/sha`]),
      this.busybox(`gzip of ${bytes(sizes.gzip)}`, (d) => [
        'sh',
        '-c',
        `$RUN gzip -c ${d}/gz | $RUN sha256sum`,
      ]),
      this.busybox(`sh: ${sizes.forks} x /bin/true`, () => ['sh', '-c', loop]),
      this.busybox('boot of sh -c :', () => ['sh', '-c', ':']),
    ];
  }

  /** The command line that runs things in the guest. */
  inGuest(options: readonly string[] = []): string[] {
    const volume = `${this.directory}:${GUEST}`;
    return [...kevlarCommand(), 'run', '-v', volume, ...options, '--'];
  }

  private prefix(engine: Engine): string[] {
    return engine === 'qemu' ? ['qemu-x86_64'] : [];
  }

  /** A BusyBox applet: `args` get the directory of the data. Timed from outside, start included. */
  private busybox(name: string, args: (directory: string) => string[]): Case {
    const run = (engine: Engine): Sample => {
      const where = engine === 'kevlar' ? GUEST : this.directory;
      const loader = [...this.prefix(engine), `${where}/${LOADER}`, `${where}/busybox`];
      const command = [...loader, ...args(where)];
      const started =
        engine === 'kevlar'
          ? [...this.inGuest(['-e', `RUN=${loader.join(' ')}`]), ...command]
          : ['env', `RUN=${loader.join(' ')}`, ...command];
      const { ms, stdout } = timed(started);
      this.compare(name, stdout.replaceAll(where, ''));
      return new Map([[name, ms]]);
    };
    return { name, missing: '', run };
  }

  /** The hot loops: each line is timed inside the program, when the loops have run for a quarter of that. */
  private kernels(): Case {
    const missing = this.compileKernels();
    const run = (engine: Engine): Sample => {
      const where = engine === 'kevlar' ? this.inGuest() : this.prefix(engine);
      const program = `${engine === 'kevlar' ? GUEST : this.directory}/kernels`;
      const { scale } = this.sizes;
      const { stdout } = timed([...where, program, String(scale), String(scale / 4)]);
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((l) => l.split(' '));
      this.compare('kernels', lines.map((l) => l.slice(0, 2).join(' ')).join('\n'));
      return new Map(lines.map(([name, , ms]) => [`loop: ${name}`, Number(ms)]));
    };
    return { name: 'hot loops', missing, run };
  }

  /** @returns why it cannot be done, or '' */
  private compileKernels(): string {
    const source = fileURLToPath(new URL('../../../bench/programs/kernels.c', import.meta.url));
    if (!existsSync(source)) return 'bench/programs is not in the package';
    const flags = ['-static', '-O2', '-fno-tree-vectorize', '-o', join(this.directory, 'kernels')];
    const gcc = spawnSync('musl-gcc', [...flags, source], { encoding: 'utf8' });
    if (gcc.error !== undefined) return 'no musl-gcc here';
    return gcc.status === 0 ? '' : `musl-gcc: ${gcc.stderr.split('\n')[0]}`;
  }

  /** All engines must print the same. */
  private compare(name: string, output: string): void {
    const first = this.outputs.get(name) ?? output;
    this.outputs.set(name, first);
    if (first !== output) throw new BenchError(`prints something else than the others`);
  }
}

/** Text that compresses about as program text does: words in a pseudo-random order. */
function text(bytes: number): string {
  const words = ['int', 'return', 'struct', 'static', 'const', '{', '}', ';', '->next', ' = 0x'];
  let seed = 1;
  let s = '';
  while (s.length < bytes) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    s += `${words[(seed >>> 24) % words.length]}${(seed >>> 12) & 0xff} `;
  }
  return s.slice(0, bytes);
}
