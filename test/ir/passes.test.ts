/** The passes: what they turn blocks into. That they keep the meaning: random-programs.test.ts. */

import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { X86_STATE } from '../../src/frontend-x86/state.ts';
import { evaluateLea, RESULT } from '../../src/ir/passes/eval.ts';
import { PASSES, runPasses } from '../../src/ir/passes/index.ts';
import { formatBlock, parseBlock } from '../../src/ir/text.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('passes');

/** Body after the passes, without header and marks. */
function after(body: string, only?: string): string[] {
  const block = parseBlock(`block 0x1000 bytes 4 insns 1\n${body}\nexit next 0x1004`, X86_STATE);
  if (only === undefined) runPasses(block, X86_STATE, HELPERS);
  else PASSES[only]!(block, X86_STATE, HELPERS);
  assert.equal(verifyBlock(block, X86_STATE, HELPERS.length), []);
  return formatBlock(block, X86_STATE)
    .split('\n')
    .slice(1, -1)
    .filter((l) => !l.startsWith('insn'));
}

test('constants are folded and followed through registers', () => {
  assert.equal(
    after(`rax = mov.i64 0x100000000
      t0:i64 = add.i64 rax, 0x5
      rbx = mul.i64 t0, 0x3`),
    ['rax = mov.i64 0x100000000', 'rbx = mov.i64 0x30000000f'],
  );
});

test('a copy is followed until its source changes', () => {
  assert.equal(
    after(`t0:i64 = mov.i64 rax
      rbx = add.i64 t0, rcx
      rax = mov.i64 rcx
      rdx = add.i64 t0, rcx`),
    [
      't0:i64 = mov.i64 rax',
      'rbx = add.i64 rax, rcx',
      'rax = mov.i64 rcx',
      'rdx = add.i64 t0, rcx',
    ],
  );
});

test('a 32-bit copy stands for its source where only the low half is read', () => {
  assert.equal(
    after(`t0:i32 = mov.i32 rax
      rbx = add.i32 t0, rcx
      rdx = add.i64 t0, rcx`),
    ['t0:i32 = mov.i32 rax', 'rbx = add.i32 rax, rcx', 'rdx = add.i64 t0, rcx'],
  );
});

test('identities and strength reduction', () => {
  assert.equal(
    after(`rax = xor.i64 rax, rax
      rbx = mul.i64 rbx, 0x8
      rcx = add.i64 rcx, 0x0
      rdx = and.i32 rdx, 0xffffffff
      rsi = lea.i64 [rsi + rbp*1]
      r8 = select.i64 r9, r10, 0x1`),
    [
      'rax = mov.i64 0x0',
      'rbx = shl.i64 rbx, 0x3',
      'rcx = mov.i64 rcx',
      'rdx = mov.i32 rdx',
      'rsi = lea.i64 [rsi + rbp*1]',
      'r8 = mov.i64 r9',
    ],
  );
});

test('a constant index becomes displacement', () => {
  assert.equal(after('t0:i64 = mov.i64 0x10\nrax = ld64 [rbx + t0*4 - 8]'), [
    'rax = ld64 [rbx + 56]',
  ]);
});

test('temps that nobody reads disappear, faulting loads do not', () => {
  assert.equal(after('t0:i64 = add.i64 rax, rbx\nt1:i64 = add.i64 t0, rbx\nt2:i64 = ld64 [rcx]'), [
    't2:i64 = ld64 [rcx]',
  ]);
});

test('a register write is dead only if no fault can show it', () => {
  assert.equal(after('rax = add.i64 rax, 0x1\nrax = mov.i64 rbx'), ['rax = mov.i64 rbx']);
  assert.is(after('rax = add.i64 rax, 0x1\nrdx = ld64 [rcx]\nrax = mov.i64 rbx').length, 3);
});

test('what is needed in its low half only is computed in 32 bits', () => {
  assert.equal(after('t0:i64 = add.i64 rax, rbx\nt1:i64 = mul.i64 t0, rcx\nrdx = ext8u.i32 t1'), [
    't0:i32 = add.i32 rax, rbx',
    't1:i32 = mul.i32 t0, rcx',
    'rdx = ext8u.i32 t1',
  ]);
});

test('an overwritten ccset goes away and is applied if something in between faults', () => {
  const block = parseBlock(
    `block 0x1000 bytes 8 insns 2
     insn +0 4
     ccset 11 (rax, rbx, _)
     insn +4 4
     rdx = ld64 [rcx]
     ccset 7 (rdx, rbx, _)
     exit next 0x1008`,
    X86_STATE,
  );
  runPasses(block, X86_STATE, HELPERS);
  assert.is(formatBlock(block, X86_STATE).match(/ccset/g)?.length, 1);
  assert.is(block.pendingCc[0], 11);
  // insn, insn, ld64
  assert.is(block.pending?.[2], 1);
});

test('a ccset stays if its operand is gone at the fault, or somebody reads it', () => {
  const kept = 'ccset 11 (rax, rbx, _)';
  assert.is(after(`${kept}\nrax = mov.i64 0x1\nrdx = ld64 [rcx]\nccset 7 (rdx, rbx, _)`)[0], kept);
  assert.is(after(`${kept}\nrdx = mov.i64 ccA\nccset 7 (rdx, rbx, _)`)[0], kept);
});

test('a branch on a constant becomes a jump', () => {
  const block = parseBlock(
    'block 0x1000 bytes 4 insns 1\nt0:i32 = set.i64 eq rax, rax\nbranch t0 ? 0x2000 : 0x3000',
    X86_STATE,
  );
  runPasses(block, X86_STATE, HELPERS);
  assert.is(formatBlock(block, X86_STATE).split('\n').at(-1), 'jump jump 0x2000');
});

test('addresses are folded modulo 2^64', () => {
  evaluateLea(-8, -1, 3, 0, 2, -4);
  assert.equal([...RESULT], [0, 0]);
});
