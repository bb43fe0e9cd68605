/** What is measured with C programs: hot loops, OpenSSL's ciphers, and how operations slow down as things get many. */

import { checkedLines } from './lines.ts';
import { BenchError } from './tools.ts';
import type { Case, Sample, Subject } from './types.ts';
import type { Workshop } from './workshop.ts';

/** Few and many of something. */
export type Range = readonly [few: number, many: number];

export interface ProgramSizes {
  /** Of the hot loops: 1 takes about 0.1 s a line natively. */
  readonly scale: number;
  /** 16 KB blocks. */
  readonly cipherBlocks: number;
  readonly growth: Readonly<Record<'processes' | 'mappings' | 'blocks', Range>>;
}

/** Of growth.c, and what it reports. */
export const GROWTH_OPERATIONS = {
  processes: ['fork', 'switch', 'kill'],
  mappings: ['mmap', 'mprotect', 'fault'],
  blocks: ['translate', 'run'],
} as const;

const STATIC = ['-static', '-fno-tree-vectorize'] as const;

export function programCases(shop: Workshop, sizes: ProgramSizes): Case[] {
  const kinds = Object.keys(GROWTH_OPERATIONS) as (keyof typeof GROWTH_OPERATIONS)[];
  return [
    kernels(shop, sizes.scale, 'kernels', undefined),
    kernels(shop, sizes.scale, 'kernels-v3', 'x86-64-v3'),
    ciphers(shop, sizes.cipherBlocks),
    ...kinds.map((kind) => growth(shop, kind, sizes.growth[kind])),
    interpreterSpeed(shop),
  ];
}

/** The hot loops: each line is timed inside the program, when the loops have run for a quarter of that. */
function kernels(shop: Workshop, scale: number, name: string, cpu: string | undefined): Case {
  const run = (subject: Subject, metrics: readonly string[]): Sample => {
    const args = [String(scale), String(scale / 4), ...metrics];
    const settings = cpu === undefined ? {} : { cpu };
    return checkedLines(shop, name, shop.program(subject, 'kernels', args, settings).stdout);
  };
  return {
    name,
    command: `kernels ${scale} ${scale / 4}${cpu === undefined ? '' : ` (with --cpu ${cpu})`}`,
    references: ['native', 'qemu'],
    prepare: () => shop.compile('kernels', STATIC),
    run,
  };
}

function ciphers(shop: Workshop, blocks: number): Case {
  const warmUp = Math.ceil(blocks / 4);
  return {
    name: 'ciphers',
    command: `crypto libcrypto.so.3 ${blocks} ${warmUp}`,
    references: ['native', 'qemu'],
    prepare: () => shop.compile('crypto', []),
    run: (subject, metrics) => {
      const args = ['libcrypto.so.3', String(blocks), String(warmUp), ...metrics];
      return checkedLines(shop, 'ciphers', shop.dynamic(subject, 'crypto', args).stdout);
    },
  };
}

/** How much longer each operation takes when there are many; `most`: the worst of them. */
function growth(shop: Workshop, kind: keyof typeof GROWTH_OPERATIONS, [few, many]: Range): Case {
  return {
    name: `growth-${kind}`,
    command: `growth ${kind} ${few} ${many}`,
    references: ['native'],
    prepare: () => shop.compile('growth', STATIC),
    run: (subject) => {
      const { stdout } = shop.program(subject, 'growth', [kind, String(few), String(many)]);
      return growthRatios(stdout.toString(), GROWTH_OPERATIONS[kind]);
    },
  };
}

/** @param text lines "NAME few NANOSECONDS many NANOSECONDS" */
export function growthRatios(text: string, operations: readonly string[]): Sample {
  const ratios = new Map<string, number>();
  for (const operation of operations) {
    const m = new RegExp(`^${operation} few (\\d+) many (\\d+)$`, 'm').exec(text);
    if (m === null) throw new BenchError(`printed nothing about '${operation}'`);
    ratios.set(operation, Number(m[2]) / Math.max(1, Number(m[1])));
  }
  return ratios;
}

/** Million guest instructions a second in hot loops, from the interpreter's own statistics. */
function interpreterSpeed(shop: Workshop): Case {
  return {
    name: 'speed-loops',
    command: 'kernels 0.02, with --stats',
    references: [],
    prepare: () => shop.compile('kernels', STATIC),
    run: (subject) => {
      const { stdout } = shop.program(subject, 'kernels', ['0.02'], { stats: true });
      const times = checkedLines(shop, 'speed-loops', stdout);
      const ms = [...times.values()].reduce((a, b) => a + b, 0);
      return new Map([['speed', shop.stats()('guest instructions') / ms / 1000]]);
    },
  };
}
