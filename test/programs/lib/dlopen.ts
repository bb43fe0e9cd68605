/**
 * The programs of test/guest/dlopen, and the libraries that they load: compiled for musl against the bundled image,
 * and once for glibc, whose own loader comes along. Everything is in /dl, in a guest as in a chroot.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from './native.ts';

const SOURCES = fileURLToPath(new URL('../../guest/dlopen/', import.meta.url));
export const DL = '/dl';
const SMALL_LIBRARIES = 100;
/** What small.c has for it. */
const MAGIC = 0x1122334455667788n;
const FIRST_MAGIC = 0x1000000n;

const SHARED = ['-shared', '-fPIC'];
const RELR = '-Wl,-z,pack-relative-relocs';

/** Hash tables and relocations of the libraries that relocations.c loads. */
const RELOCATED: Readonly<Record<string, readonly string[]>> = {
  'librela-gnu.so': ['-Wl,--hash-style=gnu'],
  'librela-sysv.so': ['-Wl,--hash-style=sysv'],
  'librelr-gnu.so': ['-Wl,--hash-style=gnu', RELR],
  'librelr-sysv.so': ['-Wl,--hash-style=sysv', RELR],
};
export const RELOCATED_NAMES: readonly string[] = Object.keys(RELOCATED);

export interface DlFiles {
  /** By name in /dl. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** readelf -rW of the program that copies an object. */
  readonly relocations: string;
}

class Build {
  private readonly folder = mkdtempSync(join(tmpdir(), 'kevlar-dlopen-'));
  private readonly cc: string;

  constructor(cc: string) {
    this.cc = cc;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  compile(output: string, source: string, ...options: string[]): void {
    const args = ['-O1', '-w', '-o', this.path(output), join(SOURCES, source), ...options];
    const r = spawnSync(this.cc, args, { encoding: 'utf8' });
    if (r.status !== 0) throw new Error(`${this.cc} ${args.join(' ')}: ${r.stderr}`);
  }

  relocations(cflags: readonly string[], ldflags: readonly string[]): string {
    const soname = '-Wl,-soname,librelocated.so';
    this.compile('librelocated.so', 'relocated.c', ...SHARED, ...cflags, soname);
    for (const [name, options] of Object.entries(RELOCATED)) {
      this.compile(name, 'relocated.c', ...SHARED, ...cflags, ...options);
    }
    const library = this.path('librelocated.so');
    this.compile(
      'relocations',
      'relocations.c',
      ...cflags,
      library,
      `-Wl,-rpath,${DL}`,
      ...ldflags,
    );
    const r = spawnSync('readelf', ['-rW', this.path('relocations')], { encoding: 'utf8' });
    return r.stdout;
  }

  /** Everything that was built. */
  files(): Record<string, Uint8Array> {
    const names = readdirSync(this.folder);
    return Object.fromEntries(names.map((n) => [n, new Uint8Array(readFileSync(this.path(n)))]));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export function buildForMusl(): DlFiles {
  const build = new Build('musl-gcc');
  try {
    for (const name of ['libraries', 'many', 'flags', 'tls', 'integrity', 'symlinks']) {
      build.compile(name, `${name}.c`, '-pthread', '-rdynamic');
    }
    build.compile('python-outside', 'python-outside.c');
    build.compile('liblocal.so', 'local.c', ...SHARED);
    build.compile('liblazy.so', 'lazy.c', ...SHARED, '-Wl,-z,lazy');
    build.compile('liblate.so', 'late.c', ...SHARED);
    for (let i = 0; i < 3; i++) build.compile(`libtls-${i}.so`, 'thread-local.c', ...SHARED);
    build.compile('libsmall.so', 'small.c', ...SHARED);
    const relocations = build.relocations([], []);
    writeFileSync(build.path('megabyte'), megabyte());
    writeFileSync(build.path('elf-tables.py'), readFileSync(join(SOURCES, 'elf-tables.py')));
    const files = build.files();
    for (let i = 0; i < SMALL_LIBRARIES; i++) {
      files[`libsmall-${i}.so`] = withMagic(files['libsmall.so'] as Uint8Array, i);
    }
    return { files, relocations };
  } finally {
    build.remove();
  }
}

export function buildForGlibc(): DlFiles {
  const build = new Build('gcc');
  try {
    const loader = '-Wl,--dynamic-linker=/dl/ld-linux-x86-64.so.2';
    const relocations = build.relocations(['-DIFUNC'], [loader]);
    const files = build.files();
    for (const name of ['ld-linux-x86-64.so.2', 'libc.so.6']) {
      const r = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' });
      files[name] = new Uint8Array(readFileSync(r.stdout.trim()));
    }
    return { files, relocations };
  } finally {
    build.remove();
  }
}

/** The small library with a number of its own. */
function withMagic(library: Uint8Array, i: number): Uint8Array {
  const bytes = Uint8Array.from(library);
  const d = new DataView(bytes.buffer);
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    if (d.getBigUint64(at, true) !== MAGIC) continue;
    d.setBigUint64(at, FIRST_MAGIC + BigInt(i), true);
    return bytes;
  }
  throw new Error('small.c has no magic number');
}

/** A megabyte without a pattern, and not a whole number of pages. */
function megabyte(): Uint8Array {
  const bytes = new Uint8Array(1024 * 1024 + 123);
  for (let i = 0, x = 1; i < bytes.length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Shell commands that copy the files from "$work" into a native root. */
export function placeNatively({ files }: DlFiles): string {
  const copies = Object.keys(files).map((n) => `cp "$work/"${quote(n)} "$root${DL}/"`);
  return [`mkdir "$root${DL}"`, ...copies, `chmod 755 "$root${DL}"/*`].join(' && ');
}
