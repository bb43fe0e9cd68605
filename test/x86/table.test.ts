/** The instruction table itself: no row shadows another, every row can be reached and decodes. */

import { plainEncoding } from '../../scripts/plain-encoding.ts';
import { DISPATCH, decode } from '../../src/frontend-x86/decode.ts';
import { Decoded } from '../../src/frontend-x86/decoded.ts';
import { buildDispatch } from '../../src/frontend-x86/dispatch.ts';
import { ROWS } from '../../src/frontend-x86/rows.ts';
import { insn } from '../../src/frontend-x86/table-format.ts';
import { cpuMs } from '../lib/cpu-time.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('instruction table');

test('every row decodes to itself, with its length', () => {
  const d = new Decoded();
  for (const r of ROWS) {
    const bytes = plainEncoding(r);
    decode(d, Uint8Array.from([...bytes, ...new Array<number>(15).fill(0)]), 0, 15);
    assert.is(d.row?.text, r.text, `${r.text} [${r.encoding}]`);
    assert.is(d.row, r, `${r.text} [${r.encoding}] is shadowed by [${d.row?.encoding}]`);
    assert.is(d.length, bytes.length, `${r.text} [${r.encoding}]`);
  }
});

test('no encoding is written twice', () => {
  const seen = new Map<string, string>();
  for (const r of ROWS) {
    const key = `${r.encoding} ${r.mod}`;
    assert.is(seen.get(key), undefined, `${r.text} and ${seen.get(key)}: ${key}`);
    seen.set(key, r.text);
  }
});

test('a row that is not fuzzed says why', () => {
  for (const r of ROWS) {
    const why = r.options.noFuzz;
    assert.ok(why === undefined || why.length > 8, r.text);
  }
});

test('every row is implemented', () => {
  assert.equal(
    ROWS.filter((r) => r.lift === null).map((r) => r.text),
    [],
  );
});

test('a row may be declared before it is implemented', () => {
  assert.is(insn('add Eb,Gb', '00 /r', 'todo').lift, null);
});

test('dispatch tables are built in a few milliseconds', () => {
  const start = cpuMs();
  const built = buildDispatch(ROWS);
  const ms = cpuMs() - start;
  assert.equal(built.first, DISPATCH.first);
  assert.ok(ms < 50, `${ms} ms`);
});

test('a mistyped row is refused', () => {
  assert.throws(() => insn('add Ek,Gb', '00 /r', 'todo'), /operand code/);
  assert.throws(() => insn('add Eb,Gb', '00 /r', 'todo', { flags: 'w:q' }), /flags/);
  assert.throws(() => insn('add Eb,Gb', 'GG /r', 'todo'), /encoding/);
});
