/**
 * The areas of an address space as the audit saw them last, to find the ranges that mean something else
 * now, whoever changed them and without asking him.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { MappedFile, Vma } from './vma.ts';

/** Takes [start, end). */
export type RangeVisitor = (start: number, end: number) => void;

/** A run of pages with the same meaning. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly prot: number;
  readonly flags: number;
  readonly file: MappedFile | null;
  /** File page minus page number: the same in all of a mapping. */
  readonly shift: number;
}

function spanOf(vma: Vma): Span {
  const { start, end, prot, flags, file } = vma;
  return { start, end, prot, flags, file, shift: shiftOf(vma) };
}

function shiftOf(vma: Vma): number {
  return vma.file === null ? 0 : vma.filePage - vma.start / PAGE_SIZE;
}

function sameMeaning(a: Span | undefined, b: Vma | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.prot === b.prot && a.flags === b.flags && a.file === b.file && a.shift === shiftOf(b);
}

export class AreaSnapshot {
  /** End of the heap. */
  endBrk = 0;
  private readonly spans: Span[] = [];

  /** Whether any page of [start, end) was in an area. */
  overlaps(start: number, end: number): boolean {
    return this.spans.some((s) => s.start < end && s.end > start);
  }

  /** Calls `visit` for the ranges that differ from the snapshot, and takes a new one. */
  update(areas: readonly Vma[], visit: RangeVisitor): void {
    const { spans } = this;
    let same = 0;
    while (same < spans.length && same < areas.length && equal(spans[same]!, areas[same]!)) same++;
    if (same === spans.length && same === areas.length) return;
    let tail = 0;
    while (
      tail < Math.min(spans.length, areas.length) - same &&
      equal(spans[spans.length - 1 - tail]!, areas[areas.length - 1 - tail]!)
    ) {
      tail++;
    }
    const changed = areas.slice(same, areas.length - tail);
    compare(spans.slice(same, spans.length - tail), changed, visit);
    spans.splice(same, spans.length - tail - same, ...changed.map(spanOf));
  }
}

function equal(span: Span, vma: Vma): boolean {
  return span.start === vma.start && span.end === vma.end && sameMeaning(span, vma);
}

/** Walks both lists from boundary to boundary. */
function compare(before: readonly Span[], now: readonly Vma[], visit: RangeVisitor): void {
  let i = 0;
  let j = 0;
  for (let at = 0; ; ) {
    while (i < before.length && before[i]!.end <= at) i++;
    while (j < now.length && now[j]!.end <= at) j++;
    const a = before[i];
    const b = now[j];
    if (a === undefined && b === undefined) return;
    const inA = a !== undefined && a.start <= at;
    const inB = b !== undefined && b.start <= at;
    const end = Math.min(boundary(a, inA), boundary(b, inB));
    if (!sameMeaning(inA ? a : undefined, inB ? b : undefined)) visit(at, end);
    at = end;
  }
}

function boundary(range: { start: number; end: number } | undefined, inside: boolean): number {
  if (range === undefined) return Number.POSITIVE_INFINITY;
  return inside ? range.end : range.start;
}
