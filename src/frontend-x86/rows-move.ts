/** Data movement, extension, exchange, stack, conditional moves and sets. */

import { liftNop } from './lift-control.ts';
import {
  liftBswap,
  liftCbw,
  liftCmov,
  liftCwd,
  liftEnter,
  liftLahf,
  liftLea,
  liftLeave,
  liftMov,
  liftMovbe,
  liftMovFromSeg,
  liftMovsx,
  liftMovToSeg,
  liftMovzx,
  liftPopf,
  liftPopMem,
  liftPopReg,
  liftPopSeg,
  liftPush,
  liftPushf,
  liftPushSeg,
  liftSahf,
  liftSetcc,
  liftXchg,
  liftXchgAcc,
  liftXlat,
} from './lift-move.ts';
import { type InsnRow, insn } from './table-format.ts';

/** Condition suffixes in the order of their encoding, with the flags they read. */
export const CONDITIONS: readonly (readonly [string, string])[] = [
  ['o', 'o'],
  ['no', 'o'],
  ['b', 'c'],
  ['ae', 'c'],
  ['e', 'z'],
  ['ne', 'z'],
  ['be', 'cz'],
  ['a', 'cz'],
  ['s', 's'],
  ['ns', 's'],
  ['p', 'p'],
  ['np', 'p'],
  ['l', 'so'],
  ['ge', 'so'],
  ['le', 'zso'],
  ['g', 'zso'],
];

const SYSTEM_MODE = 'the selectors differ from those of the test process';

export const MOVE_ROWS: readonly InsnRow[] = [
  insn('mov Eb,Gb', '88 /r', liftMov),
  insn('mov Ev,Gv', '89 /r', liftMov),
  insn('mov Gb,Eb', '8A /r', liftMov),
  insn('mov Gv,Ev', '8B /r', liftMov),
  insn('mov Zb,Ib', 'B0 +r ib', liftMov),
  insn('mov Zv,Iv', 'B8 +r iv', liftMov),
  insn('mov Eb,Ib', 'C6 /0 ib', liftMov),
  insn('mov Ev,Iz', 'C7 /0 iz', liftMov),
  insn('mov AL,Ob', 'A0 mo', liftMov),
  insn('mov rAX,Ov', 'A1 mo', liftMov),
  insn('mov Ob,AL', 'A2 mo', liftMov),
  insn('mov Ov,rAX', 'A3 mo', liftMov),
  insn('mov Ev,Sw', '8C /r', liftMovFromSeg, { noFuzz: SYSTEM_MODE }),
  insn('mov Sw,Ew', '8E /r', liftMovToSeg, { noFuzz: SYSTEM_MODE }),
  insn('movbe Gv,Mv', '0F 38 F0 /r', liftMovbe, { feature: 'movbe' }),
  insn('movbe Mv,Gv', '0F 38 F1 /r', liftMovbe, { feature: 'movbe' }),
  insn('movzx Gv,Eb', '0F B6 /r', liftMovzx),
  insn('movzx Gv,Ew', '0F B7 /r', liftMovzx),
  insn('movsx Gv,Eb', '0F BE /r', liftMovsx),
  insn('movsx Gv,Ew', '0F BF /r', liftMovsx),
  insn('movsxd Gv,Ez', '63 /r', liftMovsx),
  insn('lea Gv,M', '8D /r', liftLea),
  insn('xchg Eb,Gb', '86 /r', liftXchg, { lock: true }),
  insn('xchg Ev,Gv', '87 /r', liftXchg, { lock: true }),
  // 90 is NOP without REX.B; XCHG r8,rAX with it.
  insn('xchg Zv,rAX', '90 +r', liftXchgAcc),
  insn('pause', 'F3 90', liftNop),
  insn('bswap Zv', '0F C8 +r', liftBswap),
  insn('cbw', '98', liftCbw),
  insn('cwd', '99', liftCwd),
  insn('xlat', 'D7', liftXlat),

  insn('push Zv', '50 +r', liftPush, { size: 'd64' }),
  insn('push Iz', '68 iz', liftPush, { size: 'd64' }),
  insn('push Ibs', '6A ib', liftPush, { size: 'd64' }),
  insn('push Ev', 'FF /6', liftPush, { size: 'd64' }),
  insn('push FS', '0F A0', liftPushSeg, { size: 'd64', noFuzz: SYSTEM_MODE }),
  insn('push GS', '0F A8', liftPushSeg, { size: 'd64', noFuzz: SYSTEM_MODE }),
  insn('pop Zv', '58 +r', liftPopReg, { size: 'd64' }),
  insn('pop Ev', '8F /0', liftPopMem, { size: 'd64' }),
  insn('pop FS', '0F A1', liftPopSeg, { size: 'd64', noFuzz: SYSTEM_MODE }),
  insn('pop GS', '0F A9', liftPopSeg, { size: 'd64', noFuzz: SYSTEM_MODE }),
  insn('pushf', '9C', liftPushf, { size: 'd64', flags: 'r:oszapcd' }),
  insn('popf', '9D', liftPopf, { size: 'd64', flags: 'w:oszapcd' }),
  insn('lahf', '9F', liftLahf, { flags: 'r:szapc', feature: 'lahf' }),
  insn('sahf', '9E', liftSahf, { flags: 'w:szapc', feature: 'lahf' }),
  insn('enter Iw,Ib', 'C8 iw ib', liftEnter, { size: 'd64' }),
  insn('leave', 'C9', liftLeave, { size: 'd64' }),

  ...CONDITIONS.flatMap(([cc, flags], n) => {
    const digit = n.toString(16).toUpperCase();
    return [
      insn(`cmov${cc} Gv,Ev`, `0F 4${digit} /r`, liftCmov, {
        flags: `r:${flags}`,
        feature: 'cmov',
      }),
      insn(`set${cc} Eb`, `0F 9${digit} /r`, liftSetcc, { flags: `r:${flags}` }),
    ];
  }),
];
