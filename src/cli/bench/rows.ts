/** The table's rows, with their targets, and the sizes of their cases. */

import { APPLETS, type BusyboxSizes, busyboxCases } from './cases-busybox.ts';
import { FILE_OPERATIONS, type FileSizes, filesCases } from './cases-files.ts';
import { imageCases } from './cases-images.ts';
import { GROWTH_OPERATIONS, type ProgramSizes, programCases } from './cases-programs.ts';
import { PYTHON_LINES, type PythonSizes, pythonCases } from './cases-python.ts';
import type { Case, Reference, RowSpec, Unit } from './types.ts';
import type { Workshop } from './workshop.ts';

const MiB = 1024 * 1024;

interface Sizes {
  readonly python: PythonSizes;
  readonly programs: ProgramSizes;
  readonly busybox: BusyboxSizes;
  readonly files: FileSizes;
}

const FULL: Sizes = {
  python: { repeats: 3, scale: 1, rows: 200_000 },
  programs: {
    scale: 4,
    cipherBlocks: 2000,
    growth: { processes: [10, 1000], mappings: [100, 20_000], blocks: [1000, 200_000] },
  },
  busybox: { forks: 500, text: 20 * MiB, sortLines: 500_000, files: 1000 },
  files: { large: 256, tree: 40, small: 10_000, growth: [1000, 100_000] },
};

const QUICK: Sizes = {
  python: { repeats: 1, scale: 0.1, rows: 5000 },
  programs: {
    scale: 0.05,
    cipherBlocks: 40,
    growth: { processes: [10, 100], mappings: [100, 2000], blocks: [1000, 10_000] },
  },
  busybox: { forks: 20, text: MiB, sortLines: 10_000, files: 50 },
  files: { large: 8, tree: 2, small: 200, growth: [100, 1000] },
};

export function allCases(shop: Workshop, quick: boolean): Case[] {
  const sizes = quick ? QUICK : FULL;
  return [
    ...pythonCases(shop, sizes.python),
    ...programCases(shop, sizes.programs),
    ...busyboxCases(shop, sizes.busybox),
    ...filesCases(shop, sizes.files),
    ...imageCases(shop, sizes.files.tree),
  ];
}

function row(
  name: string,
  work: string,
  [caseName, metric]: readonly [string, string],
  against: Reference | null,
  target: number | null,
  more: { readonly unit?: Unit; readonly engine?: RowSpec['engine'] } = {},
): RowSpec {
  const { unit = 'ms', engine } = more;
  return {
    ...{ name, work, case: caseName, metric, unit, against, target },
    ...(engine === undefined ? {} : { engine }),
  };
}

const BOOTS: readonly RowSpec[] = [
  row('boot-cold', 'CPython -c pass, empty cache', ['boot-cold', 'time'], 'qemu', 3),
  row('boot-warm', 'CPython -c pass, warm cache', ['boot-warm', 'time'], 'qemu', 1),
  row('boot-imports', 'CPython, four imports, warm', ['boot-imports', 'time'], 'qemu', 1),
  row('boot-pyodide', 'the same, against Pyodide', ['boot-imports', 'time'], 'pyodide', 0.25),
  row('boot-js', 'CPython -c pass, engine js', ['boot-warm', 'time'], 'qemu', 5, { engine: 'js' }),
  row('boot-sh', 'BusyBox sh, warm cache', ['boot-sh', 'time'], 'qemu', null),
];

const PYTHON: readonly RowSpec[] = [
  row('python', 'Python: geometric mean', ['lines', 'mean'], 'native', 5),
  row('python-js', 'Python: the same, engine js', ['lines', 'mean'], 'qemu', 2.5, { engine: 'js' }),
  ...PYTHON_LINES.map((line) =>
    row(`python-${line}`, `Python: ${line}`, ['lines', line], 'qemu', 1.5),
  ),
  row('sqlite', 'SQLite: inserts, index, join', ['database', 'time'], 'qemu', 1),
];

/** Kernels by name: what they are in the table. */
const INTEGER = {
  integer32: '32-bit arithmetic',
  integer64: '64-bit arithmetic',
  memory_seq: 'memory, in order',
  memory_list: 'memory, a list',
  branches: 'branches',
  calls: 'calls',
  fib: 'recursion',
  interpreter: 'a switch in a loop',
  string: 'string functions',
} as const;
const FLOATS = {
  sse2_scalar: 'SSE2, scalar',
  sse2_matrix: 'SSE2, matrix product',
  sse2_packed: 'SSE2, packed',
} as const;

const KERNELS: readonly RowSpec[] = [
  ...Object.entries(INTEGER).map(([kernel, work]) =>
    row(`c-${kernel.replace('_', '-')}`, `C: ${work}`, ['kernels', kernel], 'qemu', 1),
  ),
  ...Object.entries(FLOATS).map(([kernel, work]) =>
    row(`c-${kernel.replace('_', '-')}`, `C: ${work}`, ['kernels', kernel], 'qemu', 0.3),
  ),
  row('c-avx2', 'C: AVX2 and FMA', ['kernels-v3', 'avx2'], 'qemu', 0.3),
  row('c-x87', 'C: x87', ['kernels', 'x87'], 'qemu', 1),
];

const CIPHERS: readonly RowSpec[] = ['sha256', 'aes-128-gcm', 'chacha20'].map((name) =>
  row(name, `OpenSSL: ${name}, 16 KB`, ['ciphers', name], 'qemu', 0.5),
);

const APPLET_ROWS: readonly RowSpec[] = [
  row('shell-loop', 'sh: fork, execute, wait', ['shell-loop', 'time'], 'native', 3),
  ...APPLETS.map((name) =>
    row(name, `BusyBox: ${name}`, [name, 'time'], 'qemu', name === 'sha256sum' ? null : 1),
  ),
];

/** An operation may take so many times longer when there is much of everything. */
const FLAT = 1.5;

const MEMORY: readonly RowSpec[] = [
  row('memory', 'resident memory, CPython', ['memory', 'rss'], null, 250, { unit: 'MB' }),
  row('code-size', 'translation a byte of guest code', ['code-size', 'ratio'], null, 12, {
    unit: 'x',
  }),
  ...Object.entries(GROWTH_OPERATIONS).flatMap(([kind, operations]) =>
    operations.map((operation) =>
      row(
        `growth-${operation}`,
        `${operation}: with many ${kind}`,
        [`growth-${kind}`, operation],
        null,
        FLAT,
        { unit: 'x' },
      ),
    ),
  ),
];

/** Work on an ext4 image may take so many times longer than natively on the host's file system. */
const FILES_TARGET = 8;

const FILES: readonly RowSpec[] = [
  ...(
    [
      ['ext4-write', '256 MB written and synced', 'files-large', 'write'],
      ['ext4-read', '256 MB read for the first time', 'files-large', 'read'],
      ['ext4-reread', '256 MB read again', 'files-large', 'reread'],
      ['ext4-small', '10,000 files made, found, removed', 'files-small', 'all'],
      ['ext4-tar', 'tar of 40 MB in 2,560 files', 'files-tar', 'tar'],
    ] as const
  ).map(([name, work, of, metric]) =>
    row(name, `ext4: ${work}`, [of, metric], 'native', FILES_TARGET),
  ),
  row(
    'image-import',
    'image of 40 MB in 2,560 files',
    ['image-import', 'time'],
    'e2fsprogs',
    FILES_TARGET,
  ),
  row(
    'image-read',
    'the same copied out of one',
    ['image-read', 'time'],
    'e2fsprogs',
    FILES_TARGET,
  ),
  ...FILE_OPERATIONS.map((operation) =>
    row(
      `growth-file-${operation}`,
      `${operation}: with many files`,
      ['files-growth', operation],
      null,
      FLAT,
      { unit: 'x' },
    ),
  ),
];

const SPEEDS: readonly RowSpec[] = [
  row('interp-loops', 'interpreter: hot loops', ['speed-loops', 'speed'], null, null, {
    ...{ unit: 'M/s', engine: 'interp' },
  }),
  row('interp-boot', 'interpreter: CPython, cold', ['speed-boot', 'speed'], null, null, {
    ...{ unit: 'M/s', engine: 'interp' },
  }),
  row('interp-wasm-loops', 'interp-wasm: hot loops', ['speed-loops', 'speed'], null, null, {
    ...{ unit: 'M/s', engine: 'interp-wasm' },
  }),
  row('interp-wasm-boot', 'interp-wasm: CPython, cold', ['speed-boot', 'speed'], null, null, {
    ...{ unit: 'M/s', engine: 'interp-wasm' },
  }),
];

export const ROWS: readonly RowSpec[] = [
  ...BOOTS,
  ...PYTHON,
  ...KERNELS,
  ...CIPHERS,
  ...APPLET_ROWS,
  ...MEMORY,
  ...FILES,
  ...SPEEDS,
];
