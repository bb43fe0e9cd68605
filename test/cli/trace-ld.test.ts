/**
 * --trace-ld: what it says is what the guest itself sees (its memory map, the addresses that it got) and what readelf
 * finds in the files, in each engine; and no ELF file stops it.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';
import { have, kevlar, scratch } from './cli.ts';

const test = suite('--trace-ld', { timeout: 300_000 });
const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url));
const VOLUME = ['-v', `${scratch()}:/host`];
const MATH = /^\/usr\/lib\/python3\.\d+\/lib-dynload\/math\..*\.so$/;

/** Lines of a trace, without the process. */
class Trace {
  readonly lines: readonly string[];

  constructor(text: string, pid = 1) {
    const own = text.split('\n').filter((l) => l.startsWith(`[${pid}] `));
    this.lines = own.map((l) => l.slice(l.indexOf(' ') + 1));
  }

  /** The only line that begins so. */
  only(start: string): string {
    const found = this.lines.filter((l) => l.startsWith(start));
    assert.is(found.length, 1, `${start}: ${found.join('\n')}`);
    return found[0] as string;
  }
}

function traced(
  options: readonly string[],
  argv: readonly string[],
): { out: string; trace: string; status: number } {
  const file = join(scratch(), 'trace');
  const r = kevlar(['run', ...options, `--trace-ld=${file}`, ...VOLUME, '--', ...argv]);
  assert.is(r.stderr, '');
  return { out: r.stdout, trace: readFileSync(file, 'utf8'), status: r.status };
}

/** [rights, start, end, path] of a line in /proc/PID/maps. */
function parseMaps(text: string): [string, number, number, string][] {
  const found = text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (...). .*? (\/\S+)?$/gm);
  return [...found].map((m) => [m[3]!, parseInt(m[1]!, 16), parseInt(m[2]!, 16), m[4] ?? '']);
}

/** [rights, start, end] as a `map` line has them. */
function parseSegments(line: string): [string, number, number][] {
  const found = line.matchAll(/ ([r-][w-][x-]) (0x[0-9a-f]+)\.\.(0x[0-9a-f]+)/g);
  return [...found].map((m) => [m[1]!, Number(m[2]), Number(m[3])]);
}

/** Every page of a segment is in the guest's map: with its rights, or read-only where it was RELRO. */
function checkSegments(line: string, maps: readonly [string, number, number, string][]): void {
  const segments = parseSegments(line);
  assert.ok(segments.length >= 4, line);
  for (const [rights, start, end] of segments) {
    for (let page = start; page < end; page += 4096) {
      const area = maps.find(([, from, to]) => page >= from && page < to);
      assert.ok(area !== undefined, `${line}: ${page.toString(16)}`);
      const allowed = rights === 'rw-' ? ['rw-', 'r--'] : [rights];
      assert.ok(allowed.includes(area?.[0] ?? ''), `${line}: ${page.toString(16)} ${area?.[0]}`);
    }
  }
}

/** Counts by table and type: `RELA RELATIVE=6`. */
function traceCounts(trace: Trace, path: string): string[] {
  const lines = trace.lines.filter((l) => l.startsWith(`reloc ${path} `));
  return lines
    .flatMap((l) => {
      const [, , table, total, , , ...counts] = l.split(' ');
      const sum = counts.reduce((n, c) => n + Number(c.split('=')[1]), 0);
      assert.is(sum, Number(total), l);
      return counts.map((c) => `${table} ${c}`);
    })
    .sort();
}

function readelfCounts(file: string): string[] {
  const r = spawnSync('readelf', ['-rW', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.is(r.status, 0, r.stderr);
  const counts = new Map<string, number>();
  const add = (key: string, n = 1): void => void counts.set(key, (counts.get(key) ?? 0) + n);
  let table = '';
  for (const line of r.stdout.split('\n')) {
    const section = /^Relocation section '(\S+)'/.exec(line)?.[1];
    if (section !== undefined) table = section;
    const type = /^[0-9a-f]+ +[0-9a-f]+ R_X86_64_(\w+)/.exec(line)?.[1];
    if (type !== undefined) add(`${table === '.rela.plt' ? 'JMPREL' : 'RELA'} ${type}`);
    const packed = /^ +(\d+) offsets$/.exec(line)?.[1];
    if (packed !== undefined) add('RELR RELATIVE', Number(packed));
  }
  return [...counts].map(([key, n]) => `${key}=${n}`).sort();
}

function compile(cc: string, output: string, source: string, ...options: string[]): void {
  const args = ['-O1', '-w', ...options, '-o', output, join(FIXTURES, source)];
  const r = spawnSync(cc, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`${cc}: ${r.stderr}`);
}

const LIBRARIES = ['libplain.so', 'librelr.so', 'liblazy.so', 'liblate.so'];

function build(cc: string, directory: string): void {
  const library = (name: string, source: string, ...options: string[]): void =>
    compile(cc, join(directory, name), source, '-shared', '-fPIC', ...options);
  library('libplain.so', 'ld-plain.c', '-Wl,-z,relro,-z,now');
  library('librelr.so', 'ld-plain.c', '-Wl,-z,relro,-z,now,-z,pack-relative-relocs');
  library('liblazy.so', 'ld-lazy.c', '-Wl,-z,lazy');
  library('liblate.so', 'ld-late.c', '-Wl,--hash-style=sysv');
  compile(cc, join(directory, 'ld-main'), 'ld-main.c');
}

/** A root file system with glibc's loader and the programs. @returns its folder, and the path of libc there */
function glibcRoot(): { root: string; libc: string } {
  const root = join(scratch(), 'glibc');
  const copy = (name: string, to: string): void => {
    const r = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
    mkdirSync(join(root, dirname(to)), { recursive: true });
    copyFileSync(r.stdout.trim(), join(root, to));
  };
  copy('ld-linux-x86-64.so.2', '/lib64/ld-linux-x86-64.so.2');
  copy('libc.so.6', '/lib/x86_64-linux-gnu/libc.so.6');
  mkdirSync(join(root, 'host'));
  build('gcc', join(root, 'host'));
  return { root, libc: '/lib/x86_64-linux-gnu/libc.so.6' };
}

test('python3 imports math: libpython, the extension, and who answered PyInit_math', () => {
  const python =
    'import math, ctypes; print(open("/proc/self/maps").read(), end="");' +
    'print("init %#x" % ctypes.cast(ctypes.CDLL(math.__file__).PyInit_math, ctypes.c_void_p).value)';
  const copy =
    'cp $(readlink -f /usr/lib/libpython3.so | sed s/.so/.*.so.1.0/) /usr/lib/python3*/lib-dynload/math.*.so /host';
  const { out, trace: text } = traced([], ['sh', '-c', `${copy}; exec python3 -c '${python}'`]);
  const trace = new Trace(text);
  const maps = parseMaps(out);
  const library = maps.map((m) => m[3]).find((p) => /\/libpython3\.\d+\.so/.test(p)) as string;
  const extension = maps.map((m) => m[3]).find((p) => MATH.test(p)) as string;
  for (const path of [library, extension]) {
    const line = trace.only(`map ${path} at `);
    const base = maps.find((m) => m[3] === path)?.[1] as number;
    assert.ok(line.startsWith(`map ${path} at 0x${base.toString(16)} `), line);
    checkSegments(line, maps);
    trace.only(`relro ${path} `);
    if (!have('readelf')) continue;
    const file = join(scratch(), path.slice(path.lastIndexOf('/') + 1));
    assert.equal(traceCounts(trace, path), readelfCounts(file));
  }
  assert.match(trace.only('start /usr/bin/python3'), / at 0x[0-9a-f]+ objects 3$/);
  const init = /^init (0x[0-9a-f]+)$/m.exec(out)?.[1] as string;
  const answers = trace.lines.filter((l) => l.includes(', "PyInit_math") = '));
  assert.ok(answers.length >= 1, text);
  for (const l of answers) assert.ok(l.includes(` = ${init} in ${extension}+0x`), l);
});

if (!have('musl-gcc', ['-dumpversion'])) {
  test.skip('programs of our own', 'no musl-gcc here');
} else {
  build('musl-gcc', scratch());
  for (const engine of ['interp', 'js', 'wasm', 'auto']) {
    test(`${engine}: handles, addresses and map are those that the program has`, () => {
      const options = engine === 'auto' ? [] : ['--engine', engine];
      const { out, trace: text, status } = traced(options, ['/host/ld-main', 'child']);
      assert.is(status, 0);
      const pids = [...out.matchAll(/^pid (\d+)$/gm)].map((m) => Number(m[1]));
      assert.is(pids.length, 2);
      const parts = out.split(/^pid \d+\n/m);
      pids.forEach((pid, i) => {
        checkCalls(new Trace(text, pid), parts[i] as string, '/lib/ld-musl-x86_64.so.1');
      });
      const trace = new Trace(text, pids[1]);
      const maps = parseMaps(parts[2] as string);
      for (const name of LIBRARIES) {
        const path = `/host/${name}`;
        const line = trace.only(`map ${path} at `);
        const base = maps.find((m) => m[3] === path)?.[1] as number;
        assert.ok(line.includes(` at 0x${base.toString(16)} `), line);
        checkSegments(line, maps);
        if (have('readelf')) {
          assert.equal(traceCounts(trace, path), readelfCounts(join(scratch(), name)));
        }
      }
      checkSegments(trace.only('map /host/ld-main at '), maps);
      assert.match(trace.only('tls /host/libplain.so'), / size 44 align 4 module 1$/);
      assert.match(trace.only('defer '), /^defer \/host\/liblazy\.so "late_function" slot 0x/);
      assert.match(trace.only('bind '), / "late_function" slot .* in \/host\/liblate\.so\+0x/);
    });
  }

  test('files that are no ELF files any more', () => {
    const directory = join(scratch(), 'hostile');
    mkdirSync(directory);
    const original = readFileSync(join(scratch(), 'librelr.so'));
    for (let i = 0; i < 120; i++) {
      writeFileSync(join(directory, `file-${i}`), spoil(original, i));
    }
    compile('musl-gcc', join(scratch(), 'ld-hostile'), 'ld-hostile.c');
    const { out, trace } = traced(['--engine', 'interp'], ['/host/ld-hostile']);
    assert.is(out, 'end\n');
    assert.match(trace, /^\[1\] map \/host\/hostile\/file-0 /m);
    assert.match(trace, /^\[1\] relro \/host\/hostile\/file-0 /m);
  });
}

if (!have('gcc')) test.skip('glibc', 'no gcc here');
else {
  test('glibc: calls, relocations of its libc, and lazy binding', () => {
    const { root, libc } = glibcRoot();
    const file = join(scratch(), 'trace');
    const options = ['--engine', 'interp', '--root', root, `--trace-ld=${file}`];
    const r = kevlar(['run', ...options, '--', '/host/ld-main']);
    assert.is(r.status, 0, r.stderr);
    const trace = new Trace(readFileSync(file, 'utf8'));
    checkCalls(trace, r.stdout.split(/^pid /m)[0] as string, libc);
    for (const path of [libc, ...LIBRARIES.map((l) => `/host/${l}`)]) {
      trace.only(`map ${path} at `);
      if (have('readelf')) assert.equal(traceCounts(trace, path), readelfCounts(join(root, path)));
    }
    trace.only('bind /host/liblazy.so "late_function" ');
    assert.match(trace.only('start '), / \/host\/ld-main at .* objects 3$/);
  });
}

/** What a process printed about its calls, and the trace of them. */
function checkCalls(trace: Trace, printed: string, libc: string): void {
  const values = new Map(
    [...printed.matchAll(/^(\w+) (0(?:x[0-9a-f]+)?)$/gm)].map((m) => [m[1]!, m[2]!]),
  );
  const plain = `${values.get('plain')} /host/libplain.so`;
  const calls = trace.lines.filter((l) => /^dl(open|sym|close)\(/.test(l));
  const behindCall = (l: string): string => l.replace(/ for \/host\/ld-main\+0x[0-9a-f]+$/, '');
  const offset = /\+0x[0-9a-f]+$/;
  assert.equal(
    calls.map((l) => behindCall(l).replace(offset, '')),
    [
      `dlopen("/host/libplain.so", RTLD_NOW|RTLD_LOCAL) = ${plain}`,
      `dlopen("/host/libplain.so", RTLD_NOW|RTLD_GLOBAL) = ${plain}`,
      `dlopen("/host/librelr.so", RTLD_NOW|RTLD_NODELETE|RTLD_LOCAL) = ${values.get('relr')} /host/librelr.so`,
      `dlsym(${plain}, "plain_function") = ${values.get('plain_function')} in /host/libplain.so`,
      `dlsym(${plain}, "plain_object") = ${values.get('plain_object')} in /host/libplain.so`,
      `dlsym(${plain}, "plain_tls") = ${values.get('plain_tls')} in tls of /host/libplain.so`,
      `dlsym(${plain}, "nothing") = NULL`,
      'dlopen("/host/libmissing.so", RTLD_LAZY|RTLD_LOCAL) = NULL',
      `dlopen("/host/liblazy.so", RTLD_LAZY|RTLD_GLOBAL) = ${values.get('lazy')} /host/liblazy.so`,
      `dlopen("/host/liblate.so", RTLD_LAZY|RTLD_GLOBAL) = ${values.get('late')} /host/liblate.so`,
      `dlsym(RTLD_DEFAULT, "lazy_function") = ${values.get('lazy_function')} in /host/liblazy.so`,
      `dlsym(RTLD_NEXT, "printf") = ${values.get('printf')} in ${libc}`,
      `dlclose(${plain}) = 0`,
    ],
  );
}

/** Extreme values in the dynamic section, the relocations and the hash tables, then random bytes anywhere behind the header. */
function spoil(original: Uint8Array, i: number): Uint8Array {
  const bytes = Uint8Array.from(original);
  if (i === 0) return bytes;
  const random = new Random(i);
  const d = new DataView(bytes.buffer);
  const dynamic = dynamicOffset(d);
  for (let at = dynamic; i < 60 && at + 16 <= bytes.length; at += 16) {
    if (d.getBigUint64(at, true) === 0n) break;
    const value = EXTREMES[random.below(EXTREMES.length)] as bigint;
    if (random.below(4) === 0) d.setBigUint64(at + 8, value, true);
  }
  // Symbols, strings, hashes and relocations are in the first page.
  const limit = i < 90 ? 0x1000 : bytes.length;
  for (let n = i < 60 ? 0 : 1 << random.below(8); n > 0; n--) {
    const from = 64 + 56 * d.getUint16(56, true);
    bytes[from + random.below(limit - from)] = random.below(3) === 0 ? 0xff : random.below(256);
  }
  return bytes;
}

const EXTREMES = [
  0n,
  1n,
  8n,
  0xffffn,
  0x3dc0n,
  2n ** 31n,
  2n ** 40n,
  2n ** 47n - 8n,
  2n ** 63n,
  2n ** 64n - 8n,
];

function dynamicOffset(d: DataView): number {
  for (let i = 0; i < d.getUint16(56, true); i++) {
    if (d.getUint32(64 + i * 56, true) === 2) return d.getUint32(64 + i * 56 + 8, true);
  }
  throw new Error('no dynamic section');
}
