/** A bare machine for IR tests: linear memory, identity-mapped pages, a tiny state layout. */

import {
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_ERROR,
  ENG_TLB_GEN,
  ENG_VECTOR,
  RAM_BASE,
  STATE_BASE,
} from '../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../src/common/memory.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import type { GuestAccess, HelperEnv, HelperRow } from '../../src/ir/helpers.ts';
import { Interpreter } from '../../src/ir/interp.ts';
import type { StateLayout } from '../../src/ir/types.ts';
import { type InterpreterName, interpretBy } from '../lib/interpreters.ts';

const NAMES = ['r0', 'r1', 'r2', 'r3', 'pc', 'ccKind', 'ccA', 'ccB', 'ccC', 'fpEnv'];

/** Four i64 registers, pc, condition codes, fp environment, two v128. */
export const TEST_LAYOUT: StateLayout = {
  vars: [
    ...NAMES.map((name, i) => ({
      name,
      type: name === 'ccKind' || name === 'fpEnv' ? ('i32' as const) : ('i64' as const),
      offset: STATE_BASE + i * 8,
    })),
    { name: 'v0', type: 'v128', offset: STATE_BASE + 0x100 },
    { name: 'v1', type: 'v128', offset: STATE_BASE + 0x110 },
  ],
  pc: 4,
  ccKind: 5,
  ccA: 6,
  ccB: 7,
  ccC: 8,
  fpEnv: 9,
};

/** Guest addresses from here on are host offsets; below, every access faults. */
export const DATA = RAM_BASE;

/** Always takes the slow path: the TLB stays empty. */
export function flatAccess(mem: LinearMemory): GuestAccess {
  const ok = (lo: number, hi: number, size: number): boolean =>
    hi === 0 && lo >= DATA && lo + size <= mem.U8.length;
  const at = (lo: number, hi: number, size: number): number =>
    ok(lo, hi, size) ? lo : access.raise(14, 6);
  const access: GuestAccess = {
    read: at,
    writable: at,
    write8: (lo, hi, v) => {
      if (!ok(lo, hi, 1)) return access.raise(14, 6);
      mem.D.setUint8(lo, v);
      return 0;
    },
    write16: (lo, hi, v) => {
      if (!ok(lo, hi, 2)) return access.raise(14, 6);
      mem.D.setInt16(lo, v, true);
      return 0;
    },
    write32: (lo, hi, v) => {
      if (!ok(lo, hi, 4)) return access.raise(14, 6);
      mem.D.setInt32(lo, v, true);
      return 0;
    },
    write64: (lo, hi, v, w) => {
      if (!ok(lo, hi, 8)) return access.raise(14, 6);
      mem.D.setInt32(lo, v, true);
      mem.D.setInt32(lo + 4, w, true);
      return 0;
    },
    writeBytes: (lo, hi, from, size) => {
      if (!ok(lo, hi, size)) return access.raise(14, 6);
      mem.U8.copyWithin(lo, from, from + size);
      return 0;
    },
    raise: (vector, error) => {
      mem.I32[ENG_VECTOR] = vector;
      mem.I32[ENG_ERROR] = error;
      return -1;
    },
  };
  return access;
}

export interface Bench {
  readonly mem: LinearMemory;
  readonly env: HelperEnv;
  readonly interp: Interpreter;
  set(name: string, value: bigint): void;
  get(name: string): bigint;
  run(block: IrBlock): number;
}

export function newBench(
  helpers: readonly HelperRow[] = [],
  layout: StateLayout = TEST_LAYOUT,
  interpreter: InterpreterName = 'JavaScript',
): Bench {
  const mem = createLinearMemory(RAM_BASE + 0x200000);
  const env: HelperEnv = { ...mem, mem: flatAccess(mem), random: () => 0x89abcdef | 0 };
  const interp = new Interpreter(env, layout, helpers, {
    arenaWords: 1 << 18,
    ...interpretBy(interpreter, { pc: STATE_BASE + 4 * 8, stopWord: STATE_BASE, stopBits: 0 }),
  });
  const offset = (name: string): number => {
    const v = layout.vars.find((x) => x.name === name);
    if (v === undefined) throw new Error(`no variable ${name}`);
    return v.offset;
  };
  mem.I32[ENG_CODE_GEN] = 1;
  mem.I32[ENG_TLB_GEN] = 1;
  return {
    mem,
    env,
    interp,
    set: (name, value) => mem.D.setBigUint64(offset(name), BigInt.asUintN(64, value), true),
    get: (name) => mem.D.getBigUint64(offset(name), true),
    run: (block) => {
      mem.I32[ENG_BUDGET] = 1_000_000;
      if (interp.full) interp.clear();
      return interp.enter(interp.add(block));
    },
  };
}
