/** The contract of `kevlar-jit run`: streams, exit status and options as scripts of users rely on them. */

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../lib/suite.ts';
import { hostShell, kevlar, run, scratch } from './cli.ts';

const test = suite('kevlar-jit run');

test('standard output, error and exit status are the program’s', () => {
  const r = run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
  assert.equal(r, { status: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('a program ended by signal N gives 128+N', () => {
  assert.is(run(['sh', '-c', 'kill -9 $$']).status, 137);
  assert.is(run(['sh', '-c', 'kill -SEGV $$']).status, 139);
});

test('standard input arrives whole, whatever its bytes', () => {
  const input = randomBytes(300_000);
  const r = run(['sha256sum'], { input });
  const expected = createHash('sha256').update(input).digest('hex');
  assert.is(r.stdout, `${expected}  -\n`, r.stderr);
});

test('output of megabytes arrives whole', () => {
  const r = run(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
  assert.is(r.status, 0, r.stderr);
  assert.is(r.stdout.length, 3_000_000);
  assert.match(r.stdout, /^x+$/);
});

test('without a program, a shell reads standard input', () => {
  const r = kevlar(['run'], { input: 'echo $((6 * 7))\nexit 4\n' });
  assert.equal(r, { status: 4, stdout: '42\n', stderr: '' });
});

test('environment, directory, user and memory', () => {
  const options = [
    '-e',
    'A=1 2',
    '-e',
    'FROM_HOST',
    '-e',
    'NOT_SET',
    '-w',
    '/tmp',
    '-u',
    '1000:1001',
  ];
  const script =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the guest's shell expands it
    'echo "$A|$FROM_HOST|${NOT_SET-unset}|$PATH"; pwd; id -u; id -g; grep MemTotal /proc/meminfo';
  const r = kevlar(['run', ...options, '-m', '64M', '--', 'sh', '-c', script], {
    env: { FROM_HOST: 'h', SECRET: 's' },
  });
  const [vars, directory, uid, gid, memory] = r.stdout.split('\n');
  assert.match(vars as string, /^1 2\|h\|unset\|\/.*\/bin/);
  assert.equal([directory, uid, gid], ['/tmp', '1000', '1001']);
  const total = Number(/MemTotal: +(\d+) kB/.exec(memory as string)?.[1]);
  assert.ok(total <= 64 * 1024 && total > 56 * 1024, memory);
});

test('the host’s environment stays outside', () => {
  const r = run(['env'], { env: { SECRET: 's' } });
  assert.not.match(r.stdout, /SECRET/);
});

test('options behind the program are the program’s', () => {
  assert.is(kevlar(['run', 'echo', '--help', '-e', '--', 'x']).stdout, '--help -e -- x\n');
  assert.is(run(['echo', '--strace']).stdout, '--strace\n');
});

test('a reader that goes away ends the program with SIGPIPE', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: bash expands it
  const r = await hostShell('"$@" run -- yes | head -1; echo ${PIPESTATUS[0]}');
  assert.equal(r, { status: 0, stdout: 'y\n141\n', stderr: '' });
});

test('closed standard streams do no harm', async () => {
  const stdin = await hostShell('"$@" run -- cat <&-');
  assert.equal(stdin, { status: 0, stdout: '', stderr: '' });
  const all = await hostShell('"$@" run -- sh -c "echo x; echo y >&2; exit 3" <&- >&- 2>&-');
  assert.is(all.status, 3);
});

test('signals reach the program', async () => {
  const trap = 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 1; done';
  const script = `coproc "$@" run -- sh -c '${trap}'
    pid=$COPROC_PID; exec 5<&"\${COPROC[0]}"; read -r line <&5; echo "$line"
    kill -TERM $pid; cat <&5; wait $pid; echo $?`;
  const r = await hostShell(script);
  assert.is(r.stdout, 'ready\ngot\n9\n', r.stderr);
});

test('a program without a handler is ended by the signal', async () => {
  const script = `coproc "$@" run -- sh -c 'echo ready; exec sleep 60'
    pid=$COPROC_PID; read -r line <&"\${COPROC[0]}"
    kill -TERM $pid; wait $pid; echo $?`;
  const r = await hostShell(script);
  assert.is(r.stdout, '143\n', r.stderr);
});

test('a guest that waits for nothing waits, until a signal ends it', async () => {
  // Standard input is closed: no event is left that could keep the process.
  const script = `coproc "$@" run -- sh -c 'mkfifo /tmp/f; echo ready; exec cat /tmp/f' <&-
    pid=$COPROC_PID; read -r line <&"\${COPROC[0]}"
    sleep 2; kill -0 $pid && echo waits; kill -TERM $pid; wait $pid; echo $?`;
  const r = await hostShell(script);
  assert.is(r.stdout, 'waits\n143\n', r.stderr);
});

test('--strace=FILE and --stats=FILE write files', () => {
  const trace = join(scratch(), 'trace');
  const stats = join(scratch(), 'stats');
  const r = kevlar(['run', `--strace=${trace}`, `--stats=${stats}`, '--', 'cat', '/etc/hostname']);
  assert.is(r.status, 0, r.stderr);
  assert.is(r.stderr, '');
  const lines = readFileSync(trace, 'utf8');
  assert.match(lines, /open(at)?\(.*"\/etc\/hostname", O_RDONLY/);
  assert.match(lines, /\+\+\+ exited with 0 \+\+\+$/m);
  assert.match(readFileSync(stats, 'utf8'), /^guest instructions +\d{4,}$/m);
});

test('--strace and --stats alone go to standard error', () => {
  const r = kevlar(['run', '--strace', '--stats', '--', 'true']);
  assert.is(r.stdout, '');
  assert.match(r.stderr, /exit_group\(0\) += \?/);
  assert.match(r.stderr, /^system calls +\d+$/m);
  assert.match(r.stderr, /^block translation, \S+s each +\d+\.\d$/m);
  assert.match(r.stderr, /^ +[a-z]+ +\d+, \d+\.\d \S+s each$/m);
});
