/** A profile, folded: phase, then guest function or system call, then host functions. */

import type { CpuProfile } from '../../host/node/profiler.ts';
import { doing, type Frame } from './phases.ts';
import { SourcePlaces } from './source-places.ts';

/** Host functions below a phase that are told apart. */
const MAX_DEPTH = 24;

export interface FlameNode {
  readonly name: string;
  /** Microseconds, with those of the children. */
  time: number;
  readonly children: Map<string, FlameNode>;
}

function newNode(name: string): FlameNode {
  return { name, time: 0, children: new Map() };
}

function child(node: FlameNode, name: string): FlameNode {
  let c = node.children.get(name);
  if (c === undefined) {
    c = newNode(name);
    node.children.set(name, c);
  }
  return c;
}

/** Names that JavaScript regions have (backend-js/names.ts), in no file of their own; all of WebAssembly is regions. */
const REGION = /_0x[0-9a-f]+$/;

/** Stacks by node, the outermost frame first. */
function stacks(profile: CpuProfile): Map<number, readonly Frame[]> {
  const places = new SourcePlaces();
  const byId = new Map(profile.nodes.map((n) => [n.id, n]));
  const found = new Map<number, readonly Frame[]>();
  const visit = (id: number, above: readonly Frame[]): void => {
    const node = byId.get(id);
    if (node === undefined) return;
    const { functionName: name, url, lineNumber, columnNumber } = node.callFrame;
    const frame: Frame = {
      name: name === '' ? '(anonymous)' : name,
      place: places.place(url, lineNumber, columnNumber),
      translated: url.startsWith('wasm:') || (url === '' && REGION.test(name)),
    };
    const stack = name === '(root)' ? above : [...above, frame];
    found.set(id, stack);
    for (const c of node.children ?? []) visit(c, stack);
  };
  const root = profile.nodes.find((n) => n.callFrame.functionName === '(root)');
  if (root !== undefined) visit(root.id, []);
  return found;
}

/** Adds up the time of samples. @returns the root: all of it */
export function fold(profile: CpuProfile): FlameNode {
  const root = newNode('all');
  const stackOf = stacks(profile);
  const times = new Map<number, number>();
  profile.samples.forEach((id, i) => {
    // A sample stands for the time until the next one.
    const time = profile.timeDeltas[i + 1] ?? 0;
    times.set(id, (times.get(id) ?? 0) + time);
  });
  for (const [id, time] of times) addStack(root, stackOf.get(id) ?? [], time);
  return root;
}

function addStack(root: FlameNode, stack: readonly Frame[], time: number): void {
  const { phase, detail, at } = doing(stack);
  root.time += time;
  let node = child(root, phase);
  node.time += time;
  if (detail !== '') {
    node = child(node, detail);
    node.time += time;
  }
  for (const frame of stack.slice(at, at + MAX_DEPTH)) {
    node = child(node, frame.name);
    node.time += time;
  }
}
