/** Shifts, rotates, bit tests, bit scans. */

import {
  liftBsf,
  liftBsr,
  liftBt,
  liftBtc,
  liftBtr,
  liftBts,
  liftLzcnt,
  liftTzcnt,
} from './lift-move.ts';
import {
  liftRcl,
  liftRcr,
  liftRol,
  liftRor,
  liftSar,
  liftShl,
  liftShld,
  liftShr,
  liftShrd,
} from './lift-shift.ts';
import { type InsnOptions, type InsnRow, insn, type LiftFn } from './table-format.ts';

/** Group 2: by imm8, by 1, by CL. */
function shiftRows(name: string, digit: number, lift: LiftFn, flags: string): InsnRow[] {
  // OF is defined for a count of 1 only.
  const some: InsnOptions = { flags: `${flags} u:o`, flagsKeptAtZero: true };
  return [
    insn(`${name} Eb,Ib`, `C0 /${digit} ib`, lift, some),
    insn(`${name} Ev,Ib`, `C1 /${digit} ib`, lift, some),
    insn(`${name} Eb,1`, `D0 /${digit}`, lift, { flags: `${flags} w:o` }),
    insn(`${name} Ev,1`, `D1 /${digit}`, lift, { flags: `${flags} w:o` }),
    insn(`${name} Eb,CL`, `D2 /${digit}`, lift, some),
    insn(`${name} Ev,CL`, `D3 /${digit}`, lift, some),
  ];
}

/** BT family: register offset (BA's kin) and group 8 with an immediate. */
function bitRows(
  name: string,
  opcode: string,
  digit: number,
  lift: LiftFn,
  lock: boolean,
): InsnRow[] {
  const flags = 'w:c u:osap';
  const options: InsnOptions = lock ? { flags, lock: true } : { flags };
  return [
    insn(`${name} Ev,Gv`, `0F ${opcode} /r`, lift, options),
    insn(`${name} Ev,Ib`, `0F BA /${digit} ib`, lift, options),
  ];
}

const DOUBLE: InsnOptions = { flags: 'w:szpc u:oa', flagsKeptAtZero: true };

export const SHIFT_ROWS: readonly InsnRow[] = [
  ...shiftRows('rol', 0, liftRol, 'w:c'),
  ...shiftRows('ror', 1, liftRor, 'w:c'),
  ...shiftRows('rcl', 2, liftRcl, 'r:c w:c'),
  ...shiftRows('rcr', 3, liftRcr, 'r:c w:c'),
  ...shiftRows('shl', 4, liftShl, 'w:szpc u:a'),
  ...shiftRows('shr', 5, liftShr, 'w:szpc u:a'),
  // /6 is an undocumented alias of /4 that every CPU implements.
  ...shiftRows('shl', 6, liftShl, 'w:szpc u:a'),
  ...shiftRows('sar', 7, liftSar, 'w:szpc u:a'),
  insn('shld Ev,Gv,Ib', '0F A4 /r ib', liftShld, DOUBLE),
  insn('shld Ev,Gv,CL', '0F A5 /r', liftShld, DOUBLE),
  insn('shrd Ev,Gv,Ib', '0F AC /r ib', liftShrd, DOUBLE),
  insn('shrd Ev,Gv,CL', '0F AD /r', liftShrd, DOUBLE),

  ...bitRows('bt', 'A3', 4, liftBt, false),
  ...bitRows('bts', 'AB', 5, liftBts, true),
  ...bitRows('btr', 'B3', 6, liftBtr, true),
  ...bitRows('btc', 'BB', 7, liftBtc, true),
  insn('bsf Gv,Ev', '0F BC /r', liftBsf, { flags: 'w:z u:osapc' }),
  insn('bsr Gv,Ev', '0F BD /r', liftBsr, { flags: 'w:z u:osapc' }),
  insn('tzcnt Gv,Ev', 'F3 0F BC /r', liftTzcnt, { flags: 'w:zc u:osap', feature: 'bmi1' }),
  insn('lzcnt Gv,Ev', 'F3 0F BD /r', liftLzcnt, { flags: 'w:zc u:osap', feature: 'lzcnt' }),
];
