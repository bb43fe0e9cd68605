/**
 * The bundled guest image is the one its record describes, is a clean ext4 file system by e2fsck's
 * judgement, and everything it is made of is declared in images/SOURCES.md.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { assert, suite } from '../lib/suite.ts';

interface ImageRecord {
  readonly sha256: string;
  readonly size: number;
  readonly compressedSha256: string;
  readonly built: string;
}

interface SourcePackage {
  readonly name: string;
  readonly version: string;
  readonly tarball: string;
  readonly patches: string;
  readonly sha256: string;
}

/** Offsets in an ext4 image: the superblock follows 1 KiB of boot code (linux: struct ext4_super_block). */
const SUPERBLOCK = 1024;
const S_MAGIC = SUPERBLOCK + 0x38;
const S_FREE_BLOCKS_LO = SUPERBLOCK + 0x0c;
const S_LOG_BLOCK_SIZE = SUPERBLOCK + 0x18;
const S_VOLUME_NAME = SUPERBLOCK + 0x78;
const EXT4_MAGIC = 0xef53;

const images = fileURLToPath(new URL('../../images/', import.meta.url));
const read = (name: string): string => readFileSync(join(images, name), 'utf8');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const record = JSON.parse(read('bundled.json')) as ImageRecord;
const compressed = readFileSync(join(images, 'bundled.ext4.br'));
let unpacked: Buffer | undefined;

function image(): Buffer {
  unpacked ??= brotliDecompressSync(compressed);
  return unpacked;
}

function sourcePackages(): SourcePackage[] {
  const rows = read('packages.list')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return rows.map((row) => {
    const [name, version, tarball, patches, digest, ...rest] = row.split(/\s+/);
    if (!name || !version || !tarball || !patches || !digest || rest.length > 0) {
      throw new Error(`packages.list: not five fields: ${row}`);
    }
    return { name, version, tarball, patches, sha256: digest };
  });
}

const test = suite('bundled image');

test('the compressed file is the recorded one', () => {
  assert.is(sha256(compressed), record.compressedSha256);
});

test('unpacks to the recorded size and digest', () => {
  assert.is(image().length, record.size);
  assert.is(sha256(image()), record.sha256);
});

test('was built by the recipe beside it', () => {
  const version = /^RECIPE_VERSION=(\d+)$/m.exec(read('build-root.sh'))?.[1];
  assert.is(record.built, `recipe ${version}`);
});

test('is an ext4 image with 4 KiB blocks and about 64 MiB free', () => {
  const bytes = image();
  assert.is(bytes.readUInt16LE(S_MAGIC), EXT4_MAGIC);
  assert.is(1024 << bytes.readUInt32LE(S_LOG_BLOCK_SIZE), 4096);
  assert.is(
    bytes.toString('latin1', S_VOLUME_NAME, S_VOLUME_NAME + 16).replace(/\0+$/, ''),
    'kevlar-root',
  );
  const freeMib = bytes.readUInt32LE(S_FREE_BLOCKS_LO) / 256;
  assert.ok(freeMib >= 60 && freeMib <= 70, `${freeMib} MiB are free`);
});

const noE2fsck = spawnSync('e2fsck', ['-V']).error !== undefined;
const E2FSCK_CASE = 'e2fsck finds nothing to repair';
if (noE2fsck) test.skip(E2FSCK_CASE, 'e2fsck (e2fsprogs) is not installed');
else test(E2FSCK_CASE, checkFileSystem);

function checkFileSystem(): void {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-image-'));
  try {
    const file = join(directory, 'bundled.ext4');
    writeFileSync(file, image());
    const result = spawnSync('e2fsck', ['-fn', file], { encoding: 'utf8' });
    assert.is(result.status, 0, `${result.stdout}${result.stderr}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('SOURCES.md names every package of the recipe with its version', () => {
  const sources = read('SOURCES.md');
  const packages = sourcePackages();
  assert.ok(packages.length >= 9, `${packages.length} packages`);
  for (const { name, version } of packages) {
    assert.ok(sources.includes(`| \`${name}\` | ${version} |`), `no row for ${name} ${version}`);
  }
  const rows = sources.match(/^\| `/gm) ?? [];
  assert.is(
    rows.length,
    packages.length,
    'SOURCES.md has rows for packages that are not in the recipe',
  );
});

test("SOURCES.md gives the digest of BusyBox's source, as the GPL asks for that exact source", () => {
  const busybox = sourcePackages().find(({ name }) => name === 'busybox');
  assert.ok(busybox);
  assert.ok(read('SOURCES.md').includes(busybox!.tarball));
  assert.ok(read('SOURCES.md').includes(busybox!.sha256));
});
