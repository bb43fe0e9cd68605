/**
 * A task's view of the name space: root directory, working directory, umask. Shared between the
 * threads of a process (CLONE_FS), copied by fork.
 */

import type { VfsPath } from './path.ts';

export class FsContext {
  root: VfsPath;
  cwd: VfsPath;
  umask: number;
  private users = 1;

  constructor(root: VfsPath, cwd: VfsPath, umask: number) {
    this.root = root;
    this.cwd = cwd;
    this.umask = umask;
    root.inode.retain();
    cwd.inode.retain();
  }

  clone(): FsContext {
    return new FsContext(this.root, this.cwd, this.umask);
  }

  setCwd(path: VfsPath): void {
    path.inode.retain();
    this.cwd.inode.release();
    this.cwd = path;
  }

  setRoot(path: VfsPath): void {
    path.inode.retain();
    this.root.inode.release();
    this.root = path;
  }

  /** One more task shares it (CLONE_FS). */
  retain(): void {
    this.users++;
  }

  /** A task that uses it is gone; with the last one the directories are released. */
  release(): void {
    if (--this.users > 0) return;
    this.cwd.inode.release();
    this.root.inode.release();
  }
}
