/** --help names every option of the contract and has examples; the examples parse. */

import { assert, suite } from '../lib/suite.ts';
import { kevlar } from './cli.ts';

const test = suite('kevlar-jit --help');

test('the commands', () => {
  const r = kevlar(['--help']);
  assert.is(r.status, 0);
  for (const name of ['run', 'dump', 'image', 'bench', 'cache']) {
    assert.match(r.stdout, new RegExp(`^ {2}${name} `, 'm'));
  }
  assert.match(r.stdout, /^Examples:$/m);
  assert.match(kevlar(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('run', () => {
  const { stdout, status } = kevlar(['run', '--help']);
  assert.is(status, 0);
  const short = ['-v, --volume', '-e, --env', '-w, --workdir', '-u, --user', '-m, --memory'];
  const long = [
    '--image',
    '--root',
    '--save',
    '--engine',
    '--cpu',
    '--strace',
    '--trace-ld',
    '--stats',
    '--no-cache',
    '--dump',
    '--watch',
    '--watch-log',
  ];
  for (const option of [...short, ...long]) assert.ok(stdout.includes(`  ${option} `), option);
  assert.match(stdout, /^Examples:$/m);
  assert.match(stdout, /128\+N/);
});

test('dump, bench and image have examples', () => {
  for (const command of ['dump', 'bench', 'image']) {
    const r = kevlar([command, '--help']);
    assert.is(r.status, 0);
    assert.match(r.stdout, /^Examples:\n {2}kevlar-jit /m);
  }
});

test('help goes to standard error when it is a complaint', () => {
  const r = kevlar(['image', 'frob']);
  assert.is(r.status, 125);
  assert.is(r.stdout, '');
});
