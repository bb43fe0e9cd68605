/**
 * Structured control flow from a flow graph: labelled blocks and loops from the dominator tree
 * (N. Ramsey, "Beyond Relooper: recursive translation of unstructured control flow to structured
 * control flow", ICFP 2022). The result is a tree that any backend can print.
 *
 * Invariants: every node of the graph appears exactly once; a `break` leaves an enclosing
 * `block`, a `continue` an enclosing `loop`; control never runs off the end of an arm, a loop body or the
 * whole tree: a `break` or `continue` that would be redundant there is still in the tree.
 */

import {
  dominators,
  type Graph,
  makeReducible,
  positions,
  predecessors,
  type ReducibleGraph,
  reversePostorder,
} from './graph.ts';

export type Stmt =
  /** `break` to the label continues after the body. */
  | { readonly kind: 'block'; readonly label: number; readonly body: readonly Stmt[] }
  /** Repeats by `continue`; `head` is the node the loop starts with. */
  | {
      readonly kind: 'loop';
      readonly label: number;
      readonly head: number;
      readonly body: readonly Stmt[];
    }
  /** The code of a node, then by its terminator one of the arms; null: leaves the graph. */
  | {
      readonly kind: 'code';
      readonly node: number;
      readonly arms: readonly (readonly Stmt[] | null)[];
    }
  /** Chooses an arm by the selector. */
  | { readonly kind: 'dispatch'; readonly arms: readonly (readonly Stmt[])[] }
  /** Sets the selector for the next dispatch. */
  | { readonly kind: 'select'; readonly value: number }
  | { readonly kind: 'break'; readonly label: number }
  /** `target`: the node that runs next (behind the dispatch, if the loop begins with one). */
  | { readonly kind: 'continue'; readonly label: number; readonly target: number };

/** @param graph successors per node and slot, -1 for edges that leave */
export function structure(graph: Graph): Stmt[] {
  return new Structurer(makeReducible(graph)).tree();
}

class Structurer {
  private readonly g: ReducibleGraph;
  private readonly pos: Int32Array;
  private readonly isMerge: Uint8Array;
  private readonly isLoop: Uint8Array;
  /** Dominator tree children that are merge nodes, last in reverse postorder first. */
  private readonly mergeChildren: number[][];
  /** Label of the block that ends where the node starts, or of the loop that starts there. */
  private readonly blockLabel: Int32Array;
  private readonly loopLabel: Int32Array;
  private labels = 0;

  constructor(g: ReducibleGraph) {
    const n = g.succ.length;
    const order = reversePostorder(g);
    const preds = predecessors(g, order);
    const idom = dominators(g, order);
    this.g = g;
    this.pos = positions(n, order);
    this.isMerge = new Uint8Array(n);
    this.isLoop = new Uint8Array(n);
    this.mergeChildren = g.succ.map(() => []);
    this.blockLabel = new Int32Array(n).fill(-1);
    this.loopLabel = new Int32Array(n).fill(-1);
    for (let i = order.length - 1; i >= 0; i--) {
      const node = order[i]!;
      const forward = preds[node]!.filter((p) => this.pos[p]! < i).length;
      if (forward < preds[node]!.length) this.isLoop[node] = 1;
      if (forward < 2) continue;
      this.isMerge[node] = 1;
      this.mergeChildren[idom[node]!]!.push(node);
    }
  }

  tree(): Stmt[] {
    const out: Stmt[] = [];
    this.doTree(this.g.entry, out);
    return out;
  }

  /** Everything dominated by `node`. */
  private doTree(node: number, out: Stmt[]): void {
    if (this.isLoop[node] === 0) {
      this.within(node, 0, out);
      return;
    }
    const label = this.labels++;
    const body: Stmt[] = [];
    this.loopLabel[node] = label;
    this.within(node, 0, body);
    out.push({ kind: 'loop', label, head: node, body });
  }

  /** `node` inside the blocks that end before its merge children from the k-th on. */
  private within(node: number, k: number, out: Stmt[]): void {
    const child = this.mergeChildren[node]![k];
    if (child === undefined) {
      out.push(this.nodeItself(node));
      return;
    }
    const label = this.labels++;
    const body: Stmt[] = [];
    this.blockLabel[child] = label;
    this.within(node, k + 1, body);
    out.push({ kind: 'block', label, body });
    this.doTree(child, out);
  }

  private nodeItself(node: number): Stmt {
    const succ = this.g.succ[node]!;
    const arms = succ.map((s, k) => (s < 0 ? null : this.edge(node, k, s)));
    if (node < this.g.original) return { kind: 'code', node, arms };
    return { kind: 'dispatch', arms: arms as Stmt[][] };
  }

  /** The code node that runs after an edge to `to`, behind the dispatches. */
  private realTarget(to: number, value: number): number {
    let node = to;
    for (let v = value; node >= this.g.original; ) {
      const next = this.g.succ[node]![v]!;
      v = this.g.selector[node]![v]!;
      node = next;
    }
    return node;
  }

  private edge(from: number, slot: number, to: number): Stmt[] {
    const out: Stmt[] = [];
    const value = this.g.selector[from]![slot]!;
    if (value >= 0) out.push({ kind: 'select', value });
    if (this.pos[to]! <= this.pos[from]!) {
      out.push({
        kind: 'continue',
        label: this.loopLabel[to]!,
        target: this.realTarget(to, value),
      });
    } else if (this.isMerge[to] === 1) {
      out.push({ kind: 'break', label: this.blockLabel[to]! });
    } else {
      this.doTree(to, out);
    }
    return out;
  }
}
