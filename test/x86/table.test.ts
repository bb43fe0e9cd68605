/** The instruction table itself: no row shadows another, every row can be reached and decodes. */

import { DISPATCH, decode } from '../../src/frontend-x86/decode.ts';
import { Decoded } from '../../src/frontend-x86/decoded.ts';
import { buildDispatch } from '../../src/frontend-x86/dispatch.ts';
import { ROWS } from '../../src/frontend-x86/rows.ts';
import { IMM, type InsnRow, insn, MAP, PFX } from '../../src/frontend-x86/table-format.ts';
import { cpuMs } from '../lib/cpu-time.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('instruction table');

const IMM_BYTES: Record<number, number> = {
  [IMM.none]: 0,
  [IMM.ib]: 1,
  [IMM.iw]: 2,
  [IMM.id]: 4,
  [IMM.iz]: 4,
  [IMM.iv]: 4,
  [IMM.iwib]: 3,
  [IMM.cb]: 1,
  [IMM.cz]: 4,
  [IMM.mo]: 8,
};

/** The row's plainest encoding. */
function plain(r: InsnRow): number[] {
  const out: number[] = [];
  const pp = r.prefix === PFX.any ? 0 : r.prefix;
  if (r.map >= MAP.vex0F) {
    out.push(
      0xc4,
      0xe0 | (r.map - MAP.vex0F + 1),
      (r.w === 1 ? 0x80 : 0) | 0x78 | (r.vexL === 1 ? 4 : 0) | pp,
    );
  } else {
    if (pp !== 0) out.push([0, 0x66, 0xf3, 0xf2][pp] as number);
    if (r.w === 1) out.push(0x48);
    if (r.map !== MAP.one) out.push(0x0f);
    if (r.map === MAP.m0F38) out.push(0x38);
    if (r.map === MAP.m0F3A) out.push(0x3a);
  }
  out.push(r.opcode);
  if (r.hasModrm) {
    const reg = r.digit < 0 ? 0 : r.digit << 3;
    out.push(r.modrm >= 0 ? r.modrm : r.mod === 'm' ? reg : 0xc0 | reg);
  }
  return [...out, ...new Array<number>(IMM_BYTES[r.imm] as number).fill(0)];
}

test('every row decodes to itself, with its length', () => {
  const d = new Decoded();
  for (const r of ROWS) {
    const bytes = plain(r);
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
