/** x87 instructions (SDM vol. 2, appendix A.5: escape opcodes D8 to DF). */

import { ARITH, COM, KIND } from '../common/x87.ts';
import {
  arith,
  arithMem,
  arithTo,
  compare,
  compareFlags,
  compareMem,
  conditionalMove,
  constant,
  environment,
  liftFbld,
  liftFld80,
  liftFldcw,
  liftFnop,
  liftFnstcw,
  liftFnstsw,
  liftFnstswAx,
  liftNothing,
  load,
  plain,
  rotate,
  store,
  storeSt,
  withIndex,
} from './lift-x87.ts';
import { type InsnOptions, type InsnRow, insn } from './table-format.ts';

const FPU = { feature: 'fpu' };
/** A store of more than 8 bytes. */
const LONG = { ...FPU, vendors: 'part of a store' } as const;
const TRANSCENDENTAL: InsnOptions = {
  ...FPU,
  approximate: 'correctly rounded here, within 1 ulp on CPUs',
};
const EFLAGS_OUT: InsnOptions = { ...FPU, flags: 'w:oszapc' };

/** mnemonic, operation, digit of the memory forms, modrm bases of D8 and DC/DE. */
const ARITHMETIC = [
  ['fadd', ARITH.add, 0, 'C0', 'C0'],
  ['fmul', ARITH.mul, 1, 'C8', 'C8'],
  ['fsub', ARITH.sub, 4, 'E0', 'E8'],
  ['fsubr', ARITH.subr, 5, 'E8', 'E0'],
  ['fdiv', ARITH.div, 6, 'F0', 'F8'],
  ['fdivr', ARITH.divr, 7, 'F8', 'F0'],
] as const;

const arithmeticRows: readonly InsnRow[] = ARITHMETIC.flatMap(
  ([name, op, digit, direct, reverse]) => {
    const integer = name.replace('f', 'fi');
    return [
      insn(`${name} Md`, `D8 /${digit}`, arithMem(op, KIND.f32), FPU),
      insn(`${name} Mq`, `DC /${digit}`, arithMem(op, KIND.f64), FPU),
      insn(`${integer} Md`, `DA /${digit}`, arithMem(op, KIND.i32), FPU),
      insn(`${integer} Mw`, `DE /${digit}`, arithMem(op, KIND.i16), FPU),
      insn(`${name} ST,ST(i)`, `D8 ${direct}+i`, arith(op), FPU),
      insn(`${name} ST(i),ST`, `DC ${reverse}+i`, arithTo(op, 0), FPU),
      insn(`${name}p ST(i),ST`, `DE ${reverse}+i`, arithTo(op, 1), FPU),
    ];
  },
);

/** FCMOVcc: name, encoding, the condition of Jcc. */
const CMOVS = [
  ['fcmovb', 'DA C0+i', 2],
  ['fcmove', 'DA C8+i', 4],
  ['fcmovbe', 'DA D0+i', 6],
  ['fcmovu', 'DA D8+i', 10],
  ['fcmovnb', 'DB C0+i', 3],
  ['fcmovne', 'DB C8+i', 5],
  ['fcmovnbe', 'DB D0+i', 7],
  ['fcmovnu', 'DB D8+i', 11],
] as const;
const CMOV_FLAGS = ['r:c', 'r:z', 'r:cz', 'r:p'] as const;

const CONSTANTS = ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'] as const;

const TRANSFERS: readonly InsnRow[] = [
  insn('fld Md', 'D9 /0', load(KIND.f32), FPU),
  insn('fld Mq', 'DD /0', load(KIND.f64), FPU),
  insn('fld Mt', 'DB /5', liftFld80, FPU),
  insn('fld ST(i)', 'D9 C0+i', withIndex('x87LoadSt'), FPU),
  insn('fst Md', 'D9 /2', store(KIND.f32, 0), FPU),
  insn('fst Mq', 'DD /2', store(KIND.f64, 0), FPU),
  insn('fst ST(i)', 'DD D0+i', storeSt(0), FPU),
  insn('fstp Md', 'D9 /3', store(KIND.f32, 1), FPU),
  insn('fstp Mq', 'DD /3', store(KIND.f64, 1), FPU),
  insn('fstp Mt', 'DB /7', store(KIND.f80, 1), LONG),
  insn('fstp ST(i)', 'DD D8+i', storeSt(1), FPU),
  insn('fild Mw', 'DF /0', load(KIND.i16), FPU),
  insn('fild Md', 'DB /0', load(KIND.i32), FPU),
  insn('fild Mq', 'DF /5', load(KIND.i64), FPU),
  insn('fist Mw', 'DF /2', store(KIND.i16, 0), FPU),
  insn('fist Md', 'DB /2', store(KIND.i32, 0), FPU),
  insn('fistp Mw', 'DF /3', store(KIND.i16, 1), FPU),
  insn('fistp Md', 'DB /3', store(KIND.i32, 1), FPU),
  insn('fistp Mq', 'DF /7', store(KIND.i64, 1), FPU),
  insn('fisttp Mw', 'DF /1', store(KIND.i16, 1, true), { feature: 'sse3' }),
  insn('fisttp Md', 'DB /1', store(KIND.i32, 1, true), { feature: 'sse3' }),
  insn('fisttp Mq', 'DD /1', store(KIND.i64, 1, true), { feature: 'sse3' }),
  insn('fbld Mt', 'DF /4', liftFbld, FPU),
  insn('fbstp Mt', 'DF /6', store(KIND.bcd, 1), LONG),
  insn('fxch ST(i)', 'D9 C8+i', withIndex('x87Xch'), FPU),
];

const COMPARES: readonly InsnRow[] = [
  insn('fcom Md', 'D8 /2', compareMem(0, KIND.f32), FPU),
  insn('fcom Mq', 'DC /2', compareMem(0, KIND.f64), FPU),
  insn('fcomp Md', 'D8 /3', compareMem(1, KIND.f32), FPU),
  insn('fcomp Mq', 'DC /3', compareMem(1, KIND.f64), FPU),
  insn('ficom Md', 'DA /2', compareMem(0, KIND.i32), FPU),
  insn('ficom Mw', 'DE /2', compareMem(0, KIND.i16), FPU),
  insn('ficomp Md', 'DA /3', compareMem(1, KIND.i32), FPU),
  insn('ficomp Mw', 'DE /3', compareMem(1, KIND.i16), FPU),
  insn('fcom ST(i)', 'D8 D0+i', compare(COM.ordered, 0), FPU),
  insn('fcomp ST(i)', 'D8 D8+i', compare(COM.ordered, 1), FPU),
  insn('fcompp', 'DE D9', compare(COM.ordered, 2, 1), FPU),
  insn('fucom ST(i)', 'DD E0+i', compare(COM.unordered, 0), FPU),
  insn('fucomp ST(i)', 'DD E8+i', compare(COM.unordered, 1), FPU),
  insn('fucompp', 'DA E9', compare(COM.unordered, 2, 1), FPU),
  insn('fcomi ST,ST(i)', 'DB F0+i', compareFlags(COM.ordered, 0), EFLAGS_OUT),
  insn('fcomip ST,ST(i)', 'DF F0+i', compareFlags(COM.ordered, 1), EFLAGS_OUT),
  insn('fucomi ST,ST(i)', 'DB E8+i', compareFlags(COM.unordered, 0), EFLAGS_OUT),
  insn('fucomip ST,ST(i)', 'DF E8+i', compareFlags(COM.unordered, 1), EFLAGS_OUT),
  insn('ftst', 'D9 E4', plain('x87Tst'), FPU),
  insn('fxam', 'D9 E5', plain('x87Xam'), FPU),
];

const UNARY: readonly InsnRow[] = [
  insn('fchs', 'D9 E0', plain('x87Chs'), FPU),
  insn('fabs', 'D9 E1', plain('x87Abs'), FPU),
  insn('fsqrt', 'D9 FA', plain('x87Sqrt'), FPU),
  insn('frndint', 'D9 FC', plain('x87Rndint'), FPU),
  insn('fscale', 'D9 FD', plain('x87Scale'), FPU),
  insn('fxtract', 'D9 F4', plain('x87Xtract'), FPU),
  insn('fprem', 'D9 F8', plain('x87Prem'), FPU),
  insn('fprem1', 'D9 F5', plain('x87Prem1'), FPU),
  insn('f2xm1', 'D9 F0', plain('x87F2xm1'), TRANSCENDENTAL),
  insn('fyl2x', 'D9 F1', plain('x87Yl2x'), TRANSCENDENTAL),
  insn('fyl2xp1', 'D9 F9', plain('x87Yl2xp1'), TRANSCENDENTAL),
  insn('fptan', 'D9 F2', plain('x87Ptan'), TRANSCENDENTAL),
  insn('fpatan', 'D9 F3', plain('x87Patan'), TRANSCENDENTAL),
  insn('fsin', 'D9 FE', plain('x87Sin'), TRANSCENDENTAL),
  insn('fcos', 'D9 FF', plain('x87Cos'), TRANSCENDENTAL),
  insn('fsincos', 'D9 FB', plain('x87Sincos'), TRANSCENDENTAL),
];

const CONTROL: readonly InsnRow[] = [
  insn('fldcw Mw', 'D9 /5', liftFldcw, FPU),
  insn('fnstcw Mw', 'D9 /7', liftFnstcw, FPU),
  insn('fnstsw Mw', 'DD /7', liftFnstsw, FPU),
  insn('fnstsw AX', 'DF E0', liftFnstswAx, FPU),
  insn('fnclex', 'DB E2', plain('x87Clex'), FPU),
  insn('fninit', 'DB E3', plain('x87Init'), FPU),
  insn('fneni', 'DB E0', liftNothing, FPU),
  insn('fndisi', 'DB E1', liftNothing, FPU),
  insn('fnsetpm', 'DB E4', liftNothing, FPU),
  insn('ffree ST(i)', 'DD C0+i', withIndex('x87Free'), FPU),
  insn('ffreep ST(i)', 'DF C0+i', withIndex('x87FreePop'), FPU),
  insn('fincstp', 'D9 F7', rotate(1), FPU),
  insn('fdecstp', 'D9 F6', rotate(0), FPU),
  insn('fnop', 'D9 D0', liftFnop, FPU),
  insn('fwait', '9B', liftFnop, FPU),
  insn('fnstenv M28', 'D9 /6', environment('x87Stenv'), FPU),
  insn('fldenv M28', 'D9 /4', environment('x87Ldenv'), FPU),
  insn('fnsave M108', 'DD /6', environment('x87Save'), FPU),
  insn('frstor M108', 'DD /4', environment('x87Rstor'), FPU),
];

export const X87_ROWS: readonly InsnRow[] = [
  ...TRANSFERS,
  ...arithmeticRows,
  ...COMPARES,
  ...CMOVS.map(([name, code, cc], i) =>
    insn(`${name} ST,ST(i)`, code, conditionalMove(cc), {
      ...FPU,
      flags: CMOV_FLAGS[i & 3] as string,
    }),
  ),
  ...UNARY,
  ...CONSTANTS.map((name, i) =>
    insn(name, `D9 E${(8 + i).toString(16).toUpperCase()}`, constant(i), FPU),
  ),
  ...CONTROL,
];
