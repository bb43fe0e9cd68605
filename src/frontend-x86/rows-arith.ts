/** Integer arithmetic and logic. Families of equal shape are one line of the table each. */

import {
  liftAdc,
  liftAdd,
  liftAnd,
  liftCmp,
  liftCmpxchg,
  liftCmpxchgPair,
  liftCrc32,
  liftDec,
  liftDiv,
  liftIdiv,
  liftImul1,
  liftImul2,
  liftImul3,
  liftInc,
  liftMul,
  liftNeg,
  liftNot,
  liftOr,
  liftPopcnt,
  liftSbb,
  liftSub,
  liftTest,
  liftXadd,
  liftXor,
} from './lift-alu.ts';
import { type InsnOptions, type InsnRow, insn, type LiftFn } from './table-format.ts';

function hex(n: number): string {
  return n.toString(16).toUpperCase().padStart(2, '0');
}

/** The eight operations that share opcodes 00 to 3F and group 1 (80, 81, 83). */
function aluRows(name: string, digit: number, lift: LiftFn, options: InsnOptions): InsnRow[] {
  const at = (n: number): string => hex(digit * 8 + n);
  const register: InsnOptions = { flags: options.flags as string };
  return [
    insn(`${name} Eb,Gb`, `${at(0)} /r`, lift, options),
    insn(`${name} Ev,Gv`, `${at(1)} /r`, lift, options),
    insn(`${name} Gb,Eb`, `${at(2)} /r`, lift, register),
    insn(`${name} Gv,Ev`, `${at(3)} /r`, lift, register),
    insn(`${name} AL,Ib`, `${at(4)} ib`, lift, register),
    insn(`${name} rAX,Iz`, `${at(5)} iz`, lift, register),
    insn(`${name} Eb,Ib`, `80 /${digit} ib`, lift, options),
    insn(`${name} Ev,Iz`, `81 /${digit} iz`, lift, options),
    insn(`${name} Ev,Ibs`, `83 /${digit} ib`, lift, options),
  ];
}

const ARITH: InsnOptions = { flags: 'w:oszapc', lock: true };
const LOGIC: InsnOptions = { flags: 'w:oszpc u:a', lock: true };
const WITH_CARRY: InsnOptions = { flags: 'r:c w:oszapc', lock: true };

export const ARITH_ROWS: readonly InsnRow[] = [
  ...aluRows('add', 0, liftAdd, ARITH),
  ...aluRows('or', 1, liftOr, LOGIC),
  ...aluRows('adc', 2, liftAdc, WITH_CARRY),
  ...aluRows('sbb', 3, liftSbb, WITH_CARRY),
  ...aluRows('and', 4, liftAnd, LOGIC),
  ...aluRows('sub', 5, liftSub, ARITH),
  ...aluRows('xor', 6, liftXor, LOGIC),
  ...aluRows('cmp', 7, liftCmp, { flags: 'w:oszapc' }),

  insn('test Eb,Gb', '84 /r', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test Ev,Gv', '85 /r', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test AL,Ib', 'A8 ib', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test rAX,Iz', 'A9 iz', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test Eb,Ib', 'F6 /0 ib', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test Eb,Ib', 'F6 /1 ib', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test Ev,Iz', 'F7 /0 iz', liftTest, { flags: 'w:oszpc u:a' }),
  insn('test Ev,Iz', 'F7 /1 iz', liftTest, { flags: 'w:oszpc u:a' }),

  insn('not Eb', 'F6 /2', liftNot, { lock: true }),
  insn('not Ev', 'F7 /2', liftNot, { lock: true }),
  insn('neg Eb', 'F6 /3', liftNeg, { flags: 'w:oszapc', lock: true }),
  insn('neg Ev', 'F7 /3', liftNeg, { flags: 'w:oszapc', lock: true }),
  insn('inc Eb', 'FE /0', liftInc, { flags: 'w:oszap', lock: true }),
  insn('inc Ev', 'FF /0', liftInc, { flags: 'w:oszap', lock: true }),
  insn('dec Eb', 'FE /1', liftDec, { flags: 'w:oszap', lock: true }),
  insn('dec Ev', 'FF /1', liftDec, { flags: 'w:oszap', lock: true }),

  insn('mul Eb', 'F6 /4', liftMul, { flags: 'w:oc u:szap' }),
  insn('mul Ev', 'F7 /4', liftMul, { flags: 'w:oc u:szap' }),
  insn('imul Eb', 'F6 /5', liftImul1, { flags: 'w:oc u:szap' }),
  insn('imul Ev', 'F7 /5', liftImul1, { flags: 'w:oc u:szap' }),
  insn('imul Gv,Ev', '0F AF /r', liftImul2, { flags: 'w:oc u:szap' }),
  insn('imul Gv,Ev,Iz', '69 /r iz', liftImul3, { flags: 'w:oc u:szap' }),
  insn('imul Gv,Ev,Ibs', '6B /r ib', liftImul3, { flags: 'w:oc u:szap' }),
  insn('div Eb', 'F6 /6', liftDiv, { flags: 'u:oszapc' }),
  insn('div Ev', 'F7 /6', liftDiv, { flags: 'u:oszapc' }),
  insn('idiv Eb', 'F6 /7', liftIdiv, { flags: 'u:oszapc' }),
  insn('idiv Ev', 'F7 /7', liftIdiv, { flags: 'u:oszapc' }),

  insn('xadd Eb,Gb', '0F C0 /r', liftXadd, { flags: 'w:oszapc', lock: true }),
  insn('xadd Ev,Gv', '0F C1 /r', liftXadd, { flags: 'w:oszapc', lock: true }),
  insn('cmpxchg Eb,Gb', '0F B0 /r', liftCmpxchg, { flags: 'w:oszapc', lock: true }),
  insn('cmpxchg Ev,Gv', '0F B1 /r', liftCmpxchg, { flags: 'w:oszapc', lock: true }),
  insn('cmpxchg8b Mq', 'REX.W0 0F C7 /1', liftCmpxchgPair, {
    flags: 'w:z',
    lock: true,
    feature: 'cx8',
  }),
  insn('cmpxchg16b Mdq', 'REX.W 0F C7 /1', liftCmpxchgPair, {
    flags: 'w:z',
    lock: true,
    feature: 'cx16',
    aligned: true,
  }),

  insn('popcnt Gv,Ev', 'F3 0F B8 /r', liftPopcnt, { flags: 'w:oszapc', feature: 'popcnt' }),
  insn('crc32 Gy,Eb', 'F2 0F 38 F0 /r', liftCrc32, { feature: 'sse4.2' }),
  insn('crc32 Gy,Ev', 'F2 0F 38 F1 /r', liftCrc32, { feature: 'sse4.2' }),
];
