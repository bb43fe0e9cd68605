/** One decoded instruction. The decoder fills the same object again and again. */

import type { InsnRow } from './table-format.ts';
import { SIZE_V, SIZE_X, SIZE_Y, SIZE_Z } from './table-format.ts';

/** Segment overrides that matter in 64-bit mode. */
export const SEG = { none: 0, fs: 1, gs: 2 } as const;
/** `base` of a RIP-relative operand. */
export const BASE_RIP = 16;

export class Decoded {
  /** null: no such encoding (#UD). */
  row: InsnRow | null = null;
  /** Guest address of the instruction. */
  pcLo = 0;
  pcHi = 0;
  /** Total bytes. */
  length = 0;
  opcode = 0;
  /** REX as read (0x40..0x4f), 0 if absent; synthesised for VEX. */
  rex = 0;
  /** Prefix 66 present. */
  p66 = false;
  /** Last of F2 (0xf2) and F3 (0xf3), or 0. */
  rep = 0;
  lock = false;
  seg = 0;
  /** Operand size in bytes: 2, 4 or 8. Address size: 4 or 8. */
  opSize = 4;
  addrSize = 8;
  /** ModRM byte and its fields with REX.R and REX.B; -1 without ModRM. mod is 0 to 3. */
  modrm = -1;
  mod = 3;
  reg = 0;
  rm = 0;
  /** Memory operand: registers (-1 none, 16 rip), scale as a shift, displacement. */
  base = -1;
  index = -1;
  scale = 0;
  disp = 0;
  /** Immediate, sign-extended to 64 bits (ib: sign-extended from 8); a second one (ENTER). */
  immLo = 0;
  immHi = 0;
  imm2 = 0;
  /** VEX.vvvv (register number) and VEX.L. */
  vvvv = 0;
  vexL = 0;

  /** Bytes of an operand of this instruction. */
  sizeOf(size: number): number {
    if (size >= 0) return size;
    if (size === SIZE_V) return this.opSize;
    if (size === SIZE_Y) return this.opSize === 8 ? 8 : 4;
    if (size === SIZE_Z) return this.opSize === 2 ? 2 : 4;
    if (size === SIZE_X) return this.vexL === 1 ? 32 : 16;
    return 0;
  }
}
