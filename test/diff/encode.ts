/** Encodes a random instruction of a table row, and prepares the registers that it addresses memory with. */

import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { IMM, MAP, PFX } from '../../src/frontend-x86/table-format.ts';
import type { Random } from './random.ts';
import { CODE, type CpuState, DATA, FX, PAGE } from './state.ts';

/** What the generator may do with the state. */
export interface Setting {
  readonly rng: Random;
  readonly state: CpuState;
  /** Address of the instruction. */
  readonly pc: number;
  /** Registers of the state are free to be set; otherwise only ADDRESS_REGS (already set) are bases. */
  readonly single: boolean;
  readonly pinned: Pinned;
}

/** What the instruction addresses memory with, which must not change: registers by number, the data page. */
export interface Pinned {
  readonly gprs: Set<number>;
  readonly vectors: Set<number>;
  data: boolean;
  /** Bytes of the data page that are not compared: from, to. */
  readonly ignored: (readonly [number, number])[];
}

export function newPinned(): Pinned {
  return { gprs: new Set(), vectors: new Set(), data: false, ignored: [] };
}

/** In sequences these hold addresses in the data page and are never operands. */
export const ADDRESS_REGS: readonly number[] = [5, 14];
/** Registers that sequences keep out of operands: the stack pointer and the string pointers too. */
const RESERVED = new Set([4, 5, 6, 7, 14]);
export const STRING_MNEMONICS: ReadonlySet<string> = new Set([
  'movs',
  'cmps',
  'stos',
  'lods',
  'scas',
]);

/** Where CPUs differ about prefix 66: AMD's MOVSXD r16 reads four bytes, Intel's two. */
const NO_66: ReadonlySet<string> = new Set(['movsxd']);

interface Parts {
  p66: boolean;
  p67: boolean;
  w: number;
  rex: number;
  needRex: boolean;
  modrm: number[];
}

function hasLetter(row: InsnRow, letters: string): boolean {
  return row.operands.some((o) => letters.includes(o.letter));
}

/** A register number for a GPR operand. */
function gpr(s: Setting): number {
  for (;;) {
    const n = s.rng.below(16);
    if (s.single || !RESERVED.has(n)) return n;
  }
}

function registerFor(letter: string, s: Setting): number {
  if ('PQN'.includes(letter)) return s.rng.below(8);
  if ('SCD'.includes(letter)) return s.rng.below(6);
  if ('VWUHL'.includes(letter)) return s.rng.below(16);
  return gpr(s);
}

/** Without REX, byte registers 4 to 7 are AH to BH: sequences must not touch rSP & co. through SPL. */
function byteRegister(s: Setting, parts: Parts, n: number): number {
  if (n < 4) return n;
  if (n < 8 && s.rng.chance(50)) parts.needRex = true;
  return n;
}

/** Where a memory operand should be. */
function target(row: InsnRow, s: Setting, bytes: number): bigint {
  const { rng } = s;
  if (row.mnemonic in OPERANDS) return BigInt((DATA + 0x400 + rng.below(0x600)) & ~15);
  const k = rng.below(100);
  const alignment = row.map >= MAP.vex0F ? 31 : 15;
  const always = row.options.vendors === 'alignment';
  const align = row.options.aligned && (always || rng.chance(92)) ? alignment : 0;
  if (k < 88) return BigInt((DATA + 0x400 + rng.below(0x800)) & ~align);
  if (k < 96 || !s.single) return BigInt((DATA + PAGE - rng.below(bytes + 4) - 1) & ~align);
  return k < 98 ? rng.u64() & ~BigInt(align) : BigInt((DATA + PAGE + rng.below(64)) & ~align);
}

function int32(n: number): number[] {
  return [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];
}

const isGather = (row: InsnRow): boolean => /^vp?gather/.test(row.mnemonic);

/** Addresses of a gather: near a base in the data page, by the lanes of a vector, which it sets. */
function gatherOperand(row: InsnRow, s: Setting, parts: Parts, reg: number): void {
  const { rng, state } = s;
  const base = s.single ? rng.below(16) : rng.pick(ADDRESS_REGS);
  if (s.single) state.setGpr(base, BigInt(DATA + 0x600 + rng.below(0x400)));
  const index = rng.below(16);
  const scale = rng.below(4);
  const lanes = new Int32Array(8);
  const wide = (row.opcode & 1) === 1;
  for (let i = 0; i < 8; i++) {
    const value = rng.chance(98) ? (rng.below(400) - 200) >> scale : rng.u32();
    lanes[i] = wide && (i & 1) === 1 ? lanes[i - 1]! >> 31 : value;
  }
  const bytes = new Uint8Array(lanes.buffer);
  state.fx.set(bytes.subarray(0, 16), FX.xmm + 16 * index);
  state.ymmHigh.set(bytes.subarray(16), 16 * index);
  s.pinned.gprs.add(base);
  s.pinned.vectors.add(index);
  const disp = rng.below(200) - 100;
  parts.modrm = [0x84 | (reg << 3), (scale << 6) | ((index & 7) << 3) | (base & 7), ...int32(disp)];
  parts.rex |= (base >> 3) | ((index >> 3) << 1);
}

const dataView = ({ state }: Setting): DataView =>
  new DataView(state.data.buffer, state.data.byteOffset, state.data.byteLength);

/** Somewhere in the code page, which is full of INT3. */
const codeAddress = (rng: Random): bigint => BigInt(CODE + 0x400 + rng.below(0xb00));

function jumpTarget(s: Setting, at: number): void {
  dataView(s).setBigUint64(at, codeAddress(s.rng), true);
}

/** A control word: the exceptions masked but for one case in four. */
function controlWord(s: Setting, at: number): void {
  dataView(s).setUint16(at, s.rng.u32() | (s.rng.chance(75) ? 0x3f : 0), true);
}

/** MXCSR, rarely with reserved bits. */
function mxcsr(s: Setting, at: number): void {
  const { rng } = s;
  const bits = rng.u32() & (rng.chance(90) ? 0xffff : -1);
  dataView(s).setUint32(at, bits | (rng.chance(75) ? 0x1f80 : 0), true);
}

/** The last instruction's address and operand, which are not kept. */
const ignore =
  (from: number, to: number) =>
  ({ pinned }: Setting, at: number): void => {
    pinned.ignored.push([at + from, at + to]);
  };

/** By mnemonic: what a memory operand must hold, or what it holds afterwards that is not compared. */
const OPERANDS: Readonly<Record<string, (s: Setting, at: number) => void>> = {
  jmp: jumpTarget,
  call: jumpTarget,
  fldcw: controlWord,
  fldenv: controlWord,
  frstor: controlWord,
  ldmxcsr: mxcsr,
  vldmxcsr: mxcsr,
  fxrstor: (s, at) => {
    controlWord(s, at);
    mxcsr(s, at + 24);
  },
  fnstenv: ignore(12, 28),
  fnsave: ignore(12, 28),
  fxsave: (s, at) => {
    ignore(6, 24)(s, at);
    ignore(28, 32)(s, at); // MXCSR_MASK depends on the CPU.
  },
};

/** Rows that need the data page or registers for themselves. */
export const prepares = (row: InsnRow): boolean =>
  row.mnemonic in OPERANDS || row.mnemonic in PREPARE;

/** ModRM bytes of a memory operand; sets a base register where it may. */
function memoryOperand(row: InsnRow, s: Setting, parts: Parts, reg: number): void {
  const { rng, state } = s;
  if (isGather(row) && rng.chance(97)) {
    gatherOperand(row, s, parts, reg);
    return;
  }
  const at = target(row, s, 16);
  if (row.mnemonic in OPERANDS) {
    OPERANDS[row.mnemonic]?.(s, Number(at) - DATA);
    s.pinned.data = true;
  }
  const low = Number(at & 0xffffffffn);
  const near = at < 0x100000000n;
  const form = rng.below(10);
  if (near && form === 0) {
    parts.modrm = [(reg << 3) | 4, 0x25, ...int32(low)];
    return;
  }
  if (near && form === 1) {
    // RIP-relative: the caller fixes the displacement up, as it knows the length.
    parts.modrm = [(reg << 3) | 5, ...int32(low)];
    return;
  }
  const base = s.single ? rng.below(16) : rng.pick(ADDRESS_REGS);
  const useIndex = s.single && rng.chance(35);
  let index = useIndex ? rng.below(16) : 4;
  if (index === base) index = 4;
  const scale = rng.below(4);
  const mod = rng.below(3);
  let disp = mod === 1 ? rng.below(256) - 128 : mod === 2 ? rng.below(0x100000) - 0x80000 : 0;
  if (!s.single) disp = Number(BigInt.asIntN(32, at - state.gpr(base)));
  else {
    const scaled = index === 4 ? 0n : state.gpr(index) << BigInt(scale);
    let value = at - BigInt(disp) - scaled;
    if (parts.p67) value = BigInt.asUintN(32, value) | (BigInt(rng.u32()) << 32n);
    state.setGpr(base, value);
  }
  s.pinned.gprs.add(base);
  if (index !== 4) s.pinned.gprs.add(index);
  const rm = base & 7;
  const withSib = rm === 4 || index !== 4 || rng.chance(5);
  const short = s.single ? mod : 2;
  const m = short === 0 && rm === 5 ? 1 : short;
  parts.modrm = [(m << 6) | (reg << 3) | (withSib ? 4 : rm)];
  if (withSib) parts.modrm.push((scale << 6) | ((index & 7) << 3) | rm);
  if (m === 1) parts.modrm.push(disp & 255);
  else if (m === 2) parts.modrm.push(...int32(disp));
  parts.rex |= (base >> 3) | ((index >> 3) << 1);
}

function immediate(row: InsnRow, s: Setting, parts: Parts): number[] {
  const { rng } = s;
  const v = rng.value();
  const bytes = (n: number): number[] =>
    Array.from({ length: n }, (_, i) => Number((v >> BigInt(8 * i)) & 255n));
  const wide = parts.w === 1;
  switch (row.imm) {
    case IMM.ib:
      return rng.chance(50) ? [rng.below(256)] : [rng.below(70)];
    case IMM.iw:
      return bytes(2);
    case IMM.iwib:
      return [rng.below(256), rng.below(2), rng.chance(80) ? rng.below(5) : rng.below(256)];
    case IMM.id:
      return bytes(4);
    case IMM.iz:
      return bytes(parts.p66 && !wide ? 2 : 4);
    case IMM.iv:
      return bytes(wide ? 8 : parts.p66 ? 2 : 4);
    case IMM.cb:
      return [rng.below(16)];
    case IMM.cz:
      return int32(rng.below(64));
    case IMM.mo:
      return [
        ...int32(Number(target(row, s, 8) & 0xffffffffn)),
        ...(parts.p67 ? [] : [0, 0, 0, 0]),
      ];
    default:
      return [];
  }
}

function modrm(row: InsnRow, s: Setting, parts: Parts): void {
  const { rng } = s;
  if (row.modrm >= 0) {
    parts.modrm = [row.modrm + (row.modrmPlus ? rng.below(8) : 0)];
    return;
  }
  const regOperand = row.operands.find((o) => 'GVPSCD'.includes(o.letter));
  let reg = row.digit >= 0 ? row.digit : rng.below(8);
  if (regOperand !== undefined && row.digit < 0) {
    let n = registerFor(regOperand.letter, s);
    if (regOperand.letter === 'G' && regOperand.size === 1) n = byteRegister(s, parts, n);
    reg = n & 7;
    parts.rex |= (n >> 3) << 2;
  }
  const memory = row.mod === 'm' || (row.mod === 'a' && hasLetter(row, 'EWQ') && rng.chance(50));
  if (memory) {
    memoryOperand(row, s, parts, reg);
    return;
  }
  const rmOperand = row.operands.find((o) => 'EWQRUN'.includes(o.letter));
  let n = rmOperand === undefined ? rng.below(8) : registerFor(rmOperand.letter, s);
  if (rmOperand?.letter === 'E' && rmOperand.size === 1) n = byteRegister(s, parts, n);
  if (rmOperand?.letter === 'E' && (row.mnemonic === 'jmp' || row.mnemonic === 'call')) {
    // A call would push to where rSP leads.
    if (n === 4) n = 3;
    s.state.setGpr(n, codeAddress(rng));
    s.pinned.gprs.add(n);
  }
  parts.modrm = [0xc0 | (reg << 3) | (n & 7)];
  parts.rex |= n >> 3;
}

/** Lets a register point into the data page. */
function point({ state, pinned }: Setting, reg: number, offset: number): void {
  state.setGpr(reg, BigInt(DATA + offset));
  pinned.gprs.add(reg);
}

/** Registers and stack contents that instructions use without naming them. */
const PREPARE: Record<string, (s: Setting) => void> = {
  xlat: (s) => point(s, 3, 0x400 + s.rng.below(0xb80)),
  leave: (s) => point(s, 5, 0x400 + s.rng.below(0xc00)),
  maskmovq: (s) => point(s, 7, 0x400 + s.rng.below(0x800)),
  maskmovdqu: (s) => point(s, 7, 0x400 + s.rng.below(0x800)),
  vmaskmovdqu: (s) => point(s, 7, 0x400 + s.rng.below(0x800)),
  ret: (s) => {
    s.pinned.data = true;
    jumpTarget(s, Number(s.state.gpr(4)) - DATA);
  },
  enter: (s) => point(s, 5, 0x600 + s.rng.below(0x400)),
  // TF would trap, AC would check alignment.
  popf: ({ rng, state, pinned }) => {
    pinned.data = true;
    const view = new DataView(state.data.buffer, state.data.byteOffset, state.data.byteLength);
    // An instruction that was asked to fault may have moved the stack away.
    const at = Number(state.gpr(4)) - DATA;
    if (at < 0 || at + 4 > view.byteLength) return;
    view.setUint32(at, (rng.u32() & 0xcd5) | 0x202, true);
  },
};

/** Pointers and count of string instructions. */
function prepareString(row: InsnRow, s: Setting): void {
  if (!STRING_MNEMONICS.has(row.mnemonic)) return;
  const { rng, state } = s;
  const at = (): bigint =>
    BigInt(DATA + (rng.chance(85) ? 0x400 + rng.below(0x800) : rng.below(PAGE + 8)));
  const source = at();
  state.setGpr(6, source);
  state.setGpr(7, rng.chance(30) ? source + BigInt(rng.below(40) - 20) : at());
  state.setGpr(1, BigInt(rng.chance(90) ? rng.below(40) : rng.below(3000)));
  for (const reg of [1, 6, 7]) s.pinned.gprs.add(reg);
}

/** Bytes of a random instruction of the row. */
export function encodeRow(row: InsnRow, s: Setting): number[] {
  const { rng } = s;
  const parts: Parts = { p66: false, p67: false, w: 0, rex: 0, needRex: false, modrm: [] };
  const legacy66 = row.prefix === PFX.any && row.options.size !== 'f64' && !NO_66.has(row.mnemonic);
  const sized = row.operands.some((o) => o.size < 0) || row.operands.length === 0;
  parts.p66 = row.prefix === PFX.p66 || (legacy66 && sized && rng.chance(25));
  parts.w = row.w >= 0 ? row.w : row.options.size === undefined && rng.chance(40) ? 1 : 0;
  parts.p67 = rng.chance(4) && s.single && (row.mod === 'm' || hasLetter(row, 'EWQOXY'));
  prepareString(row, s);
  PREPARE[row.mnemonic]?.(s);
  let opcode = row.opcode;
  if (row.plusReg) {
    const n = gpr(s);
    opcode += n & 7;
    parts.rex |= n >> 3;
  }
  if (row.hasModrm) modrm(row, s, parts);
  const imm = immediate(row, s, parts);
  if (row.map >= MAP.vex0F) return encodeVex(row, s, parts, [opcode], imm);

  const out: number[] = [];
  if (parts.p67) out.push(0x67);
  if (parts.p66) out.push(0x66);
  if (row.prefix === PFX.pF2) out.push(0xf2);
  if (row.prefix === PFX.pF3) out.push(0xf3);
  if (STRING_MNEMONICS.has(row.mnemonic) && rng.chance(60)) out.push(rng.pick([0xf2, 0xf3]));
  const inMemory = parts.modrm.length > 0 && (parts.modrm[0] as number) < 0xc0;
  if (row.options.lock && inMemory && rng.chance(20)) out.push(0xf0);
  const rex = 0x40 | (parts.w << 3) | parts.rex;
  if (rex !== 0x40 || parts.needRex || rng.chance(5)) out.push(rex);
  if (row.map !== MAP.one) out.push(0x0f);
  if (row.map === MAP.m0F38) out.push(0x38);
  if (row.map === MAP.m0F3A) out.push(0x3a);
  out.push(opcode);
  const length = out.length + parts.modrm.length + imm.length;
  fixRipRelative(parts.modrm, s.pc + length);
  return [...out, ...parts.modrm, ...imm];
}

const VEX_PP: Record<number, number> = {
  [PFX.none]: 0,
  [PFX.p66]: 1,
  [PFX.pF3]: 2,
  [PFX.pF2]: 3,
};

/** The VEX forms of prefixes and opcode map (SDM vol. 2, 2.3.5), in two bytes or three. */
function encodeVex(
  row: InsnRow,
  s: Setting,
  parts: Parts,
  opcode: readonly number[],
  imm: readonly number[],
): number[] {
  const { rng } = s;
  const extra = row.operands.find((o) => o.letter === 'H' || o.letter === 'B');
  const vvvv = extra === undefined ? 0 : registerFor(extra.letter, s);
  const l = row.vexL >= 0 ? row.vexL : rng.below(2);
  const w = row.w >= 0 ? row.w : rng.below(2);
  const last = ((~vvvv & 15) << 3) | (l << 2) | (VEX_PP[row.prefix] as number);
  const rex = ~parts.rex;
  const out: number[] = parts.p67 ? [0x67] : [];
  const short = row.map === MAP.vex0F && w === 0 && (parts.rex & 3) === 0;
  if (short && rng.chance(80)) out.push(0xc5, ((rex & 4) << 5) | last);
  else out.push(0xc4, ((rex & 7) << 5) | (row.map - MAP.vex0F + 1), (w << 7) | last);
  out.push(...opcode);
  fixRipRelative(parts.modrm, s.pc + out.length + parts.modrm.length + imm.length);
  return [...out, ...parts.modrm, ...imm];
}

/** The displacement holds the target so far. */
function fixRipRelative(m: number[], next: number): void {
  if (m.length !== 5 || ((m[0] as number) & 0xc7) !== 5) return;
  const at =
    ((m[1] as number) | ((m[2] as number) << 8) | ((m[3] as number) << 16)) +
    (m[4] as number) * 0x1000000;
  m.splice(1, 4, ...int32(at - next));
}
