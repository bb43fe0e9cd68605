/**
 * Mounts: which tree is visible on which directory. A mount point is (parent mount, dentry), so that a
 * bind mount of a directory does not show what is mounted below it. Stacking mounts on the same directory
 * means mounting on the root of the topmost one.
 */

import {
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_STRICTATIME,
} from './constants.ts';
import type { Dentry } from './dentry.ts';
import type { FileSystem, OpenFile } from './types.ts';

export class Mount {
  readonly id: number;
  readonly fs: FileSystem;
  /** What of the file system is visible: its root, or a directory of it (bind mounts). */
  readonly root: Dentry;
  parent: Mount | null;
  /** The directory of `parent` that it covers; null for the root mount. */
  point: Dentry | null;
  /** MS_* */
  flags: number;
  /** First field in /proc/mounts. */
  readonly source: string;
  /** The open file without a name that a magic link led to (anonymous.ts); null for real mounts. */
  readonly file: OpenFile | null;
  /** Open file descriptions that were opened through it. */
  openFiles = 0;
  /** Descriptions of regular files that were opened for writing through this mount. */
  writers = 0;
  /** Mounts on this one. */
  readonly children: Set<Mount> = new Set();

  constructor(
    id: number,
    fs: FileSystem,
    root: Dentry,
    flags: number,
    source: string,
    file: OpenFile | null = null,
  ) {
    this.id = id;
    this.fs = fs;
    this.root = root;
    this.parent = null;
    this.point = null;
    this.flags = flags;
    this.source = source;
    this.file = file;
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0 || isReadOnly(this.fs);
  }

  attach(parent: Mount, point: Dentry): void {
    this.parent = parent;
    this.point = point;
    parent.children.add(this);
    (point.mounts ??= []).push(this);
  }

  detach(): void {
    const { parent, point } = this;
    if (parent === null || point === null) return;
    parent.children.delete(this);
    const left = point.mounts?.filter((m) => m !== this) ?? [];
    point.mounts = left.length > 0 ? left : null;
    this.parent = null;
    this.point = null;
  }

  /** Options as the second-last fields of /proc/mounts show them. */
  options(): string {
    const f = this.flags;
    let text = this.readOnly ? 'ro' : 'rw';
    if (f & MS_NOSUID) text += ',nosuid';
    if (f & MS_NODEV) text += ',nodev';
    if (f & MS_NOEXEC) text += ',noexec';
    if (f & MS_NOATIME) text += ',noatime';
    else if ((f & MS_STRICTATIME) === 0) text += ',relatime';
    if (f & MS_NODIRATIME) text += ',nodiratime';
    return text;
  }
}

/** Whether a file system can be written through no mount. */
export function isReadOnly(fs: FileSystem): boolean {
  return fs.readOnly || fs.mountedReadOnly === true;
}

/** The mount on `point` as seen in `parent`, or null. */
export function mountedOn(parent: Mount, point: Dentry): Mount | null {
  if (point.mounts === null) return null;
  for (const m of point.mounts) if (m.parent === parent) return m;
  return null;
}
