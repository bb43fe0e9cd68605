/**
 * What the processor that ran a case may show in another way than we do, being AMD's or Intel's: exactly what the
 * rows' option `vendors` says (VendorDifference in table-format.ts).
 */

import type { VendorDifference } from '../../src/frontend-x86/table-format.ts';
import type { DiffProgram } from './generate.ts';
import { ON_INTEL } from './host-features.ts';
import { type CpuState, DATA, FX, PAGE } from './state.ts';

/** What the int3 behind every case raises. */
const BREAKPOINT = 3;
const MXCSR_FLAGS = 0x3f;
/** A store that crosses pages has at most so many bytes in the first one. */
const LONGEST_STORE = 10;
const LONGEST_INSN = 15n;

/** Of `lane` bytes each: equal, or NaNs both. */
function sameButNaNs(a: Uint8Array, b: Uint8Array, lane: 4 | 8): boolean {
  const x = new DataView(a.buffer, a.byteOffset, 16);
  const y = new DataView(b.buffer, b.byteOffset, 16);
  for (let at = 0; at < 16; at += lane) {
    const read = (v: DataView): number =>
      lane === 4 ? v.getFloat32(at, true) : v.getFloat64(at, true);
    if (Number.isNaN(read(x)) && Number.isNaN(read(y))) continue;
    for (let i = at; i < at + lane; i++) if (a[i] !== b[i]) return false;
  }
  return true;
}

/** Each lane of b is the sign of the lane of a, of 4 bytes or of 8. */
function isExtended(a: Uint8Array, b: Uint8Array, lane: 4 | 8): boolean {
  return b.every((v, i) => v === ((a[(i & -lane) + lane - 1] as number) & 0x80 ? 0xff : 0));
}

const isZero = (b: Uint8Array): boolean => b.every((v) => v === 0);

export class Vendors {
  private readonly c: DiffProgram;
  private readonly native: CpuState;

  constructor(c: DiffProgram, native: CpuState) {
    this.c = c;
    this.native = native;
  }

  private atFault(what: VendorDifference): boolean {
    if (this.native.vector === BREAKPOINT) return false;
    return this.c.rows.some((r) => r.options.vendors === what);
  }

  /** Exceptions by number. #SS is what #GP is called when the base is rSP or rBP: signals differ in detail only. */
  sameException(ours: number): boolean {
    const { vector } = this.native;
    if ((vector === 12 ? 13 : vector) === (ours === 12 ? 13 : ours)) return true;
    // What is wrong with both the numbers and the address of a store.
    const bad = ours === 14 || ours === 13 || ours === 12;
    return vector === 19 && bad && this.atFault('MXCSR at a fault');
  }

  sameRip(ours: bigint): boolean {
    const { rip } = this.native;
    if (rip === ours) return true;
    return this.atFault('RIP of a trap') && !ON_INTEL && ours > rip && ours <= rip + LONGEST_INSN;
  }

  /** Half of a vector register. */
  sameVector(a: Uint8Array, b: Uint8Array): boolean {
    if (a.every((v, i) => v === b[i])) return true;
    for (const { options, mnemonic } of this.c.rows) {
      if (options.vendors === 'NaN') return sameButNaNs(a, b, mnemonic.endsWith('d') ? 8 : 4);
    }
    return (
      this.atFault('gather fault') && (isExtended(a, b, 4) || isExtended(a, b, 8) || isZero(b))
    );
  }

  /** Bits of FSW to be compared. */
  get fswMask(): number {
    const top = (this.native.fx16(FX.fsw) >> 11) & 7;
    return this.atFault('TOP at a fault') && top === 0 ? ~0x3800 : ~0;
  }

  /** Bits of MXCSR to be compared. */
  get mxcsrMask(): number {
    return this.atFault('MXCSR at a fault') ? 0xffff & ~MXCSR_FLAGS : 0xffff;
  }

  get comparesFlags(): boolean {
    return !this.atFault('flags at a fault');
  }

  sameFaultAddress(ours: bigint): boolean {
    const { address } = this.native;
    if (address === ours) return true;
    if (address >> 12n !== ours >> 12n) return false;
    return this.atFault('address of a fault') || (this.atFault('flags at a fault') && !ON_INTEL);
  }

  /** Bytes of the data page to be compared: from where, to where. */
  get memoryRange(): readonly [from: number, to: number] {
    if (!this.atFault('part of a store')) return [0, PAGE];
    const before = Number(this.native.address) < DATA + PAGE;
    return before ? [LONGEST_STORE, PAGE] : [0, PAGE - LONGEST_STORE];
  }
}
