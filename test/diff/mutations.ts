/**
 * Deliberate bugs, one at a time: what the fuzzer must find. Each replaces a part of a table (a row's lifter, a
 * helper, an operation's meaning, a pass) while it is active; engines made meanwhile have it.
 */

import { CC_EFLAGS } from '../../src/common/condition-codes.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { liftAdd } from '../../src/frontend-x86/lift-alu.ts';
import { liftBsf, liftMovzx } from '../../src/frontend-x86/lift-move.ts';
import { liftShr } from '../../src/frontend-x86/lift-shift.ts';
import { ROWS } from '../../src/frontend-x86/rows.ts';
import { stateWord, X87_BASE } from '../../src/frontend-x86/state.ts';
import type { InsnRow, LiftFn } from '../../src/frontend-x86/table-format.ts';
import type { HelperFn, HelperRow } from '../../src/ir/helpers.ts';
import { OP, STRIDE } from '../../src/ir/ops.ts';
import { PASSES, type Pass } from '../../src/ir/passes/index.ts';
import { SEMANTICS, type Semantics } from '../../src/ir/semantics.ts';
import type { SlotFn } from '../../src/ir/slot-fn.ts';
import { SLOT_FNS, SLOT_INLINE } from '../../src/ir/slot-ops.ts';

export interface Mutation {
  readonly name: string;
  /** Instructions that it makes wrong, by mnemonic. */
  readonly mnemonic: RegExp;
  /** @returns what takes it back */
  readonly apply: () => () => void;
}

type Undo = () => void;

function replace<T extends object, K extends keyof T>(owner: T, key: K, value: T[K]): Undo {
  const before = owner[key];
  owner[key] = value;
  return () => {
    owner[key] = before;
  };
}

/** Lifters of all rows of a mnemonic. */
function lifters(
  mnemonic: RegExp,
  make: (right: LiftFn) => LiftFn,
  which: (row: InsnRow) => boolean = () => true,
): () => Undo {
  return () => {
    const rows = ROWS.filter((r) => mnemonic.test(r.mnemonic) && r.lift !== null && which(r));
    if (rows.length === 0) throw new Error(`no rows: ${mnemonic}`);
    const undo = rows.map((r) => replace(r as { lift: LiftFn | null }, 'lift', make(r.lift!)));
    return () => {
      for (const u of undo) u();
    };
  };
}

function helper(name: string, make: (right: HelperFn) => HelperFn): () => Undo {
  return () => {
    const row = HELPERS.find((h) => h.name === name) as { fn: HelperFn } & HelperRow;
    return replace(row as { fn: HelperFn }, 'fn', make(row.fn));
  };
}

function meaning(op: keyof typeof SEMANTICS, wrong: Semantics): () => Undo {
  return () => replace(SEMANTICS as Record<string, Semantics>, op, wrong);
}

function slot(op: keyof typeof SLOT_FNS, make: (right: SlotFn) => SlotFn): () => Undo {
  return () => replace(SLOT_FNS, op, make(SLOT_FNS[op]));
}

const [FPSW, FPTOP, MXCSR] = ['fpSw', 'fpTop', 'mxcsr'].map(stateWord) as [number, number, number];
const PE = 0x20;

/** Changes the lowest bit of ST(0) where the right result was rounded. */
const roundsWrong = (right: HelperFn): HelperFn => {
  return (env, d, a, b, c) => {
    const status = right(env, d, a, b, c);
    const { I32 } = env;
    if (status === 0 && I32[FPSW]! & PE) I32[(X87_BASE >> 2) + 4 * I32[FPTOP]!]! ^= 1;
    return status;
  };
};

/** Another payload where the result is a NaN. */
const losesPayload = (right: SlotFn): SlotFn => {
  return (env, d, a, b, c, imm) => {
    const status = right(env, d, a, b, c, imm);
    if (Number.isNaN(env.F64[d >> 1]!)) env.I32[d]! ^= 1;
    return status;
  };
};

/** An exception flag that does not stick. */
const forgetsInexact = (right: SlotFn): SlotFn => {
  return (env, d, a, b, c, imm) => {
    const before = env.I32[MXCSR]!;
    const status = right(env, d, a, b, c, imm);
    if ((before & PE) === 0) env.I32[MXCSR]! &= ~PE;
    return status;
  };
};

/** Adds to the first word of the result. */
const offBy =
  (n: number) =>
  (right: HelperFn): HelperFn => {
    return (env, d, a, b, c) => {
      const status = right(env, d, a, b, c);
      env.I32[d] = env.I32[d]! + n;
      return status;
    };
  };

const withBefore =
  (before: LiftFn) =>
  (right: LiftFn): LiftFn =>
  (cx) => {
    before(cx);
    right(cx);
  };
const withAfter =
  (after: LiftFn) =>
  (right: LiftFn): LiftFn =>
  (cx) => {
    right(cx);
    after(cx);
  };

/** A pass that takes the first arithmetic shift for a logical one. */
const wrongPass =
  (right: Pass): Pass =>
  (block, layout, helpers) => {
    right(block, layout, helpers);
    for (let at = 0; at < block.length; at += STRIDE) {
      if (block.code[at] === OP['sar.i32']) block.code[at] = OP['shr.i32'];
    }
  };

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'INC sets CF',
    mnemonic: /^inc$/,
    apply: lifters(
      /^inc$/,
      withAfter((cx) => cx.flags.setCarry(cx.k(1))),
    ),
  },
  {
    name: 'POPCNT leaves ZF clear',
    mnemonic: /^popcnt$/,
    apply: lifters(
      /^popcnt$/,
      withAfter((cx) => cx.flags.set(CC_EFLAGS, 4, cx.k(0))),
    ),
  },
  { name: 'ADC adds no carry', mnemonic: /^adc$/, apply: lifters(/^adc$/, () => liftAdd) },
  {
    name: 'subtraction with swapped operands',
    mnemonic: /./,
    apply: meaning('sub.i32', (x) => ({ lo: `${x.bl}-(${x.al})|0`, hi: '0' })),
  },
  {
    name: 'MOVSX extends with zeros',
    mnemonic: /^movsx$/,
    apply: lifters(/^movsx$/, () => liftMovzx),
  },
  {
    name: 'immediate bytes extended with zeros',
    mnemonic: /./,
    apply: lifters(
      /./,
      withBefore(({ d }) => {
        d.immLo &= 0xff;
        d.immHi = 0;
      }),
      (r) => r.operands.some((o) => o.text === 'Ibs'),
    ),
  },
  {
    name: 'SETG includes equal',
    mnemonic: /^setg$/,
    apply: lifters(
      /^setg$/,
      withBefore(({ d }) => {
        d.opcode -= 2;
      }),
    ),
  },
  { name: 'SAR shifts zeros in', mnemonic: /^sar$/, apply: lifters(/^sar$/, () => liftShr) },
  {
    name: 'rotation by one bit too many to the right',
    mnemonic: /./,
    apply: meaning('rotl.i32', ({ al, bl }) => ({ lo: `${al}<<${bl}|${al}>>>~${bl}`, hi: '0' })),
  },
  { name: 'TZCNT is BSF', mnemonic: /^tzcnt$/, apply: lifters(/^tzcnt$/, () => liftBsf) },
  {
    name: 'PEXT off by one bit',
    mnemonic: /^pext$/,
    apply: helper('pext', (right) => (env, d, a, b, c) => {
      const status = right(env, d, a, b, c);
      env.I32[d] = env.I32[d]! << 1;
      return status;
    }),
  },
  { name: 'CRC32 off by one', mnemonic: /^crc32$/, apply: helper('crc32', offBy(1)) },
  { name: 'RCL off by one', mnemonic: /^rc[lr]$/, apply: helper('rotateCarry', offBy(-1)) },
  {
    name: 'ADDSD with another NaN payload',
    mnemonic: /^v?addsd$/,
    apply: slot('fadd.f64', losesPayload),
  },
  {
    name: 'CVTSD2SS without the precision flag',
    mnemonic: /^v?cvtsd2ss$/,
    apply: slot('cvt.f32.f64', forgetsInexact),
  },
  {
    name: 'PACKSSWB without signs',
    mnemonic: /^v?packsswb$|^vpacksswb$/,
    apply: slot('vpackss.i16x8', () => SLOT_FNS['vpackus.i16x8']),
  },
  {
    name: 'PMULHW without signs',
    mnemonic: /^v?pmulhw$/,
    apply: slot('vmulhs.i16x8', () => SLOT_FNS['vmulhu.i16x8']),
  },
  {
    name: 'PUNPCKLDQ with swapped sources, in emitted code',
    mnemonic: /^v?(punpck[lh]dq|unpcklps)$/,
    apply: () => {
      const right = SLOT_INLINE['vunpcklo.i32x4']!;
      return replace(SLOT_INLINE, 'vunpcklo.i32x4', (d, a, b, c, imm) => right(d, b, a, c, imm));
    },
  },
  {
    name: 'x87 arithmetic rounds the last bit wrong',
    mnemonic: /^f(add|sub|mul|div)/,
    apply: helper('x87ArithMem', roundsWrong),
  },
  {
    name: 'FCOM mistakes less for greater',
    mnemonic: /^f(com|ucom)/,
    apply: helper('x87Com', (right) => (env, d, a, b, c) => {
      const status = right(env, d, a, b, c);
      if ((env.I32[FPSW]! & 0x4500) === 0x100) env.I32[FPSW]! &= ~0x100;
      return status;
    }),
  },
  {
    name: 'a pass takes arithmetic shifts for logical ones',
    mnemonic: /./,
    apply: () => replace(PASSES as Record<string, Pass>, 'fold', wrongPass(PASSES['fold']!)),
  },
];
