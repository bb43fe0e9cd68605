/**
 * Structured control flow: the tree, walked by a small interpreter, visits the same nodes as a direct walk
 * of the graph, for random graphs, irreducible ones included.
 */

import fc from 'fast-check';
import { dominators, makeReducible, positions, reversePostorder } from '../../src/ir/cfg/graph.ts';
import { type Stmt, structure } from '../../src/ir/cfg/structure.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('control flow structuring');

const STEPS = 200;

/** Which successor slot the k-th executed node takes. */
type Choice = (node: number, step: number) => number;

function walkGraph(succ: readonly (readonly number[])[], choose: Choice): number[] {
  const trace: number[] = [];
  let node = 0;
  while (node >= 0 && trace.length < STEPS) {
    const slot = choose(node, trace.length);
    trace.push(node);
    node = succ[node]![slot] ?? -1;
  }
  return trace;
}

/** What a statement list ends with: a jump to a label, or the end of the walk. */
interface Jump {
  readonly kind: 'break' | 'continue' | 'leave';
  readonly label: number;
}
const LEAVE: Jump = { kind: 'leave', label: -1 };

class TreeWalk {
  readonly trace: number[] = [];
  private selector = -1;
  private readonly choose: Choice;

  constructor(choose: Choice) {
    this.choose = choose;
  }

  list(stmts: readonly Stmt[]): Jump {
    for (const s of stmts) {
      const jump = this.stmt(s);
      if (jump !== null) return jump;
    }
    throw new Error('control runs off the end of a list');
  }

  /** @returns null: go on with the next statement */
  private stmt(s: Stmt): Jump | null {
    switch (s.kind) {
      case 'block': {
        const jump = this.list(s.body);
        return jump.kind === 'break' && jump.label === s.label ? null : jump;
      }
      case 'loop':
        for (;;) {
          const jump = this.list(s.body);
          if (jump.kind !== 'continue' || jump.label !== s.label) return jump;
        }
      case 'code': {
        if (this.trace.length >= STEPS) return LEAVE;
        const slot = this.choose(s.node, this.trace.length);
        this.trace.push(s.node);
        const arm = s.arms[slot] ?? null;
        return arm === null ? LEAVE : this.list(arm);
      }
      case 'dispatch':
        return this.list(s.arms[s.arms.length === 1 ? 0 : this.selector]!);
      case 'select':
        this.selector = s.value;
        return null;
      default:
        return s;
    }
  }
}

function count(stmts: readonly Stmt[], kind: Stmt['kind']): number {
  let n = 0;
  for (const s of stmts) {
    if (s.kind === kind) n++;
    if (s.kind === 'block' || s.kind === 'loop') n += count(s.body, kind);
    if (s.kind === 'code' || s.kind === 'dispatch') {
      for (const arm of s.arms) if (arm !== null) n += count(arm, kind);
    }
  }
  return n;
}

/** Keeps what is reachable from node 0, renumbered. */
function reachable(succ: number[][]): number[][] {
  const order = reversePostorder({ entry: 0, succ });
  const at = positions(succ.length, order);
  return order.map((n) => succ[n]!.map((s) => (s < 0 ? -1 : at[s]!)));
}

function agree(succ: number[][], seed: number): void {
  const choose: Choice = (node, step) => ((node * 7 + step * 13 + seed) >>> (step % 7)) & 1;
  const walk = new TreeWalk(choose);
  walk.list(structure({ entry: 0, succ }));
  assert.equal(walk.trace, walkGraph(succ, choose));
}

test('random graphs keep their traces', () => {
  const graph = fc.integer({ min: 1, max: 14 }).chain((n) =>
    fc.array(fc.array(fc.integer({ min: -1, max: n - 1 }), { minLength: 1, maxLength: 2 }), {
      minLength: n,
      maxLength: n,
    }),
  );
  fc.assert(
    fc.property(graph, fc.integer({ min: 0, max: 1 << 20 }), (g, seed) => {
      agree(reachable(g), seed);
    }),
    { numRuns: 2000, seed: 7 },
  );
});

test('reducible graphs need no dispatch', () => {
  // Nested loops with an exit from the inner one, and a diamond.
  const succ = [[1], [2, 5], [3, 4], [4, 6], [2, 1], [-1], [-1]];
  const tree = structure({ entry: 0, succ });
  assert.is(count(tree, 'dispatch'), 0);
  assert.is(count(tree, 'loop'), 2);
  for (let seed = 0; seed < 50; seed++) agree(succ, seed);
});

test('a loop entered at two nodes gets one dispatch, around that loop only', () => {
  const succ = [
    [1, 2],
    [2, 3],
    [1, 3],
    [4, -1],
    [3, -1],
  ];
  const tree = structure({ entry: 0, succ });
  assert.is(count(tree, 'dispatch'), 1);
  for (let seed = 0; seed < 50; seed++) agree(succ, seed);
});

test('an irreducible loop that contains the entry', () => {
  const succ = [
    [1, 2],
    [2, 0],
    [1, 0],
  ];
  for (let seed = 0; seed < 50; seed++) agree(succ, seed);
});

test('after the repair every loop has one entry', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 20, maxLength: 20 }), (edges) => {
      const succ = Array.from({ length: 10 }, (_, i) => [edges[2 * i]!, edges[2 * i + 1]!]);
      const g = makeReducible({ entry: 0, succ: reachable(succ) });
      const order = reversePostorder(g);
      const pos = positions(g.succ.length, order);
      const idom = dominators(g, order);
      const dominates = (a: number, b: number): boolean => {
        for (let n = b; ; n = idom[n]!) {
          if (n === a) return true;
          if (n === g.entry) return false;
        }
      };
      for (const n of order) {
        for (const s of g.succ[n]!) if (pos[s]! <= pos[n]!) assert.ok(dominates(s, n));
      }
    }),
    { numRuns: 500, seed: 11 },
  );
});
