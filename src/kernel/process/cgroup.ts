/**
 * A control group: processes, and groups below it (cgroups(7)). What they look like as files is in fs/cgroupfs.ts.
 *
 * Invariants: a process that has not ended is a member of exactly one group; `population` counts those of the group
 * and of all below it; a process is frozen exactly while its group or one above it is to be.
 */

import { EAGAIN, linuxError } from '../errno.ts';
import { setFrozen } from '../signal/job-control.ts';
import type { Process } from './process.ts';

/** How deep groups may be, and how many there may be in all: the limits of the root. */
export const MAX_DEPTH = 256;
export const MAX_DESCENDANTS = 10_000;

/** CPU time in milliseconds. */
export interface CpuTimes {
  readonly user: number;
  readonly system: number;
  /** Of `user`, what processes of low priority used. */
  readonly nice: number;
}

export class Cgroup {
  readonly name: string;
  readonly parent: Cgroup | null;
  readonly members: Set<Process> = new Set();
  /** Levels of groups that may be below, and groups in all; Infinity: only what those above allow. */
  maxDepth: number;
  maxDescendants: number;
  /** Groups below this one, at all depths. */
  descendants = 0;
  /** Told when `populated` or `frozen` may have changed. */
  onChange: (() => void) | null = null;
  private readonly children: Set<Cgroup> = new Set();
  private removed = false;
  private population = 0;
  /** Used by members, and by all of groups below that are no more. */
  private userMs = 0;
  private systemMs = 0;
  private niceMs = 0;
  /** cgroup.freeze */
  freeze = false;

  constructor(name: string, parent: Cgroup | null) {
    this.name = name;
    this.parent = parent;
    this.maxDepth = parent === null ? MAX_DEPTH : Number.POSITIVE_INFINITY;
    this.maxDescendants = parent === null ? MAX_DESCENDANTS : Number.POSITIVE_INFINITY;
  }

  /** Throws EAGAIN if there are too many, or it would be too deep (cgroup_check_hierarchy_limits). */
  addGroup(name: string): Cgroup {
    let level = 0;
    for (let at: Cgroup | null = this; at !== null; at = at.parent, level++) {
      if (at.descendants >= at.maxDescendants || level >= at.maxDepth) throw linuxError(EAGAIN);
    }
    const child = new Cgroup(name, this);
    this.children.add(child);
    for (const at of this.upwards()) at.descendants++;
    return child;
  }

  /** Takes an empty group out of its parent. */
  remove(): void {
    this.removed = true;
    if (this.parent === null) return;
    this.parent.children.delete(this);
    this.parent.charge(this.cpuTimes());
    for (const at of this.parent.upwards()) at.descendants--;
  }

  private *upwards(): Iterable<Cgroup> {
    for (let at: Cgroup | null = this; at !== null; at = at.parent) yield at;
  }

  /** Takes a process from the group that it is in. Counted here first: groups above both are never empty meanwhile. */
  take(process: Process): void {
    if (this.members.has(process)) return;
    const from = process.cgroup;
    this.members.add(process);
    process.cgroup = this;
    this.count(1);
    if (from !== this) from.leave(process);
    setFrozen(process, this.frozen);
  }

  /** The process has ended, or is taken by another group. */
  leave(process: Process): void {
    if (this.members.delete(process)) this.count(-1);
  }

  private count(by: number): void {
    for (const at of this.upwards()) {
      at.population += by;
      if (at.population === 0 || (by === 1 && at.population === 1)) at.onChange?.();
    }
  }

  /** Counts time that a member has used. */
  charge(times: CpuTimes): void {
    this.userMs += times.user;
    this.systemMs += times.system;
    this.niceMs += times.nice;
  }

  /** What processes used while they were in this group or one below. */
  cpuTimes(): CpuTimes {
    let { userMs: user, systemMs: system, niceMs: nice } = this;
    for (const child of this.children) {
      const times = child.cpuTimes();
      user += times.user;
      system += times.system;
      nice += times.nice;
    }
    return { user, system, nice };
  }

  /** cgroup.freeze: whether its processes and those of the groups below stand still. */
  setFreeze(freeze: boolean): void {
    if (this.freeze === freeze) return;
    this.freeze = freeze;
    this.applyFreeze();
  }

  private applyFreeze(): void {
    const { frozen } = this;
    for (const process of this.members) setFrozen(process, frozen);
    this.onChange?.();
    for (const child of this.children) child.applyFreeze();
  }

  get frozen(): boolean {
    return this.freeze || (this.parent?.frozen ?? false);
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
    return this.population > 0;
  }
}
