/** Bytes of WebAssembly: numbers in LEB128, strings, sections (WebAssembly Core Specification, chapter 5). */

export class ByteWriter {
  private bytes: Uint8Array;
  length = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
  }

  /** What was written; valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  byte(b: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = b;
  }

  /** Appends bytes. */
  append(b: Uint8Array): void {
    if (this.length + b.length > this.bytes.length) this.grow(b.length);
    this.bytes.set(b, this.length);
    this.length += b.length;
  }

  private grow(more: number): void {
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    bigger.set(this.view());
    this.bytes = bigger;
  }

  /** Unsigned LEB128 of a number below 2^32. */
  u32(n: number): void {
    let v = n >>> 0;
    while (v > 127) {
      this.byte((v & 127) | 128);
      v >>>= 7;
    }
    this.byte(v);
  }

  /** Unsigned LEB128 in five bytes, whatever the number. */
  paddedU32(n: number): void {
    for (let i = 0; i < 28; i += 7) this.byte(((n >>> i) & 127) | 128);
    this.byte(n >>> 28);
  }

  /** The number that `paddedU32` wrote at an offset. */
  paddedU32At(at: number): number {
    let n = 0;
    for (let i = 4; i >= 0; i--) n = (n << 7) | (this.bytes[at + i]! & 127);
    return n >>> 0;
  }

  /** Replaces it. */
  patchPaddedU32(at: number, n: number): void {
    for (let i = 0; i < 4; i++) this.bytes[at + i] = ((n >>> (i * 7)) & 127) | 128;
    this.bytes[at + 4] = n >>> 28;
  }

  /** Signed LEB128 of an int32. */
  s32(n: number): void {
    let v = n | 0;
    while (v < -64 || v > 63) {
      this.byte((v & 127) | 128);
      v >>= 7;
    }
    this.byte(v & 127);
  }

  /** Signed LEB128 of the 64-bit number hi:lo. */
  s64(lo: number, hi: number): void {
    let l = lo | 0;
    let h = hi | 0;
    while (h !== l >> 31 || l < -64 || l > 63) {
      this.byte((l & 127) | 128);
      l = (l >>> 7) | (h << 25);
      h >>= 7;
    }
    this.byte(l & 127);
  }

  /** Four bytes, little-endian. */
  word(w: number): void {
    for (let i = 0; i < 32; i += 8) this.byte((w >>> i) & 255);
  }

  /** A name, of ASCII. */
  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  /** A section, or anything else that is preceded by its size. */
  sized(id: number, content: ByteWriter): void {
    if (id >= 0) this.byte(id);
    this.u32(content.length);
    this.append(content.view());
  }
}
