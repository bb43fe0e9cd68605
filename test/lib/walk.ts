import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Every entry below a folder of the host, parents first. Symbolic links are entries and not followed:
 * `readdirSync` with `recursive` follows them or not, depending on Node's version.
 */
export function walk(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry, ...walk(join(folder, entry.name))] : [entry],
  );
}
