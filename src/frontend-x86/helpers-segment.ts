/** Helpers of instructions that look at selectors: far transfers, LAR, LSL, VERR and VERW. */

import type { HelperEnv, HelperFn, HelperRow } from '../ir/helpers.ts';
import { EFLAGS } from './flags.ts';
import { pureHelper } from './helpers-system.ts';
import { segmentOf, USER_CS, USER_SS } from './segments.ts';
import { stateVar, stateWord } from './state.ts';

const VECTOR_GP = 13;
const EFLAGS_REST = stateWord('eflagsRest');

/** `what` of segment. */
export const SEGMENT = { access: 0, limit: 1, read: 2, write: 3 } as const;

/** segment(selector, what): in the high half 0x40 (ZF) if user code may have it, in the low half what LAR or LSL give. */
const segment: HelperFn = (env, d, a, b) => {
  const { I32 } = env;
  const s = segmentOf(I32[a]!);
  const what = I32[b]!;
  const valid = s !== undefined && (what !== SEGMENT.write || s.writable);
  I32[d] = !valid ? 0 : what === SEGMENT.limit ? s.limit : s.access;
  I32[d + 1] = valid ? 0x40 : 0;
  return 0;
};

function refuse(env: HelperEnv, selector: number): number {
  return env.mem.raise(VECTOR_GP, selector & 0xfffc);
}

/** farTarget(selector): #GP unless it is 64-bit user code, with any RPL. */
const farTarget: HelperFn = (env, _d, a) => {
  const v = env.I32[a]!;
  return (v & 0xfffc) === (USER_CS & ~3) ? 0 : refuse(env, v);
};

/** farReturn(cs, ss): #GP unless they are user mode's; CS is looked at first. */
const farReturn: HelperFn = (env, _d, a, b) => {
  const { I32 } = env;
  if ((I32[a]! & 0xffff) !== USER_CS) return refuse(env, I32[a]!);
  return (I32[b]! & 0xffff) === USER_SS ? 0 : refuse(env, I32[b]!);
};

/** checkNotNested(): IRET with NT set would be a return from a nested task, which 64-bit mode does not have: #GP(0). */
const checkNotNested: HelperFn = (env) =>
  env.I32[EFLAGS_REST]! & EFLAGS.NT ? env.mem.raise(VECTOR_GP, 0) : 0;

const check = (
  name: string,
  args: HelperRow['args'],
  fn: HelperFn,
  reads: readonly number[] = [],
): HelperRow => ({
  name,
  result: null,
  args,
  reads,
  writes: [],
  mayFault: true,
  fn,
});

export const SEGMENT_HELPERS: readonly HelperRow[] = [
  pureHelper('segment', 'i64', ['i32', 'i32'], [], segment),
  check('farTarget', ['i32'], farTarget),
  check('farReturn', ['i32', 'i32'], farReturn),
  check('checkNotNested', [], checkNotNested, [stateVar('eflagsRest')]),
];
