/** A control group: processes, and groups below it (cgroups(7)). What they look like as files is in fs/cgroupfs.ts. */

import { EAGAIN, linuxError } from '../errno.ts';
import type { Process } from './process.ts';

/** How deep groups may be, and how many there may be in all: cgroup.max.depth and cgroup.max.descendants of the root. */
export const MAX_DEPTH = 256;
export const MAX_DESCENDANTS = 10_000;

export class Cgroup {
  readonly name: string;
  readonly parent: Cgroup | null;
  /** Processes that have not ended. */
  readonly members: Set<Process> = new Set();
  private readonly children: Set<Cgroup> = new Set();
  private removed = false;
  private readonly depth: number;
  /** Groups below this one, at all depths. */
  descendants = 0;

  constructor(name: string, parent: Cgroup | null) {
    this.name = name;
    this.parent = parent;
    this.depth = parent === null ? 0 : parent.depth + 1;
  }

  /** Throws EAGAIN if there are too many, or it would be too deep. */
  add(name: string): Cgroup {
    if (this.depth >= MAX_DEPTH || this.root.descendants >= MAX_DESCENDANTS) {
      throw linuxError(EAGAIN);
    }
    const child = new Cgroup(name, this);
    this.children.add(child);
    this.count(1);
    return child;
  }

  /** Takes an empty group out of its parent. */
  remove(): void {
    this.removed = true;
    this.parent?.children.delete(this);
    this.parent?.count(-1);
  }

  private count(by: number): void {
    for (let at: Cgroup | null = this; at !== null; at = at.parent) at.descendants += by;
  }

  private get root(): Cgroup {
    let at: Cgroup = this;
    while (at.parent !== null) at = at.parent;
    return at;
  }

  /** Takes a process from the group that it is in. */
  take(process: Process): void {
    process.cgroup.members.delete(process);
    this.members.add(process);
    process.cgroup = this;
  }

  /** As /proc/PID/cgroup shows it. */
  get path(): string {
    if (this.parent === null) return '/';
    const above = this.parent.path;
    return `${above === '/' ? '' : above}/${this.name}${this.removed ? ' (deleted)' : ''}`;
  }

  /** Processes of this group and those below. */
  *all(): Iterable<Process> {
    yield* [...this.members];
    for (const child of this.children) yield* child.all();
  }

  get populated(): boolean {
    for (const _ of this.all()) return true;
    return false;
  }
}
