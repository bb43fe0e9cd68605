/** A complete user-visible CPU state as bytes: the format that native-runner.c reads and writes. */

export const CODE = 0x2f0000;
export const DATA = 0x300000;
export const PAGE = 4096;
export const MAX_CODE = 64;

/** Byte offsets of the fields of `struct state`. */
const AT = {
  gpr: 0,
  rflags: 128,
  rip: 136,
  vector: 144,
  error: 152,
  address: 160,
  codeOffset: 168,
};
export const FX_AT = 176;
export const YMM_HIGH_AT: number = FX_AT + 512;
export const CODE_AT: number = YMM_HIGH_AT + 256;
export const DATA_AT: number = CODE_AT + MAX_CODE;
export const STATE_BYTES: number = DATA_AT + PAGE;

/** FXSAVE image: offsets (SDM vol. 1, table 10-2). */
export const FX = { fcw: 0, fsw: 2, ftw: 4, mxcsr: 24, st: 32, xmm: 160, end: 416 } as const;

export class CpuState {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** FXSAVE image, high halves of the YMM registers, code bytes, data page. */
  readonly fx: Uint8Array;
  readonly ymmHigh: Uint8Array;
  readonly code: Uint8Array;
  readonly data: Uint8Array;
  private readonly buffer: Buffer;

  constructor(bytes: Uint8Array = new Uint8Array(STATE_BYTES)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fx = bytes.subarray(FX_AT, FX_AT + 512);
    this.ymmHigh = bytes.subarray(YMM_HIGH_AT, YMM_HIGH_AT + 256);
    this.code = bytes.subarray(CODE_AT, CODE_AT + MAX_CODE);
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.data = bytes.subarray(DATA_AT, DATA_AT + PAGE);
  }

  gpr(n: number): bigint {
    return this.view.getBigUint64(AT.gpr + n * 8, true);
  }

  setGpr(n: number, v: bigint): void {
    this.view.setBigUint64(AT.gpr + n * 8, BigInt.asUintN(64, v), true);
  }

  get rflags(): number {
    return this.view.getUint32(AT.rflags, true);
  }

  set rflags(v: number) {
    this.view.setUint32(AT.rflags, v, true);
  }

  get rip(): bigint {
    return this.view.getBigUint64(AT.rip, true);
  }

  set rip(v: bigint) {
    this.view.setBigUint64(AT.rip, v, true);
  }

  get vector(): number {
    return this.view.getUint32(AT.vector, true);
  }

  set vector(v: number) {
    this.view.setUint32(AT.vector, v, true);
  }

  get error(): number {
    return this.view.getUint32(AT.error, true);
  }

  set error(v: number) {
    this.view.setUint32(AT.error, v, true);
  }

  get address(): bigint {
    return this.view.getBigUint64(AT.address, true);
  }

  set address(v: bigint) {
    this.view.setBigUint64(AT.address, v, true);
  }

  get codeOffset(): number {
    return this.view.getUint32(AT.codeOffset, true);
  }

  set codeOffset(v: number) {
    this.view.setUint32(AT.codeOffset, v, true);
  }

  /** Whether bytes `from` to `to` are the same in another state. */
  sameBytes(other: CpuState, from: number, to: number): boolean {
    return this.buffer.compare(other.buffer, from, to, from, to) === 0;
  }

  fx16(at: number): number {
    return this.view.getUint16(FX_AT + at, true);
  }

  fx32(at: number): number {
    return this.view.getUint32(FX_AT + at, true);
  }
}
