/**
 * The code cache: every translation block, found by where its code is in memory.
 *
 * A translation is keyed by (host offset of its first byte, guest address): the same page of libc
 * mapped by two processes at one address is translated once. Invariants: a block is alive while
 * the bytes it was made from are unchanged; it may run while `gen` equals the code generation
 * (ENG_CODE_GEN), i.e. while the executable mappings are those under which it was last looked up; a
 * region dies with any of its blocks.
 */

import type { RegionObject } from '../backend-wasm/emit-region.ts';
import { PAGE_SIZE } from '../common/layout.ts';
import type { InterpBlock, Interpreter } from '../ir/interp.ts';
import { type CodeTracker, FRAME_FREED } from '../mmu/paging.ts';

/** Compiled code of one region: returns an EXIT code, all registers written back. */
export interface CompiledRegion {
  readonly run: () => number;
  readonly name: string;
  readonly entry: Tb;
  readonly members: readonly Tb[];
  alive: boolean;
  /** Code generation under which all its pages were last found unchanged. */
  gen: number;
  /** Dispatches into it. */
  entries: number;
  /** For a lean region: how often it was left for want of a slow path, and instructions executed; else null. */
  lean: LeanCounts | null;
  /** Its place in the table of regions, or -1. */
  readonly slot: number;
  /** What it was linked from, for later runs; null for JavaScript. */
  readonly object: RegionObject | null;
}

export interface LeanCounts {
  slow: number;
  instructions: number;
}

const NO_REGIONS: readonly CompiledRegion[] = [];

/** A translation block. There are many: each field counts. */
export class Tb {
  readonly pcLo: number;
  readonly pcHi: number;
  readonly byteLength: number;
  /** Host offset of the first byte. */
  readonly host: number;
  /** Frame of the page that the last bytes are in, if it is not the first one's; else -1. */
  readonly secondFrame: number;
  readonly interp: InterpBlock;
  region: CompiledRegion | null = null;
  /** Regions that contain it. */
  inRegions: readonly CompiledRegion[] = NO_REGIONS;
  /** Another block from the same bytes, at another address. */
  nextAtHost: Tb | null = null;
  gen: number;
  alive = true;
  /** A region could not be made here: not tried again. */
  noRegion = false;
  /** A region from here needs its slow paths often: it is to have them. */
  needsSlowPaths = false;
  /** Its first instruction alone, for the interpreter. */
  first: InterpBlock | null = null;

  constructor(
    interp: InterpBlock,
    byteLength: number,
    host: number,
    secondFrame: number,
    gen: number,
  ) {
    this.interp = interp;
    this.pcLo = interp.pcLo;
    this.pcHi = interp.pcHi;
    this.byteLength = byteLength;
    this.host = host;
    this.secondFrame = secondFrame;
    this.gen = gen;
  }

  get pc(): number {
    return this.pcHi * 0x1_0000_0000 + (this.pcLo >>> 0);
  }
}

/** What the cache needs of the MMU. */
export interface CodePages {
  protectCode(frame: number): void;
  unprotectCode(frame: number): void;
  frameOf(host: number): number;
}

/** One invalidation, for `dump` and `--stats`. */
export interface Invalidation {
  readonly pc: number;
  readonly reason: string;
}

/** A reason of invalidation: another page is mapped where a block ends. Its first page is as it was. */
export const SECOND_PAGE = 'second page remapped';

const CACHE_ENTRIES = 8192;
/** Invalidations remembered for dumps; counts per reason are complete. */
const MAX_LOG = 1000;

export class CodeCache implements CodeTracker {
  readonly invalidations: Map<string, number> = new Map();
  readonly log: Invalidation[] = [];
  /** Counts flushes: what holds arena indices compares it. */
  epoch = 0;
  /** Sees every new block (the audit). */
  onAdd: ((tb: Tb) => void) | null = null;
  /** Sees every region that is not to be entered any more. */
  onKillRegion: ((region: CompiledRegion) => void) | null = null;
  /** Sees frames that are free, or have been `written` to where they had blocks. */
  onChange: ((frame: number, written: boolean) => void) | null = null;
  /** Called before everything is dropped. */
  onFlush: (() => void) | null = null;
  private readonly interp: Interpreter;
  private readonly pages: CodePages;
  /** First of the blocks there; see `nextAtHost`. */
  private readonly byHost: Map<number, Tb> = new Map();
  private readonly byFrame: Map<number, Set<Tb>> = new Map();
  /** Per frame, which 16-byte pieces may hold translated code. */
  private readonly pieces: Map<number, Uint8Array> = new Map();
  private readonly recent: (Tb | null)[] = new Array<Tb | null>(CACHE_ENTRIES).fill(null);

  constructor(interp: Interpreter, pages: CodePages) {
    this.interp = interp;
    this.pages = pages;
  }

  get size(): number {
    let n = 0;
    for (const set of this.byFrame.values()) n += set.size;
    return n;
  }

  /** Live blocks, for dumps and audits (one that spans two pages comes once). */
  *blocks(): Generator<Tb> {
    for (const first of this.byHost.values()) {
      for (let tb: Tb | null = first; tb !== null; tb = tb.nextAtHost) yield tb;
    }
  }

  /** Live blocks with bytes in a frame, for audits. */
  blocksIn(frame: number): Iterable<Tb> {
    return this.byFrame.get(frame) ?? [];
  }

  /** The block at hi:lo if it was looked up under this generation before. */
  recentAt(lo: number, hi: number, gen: number): Tb | null {
    const tb = this.recent[(lo ^ (lo >>> 13)) & (CACHE_ENTRIES - 1)] as Tb | null;
    return tb !== null && tb.pcLo === lo && tb.pcHi === hi && tb.gen === gen && tb.alive
      ? tb
      : null;
  }

  /** The block translated from the code at `host` for address hi:lo. */
  find(host: number, lo: number, hi: number): Tb | null {
    let tb = this.byHost.get(host) ?? null;
    while (tb !== null && (tb.pcLo !== lo || tb.pcHi !== hi)) tb = tb.nextAtHost;
    return tb;
  }

  /** Makes `tb` the one that `recentAt` finds. */
  remember(tb: Tb): void {
    this.recent[(tb.pcLo ^ (tb.pcLo >>> 13)) & (CACHE_ENTRIES - 1)] = tb;
  }

  add(tb: Tb): void {
    tb.nextAtHost = this.byHost.get(tb.host) ?? null;
    this.byHost.set(tb.host, tb);
    const from = tb.host & (PAGE_SIZE - 1);
    const end = from + tb.byteLength;
    this.track(this.pages.frameOf(tb.host), tb, from, Math.min(end, PAGE_SIZE));
    if (tb.secondFrame >= 0) this.track(tb.secondFrame, tb, 0, end - PAGE_SIZE);
    this.onAdd?.(tb);
  }

  private track(frame: number, tb: Tb, from: number, to: number): void {
    let set = this.byFrame.get(frame);
    if (set === undefined) {
      set = new Set();
      this.byFrame.set(frame, set);
      this.pieces.set(frame, new Uint8Array(PAGE_SIZE / 16));
      this.pages.protectCode(frame);
    }
    set.add(tb);
    (this.pieces.get(frame) as Uint8Array).fill(1, from >> 4, ((to - 1) >> 4) + 1);
  }

  overlaps(frame: number, from: number, to: number): boolean {
    const pieces = this.pieces.get(frame);
    if (pieces === undefined) return false;
    for (let i = from >> 4; i <= (to - 1) >> 4; i++) {
      if (pieces[i] === 1) return this.overlapping(frame, from, to).length > 0;
    }
    return false;
  }

  private overlapping(frame: number, from: number, to: number): Tb[] {
    const hit: Tb[] = [];
    for (const tb of this.byFrame.get(frame) ?? []) {
      const inSecond = tb.secondFrame === frame && this.pages.frameOf(tb.host) !== frame;
      const start = inSecond ? 0 : tb.host & (PAGE_SIZE - 1);
      const end = inSecond
        ? (tb.host & (PAGE_SIZE - 1)) + tb.byteLength - PAGE_SIZE
        : Math.min(start + tb.byteLength, PAGE_SIZE);
      if (start < to && from < end) hit.push(tb);
    }
    return hit;
  }

  invalidate(frame: number, from: number, to: number, reason: string): void {
    const killed = this.overlapping(frame, from, to);
    for (const tb of killed) this.kill(tb, reason);
    if (this.byFrame.get(frame)?.size === 0) this.untrack(frame);
    if (reason === FRAME_FREED) this.onChange?.(frame, false);
    else if (killed.length > 0 && reason !== SECOND_PAGE) this.onChange?.(frame, true);
  }

  private untrack(frame: number): void {
    this.byFrame.delete(frame);
    this.pieces.delete(frame);
    this.pages.unprotectCode(frame);
  }

  private kill(tb: Tb, reason: string): void {
    tb.alive = false;
    this.invalidations.set(reason, (this.invalidations.get(reason) ?? 0) + 1);
    if (this.log.length < MAX_LOG) this.log.push({ pc: tb.pc, reason });
    this.interp.kill(tb.interp);
    if (tb.first !== null) this.interp.kill(tb.first);
    this.dropFromHost(tb);
    this.byFrame.get(this.pages.frameOf(tb.host))?.delete(tb);
    if (tb.secondFrame >= 0) this.byFrame.get(tb.secondFrame)?.delete(tb);
    for (const region of tb.inRegions) this.killRegion(region);
  }

  private dropFromHost(tb: Tb): void {
    const { byHost } = this;
    let before = byHost.get(tb.host) as Tb;
    if (before !== tb) {
      while (before.nextAtHost !== tb) before = before.nextAtHost as Tb;
      before.nextAtHost = tb.nextAtHost;
    } else if (tb.nextAtHost === null) byHost.delete(tb.host);
    else byHost.set(tb.host, tb.nextAtHost);
  }

  killRegion(region: CompiledRegion): void {
    if (!region.alive) return;
    region.alive = false;
    region.entry.region = null;
    this.onKillRegion?.(region);
    if (region.entry.alive) this.interp.setRegion(region.entry.interp, false);
  }

  /** Attaches a region to its entry block. */
  install(region: CompiledRegion): void {
    region.entry.region = region;
    for (const tb of region.members) tb.inRegions = [...tb.inRegions, region];
    this.interp.setRegion(region.entry.interp, true);
  }

  /** Drops everything (the arena is full). */
  flush(): void {
    this.onFlush?.();
    for (const tb of this.blocks()) {
      tb.alive = false;
      if (tb.region === null) continue;
      tb.region.alive = false;
      this.onKillRegion?.(tb.region);
    }
    for (const frame of [...this.byFrame.keys()]) this.untrack(frame);
    this.byHost.clear();
    this.recent.fill(null);
    this.interp.clear();
    this.epoch++;
    this.invalidations.set('cache full', (this.invalidations.get('cache full') ?? 0) + 1);
  }
}
