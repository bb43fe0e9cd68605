/**
 * Random memory calls to the kernel this runs on (mm-calls.c) and to ours: results, errnos, signals,
 * contents and rights must be the same. Needs x86-64 Linux and a C compiler.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { LinuxError } from '../../src/kernel/errno.ts';
import * as abi from '../../src/kernel/mm/abi.ts';
import type { AddressSpace } from '../../src/kernel/mm/address-space.ts';
import { faultSignal } from '../../src/kernel/mm/fault.ts';
import { madvise, mincore, msync } from '../../src/kernel/mm/madvise.ts';
import { mlock, munlock } from '../../src/kernel/mm/mlock.ts';
import { mmap, mprotect, munmap } from '../../src/kernel/mm/mmap.ts';
import { mremap } from '../../src/kernel/mm/mremap.ts';
import { assert, suite } from '../lib/suite.ts';
import { checkAudit, load8, makeRig, pattern, type Rig, store8, TestFile } from './rig.ts';

const test = suite('memory calls against Linux', { timeout: 600_000 });

const P = 4096;
const REGION = 0x100_0000_0000;
const REGION_SIZE = 0x40_0000;
const FILE_SIZE = 24676;
const PAGES = 10;
const SOURCE = fileURLToPath(new URL('./mm-calls.c', import.meta.url));

type Call = readonly [name: string, ...args: number[]];

const page = fc.integer({ min: 0, max: PAGES - 1 });
const address = fc.oneof(
  { weight: 30, arbitrary: page.map((n) => REGION + n * P) },
  { weight: 1, arbitrary: page.map((n) => REGION + n * P + 8) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff_f000, 0x8000_0000_0000, 2 ** 60) },
);
const length = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 1, max: 4 }).map((n) => n * P) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 5000, 2 ** 47, 2 ** 50) },
);
/** Without the huge ones: some calls go on behind a hole, into the native program's own memory. */
const shortLength = fc.integer({ min: 0, max: 4 * P }).map((n) => (n % 4 === 0 ? n : n - (n % P)));
const prot = fc.constantFrom(0, 1, 3, 3, 3, 5, 7);
const byte = fc.integer({ min: 0, max: 255 });
const at = fc
  .tuple(page, fc.constantFrom(0, 1, 99, 100, P - 1))
  .map(([n, o]) => REGION + n * P + o);

const MAP = abi.MAP_FIXED | abi.MAP_ANONYMOUS;
const mapping = fc.constantFrom(
  [MAP | abi.MAP_PRIVATE, 0],
  [MAP | abi.MAP_PRIVATE, 0],
  [MAP | abi.MAP_SHARED, 0],
  [abi.MAP_FIXED | abi.MAP_PRIVATE, 1],
  [abi.MAP_FIXED | abi.MAP_SHARED, 1],
  [abi.MAP_FIXED | abi.MAP_PRIVATE, 2],
  [abi.MAP_FIXED | abi.MAP_SHARED, 2],
  [abi.MAP_ANONYMOUS | abi.MAP_PRIVATE, 0],
  [abi.MAP_FIXED_NOREPLACE | abi.MAP_ANONYMOUS | abi.MAP_PRIVATE, 0],
  [MAP, 0],
  [MAP | abi.MAP_PRIVATE | abi.MAP_SHARED, 0],
  [MAP | abi.MAP_PRIVATE | abi.MAP_POPULATE, 0],
);

const advice = fc.constantFrom(0, 1, 2, 3, 4, 4, 4, 8, 9, 10, 11, 16, 17, 18, 19, 22, 23, 99, -1);
const remapLength = fc.constantFrom(0, P, P, P, 2 * P);

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(address, length, prot, mapping, fc.constantFrom(0, 0, 1, 2, 5))
      .map(
        ([a, l, p, [flags, file], o]): Call => [
          'm',
          a,
          l,
          p,
          flags!,
          file!,
          file === 0 ? 0 : o * P,
        ],
      ),
  },
  { weight: 2, arbitrary: fc.tuple(address, length).map(([a, l]): Call => ['u', a, l]) },
  {
    weight: 3,
    arbitrary: fc.tuple(address, length, prot).map(([a, l, p]): Call => ['p', a, l, p]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        address,
        fc.constantFrom(0, P, P, P, P),
        remapLength,
        fc.integer({ min: 0, max: 7 }),
        address,
      )
      .map(([a, o, n, f, t]): Call => ['r', a, o, n, f, t]),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(address, shortLength, advice).map(([a, l, v]): Call => ['a', a, l, v]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(address, length, fc.integer({ min: 0, max: 8 }))
      .map(([a, l, f]): Call => ['y', a, l, f]),
  },
  { weight: 1, arbitrary: fc.tuple(address, length).map(([a, l]): Call => ['c', a, l]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('k', 'K', 'K'), address, length)
      .map(([k, a, l]): Call => [k, a, l]),
  },
  { weight: 8, arbitrary: fc.tuple(at, byte).map(([a, v]): Call => ['s', a, v]) },
  { weight: 4, arbitrary: at.map((a): Call => ['l', a]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: FILE_SIZE }), byte)
      .map(([o, v]): Call => ['w', o, v]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 100, P, 2 * P + 99, FILE_SIZE, 7 * P).map((n): Call => ['t', n]),
  },
);

/** Our kernel, with the same region and file as mm-calls.c. */
class Ours {
  readonly rig: Rig = makeRig(512);
  readonly as: AddressSpace = this.rig.space();
  readonly file: TestFile = new TestFile(this.rig, pattern(FILE_SIZE));
  /** A second open of the same file, read-only. */
  readonly readOnly: TestFile;

  constructor() {
    this.readOnly = Object.create(this.file) as TestFile;
  }

  run([name, ...args]: Call): string {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
    const { as, rig } = this;
    const results: Record<string, () => unknown> = {
      m: () => this.mapped(this.map(a, b, c, d, e, f), b),
      r: () => this.mapped(mremap(as, a, b, c, d, e), c),
      u: () => munmap(as, a, b),
      p: () => mprotect(as, a, b, c),
      a: () => madvise(as, a, b, c),
      y: () => msync(as, a, b, c),
      c: () => void mincore(as, a, b),
      k: () => mlock(as, a, BigInt(b), 0),
      K: () => munlock(as, a, BigInt(b)),
      s: () => (store8(rig, a, b) < 0 ? this.signal() : 'stored'),
      l: () => this.loaded(load8(rig, a)),
      w: () => this.write(a, b),
      t: () => this.truncate(a),
      q: () => this.rights(a, b),
    };
    try {
      return String(results[name]!() ?? 0);
    } catch (error) {
      if (error instanceof LinuxError) return String(-error.errno);
      throw error;
    }
  }

  private map(
    addr: number,
    size: number,
    rights: number,
    flags: number,
    file: number,
    offset: number,
  ): number {
    const fileWritable = file === 1;
    return mmap(this.as, {
      addr,
      length: size,
      prot: rights,
      flags,
      file: file === 0 ? null : file === 1 ? this.file : this.readOnly,
      offset,
      fileWritable,
    });
  }

  private mapped(addr: number, size: number): string {
    if (addr >= REGION && addr < REGION + REGION_SIZE) return addr.toString(16);
    munmap(this.as, addr, size);
    return 'elsewhere';
  }

  private loaded(v: number): string {
    return v < 0 ? this.signal() : String(v);
  }

  private signal(): string {
    const { signal, code } = faultSignal(this.rig.mmu.lastFault);
    return `signal ${signal} code ${code}`;
  }

  private write(offset: number, value: number): void {
    let remaining = 1;
    const source = {
      get remaining() {
        return remaining;
      },
      take(dst: Uint8Array, start: number): number {
        dst[start] = value;
        remaining = 0;
        return 1;
      },
    };
    this.file.pages.write(offset, 1, source);
    if (offset >= this.file.size) this.file.grow(offset + 1);
  }

  private truncate(size: number): void {
    if (size > this.file.size) this.file.grow(size);
    else this.file.truncate(size);
  }

  private rights(from: number, size: number): string {
    let text = '';
    for (let va = from; va < from + size; va += P) {
      const vma = this.as.areas.find(va);
      if (vma === null) {
        text += 'none:0 ';
        continue;
      }
      const letter = (bit: number, l: string): string => ((vma.prot & bit) !== 0 ? l : '-');
      const rights = letter(1, 'r') + letter(2, 'w') + letter(4, 'x') + (vma.shared ? 's' : 'p');
      const start = vma.file === null ? 0 : vma.filePageAt(va) * P;
      text += `${rights}:${start.toString(16)} `;
    }
    return text.trimEnd();
  }
}

function formatCall([name, ...args]: Call): string {
  const hex = (n: number): string =>
    n < 0 ? (2n ** 64n + BigInt(n)).toString(16) : n.toString(16);
  return [name, ...args.map(hex)].join(' ');
}

function runNative(program: string, scripts: readonly (readonly Call[])[]): string[][] {
  const lines = scripts.flatMap((script) => ['n', ...script.map(formatCall)]);
  const run = spawnSync(program, {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  assert.is(run.status, 0, run.stderr);
  const results = run.stdout.trimEnd().split('\n');
  let next = 0;
  return scripts.map((script) => {
    next++;
    return script.map(() => results[next++]!.trimEnd());
  });
}

function compile(dir: string): string {
  const program = join(dir, 'mm-calls');
  execFileSync(process.env['CC'] ?? 'cc', ['-O1', '-Wall', '-o', program, SOURCE]);
  return program;
}

test('random calls have the results of Linux', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-mm-'));
  try {
    const program = compile(dir);
    const rights: Call = ['q', REGION, (PAGES + 6) * P];
    fc.assert(
      fc.property(fc.array(call, { minLength: 5, maxLength: 30 }), (calls) => {
        const script = calls.flatMap((c): Call[] =>
          c[0] === 's' || c[0] === 'l' ? [c] : [c, rights],
        );
        const [expected] = runNative(program, [script]);
        const ours = new Ours();
        for (let i = 0; i < script.length; i++) {
          assert.is(ours.run(script[i]!), expected![i], formatCall(script[i]!));
          checkAudit(ours.rig);
        }
      }),
      { numRuns: Number(process.env['KEVLAR_RUNS'] ?? 300), includeErrorInReport: true },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});
