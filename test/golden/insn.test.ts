/** Every row does in every engine what a CPU did when the vectors were recorded. */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { firstDifference } from '../diff/compare.ts';
import type { Engine } from '../diff/engine.ts';
import { InterpEngine, JsEngine, WasmEngine } from '../diff/engines.ts';
import { fuzzable } from '../diff/generate.ts';
import { assert, suite } from '../lib/suite.ts';
import { decodeChanges, inputHash, keyOf, programsOf, readVectors } from './vectors.ts';

const test = suite('golden instruction vectors', { timeout: 200_000 });
const vectors = readVectors();
const rows = ROWS.filter(fuzzable);
const AGAIN = 'npm run golden:update records them';

function wrong(row: InsnRow, engine: Engine): string[] {
  const { changes } = vectors[keyOf(row)]!;
  return programsOf(row).flatMap((program, p) => {
    const cpu = program.states.map((s, i) => decodeChanges(s, changes[p]![i]!));
    const found = firstDifference(program, cpu, engine);
    return found === null ? [] : [`${keyOf(row)}\n  ${found.lines.join('\n  ')}`];
  });
}

test('every row has vectors, for what is generated today', () => {
  const lacking = rows.filter((r) => vectors[keyOf(r)] === undefined).map(keyOf);
  assert.equal(lacking, [], AGAIN);
  const others = rows.filter((r) => vectors[keyOf(r)]!.hash !== inputHash(programsOf(r)));
  assert.equal(others.map(keyOf), [], `the generator makes other states: ${AGAIN}`);
});

const ENGINES = [new InterpEngine(true), new InterpEngine(true, 'WebAssembly'), new JsEngine(false), new JsEngine(true), new WasmEngine()];
for (const engine of ENGINES) {
  test(engine.name, () => {
    assert.is(rows.flatMap((row) => wrong(row, engine)).join('\n'), '');
  });
}
