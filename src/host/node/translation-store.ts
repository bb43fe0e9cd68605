/**
 * Translations of earlier runs in the user's cache directory: `translations/BUILD-vLEVEL/`, packs of chunks. A run that
 * made new ones adds a pack; several small ones become one; when all together are too large, those that nobody has used
 * for longest go. Runs need no lock: packs are never changed, and each comes into place whole.
 *
 * Invariants: nothing here stops a run. What cannot be read is not there, what cannot be written is not kept.
 */

import { mkdirSync, readdirSync, rmSync, statSync, unlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chunk, ChunkKey, TranslationStore } from '../../machine/translation-cache.ts';
import { BUILD_ID } from './build-id.ts';
import { cacheDirectory } from './cache-directory.ts';
import { type Entry, Pack, type TimedChunk, writePack } from './translation-pack.ts';

/** Bytes of all packs together, unless asked otherwise. */
const DEFAULT_LIMIT: number = 256 * 1024 * 1024;
/** Packs before the smaller half of them becomes one. */
const MAX_PACKS = 8;
/** Directories of other builds that are left. */
const OTHER_BUILDS = 2;
const SUFFIX = '.pack';
/** A file that is still being written is younger, in milliseconds. */
const WRITING_MS = 3600_000;

function translationsDirectory(): string {
  return join(cacheDirectory(), 'translations');
}

/** Those of this build for a level of the CPU; null if nothing says which build this is. */
export function openTranslations(cpuLevel: number): FileTranslationStore | null {
  return BUILD_ID === null ? null : new FileTranslationStore(`${BUILD_ID}-v${cpuLevel}`);
}

export class FileTranslationStore implements TranslationStore {
  private readonly directory: string;
  private readonly limit: number;
  private packs: Pack[];

  /**
   * @param name of the directory: tells this translator, and the level of its CPU, from others
   * @param root where such directories are
   */
  constructor(name: string, root: string = translationsDirectory(), limit: number = DEFAULT_LIMIT) {
    this.directory = join(root, name);
    this.limit = limit;
    this.packs = openPacks(this.directory, unlinkSync);
  }

  find(key: ChunkKey): Int32Array | null {
    let best: Entry | null = null;
    let from: Pack | null = null;
    for (const pack of this.packs) {
      const entry = pack.find(key);
      if (entry === null || (best !== null && best.time >= entry.time)) continue;
      best = entry;
      from = pack;
    }
    return best === null || from === null ? null : from.read(best);
  }

  put(chunks: readonly Chunk[]): void {
    attempt(() => {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const time = Math.floor(Date.now() / 1000);
      this.add(chunks.map((c) => ({ ...c, time })));
      if (this.packs.length > MAX_PACKS) this.merge();
      this.shrink();
      removeOtherBuilds(this.directory);
      removeUnfinished(this.directory);
    });
  }

  private add(chunks: readonly TimedChunk[]): void {
    const unique = `${Date.now().toString(36)}-${process.pid}-${this.packs.length}`;
    const path = join(this.directory, `${unique}${SUFFIX}`);
    writePack(path, chunks);
    const pack = Pack.open(path);
    if (pack === null) return;
    // Files are as old as the kernel's last tick says, others were touched by the exact time.
    pack.used = true;
    this.packs.push(pack);
  }

  /** Makes one pack of the smaller ones. */
  private merge(): void {
    const small = [...this.packs].sort((a, b) => a.bytes - b.bytes).slice(0, MAX_PACKS / 2 + 1);
    const chunks = new Map<string, TimedChunk>();
    for (const pack of small) {
      for (const entry of pack.entries()) {
        const { key, time } = entry;
        const name = `${key.hash0} ${key.hash1} ${key.pcLo} ${key.pcHi}`;
        if ((chunks.get(name)?.time ?? -1) >= time) continue;
        const words = pack.read(entry);
        if (words !== null) chunks.set(name, { key, words, time });
      }
    }
    this.packs = this.packs.filter((p) => !small.includes(p));
    this.add([...chunks.values()]);
    for (const pack of small) this.remove(pack);
  }

  /** Removes packs that were not used for longest, until the rest is small enough. */
  private shrink(): void {
    const byUse = this.packs
      .map((pack) => ({ pack, time: pack.used ? Number.POSITIVE_INFINITY : usedAt(pack.path) }))
      .sort((a, b) => a.time - b.time);
    let bytes = this.packs.reduce((n, p) => n + p.bytes, 0);
    for (const { pack } of byUse) {
      if (bytes <= this.limit) return;
      bytes -= pack.bytes;
      this.packs = this.packs.filter((p) => p !== pack);
      this.remove(pack);
    }
  }

  private remove(pack: Pack): void {
    pack.close();
    attempt(() => unlinkSync(pack.path));
  }

  /** Notes what was used, and closes the files. */
  close(): void {
    const now = new Date();
    for (const pack of this.packs) {
      if (pack.used) attempt(() => utimesSync(pack.path, now, now));
      pack.close();
    }
    this.packs = [];
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // No cache, then.
  }
}

function usedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** @param damaged is told of files that are no packs of this version */
function openPacks(directory: string, damaged: (path: string) => void): Pack[] {
  const packs: Pack[] = [];
  attempt(() => {
    for (const name of readdirSync(directory)) {
      if (!name.endsWith(SUFFIX)) continue;
      attempt(() => {
        const path = join(directory, name);
        const pack = Pack.open(path);
        if (pack === null) damaged(path);
        else packs.push(pack);
      });
    }
  });
  return packs;
}

/** Removes what runs that were killed did not write to its end. */
function removeUnfinished(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.endsWith(SUFFIX)) continue;
    const path = join(directory, name);
    if (Date.now() - usedAt(path) > WRITING_MS) unlinkSync(path);
  }
}

/** Removes translations of builds that were not used lately. */
function removeOtherBuilds(own: string): void {
  const root = dirname(own);
  const all = readdirSync(root)
    .map((name) => join(root, name))
    .filter((path) => path !== own)
    .map((path) => ({ path, time: usedAt(path) }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of all.slice(OTHER_BUILDS)) rmSync(path, { recursive: true, force: true });
}

/** What is in the cache directory, by build and CPU level. */
export interface KeptTranslations {
  readonly name: string;
  readonly packs: number;
  readonly chunks: number;
  readonly bytes: number;
}

export function listTranslations(): KeptTranslations[] {
  const kept: KeptTranslations[] = [];
  attempt(() => {
    for (const name of readdirSync(translationsDirectory())) {
      const packs = openPacks(join(translationsDirectory(), name), () => {});
      kept.push({
        name,
        packs: packs.length,
        chunks: packs.reduce((n, p) => n + [...p.entries()].length, 0),
        bytes: packs.reduce((n, p) => n + p.bytes, 0),
      });
      for (const p of packs) p.close();
    }
  });
  return kept;
}

/** Removes all translations. Throws what the file system says. */
export function clearTranslations(): void {
  rmSync(translationsDirectory(), { recursive: true, force: true });
}
