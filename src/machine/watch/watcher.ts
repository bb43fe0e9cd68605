/**
 * Watches memory: reports whatever changes the bytes of ranges that the user named (`kevlar-jit run --watch`).
 *
 * How: a page that is watched never has a write entry in the TLB, like a page of code. A store into watched bytes
 * does nothing and leaves the engine, as if it were about to change translated code; the dispatcher executes
 * that instruction alone, so registers are exact, and the bytes before and after are compared. What the kernel
 * writes comes through Paging.contentChanges, and page table entries through Paging.setPte. Frames are
 * watched, so it does not matter through which mapping, process or system call they change.
 *
 * Bounded: reports of each kind (watch.ts), ranges, bytes, notes (pages.ts) and stacks (witness.ts).
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { AddressSpace } from '../../kernel/mm/address-space.ts';
import type { Task } from '../../kernel/task.ts';
import { FRAME_CACHE, ZERO_FRAME } from '../../mmu/frames.ts';
import type { PageTables } from '../../mmu/page-tables.ts';
import { pteFrame } from '../../mmu/pte.ts';
import type { CpuWatch } from '../cpu.ts';
import type { Machine } from '../machine.ts';
import { areaLines, hex, mapped, printable, withoutRights } from './areas.ts';
import { type Contents, type Note, type Page, type Range, WatchedPages } from './pages.ts';
import {
  areaChangeLines,
  backingLines,
  bytesLines,
  type Changed,
  deed,
  placeLines,
  who,
} from './report.ts';
import { Watch } from './watch.ts';
import type { Place, WatchSpec } from './where.ts';
import { callText, letGo, type Origin, Witness } from './witness.ts';

/** Ranges of all watches in all address spaces, and their bytes. */
const MAX_RANGES = 4096;
const MAX_BYTES = 64 * 1024 * 1024;
/** Other mappings of the bytes that a report names. */
const MAX_OTHERS = 4;

/** An address space, as it was at the last look. */
interface Seen {
  version: number;
  readonly ranges: Range[];
}

interface Result {
  readonly task: Task;
  readonly call: string;
  readonly value: number;
}

export class MemoryWatcher implements CpuWatch {
  private readonly machine: Machine;
  private readonly sink: (line: string) => void;
  private readonly watches: readonly Watch[];
  private readonly witness: Witness;
  private readonly pages: WatchedPages;
  private readonly seen: Map<number, Seen> = new Map();
  private ranges = 0;
  private bytes = 0;
  private refused = 0;
  /** The system call that has just returned. */
  private result: Result | null = null;
  private looking = false;

  /** @param sink takes the lines of reports */
  constructor(machine: Machine, specs: readonly WatchSpec[], sink: (line: string) => void) {
    this.machine = machine;
    this.sink = sink;
    this.watches = specs.map((spec) => new Watch(spec));
    const { kernel, cpu, mmu } = machine;
    this.witness = new Witness(kernel);
    this.pages = new WatchedPages(mmu.paging, this.witness);
    mmu.paging.watch = this.pages;
    cpu.watch = this;
    const { onSyscall } = kernel;
    const { onDestroy } = mmu.paging;
    kernel.onSyscall = (name, task, result) => {
      this.afterCall(task, result);
      onSyscall?.(name, task, result);
    };
    mmu.paging.onDestroy = (space) => {
      this.leaving(space);
      onDestroy?.(space);
    };
  }

  /** Says how much there was of each watch, and watches no more. */
  finish(): void {
    this.look();
    for (const { ranges } of this.seen.values()) for (const r of ranges) this.pages.remove(r);
    this.seen.clear();
    this.machine.mmu.paging.watch = null;
    this.machine.cpu.watch = null;
    for (const watch of this.watches) {
      this.sink(`watch ${watch.spec.text}: ${watch.summary()}`);
    }
    const { dropped } = this.pages;
    if (dropped > 0)
      this.sink(`watch: ${dropped} changes in too long system calls were not looked at`);
    if (this.refused > 0) this.sink(`watch: ${this.refused} mappings were too many to be watched`);
  }

  // ── when to look ──────────────────────────────────────────────────────────────────────────────

  entering(): void {
    this.look();
    this.witness.guest = 'running';
  }

  left(): void {
    this.witness.guest = 'stopped';
  }

  stepped(faulted: boolean): void {
    this.witness.guest = 'stopped';
    if (this.pages.notes.length > 0) this.lookAtNotes(faulted);
    this.witness.guest = 'running';
  }

  private afterCall(task: Task, value: number): void {
    this.result = { task, call: callText(task), value };
    this.look();
    this.result = null;
  }

  private leaving(tables: PageTables): void {
    this.lookAtNotes(false);
    const seen = this.seen.get(tables.id);
    if (seen === undefined) return;
    this.seen.delete(tables.id);
    for (const range of seen.ranges) this.disarm(range);
  }

  private look(): void {
    if (this.looking) return;
    this.looking = true;
    try {
      const changed: Range[] = [];
      for (const { handler } of this.machine.mmu.paging.spaces.values()) {
        if (handler instanceof AddressSpace) this.lookAtAreas(handler, changed);
      }
      this.takeNotes(false);
      for (const range of changed) this.settle(range);
    } finally {
      this.looking = false;
    }
  }

  private lookAtNotes(faulted: boolean): void {
    if (this.looking) return;
    this.looking = true;
    try {
      this.takeNotes(faulted);
    } finally {
      this.looking = false;
    }
  }

  private takeNotes(faulted: boolean): void {
    const { notes } = this.pages;
    this.pages.notes = [];
    for (const note of notes) {
      if (note.kind === 'entry') this.entryNote(note);
      else this.bytesNote(note, faulted);
      letGo(note.origin);
    }
  }

  // ── areas ─────────────────────────────────────────────────────────────────────────────────────

  /** Reports what is mapped otherwise than at the last look, and watches what is new. */
  private lookAtAreas(space: AddressSpace, changed: Range[]): void {
    let seen = this.seen.get(space.tables.id);
    if (seen === undefined) {
      seen = { version: -1, ranges: [] };
      this.seen.set(space.tables.id, seen);
    }
    const { version } = space.areas;
    if (seen.version === version) return;
    seen.version = version;
    for (const range of seen.ranges) {
      const now = mapped(space, range.start, range.end);
      if (now !== range.areas) {
        this.areasChanged(range, now);
        range.areas = now;
        changed.push(range);
      }
      range.shown = areaLines(space, range.start, range.end);
    }
    for (const watch of this.watches) {
      for (const place of watch.places.in(space)) this.arm(watch, space, seen, place);
    }
  }

  private arm(watch: Watch, space: AddressSpace, seen: Seen, place: Place): void {
    const { start, end, raw } = place;
    if (seen.ranges.some((r) => r.watch === watch && r.start === start)) return;
    if (this.ranges >= MAX_RANGES || this.bytes + end - start > MAX_BYTES) {
      this.refused++;
      return;
    }
    this.ranges++;
    this.bytes += end - start;
    const areas = mapped(space, start, end);
    const shown = areaLines(space, start, end);
    const range: Range = { watch, space, start, end, raw, pages: [], areas, shown };
    seen.ranges.push(range);
    this.pages.add(range);
    if (areas === '') return;
    this.armed(range);
  }

  private armed(range: Range): void {
    const { watch, start, end, raw } = range;
    watch.armed++;
    if (raw || !watch.count('mapped')) return;
    const origin = this.now();
    const how = origin.by === 'syscall' || this.result !== null ? this.deedOf(origin) : 'its start';
    this.header(watch, origin, `${how} maps it at ${hex(start)}-${hex(end)}`);
    letGo(origin);
  }

  private areasChanged(range: Range, now: string): void {
    const { watch, space, start, end } = range;
    if (range.areas === '') {
      this.armed(range);
      return;
    }
    // A dynamic linker maps a library as a whole first, and then the segments where they belong.
    if (range.raw) return;
    const kind = this.changeOf(range.areas, now);
    if (!watch.count(kind)) return;
    const origin = this.now();
    this.header(watch, origin, `${this.deedOf(origin)}: ${kind} at ${hex(start)}-${hex(end)}`);
    this.lines(areaChangeLines(range.shown, areaLines(space, start, end)));
    this.lines(placeLines(this.machine.symbols, origin));
    letGo(origin);
  }

  private changeOf(before: string, now: string): string {
    if (now === '') return 'unmapped';
    const same = withoutRights(before) === withoutRights(now);
    return same ? 'other protection' : 'other memory';
  }

  /** After its areas changed and what happened meanwhile was reported. */
  private settle(range: Range): void {
    const gone = range.areas === '' && range.watch.spec.address === null;
    if (gone || range.raw) {
      const ranges = this.seen.get(range.space.tables.id)?.ranges;
      ranges?.splice(ranges.indexOf(range), 1);
      this.disarm(range);
      // A raw range may still be there: it is looked for again.
      if (!gone) this.seen.get(range.space.tables.id)!.version = -1;
      return;
    }
    for (const page of range.pages) {
      this.pages.bind(page);
      this.pages.look(page);
    }
  }

  private disarm(range: Range): void {
    this.ranges--;
    this.bytes -= range.end - range.start;
    this.pages.remove(range);
  }

  // ── notes ─────────────────────────────────────────────────────────────────────────────────────

  private bytesNote(note: Note, faulted: boolean): void {
    const groups = new Map<Watch, Page[]>();
    for (const page of note.pages) {
      const group = groups.get(page.range.watch);
      if (group === undefined) groups.set(page.range.watch, [page]);
      else group.push(page);
    }
    for (const [watch, pages] of groups) {
      const changed = this.compare(note, primary(note, pages));
      for (const page of pages) this.pages.look(page);
      const exact = note.kind === 'store' && !faulted;
      const part = exact ? changed : narrow(changed);
      if (part !== null) this.bytesReport(watch, note, part, pages);
    }
  }

  private compare(note: Note, page: Page): Changed {
    const from = Math.max(note.from, page.from);
    const to = Math.min(note.to, page.to);
    const now = this.pages.current(page);
    const cut = (bytes: Uint8Array): Uint8Array => bytes.slice(from - page.from, to - page.from);
    const before = page.known ? cut(page.bytes) : null;
    return { page, from, to, before, after: now === null ? null : cut(now) };
  }

  private bytesReport(watch: Watch, note: Note, changed: Changed, pages: readonly Page[]): void {
    const { origin } = note;
    const { page, from, to } = changed;
    const verb = note.kind === 'store' ? 'stores' : 'writes';
    if (!watch.count(note.kind === 'store' ? 'stores' : 'kernel writes')) return;
    const va = page.vpn * PAGE_SIZE + from;
    const size = to - from;
    const what = `${this.deedOf(origin)} ${verb} ${size} byte${size === 1 ? '' : 's'} at 0x${hex(va)}`;
    this.header(watch, origin, `${what} (+0x${hex(va - page.range.start)})`);
    this.lines(placeLines(this.machine.symbols, origin));
    this.lines(bytesLines(changed));
    this.lines(backingLines(page));
    const through = note.va < 0 ? -1 : note.va + from - note.from;
    if (note.kind === 'store' && (through !== va || note.space !== page.range.space.tables.id)) {
      this.sink(`  by way of 0x${hex(through)} in ${this.owner(note.space)}`);
    }
    const others = pages.filter((p) => p !== page).slice(0, MAX_OTHERS);
    for (const p of others) {
      const at = hex(p.vpn * PAGE_SIZE + from);
      this.sink(`  also at 0x${at} in ${this.owner(p.range.space.tables.id)}`);
    }
  }

  private entryNote(note: Note): void {
    for (const [i, page] of note.pages.entries()) {
      const { watch } = page.range;
      if (!this.alive(page.range) || page.range.raw) continue;
      const [kind, text] = this.entryChange(note);
      if (!watch.count(kind)) continue;
      const { origin } = note;
      const at = `0x${hex(page.vpn * PAGE_SIZE)}`;
      const doing = `${this.deedOf(origin)} (${note.context})`;
      this.header(watch, origin, `${doing}: ${kind} at ${at}: ${text}`);
      this.lines(placeLines(this.machine.symbols, origin));
      const whole = { page, from: page.from, to: page.to, ...(note.contents[i] as Contents) };
      this.lines(bytesLines(narrow(whole) ?? whole));
      this.lines(backingLines(page));
    }
  }

  private entryChange({ before, after }: Note): [string, string] {
    const { kind } = this.machine.mmu.paging.frames;
    const frame = pteFrame(after);
    if (after === 0) return ['page-out', `frame ${pteFrame(before)} is unmapped`];
    const of =
      frame === ZERO_FRAME
        ? 'the zero page'
        : kind[frame] === FRAME_CACHE
          ? `a page of the file, frame ${frame}`
          : `private frame ${frame}`;
    if (before === 0) return ['page-in', of];
    return ['copy', `${of} in place of frame ${pteFrame(before)}`];
  }

  private alive(range: Range): boolean {
    return this.seen.get(range.space.tables.id)?.ranges.includes(range) === true;
  }

  // ── text ──────────────────────────────────────────────────────────────────────────────────────

  private now(): Origin {
    return this.witness.see(true);
  }

  /** What did it, with the result of the system call that has just returned. */
  private deedOf(origin: Origin): string {
    const { result } = this;
    if (result === null || result.task !== origin.task) return deed(origin, '');
    const value = result.value;
    const shown = value >= 0 ? `0x${hex(value)}` : value >= -4095 ? `${value}` : '?';
    if (origin.by === 'syscall')
      return deed(origin, result.call === origin.call ? ` = ${shown}` : '');
    return origin.by === 'kernel' ? `${result.call} = ${shown}` : deed(origin, '');
  }

  /** The process that an address space is of. */
  private owner(space: number): string {
    for (const task of this.machine.kernel.tasks.values()) {
      if (task.mm.tables.id === space) return `pid ${task.tgid} (${printable(task.comm)})`;
    }
    return 'a process that has ended';
  }

  private header(watch: Watch, origin: Origin, text: string): void {
    this.sink(`watch ${watch.spec.text}: ${who(origin)}: ${text}`);
  }

  private lines(lines: readonly string[]): void {
    for (const line of lines) this.sink(line);
  }
}

/** Of the mappings of the bytes that changed, the one they were changed through, if it is watched. */
function primary(note: Note, pages: readonly Page[]): Page {
  const vpn = Math.floor(note.va / PAGE_SIZE);
  const here = pages.filter((p) => p.range.space.tables.id === note.space);
  return here.find((p) => p.vpn === vpn) ?? here[0] ?? (pages[0] as Page);
}

/** Only what differs; null if nothing does. */
function narrow(changed: Changed): Changed | null {
  const { before, after } = changed;
  if (before === null || after === null) return before === after ? null : changed;
  let first = 0;
  while (first < before.length && before[first] === after[first]) first++;
  if (first === before.length) return null;
  let last = before.length - 1;
  while (before[last] === after[last]) last--;
  return {
    page: changed.page,
    from: changed.from + first,
    to: changed.from + last + 1,
    before: before.subarray(first, last + 1),
    after: after.subarray(first, last + 1),
  };
}
