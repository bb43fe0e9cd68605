/**
 * Translations of earlier runs: with none, with all, with damaged ones and with those of other code a guest does the
 * same; runs at once do not disturb each other; what is kept is bounded.
 */

import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootNode } from '../../src/host/node/boot.ts';
import { FileTranslationStore } from '../../src/host/node/translation-store.ts';
import type { Engine } from '../../src/machine/cpu.ts';
import type {
  Chunk,
  ChunkKey,
  TranslationCacheStats,
  TranslationStore,
} from '../../src/machine/translation-cache.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('translation cache', { timeout: 180_000 });

const SCRIPT =
  'i=0; while [ $i -lt 25000 ]; do i=$((i+1)); done; echo $i; ls /bin | sort | md5sum; (exit 3); echo $?';
/** For lockstep, which compares most of it. */
const SHORT = 'ls /bin | sort | md5sum; (exit 3); echo $?';
const LINES = /^25000\n[0-9a-f]{32} {2}-\n3\n$/;

interface Outcome {
  readonly out: string;
  readonly stats: TranslationCacheStats;
}

async function run(
  translations: TranslationStore,
  engine: Engine = 'auto',
  script = SCRIPT,
): Promise<Outcome> {
  const node = bootNode({ memory: 128 << 20, engine, translations });
  const { guest } = node;
  const sh = guest.spawn(['sh', '-c', script]);
  const out = await new Response(sh.stdout).text();
  await sh.exited;
  const stats = guest.machine.cpu.translationStats;
  assert.ok(stats !== null);
  node.close();
  return { out, stats: { ...stats } };
}

/** Runs with the files in `root`. */
async function runWith(root: string, engine: Engine = 'auto', script = SCRIPT): Promise<Outcome> {
  const store = new FileTranslationStore('build-v2', root);
  try {
    return await run(store, engine, script);
  } finally {
    store.close();
  }
}

function withRoot(body: (root: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const root = mkdtempSync(join(tmpdir(), 'kevlar-translations-'));
    try {
      await body(root);
    } finally {
      rmSync(root, { recursive: true });
    }
  };
}

function packs(root: string): string[] {
  return readdirSync(join(root, 'build-v2')).map((name) => join(root, 'build-v2', name));
}

/** Chunks in memory. */
class MemoryStore implements TranslationStore {
  readonly chunks: Chunk[] = [];

  find(key: ChunkKey): Int32Array | null {
    const same = (c: Chunk): boolean =>
      (Object.keys(key) as (keyof ChunkKey)[]).every((k) => c.key[k] === key[k]);
    return this.chunks.find(same)?.words ?? null;
  }

  put(chunks: readonly Chunk[]): void {
    this.chunks.unshift(...chunks);
  }
}

test(
  'the second run translates hardly anything, and does the same',
  withRoot(async (root) => {
    const cold = await runWith(root);
    assert.match(cold.out, LINES);
    assert.is(cold.stats.loaded, 0);
    assert.ok(cold.stats.saved > 1000);
    const warm = await runWith(root);
    assert.is(warm.out, cold.out);
    assert.ok(warm.stats.loaded > cold.stats.saved * 0.9, `${warm.stats.loaded} blocks`);
    assert.ok(warm.stats.regions > 0);
    assert.is(warm.stats.missing, 0);
  }),
);

test(
  'every engine takes the blocks',
  withRoot(async (root) => {
    const { out } = await runWith(root, 'interp', SHORT);
    for (const engine of ['interp', 'js', 'wasm', 'lockstep', 'lockstep-wasm'] as const) {
      const r = await runWith(root, engine, SHORT);
      assert.is(r.out, out, engine);
      assert.ok(r.stats.loaded > 1000, engine);
    }
  }),
);

test(
  'regions are for the engine that made them',
  withRoot(async (root) => {
    const { out } = await runWith(root, 'wasm');
    const first = await runWith(root);
    assert.is(first.out, out);
    assert.ok(first.stats.loaded > 1000);
    assert.is(first.stats.regions, 0);
    assert.ok((await runWith(root)).stats.regions > 0);
    assert.is((await runWith(root, 'wasm')).stats.regions, 0);
  }),
);

test(
  'damaged files are not there',
  withRoot(async (root) => {
    const { out, stats } = await runWith(root, 'auto', SHORT);
    const [path = ''] = packs(root);
    const whole = readFileSync(path);
    for (const at of [0, 4, 8, 13, 40, whole.length >> 1, whole.length - 3]) {
      const bytes = Uint8Array.from(whole);
      bytes[at]! ^= 0x10;
      writeFileSync(path, bytes);
      const r = await runWith(root, 'auto', SHORT);
      assert.is(r.out, out, `byte ${at}`);
      assert.ok(r.stats.loaded < stats.saved, `byte ${at}`);
      for (const p of packs(root)) rmSync(p);
    }
    for (const length of [0, 3, 15, 16, 60, whole.length >> 1, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      assert.is((await runWith(root, 'auto', SHORT)).out, out, `${length} bytes`);
      for (const p of packs(root)) rmSync(p);
    }
  }),
);

test('translations of other code are not run, whatever they are found by', async () => {
  const store = new MemoryStore();
  const { out } = await run(store);
  const words = store.chunks.map((c) => c.words);
  // As if the hash of each page were that of the next one.
  const mixed: TranslationStore = {
    find: (key) => {
      const i = store.chunks.findIndex((c) => c.key.hash0 === key.hash0);
      return i < 0 ? null : (words[(i + 1) % words.length] ?? null);
    },
    put: () => {},
  };
  const r = await run(mixed);
  assert.is(r.out, out);
  assert.ok(r.stats.pages > 20);
  assert.ok(r.stats.loaded < 100, `${r.stats.loaded} blocks fit by chance`);
});

test('chunks that are not in order are not used', async () => {
  const store = new MemoryStore();
  const { out, stats } = await run(store);
  for (const spoil of [
    (w: Int32Array) => w.subarray(0, w.length - 1),
    (w: Int32Array) => w.fill(-1),
    (w: Int32Array) => w.map((v, i) => (i === 2 ? v + 1 : v)),
    (w: Int32Array) => w.map((v, i) => (i === 0 ? v + 1 : v)),
    (w: Int32Array) => w.map((v, i) => (i === 1 ? v + 1 : v)),
    () => new Int32Array(0),
  ]) {
    const spoilt: TranslationStore = {
      find: (key) => {
        const words = store.find(key);
        return words === null ? null : spoil(words.slice());
      },
      put: () => {},
    };
    const r = await run(spoilt);
    assert.is(r.out, out);
    assert.ok(r.stats.loaded < stats.saved / 10, `${r.stats.loaded}`);
  }
});

test(
  'runs at once',
  withRoot(async (root) => {
    const [a, b] = await Promise.all([runWith(root), runWith(root)]);
    assert.is(a?.out, b?.out);
    assert.is(packs(root).length, 2);
    const both = await Promise.all([runWith(root), runWith(root)]);
    for (const r of both) {
      assert.is(r.out, a?.out);
      assert.ok(r.stats.loaded > 1000);
    }
  }),
);

test(
  'no bit of a pack can be another one without notice',
  withRoot(async (root) => {
    const key: ChunkKey = { pcLo: 0x1000, pcHi: 0, hash0: 77, hash1: -1 };
    const words = Int32Array.from({ length: 41 }, (_, i) => Math.imul(i, 0x01234567));
    const writer = new FileTranslationStore('build-v2', root);
    writer.put([{ key, words }]);
    writer.close();
    const [path] = packs(root);
    const bytes = readFileSync(path!);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Uint8Array.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path!, damaged);
      const store = new FileTranslationStore('build-v2', root);
      assert.is(store.find(key), null, `bit ${bit}`);
      store.close();
    }
  }),
);

test(
  'what a run that was killed did not write to its end is removed, once it is old',
  withRoot(async (root) => {
    const put = (n: number): void => {
      const store = new FileTranslationStore('build-v2', root);
      store.put([{ key: { pcLo: n << 12, pcHi: 0, hash0: n, hash1: n }, words: Int32Array.of(n) }]);
      store.close();
    };
    put(1);
    const [old, young] = ['a.pack.17', 'b.pack.18'].map((name) => join(root, 'build-v2', name));
    for (const path of [old!, young!]) writeFileSync(path, 'half of it');
    const yesterday = new Date(Date.now() - 24 * 3600_000);
    utimesSync(old!, yesterday, yesterday);
    put(2);
    assert.equal(
      [old!, young!].map((path) => existsSync(path)),
      [false, true],
    );
  }),
);

test(
  'many packs become few, and all together have a limit',
  withRoot(async (root) => {
    const key = (n: number): ChunkKey => ({ pcLo: n << 12, pcHi: 0, hash0: n * 77, hash1: ~n });
    const open = (limit?: number): FileTranslationStore =>
      new FileTranslationStore('build-v2', root, limit);
    for (let i = 0; i < 30; i++) {
      const store = open();
      store.put([
        { key: key(i), words: Int32Array.of(i, 1) },
        { key: key(1000), words: Int32Array.of(i, 2) },
      ]);
      store.close();
    }
    assert.ok(packs(root).length <= 8, `${packs(root).length} packs`);
    const all = open();
    for (let i = 0; i < 30; i++) assert.equal(all.find(key(i)), Int32Array.of(i, 1));
    all.close();
    const bytes = (): number => packs(root).reduce((n, p) => n + statSync(p).size, 0);
    const small = open(5000);
    small.put([{ key: key(31), words: new Int32Array(1000).fill(5) }]);
    assert.ok(bytes() <= 5000, `${bytes()} bytes`);
    assert.is(small.find(key(31))?.length, 1000);
    small.close();
  }),
);

test(
  'a directory that cannot be written to stops nothing',
  withRoot(async (root) => {
    writeFileSync(join(root, 'build-v2'), 'a file');
    assert.match((await runWith(root)).out, LINES);
  }),
);
