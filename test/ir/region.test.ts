/** Region formation: which blocks, calls followed and returns guarded, limits, known condition codes. */

import { X86_STATE } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import {
  formRegion,
  REGION_LIMITS,
  type Region,
  type RegionLimits,
} from '../../src/ir/cfg/region.ts';
import type { HelperRow } from '../../src/ir/helpers.ts';
import { parseBlock } from '../../src/ir/text.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('region formation');

/** Reads all condition codes, as the frontend's flag helper does. */
const FLAGS: HelperRow = {
  name: 'flags',
  result: 'i32',
  args: [],
  reads: [X86_STATE.ccKind, X86_STATE.ccA, X86_STATE.ccB, X86_STATE.ccC],
  writes: [],
  mayFault: false,
  fn: () => 0,
};

interface Program {
  /** Block text by pc, without the header; count. */
  readonly [pc: number]: readonly [text: string, count: number];
}

interface Formed {
  readonly region: Region;
  /** Blocks as `pc`, or `pc!kind` if translated for a known kind of condition codes. */
  readonly blocks: string[];
  readonly edges: string[];
}

function form(program: Program, entry: number, limits: Partial<RegionLimits> = {}): Formed {
  const kinds = new Map<IrBlock, number>();
  const source = {
    block(pcLo: number, _pcHi: number, ccIn: number): IrBlock | null {
      const row = program[pcLo];
      if (row === undefined) return null;
      const ir = parseBlock(
        `block 0x${pcLo.toString(16)} bytes 16 insns 4\n${row[0].replaceAll(';', '\n')}`,
        X86_STATE,
      );
      kinds.set(ir, ccIn);
      return ir;
    },
    count: (pcLo: number) => program[pcLo]?.[1] ?? 0,
  };
  const region = formRegion(entry, 0, source, X86_STATE, [FLAGS], { ...REGION_LIMITS, ...limits });
  assert.ok(region !== null);
  const name = (i: number): string => region.blocks[i]!.ir.pcLo.toString(16);
  return {
    region,
    blocks: region.blocks.map(
      (b, i) => name(i) + (kinds.get(b.ir)! < 0 ? '' : `!${kinds.get(b.ir)}`),
    ),
    edges: region.blocks.flatMap((b, i) =>
      b.succ.map((s) => `${name(i)}>${s < 0 ? '-' : name(s)}`),
    ),
  };
}

const BRANCH = (yes: number, no: number): string =>
  `t0:i32 = set.i64 eq rax, 0x0; branch t0 ? ${yes} : ${no}`;

test('a loop with a cold exit', () => {
  const { blocks, edges } = form(
    { 16: [BRANCH(0x40, 0x20), 1000], 32: ['jump next 0x10', 1000], 64: ['exit syscall 0x50', 1] },
    0x10,
  );
  assert.equal(blocks, ['10', '20']);
  assert.equal(edges, ['10>-', '10>20', '20>10']);
});

const CALLS: Program = {
  256: ['jump call 0x200, 0x110', 500],
  272: ['jump call 0x200, 0x120', 500],
  288: ['jump jump 0x100', 500],
  512: ['rcx = ld64 [rsp]; jumpind ret rcx', 1000],
};

test('a callee is cloned for each call site, its return guarded', () => {
  const { region, edges } = form(CALLS, 0x100);
  assert.is(region.blocks.length, 5);
  assert.equal(edges.sort(), ['100>200', '110>200', '120>100', '200>110', '200>120']);
  const guards = region.blocks.filter((b) => b.ir.pcLo === 0x200).map((b) => b.guards);
  assert.equal(guards.sort(), [[0x110], [0x120]]);
});

test('the return of the region itself leaves it', () => {
  const { region } = form(CALLS, 0x200);
  assert.equal(
    region.blocks.map((b) => b.succ),
    [[]],
  );
});

test('calls deeper than the limit leave the region', () => {
  assert.equal(form(CALLS, 0x100, { depth: 0 }).edges, ['100>-']);
});

test('recursion is a loop, and returns go behind the recursive calls', () => {
  const { region, edges } = form(
    {
      16: [BRANCH(0x40, 0x20), 100],
      32: ['jump call 0x10, 0x30', 100],
      48: ['jump call 0x10, 0x40', 100],
      64: ['rcx = ld64 [rsp]; jumpind ret rcx', 100],
    },
    0x10,
  );
  assert.equal(edges.sort(), ['10>20', '10>40', '20>10', '30>10', '40>30', '40>40']);
  assert.equal(region.blocks.find((b) => b.ir.pcLo === 0x40)?.guards, [0x30, 0x40]);
});

test('limits on blocks and instructions', () => {
  const chain = (kind: string): Program => {
    const blocks: Record<number, readonly [string, number]> = {};
    for (let i = 1; i < 200; i++) blocks[i * 16] = [`jump ${kind} ${(i + 1) * 16}`, 100];
    return blocks;
  };
  const jumps = chain('jump');
  assert.is(form(jumps, 16, { blocks: 10 }).region.blocks.length, 10);
  assert.is(form(jumps, 16, { insns: 100, blocks: 100, size: 40_000 }).region.insnCount, 100);
  assert.is(form(jumps, 16).region.blocks.length, REGION_LIMITS.blocks);
  // Straight code may go on beyond the limits: its end, a loop's perhaps, is not far.
  const straight = form(chain('next'), 16, { insns: 100, blocks: 100, size: 40_000 });
  assert.is(straight.region.insnCount, 300);
});

test('a block whose predecessors agree on the kind of condition codes is translated for it', () => {
  const use = 't0:i64 = call 0 (_, _, _)';
  const { blocks } = form(
    {
      16: [`ccset 11 (rax, rbx, _); ${BRANCH(0x20, 0x30)}`, 10],
      32: ['ccset 11 (rcx, rbx, _); jump next 0x40', 10],
      48: ['jump next 0x40', 10],
      64: [`${use}; ccset 7 (t0, t0, _); jump next 0x50`, 10],
      80: [`${use}; branch t0 ? 0x10 : 0x20`, 10],
    },
    0x10,
  );
  assert.equal(blocks.sort(), ['10', '20', '30', '40!11', '50!7']);
});

test('pages', () => {
  const { region } = form({ 4088: ['jump next 0x5000', 5], 20480: ['exit next 0x1', 5] }, 0xff8);
  assert.equal(region.pages.sort(), [0, 1, 5]);
});
