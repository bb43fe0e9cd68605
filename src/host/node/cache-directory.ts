/** The user's cache directory (XDG Base Directory Specification). What is in it can be made again. */

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'kevlar-jit');
}

/**
 * Writes a file of the cache under another name and moves it into place, so that nobody sees half of it, not even
 * after a power cut. `fill` writes bytes at offsets. Throws what the file system says.
 */
export function writeCacheFile(
  path: string,
  fill: (write: (bytes: Uint8Array, at: number) => void, fd: number) => void,
): void {
  mkdirSync(cacheDirectory(), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  const fd = openSync(temporary, 'wx', 0o644);
  try {
    fill((bytes, at) => writeAll(fd, bytes, at), fd);
    fsyncSync(fd);
    renameSync(temporary, path);
  } catch (e) {
    unlinkSync(temporary);
    throw e;
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  }
}

/** Removes the oldest files whose name begins with `prefix`, all but `left`. */
export function pruneCache(prefix: string, left: number): void {
  const files = readdirSync(cacheDirectory())
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(cacheDirectory(), name))
    .map((path) => ({ path, time: statSync(path).mtimeMs }));
  files.sort((a, b) => b.time - a.time);
  for (const { path } of files.slice(left)) unlinkSync(path);
}
