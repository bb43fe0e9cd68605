/**
 * The row format of the instruction table: one row per encoding, written as the SDM writes it
 * (vol. 2, section 3.1.1 for the encoding, appendix A.2 for the operand codes).
 *
 *   insn('add Eb,Gb',        '00 /r',          liftAdd, { flags: 'w:oszapc', lock: true })
 *   insn('movaps Vps,Wps',   'NP 0F 28 /r',    liftMovaps)
 *   insn('fadd ST,ST(i)',    'D8 C0+i',        liftFadd)
 *   insn('vaddps Vx,Hx,Wx',  'VEX.128.NP.0F.WIG 58 /r', 'todo')
 *
 * Decoder, length, fuzz generator and docs/INSTRUCTIONS.md derive from the rows.
 *
 * Encoding: [NP|66|F2|F3] [REX.W|REX.W0] opcode bytes (0F, 0F 38, 0F 3A maps), then
 *   +r      the low three opcode bits are a register (operand letter Z)
 *   /r /0-7 ModRM follows; a digit fixes its reg field
 *   XX      a fixed ModRM byte; XX+i: its low three bits are free (ST(i))
 *   ib iw id iz iv  immediate of 1, 2, 4, 2 or 4, 2 or 4 or 8 bytes;  cb cz  branch displacement;  mo  moffs
 * NP: the row needs the absence of 66, F2 and F3. No prefix given: any (66 is then the operand size).
 *
 * Operand codes: letter, then size.
 *   E GPR or memory (rm)   G GPR (reg)      R GPR (rm, register only)   Z GPR (opcode)   B GPR (VEX.vvvv)
 *   M memory only          O moffs          X, Y string source (rsi), destination (rdi)
 *   V XMM (reg)            W XMM or memory  U XMM (rm only)             H XMM (VEX.vvvv) L XMM (is4)
 *   P MMX (reg)            Q MMX or memory  N MMX (rm only)
 *   I immediate            J displacement   S segment register          C, D control, debug register
 *   fixed registers: AL AX EAX RAX CL DX rAX (operand size), 1, XMM0, ST, ST(i), FS, GS
 *   b w d q dq qq: 1 2 4 8 16 32 bytes;  t: 10;  v: operand size;  y: 4 or 8;  z: 2 or 4;  x: 16 (32 with VEX.L)
 *   ss sd ps pd: 4 8 16 16;  other memory blocks: M and a number of bytes (M28, M512); M alone: address only
 *   Ibs, Iz: immediates of 1 byte, 2 or 4 bytes, sign-extended to the operand size.
 */

import { panic } from '../common/panic.ts';
import type { Lift } from './lift-context.ts';

/** Emits the IR of one decoded instruction. */
export type LiftFn = (cx: Lift) => void;

/**
 * alignment: AMD's take a memory operand at any address. NaN: of several NaNs, another one is the result.
 * gather fault: AMD's leave the mask and the upper halves as they were. flags at a fault: AMD's have those of the last
 * comparison, and may read the operands in the other order. RIP of a trap: KVM on AMD's tells the address of INT1
 * itself. The others are Intel's: TOP is 0 after a store of an MMX
 * register that faulted; a store across pages was done in part; the address of the fault is another one in the page;
 * of a conversion whose store faults, MXCSR has the flags, or #XM comes first.
 */
export type VendorDifference =
  | 'alignment'
  | 'NaN'
  | 'gather fault'
  | 'flags at a fault'
  | 'RIP of a trap'
  | 'TOP at a fault'
  | 'part of a store'
  | 'address of a fault'
  | 'MXCSR at a fault';

export interface InsnOptions {
  /** Status flags: 'w:oszapc' written, 'r:c' read, 'u:a' left undefined; any of them, space-separated. */
  readonly flags?: string;
  /** A masked count of 0 leaves all flags as they were. */
  readonly flagsKeptAtZero?: true;
  /** LOCK is allowed (memory destination). */
  readonly lock?: true;
  /** Operand size in 64-bit mode: d64 defaults to 64 (66 selects 16), f64 is always 64. */
  readonly size?: 'd64' | 'f64';
  /** Raises #GP(0) in user mode. */
  readonly privileged?: true;
  /** CPUID features, space-separated, that announce it (names in cpuid.ts). Baseline rows have none. */
  readonly feature?: string;
  /** Memory operand of 16 bytes must be aligned (documentation and fuzzing; lifters check with MEM_ALIGN). */
  readonly aligned?: true;
  /** Why the differential fuzzer does not generate this row. */
  readonly noFuzz?: string;
  /** Result bits that real CPUs differ in: the fuzzer does not compare results of this row, only state it must not touch. */
  readonly approximate?: string;
  /** What AMD's and Intel's processors do differently: the SDM is followed, the fuzzer accepts both. */
  readonly vendors?: VendorDifference;
}

export interface Operand {
  /** As written in the row: 'Ev', 'AL', 'ST(i)'. */
  readonly text: string;
  /** The addressing letter; 'F' a fixed register, '1' the constant one, 's' ST, 'i' ST(i). */
  readonly letter: string;
  /** Bytes, or a SIZE_ code that depends on the instruction. */
  readonly size: number;
  /** Register number of a fixed register. */
  readonly fixed: number;
  /** 'Ibs': sign-extended byte immediate. */
  readonly signed: boolean;
}

/** Operand sizes that depend on prefixes. */
export const SIZE_V = -1;
export const SIZE_Y = -2;
export const SIZE_Z = -3;
export const SIZE_X = -4;

/** Mandatory prefix: index of the decoder's sub-table, or ANY. */
export const PFX = { none: 0, p66: 1, pF3: 2, pF2: 3, any: -1 } as const;

/** Opcode maps. */
export const MAP = {
  one: 0,
  m0F: 1,
  m0F38: 2,
  m0F3A: 3,
  vex0F: 4,
  vex0F38: 5,
  vex0F3A: 6,
} as const;

/** Immediate forms; values above 8 are computed from prefixes. */
export const IMM = {
  none: 0,
  ib: 1,
  iw: 2,
  id: 4,
  iz: 16,
  iv: 17,
  iwib: 18,
  cb: 19,
  cz: 20,
  mo: 21,
} as const;

export interface InsnRow {
  readonly text: string;
  readonly mnemonic: string;
  readonly encoding: string;
  readonly operands: readonly Operand[];
  /** null: not implemented yet, raises #UD. */
  readonly lift: LiftFn | null;
  readonly options: InsnOptions;
  /** All of these are needed. */
  readonly features: readonly string[];
  /** Status-flag masks in EFLAGS bit positions. */
  readonly flagsWritten: number;
  readonly flagsRead: number;
  readonly flagsUndefined: number;
  readonly map: number;
  readonly opcode: number;
  readonly prefix: number;
  /** REX.W / VEX.W: 0, 1, or -1 either. */
  readonly w: number;
  /** VEX.L: 0, 1, or -1 either. */
  readonly vexL: number;
  readonly plusReg: boolean;
  readonly hasModrm: boolean;
  /** Fixed ModRM.reg, or -1. */
  readonly digit: number;
  /** Fixed ModRM byte, or -1; with `modrmPlus`, the first of eight. */
  readonly modrm: number;
  readonly modrmPlus: boolean;
  /** ModRM.mod must be: 'm' memory, 'r' register, 'a' any. */
  readonly mod: 'm' | 'r' | 'a';
  /** VEX.vvvv must be 1111: no operand is there. */
  readonly noVvvv: boolean;
  readonly imm: number;
}

const SIZES: Record<string, number> = {
  b: 1,
  w: 2,
  d: 4,
  q: 8,
  dq: 16,
  qq: 32,
  t: 10,
  v: SIZE_V,
  y: SIZE_Y,
  z: SIZE_Z,
  x: SIZE_X,
  ss: 4,
  sd: 8,
  ps: 16,
  pd: 16,
  bs: 1,
  p: SIZE_V,
  a: SIZE_V,
};

const FIXED: Record<string, readonly [string, number, number]> = {
  AL: ['F', 1, 0],
  CL: ['F', 1, 1],
  AX: ['F', 2, 0],
  DX: ['F', 2, 2],
  EAX: ['F', 4, 0],
  RAX: ['F', 8, 0],
  rAX: ['F', SIZE_V, 0],
  rDX: ['F', SIZE_V, 2],
  '1': ['1', 1, 0],
  XMM0: ['0', 16, 0],
  ST: ['s', 10, 0],
  'ST(i)': ['i', 10, 0],
  FS: ['S', 2, 4],
  GS: ['S', 2, 5],
  SW: ['F', 2, 0],
};

/** Codes repeat a lot: 150 distinct ones over a thousand rows. */
const operandCache = new Map<string, Operand>();

function parseOperand(text: string): Operand {
  let o = operandCache.get(text);
  if (o === undefined) operandCache.set(text, (o = newOperand(text)));
  return o;
}

function newOperand(text: string): Operand {
  const f = FIXED[text];
  if (f !== undefined) return { text, letter: f[0], size: f[1], fixed: f[2], signed: false };
  const letter = text.charAt(0);
  const code = text.slice(1);
  let size = code === '' ? 0 : (SIZES[code] ?? Number(code));
  if (letter === 'I' && (code === 'z' || code === 'bs')) size = SIZE_V;
  if (!'EGRZBMOXYVWUHLPQNIJSCD'.includes(letter) || Number.isNaN(size)) {
    panic(`operand code ${text}`);
  }
  return { text, letter, size, fixed: -1, signed: code === 'bs' };
}

/** EFLAGS positions of the status flags. */
const FLAG_BITS: Record<string, number> = {
  c: 1,
  p: 4,
  a: 0x10,
  z: 0x40,
  s: 0x80,
  o: 0x800,
  d: 0x400,
};

function flagMask(spec: string | undefined, kind: string): number {
  if (spec === undefined) return 0;
  let mask = 0;
  for (const part of spec.split(' ')) {
    if (part.charAt(0) !== kind) continue;
    for (let i = 2; i < part.length; i++) {
      mask |= FLAG_BITS[part.charAt(i)] ?? panic(`flags ${spec}`);
    }
  }
  return mask;
}

interface Encoding {
  map: number;
  opcode: number;
  prefix: number;
  w: number;
  vexL: number;
  plusReg: boolean;
  hasModrm: boolean;
  digit: number;
  modrm: number;
  modrmPlus: boolean;
  imm: number;
}

const IMM_TOKENS: Record<string, number> = {
  ib: IMM.ib,
  iw: IMM.iw,
  id: IMM.id,
  iz: IMM.iz,
  iv: IMM.iv,
  cb: IMM.cb,
  cz: IMM.cz,
  mo: IMM.mo,
  is4: IMM.ib,
};
const PREFIX_TOKENS: Record<string, number> = {
  NP: PFX.none,
  '66': PFX.p66,
  F3: PFX.pF3,
  F2: PFX.pF2,
};
const VEX_MAPS: Record<string, number> = {
  '0F': MAP.vex0F,
  '0F38': MAP.vex0F38,
  '0F3A': MAP.vex0F3A,
};

/** 'VEX.128.66.0F38.W0': L, pp, map and W, in this order. */
function parseVex(token: string, e: Encoding): void {
  const [, l, pp, map, w] = token.split('.');
  e.vexL = l === '256' ? 1 : l === '128' || l === 'LZ' || l === 'L0' ? 0 : -1;
  e.prefix = PREFIX_TOKENS[pp as string] ?? panic(token);
  e.map = VEX_MAPS[map as string] ?? panic(token);
  e.w = w === 'W0' ? 0 : w === 'W1' ? 1 : -1;
}

/** Consumes prefixes and map bytes; returns the index of the opcode token. */
function parseMap(tokens: readonly string[], e: Encoding): number {
  let i = 0;
  let t = tokens[0] as string;
  if (t.startsWith('VEX.')) {
    parseVex(t, e);
    return 1;
  }
  // 66, F2 and F3 alone are never opcodes: they are rows' mandatory prefixes.
  if (t in PREFIX_TOKENS) e.prefix = PREFIX_TOKENS[tokens[i++] as string] as number;
  t = tokens[i] as string;
  if (t.startsWith('REX.')) {
    e.w = t === 'REX.W' ? 1 : 0;
    i++;
  }
  if (tokens[i] !== '0F') return i;
  e.map = MAP.m0F;
  i++;
  const next = tokens[i];
  if ((next === '38' || next === '3A') && i + 1 < tokens.length) {
    e.map = next === '38' ? MAP.m0F38 : MAP.m0F3A;
    i++;
  }
  return i;
}

/** Everything after the opcode byte. */
function parseTail(token: string, e: Encoding): void {
  if (token === '+r') e.plusReg = true;
  else if (token.startsWith('/') && token !== '/is4') {
    e.hasModrm = true;
    if (token !== '/r') e.digit = Number(token.slice(1));
  } else {
    const imm = IMM_TOKENS[token.startsWith('/') ? token.slice(1) : token];
    if (imm !== undefined) e.imm = e.imm === IMM.iw && imm === IMM.ib ? IMM.iwib : imm;
    else {
      e.hasModrm = true;
      e.modrm = Number.parseInt(token, 16);
      e.modrmPlus = token.endsWith('+i');
    }
  }
}

function parseEncoding(encoding: string): Encoding {
  const e: Encoding = {
    map: MAP.one,
    opcode: 0,
    prefix: PFX.any,
    w: -1,
    vexL: -1,
    plusReg: false,
    hasModrm: false,
    digit: -1,
    modrm: -1,
    modrmPlus: false,
    imm: IMM.none,
  };
  const tokens = encoding.split(' ');
  let i = parseMap(tokens, e);
  const op = tokens[i++] as string;
  e.opcode = Number.parseInt(op, 16);
  if (op.endsWith('+r')) e.plusReg = true;
  while (i < tokens.length) parseTail(tokens[i++] as string, e);
  if (Number.isNaN(e.opcode) || Number.isNaN(e.modrm)) panic(`encoding ${encoding}`);
  return e;
}

/** What the operand letters say about ModRM.mod. */
function modOf(operands: readonly Operand[]): 'm' | 'r' | 'a' {
  for (const o of operands) {
    if (o.letter === 'M') return 'm';
    if (o.letter === 'R' || o.letter === 'U' || o.letter === 'N') return 'r';
  }
  return 'a';
}

/** Declares one encoding. `lift` is 'todo' for what is not implemented: it raises #UD. */
export function insn(
  text: string,
  encoding: string,
  lift: LiftFn | 'todo',
  options: InsnOptions = {},
): InsnRow {
  const space = text.indexOf(' ');
  const mnemonic = space < 0 ? text : text.slice(0, space);
  const operands =
    space < 0
      ? []
      : text
          .slice(space + 1)
          .split(',')
          .map(parseOperand);
  const e = parseEncoding(encoding);
  return {
    text,
    mnemonic,
    encoding,
    operands,
    lift: lift === 'todo' ? null : lift,
    options,
    features: options.feature?.split(' ') ?? [],
    flagsWritten: flagMask(options.flags, 'w'),
    flagsRead: flagMask(options.flags, 'r'),
    flagsUndefined: flagMask(options.flags, 'u'),
    map: e.map,
    opcode: e.opcode,
    prefix: e.prefix,
    w: e.w,
    vexL: e.vexL,
    plusReg: e.plusReg,
    hasModrm: e.hasModrm,
    digit: e.digit,
    modrm: e.modrm,
    modrmPlus: e.modrmPlus,
    mod: e.modrm >= 0 ? 'a' : modOf(operands),
    noVvvv: e.map >= MAP.vex0F && !operands.some((o) => o.letter === 'H' || o.letter === 'B'),
    imm: e.imm,
  };
}
