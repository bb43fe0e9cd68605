/**
 * Random machine code under every engine: noise, valid instructions in loops, jumps into the middle of
 * instructions, code that overwrites itself. Every program ends by itself, by a signal, or with its
 * instruction budget; all engines agree how; the JavaScript made of it names only what it may.
 */

import { functionName } from '../../src/backend-js/names.ts';
import type { Engine } from '../../src/machine/cpu.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';
import { randomProgram } from './lib/random-code.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile code', { timeout: 1_700_000 });
const PROGRAMS = Number(process.env['KEVLAR_FUZZ_RUNS'] ?? 60);
const ENGINES: readonly Engine[] = ['interp', 'js', 'wasm', 'lockstep', 'lockstep-wasm'];
const BUDGET = 30_000;

/** How each of a seed's programs ended: wait statuses, -1 for those that were stopped. */
function outcomes(
  engine: Engine,
  seed: number,
  count: number,
): { ends: number[]; regions: number } {
  const rig = new Rig({ rng: new Random(seed), engine, hot: 3 });
  const ends: number[] = [];
  let regions = 0;
  for (let i = 0; i < count; i++) {
    rig.put('/bin/program', randomProgram(new Random(seed * 1_000_003 + i)));
    const result = rig.start(['/bin/program']);
    ends.push(rig.run(BUDGET) ? result.status : -1);
    if (i % 10 === 0) rig.audit();
    regions += rig.checkEmitted();
  }
  return { ends, regions };
}

test('random programs end alike under every engine', () => {
  const [interp, js, ...others] = ENGINES.map((e) => outcomes(e, 11, PROGRAMS));
  assert.equal(js?.ends, interp?.ends);
  for (const { ends } of others) assert.equal(ends, interp?.ends);
  assert.ok((js?.regions ?? 0) > PROGRAMS / 8, `${js?.regions} regions were compiled`);
  const ended = new Set(interp?.ends);
  assert.ok(ended.has(11) && ended.has(4) && ended.has(-1), [...ended].join());
});

test('symbols of guests become harmless names', () => {
  const hostile = [
    '*/alert(1)/*',
    '`\u0024{x}`',
    'a\'b"c',
    'x\ny\u2028z',
    '__proto__',
    'constructor',
    '\u202e',
    '',
    '9',
    'a'.repeat(5000),
  ];
  for (const symbol of hostile) {
    const name = functionName(symbol, 0x401000, 0x7fff);
    assert.match(name, /^[A-Za-z_$][A-Za-z0-9_$]{0,120}$/);
    // A name, and nothing else, to JavaScript's own parser.
    assert.is(new Function(`return function ${name}(){}`)().name, name);
  }
});
