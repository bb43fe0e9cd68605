/**
 * Regions: the hot blocks around an entry, compiled as one function. Which blocks belong to a region
 * is decided here, from execution counts; how its control flow is structured, in structure.ts.
 *
 * A direct call is followed into the callee: the callee's blocks are cloned per call site (a
 * context). Where a jumpind goes is guessed: a return to behind the call, or behind the recursive calls
 * of its function; anything else to where it went lately. Each guess is a guard: if the pc is that one, go
 * on there, else leave the region. So a wrong guess costs time, never correctness.
 *
 * Invariants: block 0 is the entry; every block is reachable from it; the blocks' executed bytes
 * lie in `pages`; sizes are bounded by the limits, so that V8 optimizes the function
 * (it never does beyond 61,440 bytes of bytecode).
 */

import type { IrBlock } from '../block.ts';
import type { HelperRow } from '../helpers.ts';
import { JUMP, OP, OPS, type OpRow, STRIDE } from '../ops.ts';
import { isConst, refIndex } from '../refs.ts';
import type { StateLayout } from '../types.ts';
import { ccKindsOnEntry, readsIncomingCc } from './cc-kinds.ts';

export interface RegionBlock {
  ir: IrBlock;
  /** By slot: branch [c != 0, c == 0], jump [target], jumpind [guarded targets], exit []; -1 leaves. */
  succ: number[];
  /** For a jumpind: the pc that each successor stands for, all different. */
  guards: readonly number[];
  /** How often it was executed, as far as counted. */
  count: number;
}

export interface Region {
  name: string;
  blocks: RegionBlock[];
  /** Page numbers (pc / 4096) that hold the region's instructions. */
  pages: number[];
  insnCount: number;
}

/** Where regions get their blocks from. */
export interface RegionSource {
  /**
   * The block at hi:lo, or null; `ccIn`: kind of the condition codes on entry, -1 if unknown; `insns`: how many
   * instructions of it, -1 for all.
   */
  block(pcLo: number, pcHi: number, ccIn: number, insns: number): IrBlock | null;
  /** How often the block was executed. */
  count(pcLo: number, pcHi: number): number;
  /** Where the jumpind at the end of this block went lately, the most frequent first. */
  targets?(block: IrBlock): readonly number[];
}

export interface RegionLimits {
  blocks: number;
  insns: number;
  /** Estimated bytes of bytecode. */
  size: number;
  /**
   * How far straight code may go beyond `insns` and `size`, being cheap to compile: the loop of a SHA-256 is 186
   * instructions long, and was three regions.
   */
  straightTimes: number;
  /** Calls followed into each other. */
  depth: number;
  /** A successor belongs to the region if it ran at least 1/coldRatio as often as the entry. */
  coldRatio: number;
  /** Guards of one jumpind. */
  guards: number;
}

/**
 * Small: V8 compiles a large function for seconds, and runs it in Ignition meanwhile. BusyBox's `gzip -9` of
 * 1.9 MB took 15.2 s with 64 blocks, 600 instructions and 40,000 bytes, 3.6 s with these, 4.7 s without regions.
 */
export const REGION_LIMITS: RegionLimits = {
  blocks: 12,
  insns: 160,
  size: 6_000,
  straightTimes: 3,
  depth: 3,
  coldRatio: 40,
  guards: 12,
};

/** A call site whose callee's blocks are being cloned; the root has no parent. */
interface Context {
  readonly parent: Context | null;
  readonly depth: number;
  readonly entry: number;
  readonly returnPc: number;
  readonly blocks: Map<number, number>;
  /** Behind the recursive calls that were found. */
  readonly returns: Edge[];
}

interface Edge {
  readonly context: Context;
  readonly pc: number;
}

interface Candidate {
  readonly context: Context;
  readonly pc: number;
  readonly count: number;
  /** It goes on where the length of a translation block ended another one. */
  readonly straight: boolean;
}

export function pcNumber(lo: number, hi: number): number {
  return (hi >>> 0) * 4294967296 + (lo >>> 0);
}

/** Grows a region from the entry; null if there is no block at the entry. */
export function formRegion(
  pcLo: number,
  pcHi: number,
  source: RegionSource,
  layout: StateLayout,
  helpers: readonly HelperRow[],
  limits: RegionLimits = REGION_LIMITS,
): Region | null {
  const former = new RegionFormer(source, limits, pcLo, pcHi);
  const blocks = former.grow();
  if (blocks === null) return null;
  specialize(blocks, source, layout, helpers);
  return {
    name: '',
    blocks,
    pages: pagesOf(blocks),
    insnCount: blocks.reduce((n, b) => n + b.ir.insnCount, 0),
  };
}

class RegionFormer {
  private readonly source: RegionSource;
  private readonly limits: RegionLimits;
  private readonly entry: number;
  private readonly minCount: number;
  private readonly blocks: RegionBlock[] = [];
  private readonly contexts: Context[] = [];
  private readonly queue: Candidate[] = [];
  private insns = 0;
  private size = 0;

  constructor(source: RegionSource, limits: RegionLimits, pcLo: number, pcHi: number) {
    this.source = source;
    this.limits = limits;
    this.entry = pcNumber(pcLo, pcHi);
    this.minCount = Math.max(1, source.count(pcLo, pcHi) / limits.coldRatio);
  }

  grow(): RegionBlock[] | null {
    const root: Context = {
      parent: null,
      depth: 0,
      entry: this.entry,
      returnPc: -1,
      blocks: new Map(),
      returns: [],
    };
    this.add({ context: root, pc: this.entry, count: 0, straight: false });
    for (let next = this.take(); next !== undefined; next = this.take()) {
      if (!this.add(next)) continue;
      if (this.blocks.length >= this.limits.blocks) break;
    }
    if (this.blocks.length === 0) return null;
    this.blocks.forEach((b, i) => {
      this.split(b, this.contexts[i]!);
    });
    this.blocks.forEach((b, i) => {
      this.connect(b, this.contexts[i]!);
    });
    return pruneUnreachable(this.blocks);
  }

  /** The best candidate: shallow contexts first, then the most executed. */
  private take(): Candidate | undefined {
    let best = -1;
    for (let i = 0; i < this.queue.length; i++) {
      if (best === -1 || better(this.queue[i]!, this.queue[best]!)) best = i;
    }
    return best === -1 ? undefined : this.queue.splice(best, 1)[0];
  }

  private add({ context, pc, straight }: Candidate): boolean {
    if (context.blocks.has(pc)) return false;
    const ir = this.source.block(pc | 0, Math.floor(pc / 4294967296) | 0, -1, -1);
    if (ir === null) return false;
    const size = estimateSize(ir);
    const first = this.blocks.length === 0;
    const { insns: maxInsns, size: maxSize, straightTimes } = this.limits;
    const times = straight ? straightTimes : 1;
    const fits =
      this.insns + ir.insnCount <= maxInsns * times && this.size + size <= maxSize * times;
    if (!fits && !first) return false;
    this.insns += ir.insnCount;
    this.size += size;
    context.blocks.set(pc, this.blocks.length);
    this.contexts.push(context);
    this.blocks.push({ ir, succ: [], guards: [], count: this.countOf(pc) });
    const cut =
      ir.code[ir.length - STRIDE] === OP.jump && ir.code[ir.length - STRIDE + 5] === JUMP.next;
    for (const edge of this.slots(ir, context))
      if (edge !== null) this.offer(edge.context, edge.pc, cut);
    this.offerReturnSite(ir, context);
    return true;
  }

  /**
   * Lets a block end where another one of its context begins. Translation blocks go on past the heads of loops,
   * since nobody knew of them at the time; left so, the loop would have a second entry.
   */
  private split(b: RegionBlock, context: Context): void {
    const { ir } = b;
    const start = pcNumber(ir.pcLo, ir.pcHi);
    let insns = 0;
    for (let at = 0; at < ir.length; at += STRIDE) {
      if (ir.code[at] !== OP.insn) continue;
      if (insns > 0 && context.blocks.has(start + ir.code[at + 5]!)) {
        const head = this.source.block(ir.pcLo, ir.pcHi, -1, insns);
        if (head !== null && head.insnCount === insns) b.ir = head;
        return;
      }
      insns++;
    }
  }

  private countOf(pc: number): number {
    return this.source.count(pc | 0, Math.floor(pc / 4294967296) | 0);
  }

  private offer(context: Context, pc: number, straight = false): void {
    const count = this.countOf(pc);
    if (count >= this.minCount) this.queue.push({ context, pc, count, straight });
  }

  /** What follows a call is reached through the callee's return, but is worth having before the callee is. */
  private offerReturnSite(ir: IrBlock, context: Context): void {
    const t = ir.length - STRIDE;
    const op = ir.code[t];
    if (ir.code[t + 5] !== JUMP.call || (op !== OP.jump && op !== OP.jumpind)) return;
    this.offer(context, constPc(ir, ir.code[t + 3]!));
  }

  private readonly calls = new Map<IrBlock, Map<Context, Map<number, Context | null>>>();

  /** The context of a call, made on first sight; null: the callee is not followed. */
  private callContext(ir: IrBlock, from: Context, target: number): Context | null {
    const byContext = getOrMake(
      this.calls,
      ir,
      () => new Map<Context, Map<number, Context | null>>(),
    );
    const byTarget = getOrMake(byContext, from, () => new Map<number, Context | null>());
    return getOrMake(byTarget, target, () => this.makeContext(ir, from, target));
  }

  private makeContext(ir: IrBlock, from: Context, target: number): Context | null {
    const returnPc = constPc(ir, ir.code[ir.length - STRIDE + 3]!);
    const active = activeContext(from, target);
    if (active !== null) {
      // Recursion: a loop in which the return address is the state.
      active.returns.push({ context: from, pc: returnPc });
      return active;
    }
    if (from.depth >= this.limits.depth) return null;
    const depth = from.depth + 1;
    return { parent: from, depth, entry: target, returnPc, blocks: new Map(), returns: [] };
  }

  /** Successors by slot; null: leaves the region. */
  private slots(ir: IrBlock, context: Context): (Edge | null)[] {
    const t = ir.length - STRIDE;
    const { code } = ir;
    switch (code[t]) {
      case OP.branch:
        return [
          { context, pc: constPc(ir, code[t + 2]!) },
          { context, pc: constPc(ir, code[t + 3]!) },
        ];
      case OP.jump:
        return [this.transfer(ir, context, code[t + 5]!, constPc(ir, code[t + 2]!))];
      case OP.jumpind:
        return this.guesses(ir, context);
      default:
        return [];
    }
  }

  /** Where a jumpind may go: each pc once. */
  private guesses(ir: IrBlock, context: Context): Edge[] {
    const kind = ir.code[ir.length - STRIDE + 5]!;
    const found: (Edge | null)[] = [];
    if (kind === JUMP.ret && context.parent !== null) {
      found.push({ context: context.parent, pc: context.returnPc });
    }
    if (kind === JUMP.ret) found.push(...context.returns);
    if (kind !== JUMP.ret || context.parent === null) {
      const targets = this.source.targets?.(ir) ?? [];
      found.push(...targets.map((pc) => this.transfer(ir, context, kind, pc)));
    }
    const edges = found.filter((e) => e !== null);
    return edges
      .filter((e, i) => edges.findIndex((other) => other.pc === e.pc) === i)
      .slice(0, this.limits.guards);
  }

  private transfer(ir: IrBlock, from: Context, kind: number, pc: number): Edge | null {
    if (kind !== JUMP.call) return { context: from, pc };
    const context = this.callContext(ir, from, pc);
    return context === null ? null : { context, pc };
  }

  private connect(b: RegionBlock, context: Context): void {
    const indirect = b.ir.code[b.ir.length - STRIDE] === OP.jumpind;
    const index = (e: Edge | null): number =>
      e === null ? -1 : (e.context.blocks.get(e.pc) ?? -1);
    const slots = this.slots(b.ir, context);
    if (!indirect) {
      b.succ = slots.map(index);
      return;
    }
    const inside = slots.filter((e) => e !== null && index(e) >= 0) as Edge[];
    b.succ = inside.map(index);
    b.guards = inside.map((e) => e.pc);
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function better(a: Candidate, b: Candidate): boolean {
  return a.context.depth !== b.context.depth
    ? a.context.depth < b.context.depth
    : a.count > b.count;
}

/** The context of the call of `target` that is being followed already; null: calling it is no recursion. */
function activeContext(context: Context, target: number): Context | null {
  for (let c: Context | null = context; c !== null; c = c.parent) {
    if (c.entry === target) return c;
  }
  return null;
}

function constPc(ir: IrBlock, ref: number): number {
  if (!isConst(ref)) return -1;
  const i = refIndex(ref) * 2;
  return pcNumber(ir.consts[i]!, ir.consts[i + 1]!);
}

/** Bytes of bytecode that a block will need, roughly (measured with --print-bytecode). */
export function estimateSize(ir: IrBlock): number {
  let size = 20;
  for (let i = 0; i < ir.length; i += STRIDE) {
    const row = OPS[ir.code[i]!] as OpRow;
    size += row.effect === 'mark' ? 0 : row.cls === 'int' ? 25 : row.cls === 'mem' ? 110 : 50;
  }
  return size;
}

/** Drops what is not reachable from block 0 (return sites of calls that were not followed). */
function pruneUnreachable(blocks: RegionBlock[]): RegionBlock[] {
  const newIndex = new Map<number, number>([[0, 0]]);
  const kept = [blocks[0]!];
  for (let i = 0; i < kept.length; i++) {
    const b = kept[i]!;
    b.succ = b.succ.map((s) => {
      if (s < 0) return -1;
      let n = newIndex.get(s);
      if (n === undefined) {
        n = kept.push(blocks[s]!) - 1;
        newIndex.set(s, n);
      }
      return n;
    });
  }
  return kept;
}

/** Translates blocks again whose condition-code kind on entry is known from their predecessors. */
function specialize(
  blocks: RegionBlock[],
  source: RegionSource,
  layout: StateLayout,
  helpers: readonly HelperRow[],
): void {
  const kinds = ccKindsOnEntry(blocks, layout, helpers);
  blocks.forEach((b, i) => {
    const kind = kinds[i]!;
    if (kind < 0 || !readsIncomingCc(b.ir, layout, helpers)) return;
    const again = source.block(b.ir.pcLo, b.ir.pcHi, kind, b.ir.insnCount);
    // It must cover the same code: the successors were decided on the first translation.
    if (again !== null && again.byteLength === b.ir.byteLength) b.ir = again;
  });
}

function pagesOf(blocks: readonly RegionBlock[]): number[] {
  const pages = new Set<number>();
  for (const { ir } of blocks) {
    const first = Math.floor(pcNumber(ir.pcLo, ir.pcHi) / 4096);
    const last = Math.floor((pcNumber(ir.pcLo, ir.pcHi) + Math.max(ir.byteLength, 1) - 1) / 4096);
    for (let p = first; p <= last; p++) pages.add(p);
  }
  return [...pages];
}
