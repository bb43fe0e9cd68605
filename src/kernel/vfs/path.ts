/** A place in the name space: a mount, and a dentry below its root. Immutable. */

import { panic } from '../../common/panic.ts';
import type { Dentry } from './dentry.ts';
import type { Mount } from './mount.ts';
import type { Inode, Path } from './types.ts';

export class VfsPath implements Path {
  readonly mount: Mount;
  readonly dentry: Dentry;

  constructor(mount: Mount, dentry: Dentry) {
    this.mount = mount;
    this.dentry = dentry;
  }

  get inode(): Inode {
    return this.dentry.inode ?? panic(`path to a negative dentry: ${this.dentry.name}`);
  }

  equals(other: VfsPath): boolean {
    return this.mount === other.mount && this.dentry === other.dentry;
  }

  absolute(): string {
    if (this.mount.file !== null) return this.dentry.name;
    const name = nameBelow(this, null) ?? '/';
    return this.dentry.unlinked ? `${name} (deleted)` : name;
  }

  /** The name as seen by a process whose root is `root`; null if it is outside. */
  relativeTo(root: VfsPath): string | null {
    return this.mount.file !== null ? this.dentry.name : nameBelow(this, root);
  }
}

/** Absolute name below `root` (null: below the name space's root); null if `path` is outside. */
function nameBelow(path: VfsPath, root: VfsPath | null): string | null {
  let mount: Mount = path.mount;
  let d: Dentry = path.dentry;
  let name = '';
  for (;;) {
    if (root !== null && mount === root.mount && d === root.dentry) break;
    if (d === mount.root) {
      if (mount.parent === null || mount.point === null) {
        if (root !== null) return null;
        break;
      }
      d = mount.point;
      mount = mount.parent;
      continue;
    }
    name = `/${d.name}${name}`;
    if (d.parent === null) return root === null ? name : null;
    d = d.parent;
  }
  return name === '' ? '/' : name;
}
