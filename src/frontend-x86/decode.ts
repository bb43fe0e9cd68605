/**
 * Instruction decoding (SDM vol. 2, chapter 2): prefixes, opcode maps, ModRM, SIB, displacement,
 * immediate. Fills a Decoded; allocates nothing.
 */

import { BASE_RIP, type Decoded, SEG } from './decoded.ts';
import { buildDispatch, type Dispatch } from './dispatch.ts';
import { ROWS } from './rows.ts';
import { IMM, type InsnRow, MAP } from './table-format.ts';

export const DECODE = {
  ok: 0,
  /** The available bytes end inside the instruction. */
  truncated: 1,
  /** More than 15 bytes: #GP(0). */
  tooLong: 2,
  /** No such encoding, or LOCK where it is not allowed: #UD. */
  invalid: 3,
} as const;

export const MAX_INSN_LENGTH = 15;

export const DISPATCH: Dispatch = buildDispatch(ROWS);

const { rows, first, byPrefix, byModrm } = DISPATCH;

/** What the byte does before the opcode: 1 operand size, 2 address size, 3 F2/F3, 4 LOCK, 5 ignored segment, 6 FS/GS, 7 REX. */
const PREFIX_KIND = new Uint8Array(256);
PREFIX_KIND[0x66] = 1;
PREFIX_KIND[0x67] = 2;
PREFIX_KIND[0xf2] = 3;
PREFIX_KIND[0xf3] = 3;
PREFIX_KIND[0xf0] = 4;
for (const b of [0x26, 0x2e, 0x36, 0x3e]) PREFIX_KIND[b] = 5;
PREFIX_KIND[0x64] = 6;
PREFIX_KIND[0x65] = 6;
PREFIX_KIND.fill(7, 0x40, 0x50);

/** Position in the code bytes while decoding, and their end. */
let code: Uint8Array = new Uint8Array(0);
let pos = 0;
let end = 0;

/** Next byte; past the end it counts on and returns 0, and the caller checks once at the end. */
function u8(): number {
  const at = pos++;
  return at < end ? (code[at] as number) : 0;
}

function i8(): number {
  return (u8() << 24) >> 24;
}

function i16(): number {
  const lo = u8();
  return (((u8() << 8) | lo) << 16) >> 16;
}

function i32(): number {
  const a = u8();
  const b = u8();
  const c = u8();
  return a | (b << 8) | (c << 16) | (u8() << 24);
}

/**
 * Decodes the instruction at bytes[at..], of which `available` (at most 15 are looked at) may be read.
 * @returns a DECODE value; unless truncated, `d.length` is set (for an invalid one, as far as it was read)
 */
export function decode(d: Decoded, bytes: Uint8Array, at: number, available: number): number {
  code = bytes;
  pos = at;
  end = at + (available < MAX_INSN_LENGTH ? available : MAX_INSN_LENGTH);
  d.modrm = -1;
  d.mod = 3;
  d.reg = 0;
  d.rm = 0;
  d.base = -1;
  d.index = -1;
  d.scale = 0;
  d.disp = 0;
  d.immLo = 0;
  d.immHi = 0;
  d.vexL = 0;
  d.vvvv = 0;
  const map = readOpcode(d);
  const row = map < 0 ? null : lookUp(d, map);
  d.row = row;
  if (row !== null) readOperands(d, row);
  // Of one that is too long, nothing behind the 15th byte is looked at: that may be another page.
  d.length = Math.min(pos - at, MAX_INSN_LENGTH);
  if (pos > end) return available >= MAX_INSN_LENGTH ? DECODE.tooLong : DECODE.truncated;
  if (row === null || row.lift === null) return DECODE.invalid;
  if (row.noVvvv && d.vvvv !== 0) return DECODE.invalid;
  if (d.lock && (row.options.lock === undefined || d.mod === 3)) return DECODE.invalid;
  return DECODE.ok;
}

/** Prefixes and opcode. @returns the opcode map, or -1 */
function readOpcode(d: Decoded): number {
  d.rex = 0;
  d.p66 = false;
  d.rep = 0;
  d.lock = false;
  d.seg = SEG.none;
  d.addrSize = 8;
  let b = u8();
  for (
    let kind = PREFIX_KIND[b] as number;
    kind !== 0 && pos <= end;
    kind = PREFIX_KIND[b] as number
  ) {
    // REX counts only if the opcode follows.
    d.rex = 0;
    if (kind === 7) d.rex = b;
    else if (kind === 1) d.p66 = true;
    else if (kind === 2) d.addrSize = 4;
    else if (kind === 3) d.rep = b;
    else if (kind === 4) d.lock = true;
    else if (kind === 6) d.seg = b === 0x64 ? SEG.fs : SEG.gs;
    b = u8();
  }
  if (b === 0xc4 || b === 0xc5) return readVex(d, b);
  let map: number = MAP.one;
  if (b === 0x0f) {
    map = MAP.m0F;
    b = u8();
    if (b === 0x38 || b === 0x3a) {
      map = b === 0x38 ? MAP.m0F38 : MAP.m0F3A;
      b = u8();
    }
  }
  d.opcode = b;
  return map;
}

/** VEX prefix (SDM vol. 2, 2.3.5). Its R, X, B, W become those of a REX. */
function readVex(d: Decoded, first: number): number {
  if (d.p66 || d.rep !== 0 || d.lock || d.rex !== 0) return -1;
  let last = u8();
  let map = 1;
  let rex = 0x40 | ((~last >> 5) & 4);
  if (first === 0xc4) {
    map = last & 31;
    rex |= (~last >> 5) & 3;
    last = u8();
    rex |= (last >> 4) & 8;
  }
  if (map < 1 || map > 3) return -1;
  d.rex = rex;
  d.vvvv = (~last >> 3) & 15;
  d.vexL = (last >> 2) & 1;
  d.p66 = (last & 3) === 1;
  d.rep = (last & 3) === 2 ? 0xf3 : (last & 3) === 3 ? 0xf2 : 0;
  d.opcode = u8();
  return MAP.m0F38 + map + 1;
}

function lookUp(d: Decoded, map: number): InsnRow | null {
  let e = first[(map << 8) | d.opcode] as number;
  if (e < 0) {
    const pfx = d.rep === 0xf2 ? 3 : d.rep === 0xf3 ? 2 : d.p66 ? 1 : 0;
    e = byPrefix[((-e - 1) << 4) | (d.vexL << 3) | ((d.rex & 8) >> 1) | pfx] as number;
    // The ModRM byte is only looked at here; readOperands reads it again.
    if (e < 0) {
      if (pos >= end) {
        // It is missing: truncated.
        pos = end + 1;
        return null;
      }
      e = byModrm[((-e - 1) << 8) | (code[pos] as number)] as number;
    }
  }
  return e === 0 ? null : (rows[e - 1] as InsnRow);
}

function readOperands(d: Decoded, row: InsnRow): void {
  const w = (d.rex & 8) !== 0;
  if (row.options.size === undefined) d.opSize = w ? 8 : d.p66 ? 2 : 4;
  else d.opSize = row.options.size === 'd64' && d.p66 && !w ? 2 : 8;
  if (row.hasModrm) readModrm(d);
  if (row.imm !== IMM.none) readImmediate(d, row.imm);
}

function readModrm(d: Decoded): void {
  const m = u8();
  const rex = d.rex;
  d.modrm = m;
  d.mod = m >> 6;
  d.reg = ((m >> 3) & 7) | ((rex & 4) << 1);
  const rm = m & 7;
  if (d.mod === 3) {
    d.rm = rm | ((rex & 1) << 3);
    return;
  }
  d.rm = rm;
  if (rm === 4) readSib(d);
  else if (rm === 5 && d.mod === 0) {
    d.base = BASE_RIP;
    d.disp = i32();
    return;
  } else d.base = rm | ((rex & 1) << 3);
  if (d.mod === 1) d.disp = i8();
  else if (d.mod === 2) d.disp = i32();
}

function readSib(d: Decoded): void {
  const sib = u8();
  const index = ((sib >> 3) & 7) | ((d.rex & 2) << 2);
  d.scale = sib >> 6;
  if (index !== 4) d.index = index;
  if ((sib & 7) === 5 && d.mod === 0) d.disp = i32();
  else d.base = (sib & 7) | ((d.rex & 1) << 3);
}

function readImmediate(d: Decoded, form: number): void {
  switch (form) {
    case IMM.ib:
    case IMM.cb:
      d.immLo = i8();
      break;
    case IMM.iw:
      d.immLo = i16();
      break;
    case IMM.iwib:
      d.immLo = i16() & 0xffff;
      d.imm2 = u8();
      break;
    case IMM.iz:
      d.immLo = d.opSize === 2 ? i16() : i32();
      break;
    case IMM.iv:
      d.immLo = d.opSize === 2 ? i16() : i32();
      if (d.opSize === 8) {
        d.immHi = i32();
        return;
      }
      break;
    case IMM.mo:
      d.immLo = i32();
      d.immHi = d.addrSize === 8 ? i32() : 0;
      return;
    default:
      d.immLo = i32();
  }
  d.immHi = d.immLo >> 31;
}
