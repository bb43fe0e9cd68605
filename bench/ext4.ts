/**
 * Work on files in an ext4 image, in a guest, beside the same natively on the host's file system: large files, small
 * ones, tar, and directories of 1,000 to 100,000 files, whose time per operation should not depend on their number.
 * By turns; medians. The guest reads for the first time what the host has in its page cache.
 *
 *     npm run build && node --import tsx bench/ext4.ts [ROUNDS]
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const SOURCE = fileURLToPath(new URL('programs/files.c', import.meta.url));
const ROUNDS = Number(process.argv[2] ?? 3);
const SIZES = ['1000', '10000', '100000'];

const directory = mkdtempSync(join(tmpdir(), 'kevlar-bench-ext4-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);
const IMAGE = at('disk.ext4');

function must(command: string, args: readonly string[]): string {
  const r = spawnSync(command, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${r.stdout}${r.stderr}`);
  return r.stdout;
}

const kevlar = (...args: string[]): string => must(process.execPath, [CLI, ...args]);

/** Nanoseconds and operations by name, as the program prints them. */
type Times = Map<string, number>;

function parse(output: string): Times {
  const times: Times = new Map();
  for (const line of output.trim().split('\n')) {
    const [name, ns, operations] = line.split(' ');
    times.set(name!, Number(ns) / 1000 / Number(operations));
  }
  return times;
}

interface Side {
  readonly name: string;
  run(...args: string[]): Times;
  /** tar of the tree, by BusyBox. */
  tar(): Times;
}

const native: Side = {
  name: 'native',
  run: (mode, ...args) => parse(must(at('files'), [mode!, at('native'), ...args])),
  tar: () => {
    const busybox = [at('root/lib/ld-musl-x86_64.so.1'), at('root/bin/busybox')];
    return parse(must(at('files'), ['time', at('native'), 'tar', ...busybox, ...TAR]));
  },
};

const guest: Side = {
  name: 'guest',
  run: (mode, ...args) => parse(inGuest(mode!, '/work', ...args)),
  tar: () => parse(inGuest('time', '/work', 'tar', '/bin/busybox', ...TAR)),
};

const TAR = ['tar', '-cf', 'tree.tar', 'tree'];

function inGuest(...args: string[]): string {
  return kevlar('run', '--image', IMAGE, '--save', '--', '/files', ...args);
}

function prepare(): void {
  must('musl-gcc', ['-static', '-O2', '-o', at('files'), SOURCE]);
  kevlar('image', 'create', IMAGE, '--size', '2G');
  const root = at('root');
  mkdirSync(root);
  mkdirSync(at('native'));
  const out = ['run', '-v', `${root}:/out`, '--', 'sh', '-c', 'cp -a /bin /lib /out'];
  kevlar(...out);
  kevlar('image', 'cp', '-r', at('files'), join(root, 'bin'), join(root, 'lib'), `${IMAGE}:/`);
  mkdirSync(at('work'));
  kevlar('image', 'cp', '-r', at('work'), `${IMAGE}:/`);
}

const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!;

/** Runs a case on both sides by turns, and prints a row for each name. */
function row(title: string, unit: string, scale: number, body: (side: Side) => Times): void {
  const sides = [native, guest].map((side) => ({ side, lists: new Map<string, number[]>() }));
  for (let i = 0; i < ROUNDS; i++) {
    for (const { side, lists } of sides) {
      for (const [name, value] of body(side)) lists.set(name, [...(lists.get(name) ?? []), value]);
    }
  }
  for (const name of sides[0]!.lists.keys()) {
    const [n, g] = sides.map(({ lists }) => median(lists.get(name)!) * scale);
    const times = [n!, g!].map((v) => `${v.toFixed(v < 10 ? 2 : 0)} ${unit}`.padStart(12));
    console.log(
      `${`${title}, ${name}`.padEnd(34)}${times.join('')}${(g! / n!).toFixed(1).padStart(8)} ×`,
    );
  }
}

prepare();
console.log(`${''.padEnd(34)}${'native'.padStart(12)}${'guest'.padStart(12)}`);
row('256 MB', 's', 256e-6, (side) => new Map([...side.run('write'), ...side.run('read')]));
row('10,000 files of 100 bytes', 's', 1e-2, (side) => side.run('small'));
row('40 MB in 2,560 files', 's', 1e-6, (side) => {
  side.run('tree');
  const times = side.tar();
  side.run('clean');
  return times;
});
for (const n of SIZES) row(`${n} files`, 'µs', 1, (side) => side.run('directory', n));
