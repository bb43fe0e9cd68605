/** BMI1, BMI2 and ADX (TZCNT and LZCNT: rows-shift.ts). */

import {
  addOnFlag,
  depositOrExtract,
  liftAndn,
  liftBextr,
  liftBlsi,
  liftBlsmsk,
  liftBlsr,
  liftBzhi,
  liftMulx,
  liftRorx,
  shiftx,
} from './lift-bmi.ts';
import { type InsnRow, insn } from './table-format.ts';

const BMI2 = { feature: 'bmi2' } as const;
const FLAGS1 = { feature: 'bmi1', flags: 'w:oszc u:ap' } as const;

export const BMI_ROWS: readonly InsnRow[] = [
  insn('andn Gy,By,Ey', 'VEX.LZ.NP.0F38 F2 /r', liftAndn, FLAGS1),
  insn('bextr Gy,Ey,By', 'VEX.LZ.NP.0F38 F7 /r', liftBextr, {
    feature: 'bmi1',
    flags: 'w:ozc u:sap',
  }),
  insn('blsr By,Ey', 'VEX.LZ.NP.0F38 F3 /1', liftBlsr, FLAGS1),
  insn('blsmsk By,Ey', 'VEX.LZ.NP.0F38 F3 /2', liftBlsmsk, FLAGS1),
  insn('blsi By,Ey', 'VEX.LZ.NP.0F38 F3 /3', liftBlsi, FLAGS1),
  insn('bzhi Gy,Ey,By', 'VEX.LZ.NP.0F38 F5 /r', liftBzhi, {
    feature: 'bmi2',
    flags: 'w:oszc u:ap',
  }),
  insn('pdep Gy,By,Ey', 'VEX.LZ.F2.0F38 F5 /r', depositOrExtract('pdep'), BMI2),
  insn('pext Gy,By,Ey', 'VEX.LZ.F3.0F38 F5 /r', depositOrExtract('pext'), BMI2),
  insn('mulx Gy,By,Ey', 'VEX.LZ.F2.0F38 F6 /r', liftMulx, BMI2),
  insn('shlx Gy,Ey,By', 'VEX.LZ.66.0F38 F7 /r', shiftx('shl'), BMI2),
  insn('sarx Gy,Ey,By', 'VEX.LZ.F3.0F38 F7 /r', shiftx('sar'), BMI2),
  insn('shrx Gy,Ey,By', 'VEX.LZ.F2.0F38 F7 /r', shiftx('shr'), BMI2),
  insn('rorx Gy,Ey,Ib', 'VEX.LZ.F2.0F3A F0 /r ib', liftRorx, BMI2),
  insn('adcx Gy,Ey', '66 0F 38 F6 /r', addOnFlag('CF'), { feature: 'adx', flags: 'r:c w:c' }),
  insn('adox Gy,Ey', 'F3 0F 38 F6 /r', addOnFlag('OF'), { feature: 'adx', flags: 'r:o w:o' }),
];
