/**
 * Where the programs and data of the benchmark are, and how each subject runs them. All run the same binaries: those of
 * the bundled image, copied out of it, and C programs compiled here with musl-gcc. Outside of the guest the image's
 * programs are started by its own dynamic loader, which needs neither root nor a chroot.
 *
 * kevlar-jit gets a cache directory of its own, in which only the unpacked image is at first; so `empty cache` means
 * what it says, and the user's is left alone.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bundledImage } from '../../host/node/bundled-image.ts';
import type { Engine } from '../../machine/cpu.ts';
import {
  BenchError,
  benchProgram,
  have,
  kevlarCommand,
  readStats,
  type Timed,
  timed,
} from './tools.ts';
import { REFERENCES, type Subject } from './types.ts';

const LOADER = 'lib/ld-musl-x86_64.so.1';
/** The scratch directory as the guest sees it. */
const GUEST = '/bench';
/** Directories of the image that its programs need. */
const COPIED = ['bin', 'lib', 'usr', 'etc'] as const;
/** Python gives the same output each time. */
const PYTHON_ENV = { PYTHONHASHSEED: '0' };

/** Where a subject sees things. */
export interface Place {
  /** The scratch directory. */
  readonly directory: string;
  /** Starts BusyBox, for programs that start others. */
  readonly busybox: string;
}

export interface GuestSettings {
  readonly cpu?: string;
  readonly stats?: boolean;
}

export class Workshop {
  readonly directory: string;
  private readonly cache: string;
  private readonly root: string;
  private readonly outputs = new Map<string, string>();

  /** @param directory one that is removed afterwards */
  constructor(directory: string) {
    this.directory = directory;
    this.root = join(directory, 'root');
    this.cache = join(directory, 'cache', 'kevlar-jit');
  }

  get qemu(): boolean {
    return have('qemu-x86_64');
  }

  /** Copies the image's programs; to be called first. */
  prepare(): void {
    const image = bundledImage();
    mkdirSync(this.cache, { recursive: true });
    mkdirSync(this.root);
    let path = join(this.directory, 'bundled.ext4');
    if (typeof image === 'string') {
      symlinkSync(image, join(this.cache, basename(image)));
      path = image;
    } else {
      writeFileSync(path, image);
    }
    const sources = COPIED.map((name) => `${path}:/${name}`);
    timed([...kevlarCommand(), 'image', 'cp', '-r', ...sources, this.root]);
  }

  /** Removes all that kevlar-jit keeps between runs, but not the unpacked image. */
  emptyCache(): void {
    for (const name of readdirSync(this.cache)) {
      if (!name.startsWith('bundled-')) rmSync(join(this.cache, name), { recursive: true });
    }
  }

  /** Compiles a C program of bench/programs. @returns why it cannot be done, or '' */
  compile(name: string, flags: readonly string[]): string {
    const source = benchProgram(`${name}.c`);
    if (!existsSync(source)) return 'bench/programs is not in the package';
    const gcc = spawnSync('musl-gcc', ['-O2', ...flags, '-o', join(this.directory, name), source], {
      encoding: 'utf8',
    });
    if (gcc.error !== undefined) return 'no musl-gcc here';
    return gcc.status === 0 ? '' : `musl-gcc: ${gcc.stderr.split('\n')[0]}`;
  }

  /** Writes a file into the scratch directory, once. */
  file(name: string, content: () => string): void {
    const path = join(this.directory, name);
    if (!existsSync(path)) writeFileSync(path, content());
  }

  /** Runs a static program of the scratch directory. */
  program(
    subject: Subject,
    name: string,
    args: readonly string[],
    settings: GuestSettings = {},
  ): Timed {
    const { directory } = this.place(subject);
    return this.start(subject, [...prefix(subject), `${directory}/${name}`, ...args], settings);
  }

  /** Runs a program of the scratch directory that needs the image's libraries. */
  dynamic(subject: Subject, name: string, args: readonly string[]): Timed {
    const { directory } = this.place(subject);
    return this.start(subject, [...this.loader(subject), `${directory}/${name}`, ...args]);
  }

  /** Makes an image with BusyBox, programs of the scratch directory and an empty directory, once. @returns '' */
  image(name: string, size: string, work: string, programs: readonly string[]): string {
    const path = join(this.directory, name);
    const directory = join(this.directory, work);
    if (existsSync(path)) return '';
    mkdirSync(directory);
    timed([...kevlarCommand(), 'image', 'create', path, '--size', size]);
    const system = ['bin', 'lib'].map((d) => join(this.root, d));
    const own = programs.map((program) => join(this.directory, program));
    timed([...kevlarCommand(), 'image', 'cp', '-r', ...system, ...own, directory, `${path}:/`]);
    return '';
  }

  /** Runs `PROGRAM MODE DIRECTORY ARGUMENTS` natively, or in a guest whose root is an image that is written back. */
  onImage(
    subject: Subject,
    image: string,
    work: string,
    program: string,
    [mode = '', ...args]: readonly string[],
  ): Timed {
    const env = { XDG_CACHE_HOME: join(this.directory, 'cache') };
    if (!isGuest(subject)) {
      const argv = [join(this.directory, program), mode, join(this.directory, work), ...args];
      return timed([...prefix(subject), ...argv], { env });
    }
    const options = ['--engine', subject, '--image', join(this.directory, image), '--save'];
    const argv = ['run', ...options, '--', `/${program}`, mode, `/${work}`, ...args];
    return timed([...kevlarCommand(), ...argv], { env });
  }

  python(subject: Subject, args: readonly string[], settings: GuestSettings = {}): Timed {
    const program = isGuest(subject)
      ? ['python3']
      : [...this.loader(subject), join(this.root, 'usr/bin/python3')];
    return this.start(subject, [...program, ...args], settings);
  }

  /** Runs an applet of BusyBox. */
  busybox(subject: Subject, args: (place: Place) => readonly string[]): Timed {
    const place = this.place(subject);
    return this.start(subject, [...place.busybox.split(' '), ...args(place)]);
  }

  place(subject: Subject): Place {
    const applets = isGuest(subject) ? '/bin/busybox' : join(this.root, 'bin/busybox');
    // No --library-path: BusyBox needs only the loader, which is the C library.
    const loader = isGuest(subject) ? `/${LOADER}` : join(this.root, LOADER);
    return {
      directory: isGuest(subject) ? GUEST : this.directory,
      busybox: [...prefix(subject), loader, applets].join(' '),
    };
  }

  /** What the last run with `stats` did. */
  stats(): (name: string) => number {
    return readStats(this.statsFile);
  }

  /** All subjects must print the same. */
  compare(name: string, output: string | Buffer): void {
    const digest = createHash('sha256').update(output).digest('hex');
    const first = this.outputs.get(name) ?? digest;
    this.outputs.set(name, first);
    if (first !== digest) throw new BenchError('prints something else than the first subject did');
  }

  private get statsFile(): string {
    return join(this.directory, 'stats');
  }

  private loader(subject: Subject): string[] {
    if (isGuest(subject)) return [`/${LOADER}`];
    const path = ['usr/lib', 'lib'].map((d) => join(this.root, d)).join(':');
    return [...prefix(subject), join(this.root, LOADER), '--library-path', path];
  }

  private start(subject: Subject, argv: readonly string[], settings: GuestSettings = {}): Timed {
    const { busybox: RUN } = this.place(subject);
    if (isGuest(subject)) {
      const options = [
        ...['--engine', subject, '-v', `${this.directory}:${GUEST}`, '-e', `RUN=${RUN}`],
        ...Object.entries(PYTHON_ENV).flatMap(([k, v]) => ['-e', `${k}=${v}`]),
        ...(settings.cpu === undefined ? [] : ['--cpu', settings.cpu]),
        ...(settings.stats === true ? [`--stats=${this.statsFile}`, '--no-profile'] : []),
      ];
      const env = { XDG_CACHE_HOME: join(this.directory, 'cache') };
      return timed([...kevlarCommand(), 'run', ...options, '--', ...argv], { env });
    }
    const env = { ...PYTHON_ENV, RUN, PYTHONHOME: join(this.root, 'usr') };
    return timed(argv, { env });
  }
}

function prefix(subject: Subject): string[] {
  return subject === 'qemu' ? ['qemu-x86_64'] : [];
}

export function isGuest(subject: Subject): subject is Engine {
  return !REFERENCES.some((r) => r === subject);
}
