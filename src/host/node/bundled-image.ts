/**
 * The bundled image: compressed in the package, unpacked once into the user's cache directory
 * (XDG Base Directory Specification) and checked against its digest; where nothing can be written,
 * it is unpacked into memory each time.
 */

import { createHash } from 'node:crypto';
import { existsSync, ftruncateSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { cacheDirectory, writeCacheFile } from './cache-directory.ts';

interface Manifest {
  readonly sha256: string;
  readonly size: number;
}

/** Beside src/ in a checkout and beside dist/ in the package: two levels above this module's folder. */
const IMAGES = fileURLToPath(new URL('../../../images/', import.meta.url));
const BLOCK = 65536;

/** @returns the path of the unpacked image, or its bytes where it cannot be kept */
export function bundledImage(onUnpack: (bytes: number) => void = () => {}): string | Uint8Array {
  const manifest = JSON.parse(readFileSync(join(IMAGES, 'bundled.json'), 'utf8')) as Manifest;
  const path = join(cacheDirectory(), `bundled-${manifest.sha256.slice(0, 16)}.ext4`);
  if (existsSync(path) && statSync(path).size === manifest.size) return path;
  onUnpack(manifest.size);
  const raw = brotliDecompressSync(readFileSync(join(IMAGES, 'bundled.ext4.br')));
  const digest = createHash('sha256').update(raw).digest('hex');
  if (digest !== manifest.sha256)
    throw new Error('the bundled image is damaged: reinstall kevlar-jit');
  try {
    store(path, raw);
    return path;
  } catch {
    return raw;
  }
}

/** Sparse: blocks of zeros are left out. */
function store(path: string, raw: Uint8Array): void {
  writeCacheFile(path, (write, fd) => {
    for (let at = 0; at < raw.length; at += BLOCK) {
      const block = raw.subarray(at, at + BLOCK);
      if (block.some((b) => b !== 0)) write(block, at);
    }
    ftruncateSync(fd, raw.length);
  });
}
