/**
 * Windows (windows.ts): accesses through a register that walks, oscillates and crosses pages do what the
 * interpreter does, in every mode of warming up; registers that jump about get none.
 */

import { chooseWindows } from '../../src/backend-js/windows.ts';
import {
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../../src/common/layout.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { GUEST_STATE_SIZE, stateWord, X86_STATE } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { parseBlock } from '../../src/ir/text.ts';
import { assert, suite } from '../lib/suite.ts';
import { differences, Engines, regionOf } from './engines.ts';
import { Random } from './random.ts';
import { GUEST_HI, GUEST_LO, GUEST_PAGES } from './toy-machine.ts';

const test = suite('backend-js windows');
const engines = new Engines();
const { I32 } = engines.machine.env;
const RAM_BYTES = GUEST_PAGES * 4096;

function parse(text: string): IrBlock {
  return parseBlock(text, X86_STATE);
}

function set(name: string, lo: number, hi = 0): void {
  I32[stateWord(name)] = lo;
  I32[stateWord(name) + 1] = hi;
}

/** Removes a page from the TLB. */
function forget(lo: number): void {
  const e = ((lo >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
  I32[e + TLB_READ] = 0;
  I32[e + TLB_WRITE] = 0;
}

/** A loop of pushes, pops and accesses around rdi, which moves by `step`; rsi counts the rounds. */
function walk(rng: Random, step: number): string {
  const disp = (): string => `${rng.below(2) === 0 ? '+' : '-'} ${rng.below(900)}`;
  return `block 0x1000 bytes 20 insns 6
    insn +0 3
    t0:i64 = ld64 [rdi ${disp()}]
    rax = add.i64 rax, t0
    insn +3 3
    st32 [rdi ${disp()}] = rax
    insn +6 3
    st16 [rdi ${disp()}] = rax
    t1:i32 = ld8u [rdi ${disp()}]
    rbx = add.i64 rbx, t1
    insn +9 4
    st64 [rsp - 8] = rbx
    rsp = sub.i64 rsp, 0x8
    insn +13 4
    t2:i64 = ld64 [rsp]
    rcx = xor.i64 rcx, t2
    rsp = add.i64 rsp, 0x8
    insn +17 3
    rdi = ${step < 0 ? 'sub' : 'add'}.i64 rdi, 0x${Math.abs(step).toString(16)}
    rsi = sub.i64 rsi, 0x1
    t3:i32 = set.i64 ne rsi, 0x0
    branch t3 ? 0x1000 : 0x9000`;
}

test('walks up and down agree with the interpreter', () => {
  const rng = new Random(7);
  const ram = new Uint8Array(RAM_BYTES).map(() => rng.below(256));
  const clean = new Uint8Array(GUEST_STATE_SIZE);
  for (const step of [1, 3, 8, 64, -1, -8, -40]) {
    const block = parse(walk(rng, step));
    const region = regionOf([block], new Map([[0x1000, 0]]), 0x1000);
    const chosen = chooseWindows(region, HELPERS, () => true).map((w) => X86_STATE.vars[w.v]?.name);
    assert.equal(chosen.sort(), ['rdi', 'rsp']);
    const fn = engines.compile(region);
    const lean = engines.compile(region, true, true);
    let slow = 0;
    // Often enough for every mode of warming up.
    for (let run = 0; run < 60; run++) {
      const room = RAM_BYTES - 2000;
      const rounds = Math.min(1 + rng.below(700), Math.floor(room / Math.abs(step)) - 8);
      const first = step > 0 ? 1000 + rng.below(64) : room - rng.below(64);
      const start = (keepTlb = false): void => {
        if (keepTlb) engines.restoreState(clean, ram, 100_000);
        else engines.restore(clean, ram, 100_000);
        set('rdi', GUEST_LO + first, GUEST_HI);
        set('rsp', GUEST_LO + 6 * 4096 + 16, GUEST_HI);
        set('rsi', rounds);
        set('rax', run, step);
      };
      start();
      const want = engines.outcome(engines.interpret([block], block));
      start();
      let reason = fn();
      while (I32[stateWord('rip')] === 0x1000 && reason === 0) reason = fn();
      assert.equal(differences(want, engines.outcome(reason)), [], `step ${step}, run ${run}`);
      // Now and then a page is missing from the TLB.
      if (run % 8 === 5) forget(GUEST_LO + first);
      const result = engines.lean(region, block, () => start(true), lean);
      assert.equal(result.diff, [], `lean, step ${step}, run ${run}`);
      if (result.slow) slow++;
    }
    assert.ok(slow > 0 && slow < 60, `step ${step}: ${slow} runs lacked a slow path`);
  }
});

/** Ten rounds of accesses; in the last but two, rdi's high half changes and its low half does not. */
function farAway(how: string): string {
  const loads = Array.from(
    { length: 12 },
    (_, i) => `insn +${i * 3} 3\nt${i}:i64 = ld64 [rdi + ${i * 8}]\nrax = add.i64 rax, t${i}`,
  ).join('\n');
  return `block 0x1000 bytes 44 insns 14
    ${loads}
    insn +36 4
    rsi = sub.i64 rsi, 0x1
    t12:i32 = set.i64 eq rsi, 0x3
    t13:i64 = mov.i64 t12
    t14:i64 = shl.i64 t13, 0x20
    ${how}
    insn +40 4
    t15:i32 = set.i64 ne rsi, 0x0
    branch t15 ? 0x1000 : 0x9000`;
}

for (const how of ['rdi = add.i64 rdi, t14', 'rdi = sub.i64 rdi, t14', 'rdi = or.i64 rdi, t14']) {
  test(`a window is empty when the high half changes: ${how}`, () => {
    const clean = new Uint8Array(GUEST_STATE_SIZE);
    const ram = new Uint8Array(RAM_BYTES).fill(3);
    const block = parse(farAway(how));
    const region = regionOf([block], new Map([[0x1000, 0]]), 0x1000);
    const chosen = chooseWindows(region, HELPERS, () => true).map((w) => X86_STATE.vars[w.v]?.name);
    assert.equal(chosen, ['rdi']);
    // The high half that `or` leaves as it is: nothing faults then.
    const ends = how.includes('or') ? 0 : 1;
    for (const isLean of [false, true]) {
      const fn = engines.compile(region, true, isLean);
      for (let run = 0; run < 60; run++) {
        const start = (): void => {
          engines.restoreState(clean, ram, 100_000);
          set('rdi', GUEST_LO + 64, GUEST_HI);
          set('rsi', 10);
        };
        start();
        const want = engines.outcome(engines.interpret([block], block));
        assert.is(I32[stateWord('rsi')], ends === 1 ? 3 : 0);
        if (isLean) {
          assert.equal(engines.lean(region, block, start, fn).diff, [], `lean, run ${run}`);
          continue;
        }
        start();
        assert.equal(differences(want, engines.outcome(fn())), [], `run ${run}`);
      }
    }
  });
}

test('a register that is loaded as often as it is used has no window', () => {
  const block = parse(`block 0x1000 bytes 8 insns 2
    insn +0 4
    t0:i64 = ld64 [rdi + 8]
    rax = add.i64 rax, t0
    insn +4 4
    rdi = ld64 [rdi]
    jump jump 0x1000`);
  const region = regionOf([block], new Map([[0x1000, 0]]), 0x1000);
  assert.equal(
    chooseWindows(region, HELPERS, () => true),
    [],
  );
});
