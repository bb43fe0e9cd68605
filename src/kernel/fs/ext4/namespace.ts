/**
 * Names: create, link, unlink, rename (fs/ext4/namei.c). Each is one operation: all of it happens or
 * nothing. The VFS has checked permissions and that names are valid.
 */

import {
  EEXIST,
  EINVAL,
  EISDIR,
  EMLINK,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EUCLEAN,
  linuxError,
} from '../../errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../vfs/constants.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { allocInode, allocMetaBlock, goalOf } from './alloc.ts';
import { KIND } from './buffers.ts';
import { entryInode, findEntry, lookupName, type Slot } from './directory.ts';
import {
  addEntry,
  initDirectory,
  isEmptyDirectory,
  redirectEntry,
  removeEntry,
  setParent,
} from './directory-write.ts';
import type { DiskInode } from './disk-inode.ts';
import { initExtents, insertExtent } from './extent-tree.ts';
import type { Ext4Inode } from './inode.ts';
import { FL_EXTENTS, FL_INHERITED, I_BLOCK_SIZE, INO, LINK_MAX, RO_COMPAT } from './layout.ts';

export interface NewInode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Of a symbolic link. */
  readonly target: string;
}

/** Deeper than any tree of directories can be with sane names. */
const MAX_DEPTH = 100_000;

export function createEntry(dir: Ext4Inode, name: string, what: NewInode): Ext4Inode {
  const { volume } = dir.fs;
  const disk = volume.mutate(() => {
    mustLive(dir);
    // The VFS has just looked.
    if (dir.disk.absent !== name && findEntry(dir.disk, name) !== null) throw linuxError(EEXIST);
    const made = makeInode(dir.disk, what);
    if ((what.mode & S_IFMT) === S_IFDIR) {
      addLink(dir.disk);
      initDirectory(made, dir.ino);
    }
    addEntry(dir.disk, name, made.ino, what.mode);
    stamp(dir.disk);
    return made;
  });
  return dir.fs.adopt(disk);
}

/** A file without a name, which is freed when the last user goes unless it gets one. */
export function makeTmpfile(dir: Ext4Inode, what: NewInode): Ext4Inode {
  const { volume, orphans } = dir.fs;
  const disk = volume.mutate(() => {
    const made = makeInode(dir.disk, what);
    made.links = 0;
    orphans.add(made);
    return made;
  });
  return dir.fs.adopt(disk);
}

function makeInode(dir: DiskInode, what: NewInode): DiskInode {
  const { vol } = dir;
  const type = what.mode & S_IFMT;
  const isDirectory = type === S_IFDIR;
  const inode = allocInode(vol, dir, isDirectory);
  inode.mode = what.mode;
  inode.uid = what.uid;
  inode.gid = what.gid;
  inode.links = isDirectory ? 2 : 1;
  const now = vol.now();
  inode.setTime(INO.atime, INO.atimeExtra, now);
  inode.setTime(INO.mtime, INO.mtimeExtra, now);
  inode.setTime(INO.ctime, INO.ctimeExtra, now);
  if (inode.fits(INO.crtime, 8)) inode.setTime(INO.crtime, INO.crtimeExtra, now);
  inode.flags = dir.flags & FL_INHERITED;
  if (type === S_IFREG || isDirectory || (type === S_IFLNK && what.target.length >= I_BLOCK_SIZE)) {
    inode.flags |= FL_EXTENTS;
    initExtents(inode);
  }
  if (type === S_IFLNK) setTarget(inode, what.target);
  if (type === S_IFCHR || type === S_IFBLK) setDevice(inode, what.rdev);
  return inode;
}

/** Device numbers that fit go to the first word in the old format, others to the second. */
function setDevice(inode: DiskInode, rdev: number): void {
  if (rdev < 0x10000) inode.set32(INO.block, rdev);
  else inode.set32(INO.block + 4, rdev);
}

function setTarget(inode: DiskInode, target: string): void {
  const { vol } = inode;
  if (target.length === 0) throw linuxError(ENOENT);
  if (target.length >= vol.blockSize) throw linuxError(ENAMETOOLONG);
  inode.size = target.length;
  if (target.length < I_BLOCK_SIZE) {
    const v = inode.touch();
    for (let i = 0; i < target.length; i++) v.setUint8(inode.iblock + i, target.charCodeAt(i));
    return;
  }
  const nr = allocMetaBlock(vol, goalOf(inode));
  const block = vol.cache.fresh(nr, KIND.raw, 0);
  for (let i = 0; i < target.length; i++) block.data[i] = target.charCodeAt(i);
  insertExtent(inode, 0, 1, nr, false);
  inode.addBlocks(1);
}

/** A removed directory, still somebody's working directory, takes no names. */
function mustLive(dir: Ext4Inode): void {
  if (dir.disk.links === 0) throw linuxError(ENOENT);
}

/** The directory changed now. */
function stamp(dir: DiskInode): void {
  const now = dir.vol.now();
  dir.setTime(INO.mtime, INO.mtimeExtra, now);
  dir.setTime(INO.ctime, INO.ctimeExtra, now);
}

function changed(inode: DiskInode): void {
  inode.setTime(INO.ctime, INO.ctimeExtra, inode.vol.now());
}

/** A subdirectory's '..' counts as a link; beyond the limit the count is given up (dir_nlink). */
function addLink(dir: DiskInode): void {
  if (dir.links === 1) return;
  if (dir.links + 1 < LINK_MAX) dir.links += 1;
  else if (dir.vol.sb.roCompat & RO_COMPAT.dir_nlink) dir.links = 1;
  else throw linuxError(EMLINK);
}

function dropLink(dir: DiskInode): void {
  if (dir.links > 2) dir.links -= 1;
}

export function linkEntry(dir: Ext4Inode, name: string, target: Ext4Inode): void {
  const { volume, orphans } = dir.fs;
  const { disk } = target;
  volume.mutate(() => {
    mustLive(dir);
    if (findEntry(dir.disk, name) !== null) throw linuxError(EEXIST);
    if (disk.isFreed) throw linuxError(ENOENT);
    if (disk.links >= LINK_MAX) throw linuxError(EMLINK);
    if (disk.links === 0) orphans.remove(disk);
    disk.links += 1;
    changed(disk);
    addEntry(dir.disk, name, target.ino, disk.mode);
    stamp(dir.disk);
  });
}

function mustFind(dir: Ext4Inode, name: string): { slot: Slot; inode: Ext4Inode } {
  const slot = findEntry(dir.disk, name);
  if (slot === null) throw linuxError(ENOENT);
  const inode = dir.fs.inode(entryInode(dir.disk, slot.block, slot.at));
  return { slot, inode };
}

export function removeName(dir: Ext4Inode, name: string, directory: boolean): void {
  const { volume } = dir.fs;
  const victim = volume.mutate(() => {
    const { slot, inode } = mustFind(dir, name);
    if (directory && !inode.isDirectory) throw linuxError(ENOTDIR);
    if (!directory && inode.isDirectory) throw linuxError(EISDIR);
    if (inode === dir) throw linuxError(EUCLEAN);
    if (directory && !isEmptyDirectory(inode.disk)) throw linuxError(ENOTEMPTY);
    removeEntry(dir.disk, slot);
    loseName(dir, inode);
    stamp(dir.disk);
    return inode;
  });
  destroyIfUnused(victim);
}

/** The inode lost an entry in `dir`; without any it becomes an orphan. */
function loseName(dir: Ext4Inode, inode: Ext4Inode): void {
  const { disk } = inode;
  if (inode.isDirectory) {
    disk.links = 0;
    dropLink(dir.disk);
  } else {
    if (disk.links === 0) dir.fs.volume.damaged(`inode ${inode.ino} has more names than links`);
    disk.links -= 1;
  }
  changed(disk);
  if (disk.links === 0) dir.fs.orphans.add(disk);
}

function destroyIfUnused(inode: Ext4Inode): void {
  if (inode.disk.links === 0 && !inode.inUse) inode.fs.destroy(inode);
}

export function exchangeOrRename(
  from: Ext4Inode,
  name: string,
  to: Ext4Inode,
  toName: string,
  flags: number,
): void {
  if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) throw linuxError(EINVAL);
  if (flags & RENAME_EXCHANGE) {
    from.fs.volume.mutate(() => exchange(from, name, to, toName));
    return;
  }
  const victim = from.fs.volume.mutate(() => rename(from, name, to, toName, flags));
  if (victim !== null) destroyIfUnused(victim);
}

/** @returns the inode whose name was taken, if any */
function rename(
  from: Ext4Inode,
  name: string,
  to: Ext4Inode,
  toName: string,
  flags: number,
): Ext4Inode | null {
  mustLive(to);
  const { inode } = mustFind(from, name);
  const target = findEntry(to.disk, toName);
  if (target !== null && flags & RENAME_NOREPLACE) throw linuxError(EEXIST);
  const victim = target === null ? null : to.fs.inode(entryInode(to.disk, target.block, target.at));
  if (victim === inode) return null;
  if (inode.isDirectory && from !== to) refuseLoop(inode, to);
  if (target !== null && victim !== null) {
    checkReplace(inode, victim);
    redirectEntry(to.disk, target, inode.ino, inode.mode);
    loseName(to, victim);
  } else {
    addEntry(to.disk, toName, inode.ino, inode.mode);
  }
  // Adding may have moved entries, so the old one is looked up again.
  const old = findEntry(from.disk, name);
  if (old === null) from.fs.volume.damaged(`directory inode ${from.ino}: a lost entry`);
  removeEntry(from.disk, old);
  if (inode.isDirectory && from !== to) {
    setParent(inode.disk, to.ino);
    dropLink(from.disk);
    addLink(to.disk);
  }
  changed(inode.disk);
  stamp(from.disk);
  if (to !== from) stamp(to.disk);
  return victim;
}

function checkReplace(inode: Ext4Inode, victim: Ext4Inode): void {
  if (inode.isDirectory && !victim.isDirectory) throw linuxError(ENOTDIR);
  if (!inode.isDirectory && victim.isDirectory) throw linuxError(EISDIR);
  if (victim.isDirectory && !isEmptyDirectory(victim.disk)) throw linuxError(ENOTEMPTY);
}

function exchange(from: Ext4Inode, name: string, to: Ext4Inode, toName: string): void {
  const a = mustFind(from, name);
  const b = mustFind(to, toName);
  if (a.inode === b.inode) return;
  if (from !== to) {
    if (a.inode.isDirectory) refuseLoop(a.inode, to);
    if (b.inode.isDirectory) refuseLoop(b.inode, from);
  }
  redirectEntry(from.disk, a.slot, b.inode.ino, b.inode.mode);
  redirectEntry(to.disk, b.slot, a.inode.ino, a.inode.mode);
  if (from !== to) {
    if (a.inode.isDirectory) setParent(a.inode.disk, to.ino);
    if (b.inode.isDirectory) setParent(b.inode.disk, from.ino);
    if (a.inode.isDirectory !== b.inode.isDirectory) {
      dropLink(a.inode.isDirectory ? from.disk : to.disk);
      addLink(a.inode.isDirectory ? to.disk : from.disk);
    }
  }
  for (const inode of [a.inode, b.inode]) changed(inode.disk);
  for (const dir of new Set([from, to])) stamp(dir.disk);
}

/** A directory cannot move below itself. */
function refuseLoop(inode: Ext4Inode, to: Ext4Inode): void {
  let at = to;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (at === inode) throw linuxError(EINVAL);
    if (at === at.fs.root) return;
    const up = lookupName(at.disk, '..');
    if (up === 0 || up === at.ino) return;
    at = at.fs.inode(up);
  }
  to.fs.volume.damaged(`directory inode ${to.ino}: its parents form a loop`);
}
