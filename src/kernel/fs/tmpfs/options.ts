/** Mount options of tmpfs (tmpfs(5)): size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=. */

import { EINVAL, linuxError } from '../../errno.ts';

/** What was asked for. */
export interface TmpFsMountOptions {
  /** Pages; 0: no limit. */
  readonly pages?: number;
  /** 0: no limit. */
  readonly inodes?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const PAGE_SIZE = 4096;
const DEFAULT_MODE = 0o1777;

/** Placement hints that mean nothing here. */
const IGNORED = new Set(['huge', 'mpol', 'inode32', 'inode64', 'noswap', 'rw', 'ro']);

const SUFFIXES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** @param memory pages of memory, for sizes in percent. Throws EINVAL. */
export function parseTmpFsOptions(text: string, memory: number): TmpFsMountOptions {
  const found: { -readonly [K in keyof TmpFsMountOptions]: TmpFsMountOptions[K] } = {};
  for (const option of text.split(',').filter((o) => o !== '')) {
    const [key, value = ''] = option.split('=', 2) as [string, string?];
    if (key === 'size') found.pages = Math.ceil(sizeOf(value, memory * PAGE_SIZE) / PAGE_SIZE);
    else if (key === 'nr_blocks') found.pages = sizeOf(value, 0);
    else if (key === 'nr_inodes') found.inodes = sizeOf(value, 0);
    else if (key === 'mode') found.mode = octal(value);
    else if (key === 'uid' || key === 'gid') found[key] = sizeOf(value, 0);
    else if (!IGNORED.has(key)) throw linuxError(EINVAL);
  }
  return found;
}

/** As /proc/mounts shows them (shmem_show_options). */
export function showTmpFsOptions({ pages, inodes, mode, uid, gid }: TmpFsMountOptions): string {
  const shown: string[] = [];
  if (pages !== undefined) shown.push(`size=${pages * 4}k`);
  if (inodes !== undefined) shown.push(`nr_inodes=${inodes}`);
  if (mode !== undefined && mode !== DEFAULT_MODE) shown.push(`mode=${octalText(mode)}`);
  if (uid !== undefined && uid !== 0) shown.push(`uid=${uid}`);
  if (gid !== undefined && gid !== 0) shown.push(`gid=${gid}`);
  return shown.join(',');
}

function octalText(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

function sizeOf(value: string, whole: number): number {
  const m = /^(\d+)([kKmMgG%]?)$/.exec(value);
  if (m === null) throw linuxError(EINVAL);
  const n = Number(m[1]);
  if (m[2] === '%') return (whole * n) / 100;
  return n * (SUFFIXES[m[2]!.toLowerCase()] ?? 1);
}

function octal(value: string): number {
  if (!/^[0-7]+$/.test(value)) throw linuxError(EINVAL);
  return Number.parseInt(value, 8) & 0o7777;
}
