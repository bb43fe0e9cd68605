/** What is measured with the bundled image's CPython, and with Pyodide where that is installed. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { checkedLines, geometricMean } from './lines.ts';
import { BenchError, benchProgram, timed } from './tools.ts';
import type { Case, Reference, Sample, Subject } from './types.ts';
import { isGuest, type Workshop } from './workshop.ts';

export interface PythonSizes {
  readonly repeats: number;
  readonly scale: number;
  readonly rows: number;
}

/** Names of bench/programs/lines.py. */
export const PYTHON_LINES = [
  'fib',
  'loop',
  'float',
  'dict',
  'sort',
  'json',
  're',
  'sha',
  'zlib',
  'big',
] as const;

const IMPORTS = 'import math,hashlib,json,re';

export function pythonCases(shop: Workshop, sizes: PythonSizes): Case[] {
  return [
    boot(shop, 'boot-cold', 'pass', 'cold'),
    boot(shop, 'boot-warm', 'pass', 'warm'),
    boot(shop, 'boot-imports', IMPORTS, 'warm'),
    lines(shop, sizes),
    database(shop, sizes.rows),
    memory(shop),
    codeSize(shop),
    bootSpeed(shop),
  ];
}

/** Where Pyodide is, or null: KEVLAR_PYODIDE (a directory), or as `import 'pyodide'` here would find it. */
export function pyodidePath(): string | null {
  const given = process.env.KEVLAR_PYODIDE;
  if (given !== undefined) return existsSync(given) ? join(given, 'pyodide.mjs') : null;
  try {
    const main = createRequire(join(process.cwd(), 'x.js')).resolve('pyodide');
    return join(main, '..', 'pyodide.mjs');
  } catch {
    return null;
  }
}

function inPyodide(argv: readonly string[]): { ms: number; stdout: Buffer } {
  return timed([process.execPath, benchProgram('pyodide.mjs'), pyodidePath() ?? '', ...argv]);
}

function boot(shop: Workshop, name: string, code: string, cache: 'cold' | 'warm'): Case {
  // It prints something, so that there is something to compare.
  const argv = ['-c', `${code}; print(6 * 7)`];
  return {
    name,
    command: `python3 -c '${argv[1]}' (${cache === 'cold' ? 'empty' : 'warm'} cache)`,
    references: ['native', 'qemu', 'pyodide'],
    warm: cache === 'warm',
    run: (subject) => {
      if (cache === 'cold') shop.emptyCache();
      const { ms, stdout } = subject === 'pyodide' ? inPyodide(argv) : shop.python(subject, argv);
      shop.compare(name, stdout);
      return new Map([['time', ms]]);
    },
  };
}

function script(shop: Workshop, name: string): void {
  shop.file(name, () => readFileSync(benchProgram(name), 'utf8'));
}

/** The short programs: each one's time, and their geometric mean. */
function lines(shop: Workshop, { repeats, scale }: PythonSizes): Case {
  const references: Reference[] = ['native', 'qemu', 'pyodide'];
  const run = (subject: Subject, metrics: readonly string[]): Sample => {
    const wanted = metrics.includes('mean') ? [...PYTHON_LINES] : metrics;
    const path = `${shop.place(subject).directory}/lines.py`;
    const argv = [path, String(repeats), String(scale), ...wanted];
    const { stdout } = subject === 'pyodide' ? inPyodide(argv) : shop.python(subject, argv);
    const times = checkedLines(shop, 'lines', stdout);
    if (times.size !== wanted.length) throw new BenchError('printed too few lines');
    if (metrics.includes('mean')) times.set('mean', geometricMean([...times.values()]));
    return times;
  };
  return {
    name: 'lines',
    command: `python3 lines.py ${repeats} ${scale}`,
    references,
    prepare: () => {
      if (!existsSync(benchProgram('lines.py'))) return 'bench/programs is not in the package';
      script(shop, 'lines.py');
      return '';
    },
    run,
  };
}

function database(shop: Workshop, rows: number): Case {
  return {
    name: 'database',
    command: `python3 database.py ${rows}`,
    references: ['native', 'qemu'],
    prepare: () => {
      if (!existsSync(benchProgram('database.py'))) return 'bench/programs is not in the package';
      script(shop, 'database.py');
      return '';
    },
    run: (subject) => {
      const path = `${shop.place(subject).directory}/database.py`;
      const { ms, stdout } = shop.python(subject, [path, String(rows)]);
      shop.compare('database', stdout);
      return new Map([['time', ms]]);
    },
  };
}

function bootStats(
  shop: Workshop,
  name: string,
  values: (stat: (name: string) => number) => Sample,
): Case {
  return {
    name,
    command: "python3 -c 'pass', with --stats",
    references: [],
    run: (subject) => {
      if (!isGuest(subject)) throw new BenchError('has no statistics');
      shop.python(subject, ['-c', 'pass'], { stats: true });
      return values(shop.stats());
    },
  };
}

/** Resident memory of the whole process. */
function memory(shop: Workshop): Case {
  return bootStats(shop, 'memory', (stat) => new Map([['rss', stat('resident memory, peak MB')]]));
}

/** Bytes of translations and what belongs to them, for each byte of guest code translated. */
function codeSize(shop: Workshop): Case {
  return bootStats(
    shop,
    'code-size',
    (stat) => new Map([['ratio', stat('translation bytes a guest code byte')]]),
  );
}

/** Million guest instructions a second of a boot. */
function bootSpeed(shop: Workshop): Case {
  return bootStats(
    shop,
    'speed-boot',
    (stat) => new Map([['speed', stat('guest instructions') / stat('uptime, ms') / 1000]]),
  );
}
