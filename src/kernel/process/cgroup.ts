/** A control group: processes, and groups below it (cgroups(7)). What they look like as files is in fs/cgroupfs.ts. */

import type { Process } from './process.ts';

export class Cgroup {
  readonly name: string;
  readonly parent: Cgroup | null;
  /** Processes that have not ended. */
  readonly members: Set<Process> = new Set();
  private readonly children: Set<Cgroup> = new Set();
  private removed = false;

  constructor(name: string, parent: Cgroup | null) {
    this.name = name;
    this.parent = parent;
  }

  add(name: string): Cgroup {
    const child = new Cgroup(name, this);
    this.children.add(child);
    return child;
  }

  remove(): void {
    this.removed = true;
    this.parent?.children.delete(this);
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

  get descendants(): number {
    let n = 0;
    for (const child of this.children) n += 1 + child.descendants;
    return n;
  }
}
