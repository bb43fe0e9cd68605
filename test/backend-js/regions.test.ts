/**
 * Whole regions: random control flow with side effects against the interpreter; exact state where a
 * loop faults, hits translated code or runs out of budget; links, guards and inlined calls.
 */

import { ENG_BUDGET, ENG_FAULT_HI, ENG_FAULT_LO, ENG_STOP } from '../../src/common/layout.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { GUEST_STATE_SIZE, stateWord, X86_STATE } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { EXIT } from '../../src/ir/ops.ts';
import { runPasses } from '../../src/ir/passes/index.ts';
import { parseBlock } from '../../src/ir/text.ts';
import { assert, suite } from '../lib/suite.ts';
import { differences, Engines, regionOf } from './engines.ts';
import { Random } from './random.ts';
import { GUEST_HI, GUEST_LO, GUEST_PAGES } from './toy-machine.ts';

const test = suite(`regions, ${process.env['KEVLAR_TEST_BACKEND'] ?? 'js'}`);
const engines = new Engines();
const { I32 } = engines.machine.env;
const RAM = new Uint8Array(GUEST_PAGES * 4096);
const CLEAN = new Uint8Array(GUEST_STATE_SIZE);

function set(name: string, lo: number, hi = 0): void {
  I32[stateWord(name)] = lo;
  I32[stateWord(name) + 1] = hi;
}

function get(name: string): [number, number] {
  return [I32[stateWord(name)]!, I32[stateWord(name) + 1]!];
}

function parse(text: string): IrBlock {
  return parseBlock(text, X86_STATE);
}

function optimized(block: IrBlock): IrBlock {
  runPasses(block, X86_STATE, HELPERS);
  return block;
}

/** Address of node i's first and second block. */
const at = (i: number): string => `0x${(0x1000 + i * 32).toString(16)}`;
const chooser = (i: number): string => `0x${(0x1010 + i * 32).toString(16)}`;
const OUTSIDE = '0x9000';

/** Two blocks a node: count down r14, mix the node into r15 and memory; then choose a successor by r15. */
function nodeBlocks(rng: Random, i: number, n: number): string[] {
  const target = (): string => (rng.below(12) === 0 ? OUTSIDE : at(rng.below(n)));
  const body = [
    `r15 = mul.i64 r15, 0x5851f42d4c957f2d`,
    `r15 = add.i64 r15, 0x${(i * 2654435761 + 1).toString(16)}`,
    `t0:i64 = shr.i64 r15, 0x21`,
    `rbx = xor.i32 t0, rbx`,
    `t1:i64 = and.i64 r15, 0xff8`,
    `t2:i64 = ld64 [r13 + t1*1 + ${rng.below(4000)}]`,
    `rcx = add.i64 rcx, t2`,
    `st64 [r13 + t1*2 - ${rng.below(3)}] = rcx`,
    `r14 = sub.i64 r14, 0x1`,
    `ccset 11 (r14, rcx, _)`,
    `t3:i32 = set.i64 eq r14, 0x0`,
  ];
  return [
    `block ${at(i)} bytes 16 insns 2\ninsn +0 8\n${body.join('\n')}\ninsn +8 8\nbranch t3 ? ${OUTSIDE} : ${chooser(i)}`,
    `block ${chooser(i)} bytes 16 insns 1\ninsn +0 16\nt0:i64 = shr.i64 r15, 0x${(20 + rng.below(30)).toString(16)}\n` +
      `t1:i32 = and.i32 t0, 0x1\nt2:i32 = set.i32 ne t1, 0x0\nccset 15 (t0, _, _)\nbranch t2 ? ${target()} : ${target()}`,
  ];
}

function randomProgram(rng: Random): string[] {
  const n = 2 + rng.below(9);
  return Array.from({ length: n }, (_, i) => nodeBlocks(rng, i, n)).flat();
}

test('random control flow agrees with the interpreter', () => {
  const rng = new Random(42);
  for (let k = 0; k < 120; k++) {
    const texts = randomProgram(rng);
    const start = (): void => {
      set('r14', 150);
      set('r15', rng.value32(), 77);
      set('r13', GUEST_LO + 8, GUEST_HI);
    };
    engines.restore(CLEAN, RAM, 100000);
    start();
    const state = engines.outcome(0).state;
    engines.restore(state, RAM, 100000);
    const plain = texts.map(parse);
    const want = engines.outcome(engines.interpret(plain, plain[0]!));
    for (const blocks of [texts.map(parse), texts.map((t) => optimized(parse(t)))]) {
      engines.restore(state, RAM, 100000);
      const got = engines.outcome(engines.compiled(blocks, blocks[0]!, true));
      const diff = differences(want, got);
      if (diff.length > 0) throw new Error(`program ${k}: ${diff.join(', ')}\n${texts.join('\n')}`);
    }
  }
});

/** for (;;) { add rax, [rdi]; rdi += 8 } with flags that the next instruction overwrites. */
const WALK = `block 0x1000 bytes 12 insns 4
  insn +0 3
  rbx = add.i64 rbx, 0x1
  ccset 27 (rbx, 0x0, _)
  insn +3 3
  t0:i64 = ld64 [rdi]
  rax = add.i64 rax, t0
  ccset 7 (rax, t0, _)
  insn +6 4
  rdi = add.i64 rdi, 0x8
  ccset 7 (rdi, 0x8, _)
  insn +10 2
  jump jump 0x1000`;

function faultingWalk(blocks: IrBlock[], how: 'interpret' | 'compiled'): number {
  engines.restore(CLEAN, RAM, 1 << 20);
  set('rdi', GUEST_LO, GUEST_HI);
  return how === 'interpret'
    ? engines.interpret(blocks, blocks[0]!)
    : engines.compiled(blocks, blocks[0]!, true);
}

test('a load that faults in a loop leaves exact state', () => {
  for (const make of [parse, (t: string) => optimized(parse(t))]) {
    const want = engines.outcome(faultingWalk([parse(WALK)], 'interpret'));
    const reason = faultingWalk([make(WALK)], 'compiled');
    assert.is(reason, EXIT.exception);
    assert.equal(get('rip'), [0x1003, 0]);
    assert.equal(get('rdi'), [GUEST_LO + GUEST_PAGES * 4096, GUEST_HI]);
    assert.equal([I32[ENG_FAULT_LO], I32[ENG_FAULT_HI]], get('rdi'));
    const loads = GUEST_PAGES * 512;
    assert.equal(get('rbx'), [loads + 1, 0]);
    // The flags of the instruction before the load, though nobody else ever sees them.
    assert.equal([I32[stateWord('ccKind')], get('ccA')], [27, [loads + 1, 0]]);
    assert.is(I32[ENG_BUDGET], (1 << 20) - loads * 4 - 1);
    assert.equal(differences(want, engines.outcome(2)), []);
  }
});

test('a store to translated code leaves before the instruction', () => {
  const text = `block 0x1000 bytes 8 insns 3
    insn +0 3
    rax = add.i64 rax, 0x1
    insn +3 3
    st32 [rdi + rax*4] = rbx
    insn +6 2
    jump jump 0x1000`;
  engines.restore(CLEAN, RAM, 1 << 20);
  set('rdi', GUEST_LO, GUEST_HI);
  engines.machine.access.codePage = 3;
  const reason = engines.compiled([parse(text)], parse(text), true);
  engines.machine.access.codePage = -1;
  assert.is(reason, EXIT.selfModify);
  assert.equal(get('rip'), [0x1003, 0]);
  assert.equal(get('rax'), [3 * 1024, 0]);
});

test('an access that crosses a page works, and faults at the second page', () => {
  const text = `block 0x1000 bytes 8 insns 2
    insn +0 4
    st64 [rdi] = rbx
    insn +4 4
    rax = ld64 [rdi - 1]
    exit syscall 0x1008`;
  const block = parse(text);
  engines.restore(CLEAN, RAM, 1000);
  set('rdi', GUEST_LO + 4096 - 3, GUEST_HI);
  set('rbx', 0x11223344, 0x55667788);
  assert.is(engines.compiled([block], block, true), EXIT.syscall);
  assert.equal(get('rax'), [0x22334400, 0x66778811]);
  engines.restore(CLEAN, RAM, 1000);
  set('rdi', GUEST_LO + GUEST_PAGES * 4096 - 3, GUEST_HI);
  assert.is(engines.compiled([block], block, true), EXIT.exception);
  assert.equal([I32[ENG_FAULT_LO], I32[ENG_FAULT_HI]], [GUEST_LO + GUEST_PAGES * 4096, GUEST_HI]);
});

const COUNT = `block 0x1000 bytes 6 insns 2
  insn +0 4
  rax = add.i64 rax, 0x1
  insn +4 2
  jump jump 0x1000`;

test('a loop stops when the budget is used up, and goes on', () => {
  const block = parse(COUNT);
  const fn = engines.compile(regionOf([block], new Map([[0x1000, 0]]), 0x1000));
  engines.restore(CLEAN, RAM, 1000);
  assert.is(fn(), EXIT.budget);
  assert.equal(get('rip'), [0x1000, 0]);
  const [first] = get('rax');
  assert.is(I32[ENG_BUDGET], 1000 - 2 * first);
  assert.ok(I32[ENG_BUDGET]! < 0 && I32[ENG_BUDGET]! >= -2);
  I32[ENG_BUDGET] = 99;
  assert.is(fn(), EXIT.budget);
  assert.is(get('rax')[0], first + 50);
});

test('a loop stops when the scheduler asks for it', () => {
  const block = parse(COUNT);
  const fn = engines.compile(regionOf([block], new Map([[0x1000, 0]]), 0x1000));
  engines.restore(CLEAN, RAM, 1000);
  I32[ENG_STOP] = 1;
  assert.is(fn(), EXIT.budget);
  I32[ENG_STOP] = 0;
});

test('an indirect jump stays in the region only for the expected pc', () => {
  const blocks = [
    'block 0x1000 bytes 2 insns 1\ninsn +0 2\njumpind ret rcx',
    'block 0x1100 bytes 2 insns 1\ninsn +0 2\nrax = add.i64 rax, 0x1\nexit syscall 0x1102',
  ].map(parse);
  const region = {
    name: '',
    pages: [],
    insnCount: 2,
    blocks: [
      { ir: blocks[0]!, succ: [1], guards: [0x1100], count: 1 },
      { ir: blocks[1]!, succ: [], guards: [], count: 1 },
    ],
  };
  const fn = engines.compile(region);
  engines.restore(CLEAN, RAM, 1000);
  set('rcx', 0x1100);
  assert.is(fn(), EXIT.syscall);
  assert.equal(get('rax'), [1, 0]);
  set('rcx', 0x1100, 1);
  assert.is(fn(), EXIT.next);
  assert.equal(get('rip'), [0x1100, 1]);
  assert.equal(get('rax'), [1, 0]);
});
