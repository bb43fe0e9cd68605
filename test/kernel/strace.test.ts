/** The trace has the text of strace(1): the same program under both, line by line. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, suite } from '../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest } from './lib/run-guest.ts';

const test = suite('kernel strace');

/** Lines from the marker on, without what differs from run to run. */
function normalize(lines: readonly string[]): string[] {
  const start = lines.findIndex((l) => l.startsWith('umask(0123)'));
  return lines.slice(start + 1).map((l) =>
    l
      .replace(/0x[0-9a-f]{5,}/g, '0xADDRESS')
      .replace(/ +=/, ' =')
      .replace(/^getppid\(\) = \d+$/, 'getppid() = PID')
      .replace(/rlim_cur=[^,]*, rlim_max=[^}]*/, 'LIMITS'),
  );
}

/** strace needs ptrace, which a container may forbid. */
function straceWorks(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}

function nativeTrace(
  binary: string,
  args: readonly string[] = [],
  env?: Readonly<Record<string, string>>,
): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-strace-'));
  try {
    const file = join(dir, 'trace');
    const bytes = args.map((a) => Buffer.from(a, 'latin1').toString('utf8'));
    spawnSync('/usr/bin/strace', ['-o', file, binary, ...bytes], { env: env ?? process.env });
    return readFileSync(file, 'latin1').trimEnd().split('\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const title = 'a program has the trace that strace shows';
if (!haveCompiler('musl-gcc') || !straceWorks()) test.skip(title, 'needs musl-gcc and strace');
else {
  test(title, () => {
    const binary = compile('traced');
    const guest = runGuest(readBinary(binary), [], { strace: true });
    assert.is(normalize(guest.trace).join('\n'), normalize(nativeTrace(binary)).join('\n'));
  });

  test('the trace begins with the execve of the program', () => {
    const binary = compile('hello');
    const args = ['a "b"\n', 'x'.repeat(32), 'x'.repeat(33), '\xc3\xa4', ''];
    const first = (lines: readonly string[]): string =>
      (lines[0] as string)
        .replace(/0x[0-9a-f]+/, '0xADDRESS')
        .replace(/^execve\("[^"]+", \["[^"]+"(\.\.\.)?/, 'execve("PROGRAM", ["PROGRAM"');
    for (const count of [args.length, 40]) {
      const argv = Array.from({ length: count }, (_, i) => args[i] ?? String(i));
      const env = ['A=1', 'B=2'];
      const guest = runGuest(readBinary(binary), argv, { strace: true, env });
      assert.is(first(guest.trace), first(nativeTrace(binary, argv, { A: '1', B: '2' })));
    }
  });
}

if (haveCompiler('musl-gcc')) {
  test('calls of several tasks are split and resumed, signals and ends shown', () => {
    const binary = compile('process');
    const { trace } = runGuest(readBinary(binary), [], { strace: true });
    const all = trace.join('\n');
    assert.match(all, /\[pid {5}1\] wait4\(5, {2}<unfinished \.\.\.>/);
    assert.match(
      all,
      /\[pid {5}1\] <\.\.\. wait4 resumed>\[\{WIFSTOPPED\(s\) && WSTOPSIG\(s\) == SIGSTOP\}\], WSTOPPED, NULL\) = 5/,
    );
    assert.match(all, /--- SIGCONT \{si_signo=SIGCONT, si_code=SI_USER, si_pid=1, si_uid=0\} ---/);
    assert.match(all, /exit_group\(3\) +?= \?\n.*\+\+\+ exited with 3 \+\+\+/);
    assert.match(all, /\+\+\+ killed by SIGKILL \+\+\+/);
  });
}
