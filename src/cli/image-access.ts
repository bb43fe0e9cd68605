/** What the subcommands of `kevlar-jit image` share: opening images, progress, errors in one line. */

import { randomBytes } from 'node:crypto';
import { SingleBar } from 'cli-progress';
import { ExportError } from '../host/node/export-directory.ts';
import { FileBlockDevice } from '../host/node/file-block-device.ts';
import { ImportError } from '../host/node/import-directory.ts';
import { errnoMessage, LinuxError } from '../kernel/errno.ts';
import { Ext4ImageError } from '../kernel/fs/ext4/errors.ts';
import { Ext4FileSystem } from '../kernel/fs/ext4/fs.ts';
import { TarError } from '../kernel/fs/tar.ts';
import type { Timespec } from '../kernel/vfs/types.ts';
import { UserError } from './errors.ts';

/** Turns whatever can go wrong with an image into one line. */
export function explain<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw asUserError(path, error);
  }
}

export function asUserError(path: string, error: unknown): unknown {
  if (error instanceof UserError || !(error instanceof Error)) return error;
  const named =
    error instanceof ImportError || error instanceof ExportError || error instanceof TarError;
  if (named) return new UserError(error.message);
  if (error instanceof Ext4ImageError) return new UserError(`${path}: ${error.message}`);
  if (error instanceof LinuxError) return new UserError(`${path}: ${errnoMessage(error.errno)}`);
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined)
    return new UserError(error.message.replace(/^\w+: /, '').replace(/, \w+ '(.*)'$/, ': $1'));
  // The block device's own refusals: in use, not a regular file.
  if (error.constructor === Error) return new UserError(error.message);
  return error;
}

export function now(): Timespec {
  const ms = Date.now();
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 };
}

export function random(): number {
  return randomBytes(4).readUInt32LE();
}

/** Calls `action` with a function that moves a progress bar, shown on a terminal only. */
export function withBar<T>(
  what: string,
  action: (bar: (done: number, total: number) => void) => T,
): T {
  if (!process.stderr.isTTY) return action(() => {});
  const bar = new SingleBar({
    format: `${what} {bar} {percentage} %`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
  let last = 0;
  bar.start(100, 0);
  let result: T | undefined;
  try {
    result = action((done, total) => {
      const percent = total > 0 ? Math.min(100, Math.floor((done * 100) / total)) : 100;
      if (percent === last) return;
      last = percent;
      bar.update(percent);
      // Most work is synchronous, so the bar's timer does not run.
      bar.render();
    });
  } finally {
    if (!(result instanceof Promise)) bar.stop();
  }
  return result instanceof Promise ? (result.finally(() => bar.stop()) as T) : result;
}

/** Opens an image, for writing or to look into it, and closes it whatever happens. */
export function withImage<T>(
  path: string,
  readOnly: boolean,
  action: (fs: Ext4FileSystem) => T,
): T {
  const device = new FileBlockDevice(path, { readOnly });
  try {
    const log = (line: string): void => void process.stderr.write(`kevlar-jit: ${path}: ${line}\n`);
    const fs = Ext4FileSystem.open(device, { readOnly, log, now, random });
    try {
      return action(fs);
    } finally {
      fs.close();
    }
  } finally {
    device.close();
  }
}

/** Errors of a path inside the image name that path. */
export function atPath<T>(inner: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof LinuxError) throw new UserError(`${inner}: ${errnoMessage(error.errno)}`);
    throw error;
  }
}
