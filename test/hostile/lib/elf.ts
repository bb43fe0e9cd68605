/** Makes small ELF programs from machine code, for machines without a compiler. */

export const CODE_AT = 0x400000;
export const DATA_AT = 0x10000000;
export const HEADERS: number = 64 + 56 * 2;

export interface TinyElf {
  readonly code: Uint8Array | readonly number[];
  /** Bytes of zeroed memory at `dataAt`, readable and writable. */
  readonly data?: number;
  readonly dataAt?: number;
  /** Segment rights of the code: PF_R 4, PF_W 2, PF_X 1. */
  readonly rights?: number;
}

/** A static program whose entry is its first byte of code, at CODE_AT + the headers' size. */
export function tinyElf({ code, data = 4096, dataAt = DATA_AT, rights = 5 }: TinyElf): Uint8Array {
  const bytes = new Uint8Array(HEADERS + code.length);
  const d = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  d.setUint16(16, 2, true);
  d.setUint16(18, 62, true);
  d.setUint32(20, 1, true);
  d.setBigUint64(24, BigInt(CODE_AT + HEADERS), true);
  d.setBigUint64(32, 64n, true);
  d.setUint16(52, 64, true);
  d.setUint16(54, 56, true);
  d.setUint16(56, 2, true);
  segment(d, 64, rights, 0, CODE_AT, bytes.length, bytes.length);
  segment(d, 120, 6, 0, dataAt, 0, data);
  bytes.set(code, HEADERS);
  return bytes;
}

function segment(
  d: DataView,
  at: number,
  rights: number,
  offset: number,
  address: number,
  fileSize: number,
  size: number,
): void {
  d.setUint32(at, 1, true);
  d.setUint32(at + 4, rights, true);
  d.setBigUint64(at + 8, BigInt(offset), true);
  d.setBigUint64(at + 16, BigInt(address), true);
  d.setBigUint64(at + 24, BigInt(address), true);
  d.setBigUint64(at + 32, BigInt(fileSize), true);
  d.setBigUint64(at + 40, BigInt(size), true);
  d.setBigUint64(at + 48, 4096n, true);
}

/** `syscall; jmp back`: the registers are the harness's business. */
export const SYSCALL_LOOP: readonly number[] = [0x0f, 0x05, 0xeb, 0xfc];
