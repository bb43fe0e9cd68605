/**
 * The checksums of ext4 and jbd2: CRC-32C (metadata_csum) and CRC-16 (gdt_csum, "uninit_bg").
 * Both as the kernel's helpers compute them: the caller passes the running value, nothing is inverted.
 */

const CRC32C_POLY = 0x82f63b78;
const CRC16_POLY = 0xa001;

/** Four tables of 256: a table k entry is the CRC of a byte followed by k zero bytes. */
const T: Int32Array = buildTables();

function buildTables(): Int32Array {
  const t = new Int32Array(1024);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ CRC32C_POLY : c >>> 1;
    t[n] = c;
  }
  for (let n = 256; n < 1024; n++) {
    const c = t[n - 256]!;
    t[n] = (c >>> 8) ^ t[c & 0xff]!;
  }
  return t;
}

/** CRC-32C of data[start, end) continued from `crc`; an unsigned number. */
export function crc32c(crc: number, data: Uint8Array, start: number, end: number): number {
  let c = crc | 0;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    c ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    c =
      T[768 + (c & 0xff)]! ^
      T[512 + ((c >>> 8) & 0xff)]! ^
      T[256 + ((c >>> 16) & 0xff)]! ^
      T[c >>> 24]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ T[(c ^ data[i]!) & 0xff]!;
  return c >>> 0;
}

const word = new Uint8Array(4);
const ZEROS = new Uint8Array(8);

/** Continues with a little-endian 32-bit number. */
export function crc32cLe32(crc: number, value: number): number {
  word[0] = value;
  word[1] = value >>> 8;
  word[2] = value >>> 16;
  word[3] = value >>> 24;
  return crc32c(crc, word, 0, 4);
}

/** Continues with a big-endian 32-bit number (jbd2). */
export function crc32cBe32(crc: number, value: number): number {
  word[0] = value >>> 24;
  word[1] = value >>> 16;
  word[2] = value >>> 8;
  word[3] = value;
  return crc32c(crc, word, 0, 4);
}

/** Continues with `count` (at most 8) zero bytes: a checksum field counts as zero in its own checksum. */
export function crc32cZeros(crc: number, count: number): number {
  return crc32c(crc, ZEROS, 0, count);
}

const T16: Uint16Array = new Uint16Array(256).map((_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ CRC16_POLY : c >>> 1;
  return c;
});

/** CRC-16 (ANSI) of data[start, end) continued from `crc`. */
export function crc16(crc: number, data: Uint8Array, start: number, end: number): number {
  let c = crc & 0xffff;
  for (let i = start; i < end; i++) c = (c >>> 8) ^ T16[(c ^ data[i]!) & 0xff]!;
  return c;
}
