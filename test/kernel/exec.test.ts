/** Program loading: dynamic linking, position independence, scripts, and damaged files. */

import { existsSync } from 'node:fs';
import { LinuxError } from '../../src/kernel/errno.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  compile,
  createMachine,
  haveCompiler,
  putFile,
  readBinary,
  runGuest,
  runInMachine,
  runNative,
} from './lib/run-guest.ts';

const test = suite('kernel exec');
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

const LIBRARIES = ['/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/libc.so.6'];
const canLink = haveCompiler('gcc') && LIBRARIES.every((l) => existsSync(l));

for (const [kind, flags] of [
  ['position-independent dynamic', ['-pie', '-fPIE']],
  ['fixed-address dynamic', ['-no-pie']],
] as const) {
  const title = `a ${kind} program with its interpreter`;
  if (!canLink) {
    test.skip(title, 'gcc and glibc are not installed');
    continue;
  }
  test(title, () => {
    const binary = compile('hello', flags, 'gcc', []);
    const native = runNative(binary, ['x']);
    const files = Object.fromEntries(LIBRARIES.map((l) => [l, readBinary(l)]));
    const guest = runGuest(readBinary(binary), ['x'], { files });
    assert.is(guest.output, native.output);
    assert.is(guest.code, native.code);
  });
}

if (haveCompiler('gcc')) {
  test('a static position-independent program', () => {
    const binary = compile('hello', ['-static-pie', '-fPIE'], 'gcc', []);
    assert.is(runGuest(readBinary(binary), ['x']).output, runNative(binary, ['x']).output);
  });
} else test.skip('a static position-independent program', 'gcc is not installed');

if (haveCompiler('musl-gcc')) {
  const binary = compile('hello');
  test('scripts get the interpreter, one argument and their own name', () => {
    const machine = createMachine();
    putFile(machine, '/bin/hello', readBinary(binary));
    putFile(machine, '/script', text('#! /bin/hello  two words \nrest'));
    putFile(machine, '/outer', text('#!/script\n'));
    const run = runInMachine(machine, '/outer', ['a']);
    assert.is(
      run.output.split('\n').slice(0, 5).join('|'),
      'hello 5|arg two words|arg /script|arg /outer|arg a',
    );
    assert.is(run.code, 7);
  });

  test('scripts that cannot run give the errno of Linux', () => {
    const cases: [string, number, number][] = [
      ['#!/missing\n', 0o755, 2],
      ['#!\n', 0o755, 8],
      [`#!${'x'.repeat(300)}`, 0o755, 8],
      ['#!/loop\n', 0o755, 40],
      ['plain', 0o755, 8],
      ['', 0o755, 8],
      ['#!/bin/hello\n', 0o644, 13],
    ];
    for (const [content, mode, errno] of cases) {
      const machine = createMachine();
      putFile(machine, '/bin/hello', readBinary(binary));
      putFile(machine, '/loop', text(content), mode);
      let thrown: unknown = null;
      try {
        machine.kernel.spawn(['/loop'], []);
      } catch (e) {
        thrown = e;
      }
      assert.ok(thrown instanceof LinuxError, `${content}: ${String(thrown)}`);
      assert.is((thrown as LinuxError).errno, errno, content);
    }
  });

  test(
    'damaged ELF headers give an errno, a signal or a run, never an exception',
    () => {
      const good = readBinary(binary);
      let seed = 12345;
      const random = (n: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return Math.floor((seed / 4294967296) * n);
      };
      for (let i = 0; i < 30; i++) {
        const bad = good.slice();
        for (let k = 0; k <= random(3); k++) {
          const at = random(64 + 56 * 6);
          bad[at] = random(2) === 0 ? (bad[at] as number) ^ (1 << random(8)) : random(256);
        }
        const machine = createMachine();
        putFile(machine, '/bad', i % 10 === 9 ? bad.subarray(0, random(1000)) : bad);
        try {
          machine.kernel.spawn(['/bad'], [], {});
        } catch (e) {
          if (e instanceof LinuxError) continue;
          throw new Error(`case ${i}: ${String((e as Error).stack)}`);
        }
        for (let slices = 0; slices < 2; slices++) machine.kernel.runSlice(10);
      }
    },
    { timeout: 60_000 },
  );
} else test.skip('scripts and damaged files', 'musl-gcc is not installed');
