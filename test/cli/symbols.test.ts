/** Guest symbols where people look for them: in profiles of Node, and in the line about an unknown opcode. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../lib/suite.ts';
import { CLI, have, kevlar, scratch } from './cli.ts';
import { compileFixture, GUEST_DIRECTORY, VOLUME } from './gcc.ts';

const test = suite('guest symbols');

if (!have('gcc')) {
  test.skip('all', 'no gcc here');
} else {
  test('an unknown opcode is named once, with its bytes, rip and function', () => {
    const program = compileFixture('unknown');
    assert.is(spawnSync(program).signal, 'SIGILL', 'natively, too, it is unknown');
    const twice = `${GUEST_DIRECTORY}/unknown; ${GUEST_DIRECTORY}/unknown; echo $?`;
    const r = kevlar(['run', ...VOLUME, '--', 'sh', '-c', twice]);
    assert.is(r.stdout, '132\n');
    const lines = r.stderr.split('\n').filter((l) => l.startsWith('kevlar-jit: '));
    assert.is(lines.length, 1, r.stderr);
    assert.match(
      lines[0] as string,
      /unknown instruction: rip 0x[0-9a-f]+ \(bad_instruction\+0x1\), bytes 8f e8 78 c0 c1 05 .*\(unknown\)$/,
    );
  });

  test('regions have the names of guest functions in a CPU profile', () => {
    compileFixture('loop');
    const directory = join(scratch(), 'profile');
    const [node, ...cli] = CLI as readonly [string, ...string[]];
    const flags = ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${directory}`];
    // Often: one run of the loop is over before the profiler has looked at it.
    const script = `i=0; while [ $i -lt 100 ]; do ${GUEST_DIRECTORY}/loop; i=$((i+1)); done`;
    const run = ['run', '--engine', 'js', ...VOLUME, '--', 'sh', '-c', script];
    spawnSync(node, [...flags, ...cli, ...run]);
    const profiles = readdirSync(directory).map((f) => readFileSync(join(directory, f), 'utf8'));
    assert.ok(profiles.some((p) => /"mix_words_x_x_x_words_0x[0-9a-f]+"/.test(p)));
  });
}
