/**
 * The audit that is cheap enough to run after every system call that maps memory: it looks at what may
 * have changed since it ran last. Those are
 *   - the entries that Paging.setPte changed, and the ranges whose areas are others now, page by page;
 *   - frames that were allocated, referenced or let go, with the entries and translations of each;
 *   - the areas of the address space the call was made in, and the whole TLB;
 *   - all of an address space when it is new, and before it is destroyed;
 *   - what the call promises (postconditions.ts).
 * Ranges come from a comparison of areas and not from the code that changes page tables, so an entry that
 * should have been changed and was not is found too. What nothing here can see (a byte written past
 * everything, an entry changed behind setPte) is left to `audit`, which the machine runs now and then.
 */

import { FRAME_ANON } from '../../mmu/frames.ts';
import type { PageTables } from '../../mmu/page-tables.ts';
import type { Paging } from '../../mmu/paging.ts';
import { PagingWatch } from '../../mmu/paging-watch.ts';
import { PTE_SHARED, PTE_WRITABLE } from '../../mmu/pte.ts';
import type { WatchedFrames } from '../../mmu/watched-frames.ts';
import { AddressSpace } from './address-space.ts';
import { AreaSnapshot } from './area-snapshot.ts';
import { auditAreas, auditEntries, auditEntry, auditSpace } from './audit.ts';
import { auditCall, type MmCall } from './postconditions.ts';

/** Audits the translations made from a frame; `held`: something may have written there. */
export type FrameTranslations = (frame: number, held: boolean, out: string[]) => void;

/** Areas that may be gone through at each call; of longer lists, all at some of the calls. */
const AREAS_PER_CALL = 128;

/** An address space as it was seen last. */
interface Known {
  readonly snapshot: AreaSnapshot;
  /** Areas that could have been gone through since. */
  credit: number;
  /** Whether that was after the last call. */
  current: boolean;
}

export class IncrementalAudit {
  private readonly paging: Paging;
  private readonly watch: PagingWatch;
  private readonly translations: FrameTranslations;
  private readonly known: WeakMap<PageTables, Known> = new WeakMap();

  constructor(paging: Paging, frames: WatchedFrames, translations: FrameTranslations) {
    this.paging = paging;
    this.watch = new PagingWatch(paging, frames);
    this.translations = translations;
  }

  /** What is inconsistent after a system call that was made in `current`. */
  check(current: AddressSpace | null, call: MmCall | null, out: string[]): void {
    const known = current === null ? undefined : this.known.get(current.tables);
    if (call !== null && known !== undefined) {
      auditCall(current!, known.current ? known.snapshot : null, call, out);
    }
    for (const tables of this.paging.spaces.values()) {
      const as = spaceOf(tables);
      if (as !== null && (as === current || !this.known.has(tables))) this.checkAreas(as, out);
    }
    this.watch.audit(
      out,
      (tables, vpn, pte) => {
        const as = spaceOf(tables);
        if (as !== null) auditEntry(as, vpn, pte, out);
      },
      (frame, held) => {
        if (this.paging.frames.kind[frame] === FRAME_ANON) this.checkOwner(frame, out);
        this.translations(frame, held, out);
      },
    );
  }

  /** What is inconsistent in a space whose last user is leaving. */
  leaving(tables: PageTables, out: string[]): void {
    const as = spaceOf(tables);
    if (as !== null) auditSpace(as, out);
  }

  private checkAreas(as: AddressSpace, out: string[]): void {
    let known = this.known.get(as.tables);
    if (known === undefined) {
      known = { snapshot: new AreaSnapshot(), credit: 0, current: true };
      this.known.set(as.tables, known);
      auditEntries(as, 0, Number.MAX_SAFE_INTEGER, out);
    } else {
      known.credit += AREAS_PER_CALL;
      known.current = known.credit >= as.areas.items.length;
      if (!known.current) return;
      known.credit = 0;
    }
    auditAreas(as, out);
    known.snapshot.endBrk = as.endBrk;
    known.snapshot.update(as.areas.items.toArray(), (start, end) =>
      auditEntries(as, start, end, out),
    );
  }

  /** A frame that two entries name is writable through neither, unless it is shared memory. */
  private checkOwner(frame: number, out: string[]): void {
    const { paging } = this;
    if (paging.frames.refs[frame] === 1) return;
    paging.rmap.forEach(frame, (id, vpn) => {
      const tables = paging.spaces.get(id);
      const pte = tables?.get(vpn) ?? 0;
      if ((pte & PTE_WRITABLE) === 0 || (pte & PTE_SHARED) !== 0) return;
      const as = spaceOf(tables!);
      if (as !== null) auditEntry(as, vpn, pte, out);
    });
  }
}

function spaceOf(tables: PageTables): AddressSpace | null {
  return tables.handler instanceof AddressSpace ? tables.handler : null;
}
