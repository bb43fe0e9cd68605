/**
 * What `dist/cli/main.js` is: starts the bundle of src/cli/main.ts (scripts/bundle.mjs makes both) with the code that
 * V8 made of it in an earlier run. Parsing and compiling the bundle is otherwise half of a short program's start.
 *
 * The code is kept in the cache directory, for each build and version of Node a file for `run` and one for the rest.
 * A file that is damaged, of another build or refused by V8 is ignored and replaced; where nothing can be written,
 * everything works without. Few imports: each costs time (node:crypto 7 ms) before anything is known.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { cacheDirectory, pruneCache, writeCacheFile } from '../host/node/cache-directory.ts';

/** Digest of the bundle, put in by the build. */
declare const BUILD: string;

/** Words before V8's data: sum and length of what follows, how often the file has been replaced. */
const HEADER = 3 * 4;
/** One word in so many is in the sum. */
const STEP = 16;
/** A long run may have compiled what the first one did not need: the code is kept anew this often. */
const RENEWALS = 3;
/** Files of other builds and versions of Node that are left. */
const FILES = 8;
/** Runs shorter than this do not renew: it takes some 20 ms. */
const LONG_MS = 1000;

interface Kept {
  readonly renewals: number;
  readonly data: Buffer;
}

/**
 * A sum that tells files with parts missing: those of a disk that was full or lost power. It is computed before
 * anything has been compiled, so it does not look at every word.
 */
function sumOf(data: Buffer): number {
  const words = new Int32Array(data.buffer, data.byteOffset, data.length >> 2);
  let sum = 1;
  for (let i = words.length - 1; i >= 0; i -= STEP) {
    sum = (Math.imul(sum, 31) + (words[i] as number)) | 0;
  }
  return sum;
}

function readKept(path: string): Kept | null {
  try {
    const file = readFileSync(path);
    const data = file.subarray(HEADER);
    if (data.length !== file.readInt32LE(4) || sumOf(data) !== file.readInt32LE(0)) return null;
    return { renewals: file.readInt32LE(8), data };
  } catch {
    return null;
  }
}

/** At the end of the process: keeps the code of what has run, if that is more than there was. */
function keep(path: string, script: Script, kept: Kept | null): void {
  if (kept !== null && (kept.renewals >= RENEWALS || performance.now() < LONG_MS)) return;
  try {
    const fresh = script.createCachedData();
    // V8 drops code that has not run for long.
    const data = kept !== null && kept.data.length > fresh.length ? kept.data : fresh;
    const header = Buffer.alloc(HEADER);
    header.writeInt32LE(sumOf(data), 0);
    header.writeInt32LE(data.length, 4);
    header.writeInt32LE(kept === null ? 0 : kept.renewals + 1, 8);
    writeCacheFile(path, (write) => {
      write(header, 0);
      write(data, HEADER);
    });
    pruneCache('code-', FILES);
  } catch {
    // No cache, then.
  }
}

const bundle = join(__dirname, 'bundle.cjs');
// What `run` runs is not what others run.
const use = process.argv[2] === 'run' ? 'run' : 'other';
const name = `code-${BUILD}-${process.version}-${process.arch}-${use}.bin`;
const path = join(cacheDirectory(), name);
const kept = readKept(path);
const script = new Script(readFileSync(bundle, 'latin1'), {
  filename: bundle,
  ...(kept === null ? {} : { cachedData: kept.data }),
});
const accepted = script.cachedDataRejected === false ? kept : null;
process.on('exit', () => keep(path, script, accepted));
const start = script.runInThisContext() as (
  require: NodeJS.Require,
  module: object,
  dist: string,
  build: string,
) => void;
start(require, { exports: {} }, pathToFileURL(join(__dirname, '..', '/')).href, BUILD);
