/** What cannot be done gives one line that says why, and the exit status that docker and env(1) use. */

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { assert, suite } from '../lib/suite.ts';
import { CLI, type CliResult, have, kevlar, run, scratch } from './cli.ts';

const test = suite('kevlar-jit errors');

const FAILED = 125;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** The program did not run, and standard error is one line that matches (and hints, if any). */
function fails(r: CliResult, status: number, message: RegExp): void {
  assert.is(r.status, status, r.stderr);
  assert.is(r.stdout, '');
  assert.match(r.stderr, message);
  assert.not.match(r.stderr, /internal error|^ +at /m);
  const lines = r.stderr.trimEnd().split('\n');
  assert.ok(lines.length <= 2, r.stderr);
}

function file(name: string, bytes: string | Uint8Array, mode = 0o644): string {
  const path = join(scratch(), name);
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return path;
}

/** Runs a file of the host as a program. */
function runFile(path: string): CliResult {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return kevlar(['run', '-v', `${scratch()}:/host:ro`, '--', `/host/${name}`]);
}

test('unknown options and commands', () => {
  fails(kevlar(['run', '--nope', '--', 'true']), FAILED, /unknown option '--nope'/);
  fails(kevlar(['frob']), FAILED, /unknown command 'frob'/);
  fails(kevlar(['--nope']), FAILED, /unknown option '--nope'/);
  fails(kevlar(['run', '--image']), FAILED, /argument missing/);
});

test('values that make no sense', () => {
  const bad: readonly (readonly [RegExp, ...string[]])[] = [
    [/'lots' is not a size/, '-m', 'lots'],
    [/between 16M and/, '-m', '1M'],
    [/between 16M and/, '-m', '64G'],
    [/write numbers, UID or UID:GID/, '-u', 'bob'],
    [/choose one of auto, interp/, '--engine', 'fast'],
    [/--cpu/, '--cpu', 'z80'],
    [/HOST-DIRECTORY:\/GUEST\/PATH/, '-v', 'nocolon'],
    [/must start with \//, '-v', '.:relative'],
    [/NAME=VALUE/, '-e', '=x'],
    [/cannot be used with/, '--image', 'a', '--root', 'b'],
  ];
  for (const [message, ...args] of bad)
    fails(kevlar(['run', ...args, '--', 'true']), FAILED, message);
});

test('programs that are not there, or none', () => {
  fails(run(['no-such-program']), NOT_FOUND, /^kevlar-jit: no-such-program: not found/);
  fails(run(['/no/such/program']), NOT_FOUND, /^kevlar-jit: \/no\/such\/program: not found/);
  fails(run(['/etc']), NOT_EXECUTABLE, /^kevlar-jit: \/etc: .*directory/);
  fails(run(['/etc/passwd']), NOT_EXECUTABLE, /^kevlar-jit: \/etc\/passwd: permission denied/);
  fails(run(['']), NOT_FOUND, /not found/);
});

test('a working directory that is not there', () => {
  fails(kevlar(['run', '-w', '/no/dir', '--', 'true']), NOT_FOUND, /working directory/);
});

/** An ELF header and one segment that maps the file itself. */
function elf(machine: number, elfClass: number): Buffer {
  const h = Buffer.alloc(4096);
  h.write('\x7fELF', 'latin1');
  h.set([elfClass, 1, 1], 4);
  h.writeUInt16LE(2, 16);
  h.writeUInt16LE(machine, 18);
  h.writeUInt32LE(1, 20);
  h.writeBigUInt64LE(0x400078n, 24);
  h.writeBigUInt64LE(64n, 32);
  h.writeUInt16LE(64, 52);
  h.writeUInt16LE(56, 54);
  h.writeUInt16LE(1, 56);
  h.writeUInt32LE(1, 64);
  h.writeUInt32LE(5, 68);
  h.writeBigUInt64LE(0x400000n, 80);
  h.writeBigUInt64LE(4096n, 96);
  h.writeBigUInt64LE(4096n, 104);
  h.writeBigUInt64LE(4096n, 112);
  // mov $60,%eax; mov $5,%edi; syscall
  h.set([0xb8, 60, 0, 0, 0, 0xbf, 5, 0, 0, 0, 0x0f, 0x05], 0x78);
  return h;
}

test('programs for other machines', () => {
  assert.is(runFile(file('x86-64', elf(62, 2), 0o755)).status, 5);
  fails(runFile(file('i386', elf(3, 1), 0o755)), NOT_EXECUTABLE, /32-bit/);
  fails(runFile(file('arm', elf(40, 1), 0o755)), NOT_EXECUTABLE, /ARM|32-bit/);
  fails(runFile(file('aarch64', elf(183, 2), 0o755)), NOT_EXECUTABLE, /AArch64/);
});

test('files that are no programs', () => {
  fails(
    runFile(file('text', 'neither this nor that\n', 0o755)),
    NOT_EXECUTABLE,
    /not a 64-bit x86/,
  );
  fails(runFile(file('empty', '', 0o755)), NOT_EXECUTABLE, /not a 64-bit x86/);
  fails(runFile(file('script', '#!/no/such/shell\n', 0o755)), NOT_FOUND, /not found/);
});

test('truncated programs end as they do natively', () => {
  for (const length of [3, 40, 64, 100]) {
    const path = file(`cut-${length}`, elf(62, 2).subarray(0, length), 0o755);
    fails(runFile(path), NOT_EXECUTABLE, /cut-\d+: (damaged|not a 64-bit|.*Input\/output)/);
  }
  const program = join(scratch(), 'cut-late');
  copyFileSync('/bin/true', program);
  truncateSync(program, 8192);
  const native = spawnSync('sh', ['-c', program]).status;
  const r = runFile(program);
  assert.ok(r.status === native || r.status === NOT_FOUND, `${r.status}, native ${native}`);
  assert.not.match(r.stderr, /internal error/);
});

test('images that are none', () => {
  const image = (path: string): CliResult => kevlar(['run', '--image', path, '--', 'true']);
  fails(image('/no/such/image'), FAILED, /^kevlar-jit: \/no\/such\/image: no such image/);
  fails(image(scratch()), FAILED, /^kevlar-jit: /);
  fails(image(file('zeros', Buffer.alloc(1 << 20))), FAILED, /ext4/);
  fails(image(file('short', 'x')), FAILED, /ext4/);
  fails(image(file('noise', Buffer.alloc(1 << 16, 0x5a))), FAILED, /ext4/);
});

test('roots that are none', () => {
  const root = (path: string): CliResult => kevlar(['run', '--root', path, '--', 'true']);
  fails(root('/no/such/root'), FAILED, /^kevlar-jit: \/no\/such\/root: no such file or directory/);
  const cut = gzipSync(Buffer.alloc(100_000, 'x')).subarray(0, 50);
  fails(root(file('cut.tar.gz', cut)), FAILED, /damaged gzip file/);
  fails(root(file('not.tar', 'x'.repeat(5000))), FAILED, /^kevlar-jit: /);
  fails(root(file('cut.tar', tarHead())), FAILED, /^kevlar-jit: /);
});

/** A tar header of a file whose data is missing. */
function tarHead(): Buffer {
  const h = Buffer.alloc(512);
  h.write('file');
  h.write('0000644\0', 100);
  h.write('0000000\0', 108);
  h.write('0000000\0', 116);
  h.write('00000010000\0', 124);
  h.write('00000000000\0', 136);
  h.write('        ', 148);
  h.write('0', 156);
  h.write('ustar\x0000', 257);
  const sum = h.reduce((a, b) => a + b, 0);
  h.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return h;
}

test('volumes that are none', () => {
  const volume = (path: string): CliResult => kevlar(['run', '-v', `${path}:/host`, '--', 'true']);
  fails(volume('/no/such/directory'), FAILED, /^kevlar-jit: --volume \/no\/such\/directory: /);
  fails(volume(file('plain', 'x')), FAILED, /^kevlar-jit: --volume /);
});

test('--save without an image of one’s own', () => {
  fails(kevlar(['run', '--save', '--', 'true']), FAILED, /--save needs an image/);
});

const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
if (process.getuid?.() === 0 && !have('setpriv')) {
  test.skip(
    '--save on a file that cannot be written',
    'root may write everything; no setpriv here',
  );
} else {
  test('--save on a file that cannot be written', () => {
    const path = file('readonly.ext4', '');
    const made = kevlar(['image', 'create', '--force', '--size', '8M', path]);
    assert.is(made.status, 0, made.stderr);
    chmodSync(path, 0o444);
    chmodSync(scratch(), 0o755);
    const before = readFileSync(path);
    const [node, ...args] = [...CLI, 'run', '--image', path, '--save', '--', 'true'];
    const command =
      process.getuid?.() === 0 ? ['setpriv', ...asNobody, node as string] : [node as string];
    const r = spawnSync(command[0] as string, [...command.slice(1), ...args], {
      encoding: 'latin1',
      env: { ...process.env, TMPDIR: '/tmp', XDG_CACHE_HOME: '/nonexistent' },
    });
    fails(
      { status: r.status ?? -1, stdout: r.stdout, stderr: r.stderr },
      FAILED,
      /readonly\.ext4: .*(EACCES|denied|read-only)/,
    );
    assert.ok(before.equals(readFileSync(path)));
  });
}

test('files for traces and statistics that cannot be written', () => {
  const strace = kevlar(['run', '--strace=/no/dir/trace', '--', 'true']);
  fails(strace, FAILED, /--strace: .*\/no\/dir\/trace/);
  const stats = kevlar(['run', '--stats=/no/dir/stats', '--', 'true']);
  fails(stats, FAILED, /--stats: .*\/no\/dir\/stats/);
});
