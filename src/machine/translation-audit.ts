/**
 * The audit of translations: the bytes that each was made from are still in memory, and stores into
 * their frames are tracked. The bytes are copied when a translation is made.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import { FRAME_FREE, frameHost, hostFrame } from '../mmu/frames.ts';
import { MARK_CODE, type Paging } from '../mmu/paging.ts';
import type { CodeCache, Tb } from './code-cache.ts';

/** Bytes that `some` compares at least, if there are as many. */
const SOME_BYTES = 8192;

interface Source {
  readonly tb: Tb;
  readonly bytes: Uint8Array;
}

export class TranslationAudit {
  private readonly cache: CodeCache;
  private readonly paging: Paging;
  private readonly U8: Uint8Array;
  private readonly bytes: WeakMap<Tb, Uint8Array> = new WeakMap();
  /** What `some` goes through, round and round; dead blocks are dropped on the way. */
  private readonly ring: Source[] = [];
  private next = 0;

  constructor(cache: CodeCache, paging: Paging) {
    this.cache = cache;
    this.paging = paging;
    this.U8 = paging.memory.U8;
    cache.onAdd = (tb) => this.add(tb);
  }

  private add(tb: Tb): void {
    const first = firstPart(tb);
    const bytes = new Uint8Array(tb.byteLength);
    bytes.set(this.U8.subarray(tb.host, tb.host + first));
    if (tb.secondFrame >= 0) {
      const at = frameHost(tb.secondFrame);
      bytes.set(this.U8.subarray(at, at + tb.byteLength - first), first);
    }
    this.bytes.set(tb, bytes);
    this.ring.push({ tb, bytes });
  }

  /** All translations. */
  all(out: string[]): void {
    for (const tb of this.cache.blocks()) {
      const bytes = this.bytes.get(tb);
      if (bytes === undefined) out.push(`${name(tb)}: made before the audit was switched on`);
      else this.compare(tb, bytes, out);
    }
  }

  /** Those with bytes in a frame. What only came or went in page tables (not `held`) has its old bytes. */
  inFrame(frame: number, held: boolean, out: string[]): void {
    const free = this.paging.frames.kind[frame] === FRAME_FREE;
    for (const tb of this.cache.blocksIn(frame)) {
      if (free) out.push(`${name(tb)}: frame ${frame} is free`);
      this.checkTracked(tb, frame, out);
      const bytes = held ? this.bytes.get(tb) : undefined;
      if (bytes === undefined) return;
      this.compare(tb, bytes, out);
    }
  }

  /** The next few of all. */
  some(out: string[]): void {
    const { ring } = this;
    let left = Math.min(ring.length, SOME_BYTES);
    for (let bytes = SOME_BYTES; bytes > 0 && left > 0 && ring.length > 0; left--) {
      if (this.next >= ring.length) this.next = 0;
      const source = ring[this.next]!;
      if (source.tb.alive) {
        this.compare(source.tb, source.bytes, out);
        bytes -= source.bytes.length;
        this.next++;
      } else {
        const last = ring.pop()!;
        if (this.next < ring.length) ring[this.next] = last;
      }
    }
  }

  private compare(tb: Tb, bytes: Uint8Array, out: string[]): void {
    this.checkTracked(tb, hostFrame(tb.host), out);
    if (tb.secondFrame >= 0) this.checkTracked(tb, tb.secondFrame, out);
    const first = firstPart(tb);
    let at = this.difference(bytes, 0, first, tb.host);
    if (at < 0 && tb.secondFrame >= 0) {
      at = this.difference(bytes, first, bytes.length, frameHost(tb.secondFrame));
    }
    if (at < 0) return;
    const host = at < first ? tb.host + at : frameHost(tb.secondFrame) + at - first;
    const [now, was] = [this.U8[host]!.toString(16), bytes[at]!.toString(16)];
    out.push(`${name(tb)}: byte ${at} of ${bytes.length} is ${now}, translated as ${was}`);
  }

  /** The first of bytes [from, to) that is not what memory holds at `host`, or -1. */
  private difference(bytes: Uint8Array, from: number, to: number, host: number): number {
    const { U8 } = this;
    const shift = host - from;
    for (let i = from; i < to; i++) if (U8[i + shift] !== bytes[i]) return i;
    return -1;
  }

  private checkTracked(tb: Tb, frame: number, out: string[]): void {
    if ((this.paging.marks[frame]! & MARK_CODE) !== 0) return;
    out.push(`${name(tb)}: stores into frame ${frame} are not tracked`);
  }
}

/** Bytes in the page the block begins in. */
function firstPart(tb: Tb): number {
  return Math.min(tb.byteLength, PAGE_SIZE - (tb.host & (PAGE_SIZE - 1)));
}

function name(tb: Tb): string {
  return `translation of ${tb.pc.toString(16)} (frame ${hostFrame(tb.host)})`;
}
