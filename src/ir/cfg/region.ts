/**
 * Regions: the hot blocks around an entry, compiled as one function. Which blocks belong to a region
 * is decided here, from execution counts; how its control flow is structured, in structure.ts.
 *
 * A direct call is followed into the callee: the callee's blocks are cloned per call site (a
 * context), and its return becomes a guard: if the popped address is the call's return address,
 * go on behind the call, else leave the region.
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
  /** By slot: branch [c != 0, c == 0], jump [target], jumpind [guarded target], exit []; -1 leaves. */
  succ: number[];
  /** For a jumpind with a successor: the pc the successor stands for. */
  guardLo: number;
  guardHi: number;
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
  /** The block at hi:lo, or null; `ccIn`: kind of the condition codes on entry, -1 if unknown. */
  block(pcLo: number, pcHi: number, ccIn: number): IrBlock | null;
  /** How often the block was executed. */
  count(pcLo: number, pcHi: number): number;
  /** Where the jumpind at the end of this block usually goes, as a number, or -1. */
  target?(block: IrBlock): number;
}

export interface RegionLimits {
  blocks: number;
  insns: number;
  /** Estimated bytes of bytecode. */
  size: number;
  /** Calls followed into each other. */
  depth: number;
  /** A successor belongs to the region if it ran at least 1/coldRatio as often as the entry. */
  coldRatio: number;
}

/**
 * Small: V8 compiles a large function for seconds, and runs it in Ignition meanwhile. BusyBox's `gzip -9` of
 * 1.9 MB took 15.2 s with 64 blocks, 600 instructions and 40,000 bytes, 3.6 s with these, 4.7 s without regions.
 */
export const REGION_LIMITS: RegionLimits = {
  blocks: 12,
  insns: 160,
  size: 6_000,
  depth: 3,
  coldRatio: 40,
};

/** A call site whose callee's blocks are being cloned; the root has no parent. */
interface Context {
  readonly parent: Context | null;
  readonly depth: number;
  readonly entry: number;
  readonly returnPc: number;
  readonly blocks: Map<number, number>;
}

interface Candidate {
  readonly context: Context;
  readonly pc: number;
  readonly count: number;
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
    };
    this.add({ context: root, pc: this.entry, count: 0 });
    for (let next = this.take(); next !== undefined; next = this.take()) {
      if (!this.add(next)) continue;
      if (this.blocks.length >= this.limits.blocks) break;
    }
    if (this.blocks.length === 0) return null;
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

  private add({ context, pc }: Candidate): boolean {
    if (context.blocks.has(pc)) return false;
    const ir = this.source.block(pc | 0, Math.floor(pc / 4294967296) | 0, -1);
    if (ir === null) return false;
    const size = estimateSize(ir);
    const first = this.blocks.length === 0;
    const fits =
      this.insns + ir.insnCount <= this.limits.insns && this.size + size <= this.limits.size;
    if (!fits && !first) return false;
    this.insns += ir.insnCount;
    this.size += size;
    context.blocks.set(pc, this.blocks.length);
    this.contexts.push(context);
    this.blocks.push({ ir, succ: [], guardLo: 0, guardHi: 0 });
    for (const edge of this.edges(ir, context)) this.offer(edge.context, edge.pc);
    this.offerReturnSite(ir, context);
    return true;
  }

  private offer(context: Context, pc: number): void {
    const count = this.source.count(pc | 0, Math.floor(pc / 4294967296) | 0);
    if (count >= this.minCount) this.queue.push({ context, pc, count });
  }

  /** What follows a call is reached through the callee's return, but is worth having before the callee is. */
  private offerReturnSite(ir: IrBlock, context: Context): void {
    const t = ir.length - STRIDE;
    const op = ir.code[t];
    if (ir.code[t + 5] !== JUMP.call || (op !== OP.jump && op !== OP.jumpind)) return;
    this.offer(context, constPc(ir, ir.code[t + 3]!));
  }

  private readonly calls = new Map<IrBlock, Map<Context, Context | null>>();

  /** The context of a call, made on first sight; null: the callee is not followed. */
  private callContext(ir: IrBlock, from: Context, target: number): Context | null {
    let byContext = this.calls.get(ir);
    if (byContext === undefined) this.calls.set(ir, (byContext = new Map()));
    const known = byContext.get(from);
    if (known !== undefined) return known;
    let made: Context | null = null;
    if (from.depth < this.limits.depth && !isActive(from, target)) {
      const returnPc = constPc(ir, ir.code[ir.length - STRIDE + 3]!);
      made = { parent: from, depth: from.depth + 1, entry: target, returnPc, blocks: new Map() };
    }
    byContext.set(from, made);
    return made;
  }

  /** Successors by slot as (context, pc); a null context: leaves the region. */
  private edges(ir: IrBlock, context: Context): { context: Context; pc: number }[] {
    return this.slots(ir, context).filter((e) => e !== null);
  }

  private slots(ir: IrBlock, context: Context): ({ context: Context; pc: number } | null)[] {
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
      case OP.jumpind: {
        if (code[t + 5] === JUMP.ret) {
          const parent = context.parent;
          return [parent === null ? null : { context: parent, pc: context.returnPc }];
        }
        const pc = this.source.target?.(ir) ?? -1;
        return [pc < 0 ? null : this.transfer(ir, context, code[t + 5]!, pc)];
      }
      default:
        return [];
    }
  }

  private transfer(
    ir: IrBlock,
    from: Context,
    kind: number,
    pc: number,
  ): { context: Context; pc: number } | null {
    if (kind !== JUMP.call) return { context: from, pc };
    const context = this.callContext(ir, from, pc);
    return context === null ? null : { context, pc };
  }

  private connect(b: RegionBlock, context: Context): void {
    b.succ = this.slots(b.ir, context).map((e) =>
      e === null ? -1 : (e.context.blocks.get(e.pc) ?? -1),
    );
    const first = this.slots(b.ir, context)[0];
    if (b.ir.code[b.ir.length - STRIDE] !== OP.jumpind || first == null) return;
    b.guardLo = first.pc | 0;
    b.guardHi = Math.floor(first.pc / 4294967296) | 0;
  }
}

function better(a: Candidate, b: Candidate): boolean {
  return a.context.depth !== b.context.depth
    ? a.context.depth < b.context.depth
    : a.count > b.count;
}

/** Would a call of `target` be recursive? */
function isActive(context: Context, target: number): boolean {
  for (let c: Context | null = context; c !== null; c = c.parent) {
    if (c.entry === target) return true;
  }
  return false;
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
    const again = source.block(b.ir.pcLo, b.ir.pcHi, kind);
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
