/** One `--watch`: where it is, and how many reports were made of it. */

import { Places, type WatchSpec } from './where.ts';

/** Reports of one kind that are made of a watch; more are counted. */
export const MAX_REPORTS = 20;

export class Watch {
  readonly spec: WatchSpec;
  readonly places: Places;
  /** Times that it was found in an address space. */
  armed = 0;
  private readonly counts: Map<string, number> = new Map();

  constructor(spec: WatchSpec) {
    this.spec = spec;
    this.places = new Places(spec);
  }

  /** Whether stores are only counted any more. */
  get quiet(): boolean {
    return (this.counts.get('stores') ?? 0) > MAX_REPORTS;
  }

  /** Counts something. @returns whether it is to be reported */
  count(kind: string): boolean {
    const n = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, n);
    return n <= MAX_REPORTS;
  }

  /** `3 stores, 40 page-ins (20 shown)`. */
  summary(): string {
    if (this.armed === 0) return 'never mapped';
    const parts = [...this.counts].map(([kind, n]) => {
      const shown = n > MAX_REPORTS ? ` (${MAX_REPORTS} shown)` : '';
      return `${kind} ${n}${shown}`;
    });
    return parts.length === 0 ? 'nothing happened' : parts.join(', ');
  }
}
