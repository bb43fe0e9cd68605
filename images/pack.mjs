// Compresses the guest image for shipping.
//
// Usage: node images/pack.mjs IMAGE DIRECTORY RECIPE_VERSION
//
// Writes DIRECTORY/bundled.ext4.br and DIRECTORY/bundled.json, which records what must come
// out: size and SHA-256 of the raw image, and SHA-256 of the compressed file. The result is
// decompressed and compared before anything is written.
//
// Brotli (RFC 7932) with the largest window of the standard, 16 MiB, at the highest quality.
// The large-window extension would save more, but browsers do not decode it.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const [imageFile, directory, recipeVersion] = process.argv.slice(2);
if (recipeVersion === undefined) {
  console.error('usage: node images/pack.mjs IMAGE DIRECTORY RECIPE_VERSION');
  process.exit(2);
}

const image = readFileSync(imageFile);
const compressed = brotliCompressSync(image, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: image.length,
  },
});
if (!brotliDecompressSync(compressed).equals(image))
  throw new Error('the image does not survive compression');

const record = {
  sha256: sha256(image),
  size: image.length,
  compressedSha256: sha256(compressed),
  built: `recipe ${recipeVersion}`,
};
writeFileSync(join(directory, 'bundled.ext4.br'), compressed);
writeFileSync(join(directory, 'bundled.json'), `${JSON.stringify(record, null, 2)}\n`);
console.log(`${image.length} bytes, compressed to ${compressed.length}`);
