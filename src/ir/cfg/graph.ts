/**
 * Small directed graphs: reverse postorder, dominators, strongly connected components, and the
 * repair of irreducible loops. Nodes are 0..n-1. Regions have at most some hundred nodes, so plain
 * arrays and simple algorithms are what is fastest here.
 *
 * An irreducible loop (one that is entered at several nodes) gets a dispatch node: all edges to its
 * entries go to the dispatch node instead, which is then the only entry. The edge says by a
 * selector value which of the entries it meant.
 */

export interface Graph {
  entry: number;
  /** Successors by node and slot; -1: the edge leaves the graph. */
  readonly succ: number[][];
}

/** Nodes reachable from the entry, in reverse postorder. */
export function reversePostorder(g: Graph): number[] {
  const seen = new Uint8Array(g.succ.length);
  const order: number[] = [];
  const stack: number[] = [g.entry];
  const next: number[] = [0];
  seen[g.entry] = 1;
  while (stack.length > 0) {
    const top = stack.length - 1;
    const succ = g.succ[stack[top]!]!;
    const k = next[top]!;
    if (k === succ.length) {
      order.push(stack[top]!);
      stack.pop();
      next.pop();
      continue;
    }
    next[top] = k + 1;
    // The last slot first, so that the first slot comes directly after its node in reverse postorder.
    const s = succ[succ.length - 1 - k]!;
    if (s < 0 || seen[s] === 1) continue;
    seen[s] = 1;
    stack.push(s);
    next.push(0);
  }
  return order.reverse();
}

/** Position of each node in `order`; -1 for a node that is not in it. */
export function positions(count: number, order: readonly number[]): Int32Array {
  const pos = new Int32Array(count).fill(-1);
  order.forEach((node, i) => {
    pos[node] = i;
  });
  return pos;
}

export function predecessors(g: Graph, order: readonly number[]): number[][] {
  const preds: number[][] = g.succ.map(() => []);
  for (const node of order) {
    for (const s of g.succ[node]!) if (s >= 0) preds[s]!.push(node);
  }
  return preds;
}

/** Immediate dominators (Cooper, Harvey and Kennedy's iteration); the entry's is itself. */
export function dominators(g: Graph, order: readonly number[]): Int32Array {
  const pos = positions(g.succ.length, order);
  const preds = predecessors(g, order);
  const idom = new Int32Array(g.succ.length).fill(-1);
  idom[g.entry] = g.entry;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === g.entry) continue;
      let dom = -1;
      for (const p of preds[node]!) {
        if (idom[p] === -1) continue;
        dom = dom === -1 ? p : intersect(idom, pos, p, dom);
      }
      if (idom[node] === dom) continue;
      idom[node] = dom;
      changed = true;
    }
  }
  return idom;
}

function intersect(idom: Int32Array, pos: Int32Array, a: number, b: number): number {
  while (a !== b) {
    while (pos[a]! > pos[b]!) a = idom[a]!;
    while (pos[b]! > pos[a]!) b = idom[b]!;
  }
  return a;
}

/** Strongly connected components of the subgraph `nodes` without the edges into `cut` (Tarjan). */
export function components(g: Graph, nodes: readonly number[], cut: number): number[][] {
  const inside = new Uint8Array(g.succ.length);
  for (const n of nodes) inside[n] = 1;
  const index = new Int32Array(g.succ.length).fill(-1);
  const low = new Int32Array(g.succ.length);
  const onStack = new Uint8Array(g.succ.length);
  const stack: number[] = [];
  const found: number[][] = [];
  let counter = 0;

  const visit = (v: number): void => {
    index[v] = low[v] = counter++;
    stack.push(v);
    onStack[v] = 1;
    for (const s of g.succ[v]!) {
      if (s < 0 || s === cut || inside[s] === 0) continue;
      if (index[s] === -1) {
        visit(s);
        low[v] = Math.min(low[v]!, low[s]!);
      } else if (onStack[s] === 1) {
        low[v] = Math.min(low[v]!, index[s]!);
      }
    }
    if (low[v] !== index[v]) return;
    const component: number[] = [];
    let w: number;
    do {
      w = stack.pop()!;
      onStack[w] = 0;
      component.push(w);
    } while (w !== v);
    found.push(component);
  };
  for (const n of nodes) if (index[n] === -1) visit(n);
  return found;
}

/**
 * A graph whose loops have one entry each. Nodes from `original` on are dispatch nodes: they have no
 * code, the selector chooses the successor (or there is only one).
 */
export interface ReducibleGraph extends Graph {
  readonly original: number;
  /** For an edge (node, slot) that now goes to a dispatch node: the selector; otherwise -1. */
  readonly selector: number[][];
}

/** Copies `g`, with dispatch nodes in front of its irreducible loops. */
export function makeReducible(g: Graph): ReducibleGraph {
  const out: ReducibleGraph = {
    entry: g.entry,
    original: g.succ.length,
    succ: g.succ.map((s) => s.slice()),
    selector: g.succ.map((s) => s.map(() => -1)),
  };
  const work: { nodes: number[]; cut: number }[] = [{ nodes: reversePostorder(out), cut: -1 }];
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    for (const component of components(out, item.nodes, item.cut)) {
      const loop = loopEntries(out, component, item.cut);
      if (loop.length === 0) continue;
      if (loop.length === 1) {
        work.push({ nodes: component, cut: loop[0]! });
        continue;
      }
      const dispatch = addDispatch(out, loop);
      work.push({ nodes: [dispatch, ...component], cut: dispatch });
    }
  }
  return out;
}

/** Entries of a component that is a loop; empty if it is no loop. */
function loopEntries(g: ReducibleGraph, component: readonly number[], cut: number): number[] {
  const inside = new Uint8Array(g.succ.length);
  for (const n of component) inside[n] = 1;
  const first = component[0]!;
  if (component.length === 1 && (first === cut || !g.succ[first]!.includes(first))) return [];
  const entered = new Uint8Array(g.succ.length);
  entered[g.entry] = 1;
  for (let n = 0; n < g.succ.length; n++) {
    if (inside[n] === 1) continue;
    for (const s of g.succ[n]!) if (s >= 0) entered[s] = 1;
  }
  return component.filter((n) => entered[n] === 1).sort((a, b) => a - b);
}

function addDispatch(g: ReducibleGraph, entries: readonly number[]): number {
  if (entries.includes(g.entry)) {
    g.succ.push([g.entry]);
    g.selector.push([-1]);
    g.entry = g.succ.length - 1;
  }
  const dispatch = g.succ.length;
  for (let n = 0; n < g.succ.length; n++) {
    const succ = g.succ[n]!;
    for (let k = 0; k < succ.length; k++) {
      const which = entries.indexOf(succ[k]!);
      if (which === -1) continue;
      succ[k] = dispatch;
      g.selector[n]![k] = which;
    }
  }
  g.succ.push(entries.slice());
  g.selector.push(entries.map(() => -1));
  return dispatch;
}
