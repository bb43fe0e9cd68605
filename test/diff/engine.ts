/**
 * The engines under test, on a bare machine with the native runner's two pages. A program is prepared once
 * (translated, compiled) and then run from many states.
 */

import {
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_TLB_GEN,
  ENG_VECTOR,
  RAM_BASE,
  STATE_BASE,
  TLB_ADDEND,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
  TLB_WRITE_HI,
} from '../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../src/common/memory.ts';
import { readEflags, writeEflags } from '../../src/frontend-x86/flags.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import {
  GPR_NAMES,
  GUEST_STATE_SIZE,
  stateWord,
  X86_STATE,
  X87_BASE,
  YMM_BASE,
} from '../../src/frontend-x86/state.ts';
import {
  type CodeSource,
  type TranslateOptions,
  translateBlock,
} from '../../src/frontend-x86/translate.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { pcNumber } from '../../src/ir/cfg/region.ts';
import type { GuestAccess, HelperEnv } from '../../src/ir/helpers.ts';
import { EXIT_LINK } from '../../src/ir/interp.ts';
import { EXIT } from '../../src/ir/ops.ts';
import { runPasses } from '../../src/ir/passes/index.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { CODE, CpuState, DATA, FX, FX_AT, PAGE, YMM_HIGH_AT } from './state.ts';

const RIP = stateWord('rip');
const GPRS = GPR_NAMES.map(stateWord);
const MXCSR = stateWord('mxcsr');
const [FPCW, FPSW, FPTOP, FPTAGS] = ['fpCw', 'fpSw', 'fpTop', 'fpTags'].map(stateWord) as [
  number,
  number,
  number,
  number,
];

/** From now on the data page is found without asking: the checks in emitted code hit. */
function fillTlb(I32: Int32Array): void {
  const e = ((DATA >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
  const tag = DATA | (I32[ENG_TLB_GEN] as number);
  I32[e + TLB_READ] = tag;
  I32[e + TLB_WRITE] = tag;
  I32[e + TLB_HI] = 0;
  I32[e + TLB_WRITE_HI] = 0;
  I32[e + TLB_ADDEND] = 0;
}

/** Guest address = host offset; only the code and the data page exist. */
function twoPages(mem: LinearMemory): GuestAccess {
  const { I32, D, U8 } = mem;
  const mapped = (lo: number, hi: number): boolean =>
    hi === 0 && (lo >>> 12 === CODE >>> 12 || lo >>> 12 === DATA >>> 12);
  const pageFault = (lo: number, hi: number, write: number): number => {
    // Not canonical: #GP (or #SS; the comparison treats them alike).
    const top = hi >> 15;
    if (top !== 0 && top !== -1) return access.raise(13, 0);
    I32[ENG_FAULT_LO] = lo;
    I32[ENG_FAULT_HI] = hi;
    return access.raise(14, 4 | write);
  };
  const at = (lo: number, hi: number, size: number, write: number): number => {
    if (!mapped(lo, hi)) return pageFault(lo, hi, write);
    if (lo >>> 12 === DATA >>> 12) fillTlb(I32);
    const last = lo + size - 1;
    return last >>> 12 === lo >>> 12 ? lo : pageFault(last & -PAGE, hi, write);
  };
  const access: GuestAccess = {
    read: (lo, hi, size) => at(lo, hi, size, 0),
    writable: (lo, hi, size) => at(lo, hi, size, 2),
    write8: (lo, hi, v) => {
      if (at(lo, hi, 1, 2) < 0) return -1;
      D.setUint8(lo, v);
      return 0;
    },
    write16: (lo, hi, v) => {
      if (at(lo, hi, 2, 2) < 0) return -1;
      D.setInt16(lo, v, true);
      return 0;
    },
    write32: (lo, hi, v) => {
      if (at(lo, hi, 4, 2) < 0) return -1;
      D.setInt32(lo, v, true);
      return 0;
    },
    write64: (lo, hi, v, w) => {
      if (at(lo, hi, 8, 2) < 0) return -1;
      D.setInt32(lo, v, true);
      D.setInt32(lo + 4, w, true);
      return 0;
    },
    writeBytes: (lo, hi, from, size) => {
      if (at(lo, hi, size, 2) < 0) return -1;
      U8.copyWithin(lo, from, from + size);
      return 0;
    },
    raise: (vector, error) => {
      I32[ENG_VECTOR] = vector;
      I32[ENG_ERROR] = error;
      return -1;
    },
  };
  return access;
}

function verify(ir: IrBlock): void {
  const errors = verifyBlock(ir, X86_STATE, HELPERS.length);
  if (errors.length > 0) throw new Error(`invalid IR: ${errors.join('; ')}`);
}

/** A case that never ends is a bug. */
const MAX_BLOCKS = 10_000;
const BUDGET = 1_000_000;

/** Whether the engine goes on at the new rip. */
function goesOn(exit: number): boolean {
  if (exit === EXIT.next || exit >= EXIT_LINK) return true;
  if (exit === EXIT.exception) return false;
  throw new Error(`engine exit ${exit}`);
}

export abstract class Engine {
  abstract readonly name: string;
  protected readonly mem: LinearMemory = createLinearMemory(RAM_BASE);
  protected readonly env: HelperEnv;
  protected readonly code: CodeSource;

  constructor() {
    const { mem } = this;
    const access = twoPages(mem);
    this.env = { ...mem, mem: access, random: () => 0 };
    const fetch = (lo: number, hi: number): number => access.read(lo, hi, 1);
    this.code = { U8: mem.U8, I32: mem.I32, fetch };
    mem.I32[ENG_CODE_GEN] = 1;
    mem.I32[ENG_TLB_GEN] = 1;
  }

  /** Gets ready for states with this code; what was prepared before is gone. */
  prepare(c: CpuState): void {
    const { U8, I32 } = this.mem;
    U8.fill(0xcc, CODE, CODE + PAGE);
    U8.set(c.code.subarray(0, PAGE - c.codeOffset), CODE + c.codeOffset);
    I32[ENG_TLB_GEN] = ((I32[ENG_TLB_GEN] as number) % 4095) + 1;
    this.forget();
  }

  /** Runs the prepared code until it faults, as all does at last. */
  run(c: CpuState): CpuState {
    this.load(c);
    for (let i = 0; i < MAX_BLOCKS; i++) {
      this.mem.I32[ENG_BUDGET] = BUDGET;
      if (!goesOn(this.step())) return this.save();
    }
    throw new Error('the case does not end');
  }

  /** What a person needs to see of the translation of `c`, which differs. */
  abstract explain(c: CpuState): string;
  protected abstract forget(): void;
  /** Runs some code at rip. @returns the exit */
  protected abstract step(): number;

  protected pc(): number {
    const { I32 } = this.mem;
    return pcNumber(I32[RIP] as number, I32[RIP + 1] as number);
  }

  protected translate(passes: boolean, options: TranslateOptions = {}): IrBlock {
    const { I32 } = this.mem;
    return this.lift(I32[RIP] as number, I32[RIP + 1] as number, passes, options);
  }

  protected lift(lo: number, hi: number, passes: boolean, options: TranslateOptions): IrBlock {
    const ir = translateBlock(this.code, lo, hi, options);
    verify(ir);
    if (passes) runPasses(ir, X86_STATE, HELPERS);
    return ir;
  }

  private load(c: CpuState): void {
    const { U8, I32, D } = this.mem;
    U8.fill(0, STATE_BASE, STATE_BASE + GUEST_STATE_SIZE);
    GPRS.forEach((w, n) => {
      D.setBigUint64(w * 4, c.gpr(n), true);
    });
    writeEflags(I32, c.rflags);
    I32[RIP] = CODE + c.codeOffset;
    I32[RIP + 1] = 0;
    loadFx(this.mem, c);
    U8.set(c.data, DATA);
  }

  private save(): CpuState {
    const { U8, I32, D } = this.mem;
    const c = new CpuState();
    GPRS.forEach((w, n) => {
      c.setGpr(n, D.getBigUint64(w * 4, true));
    });
    c.rflags = readEflags(I32);
    c.rip = D.getBigUint64(RIP * 4, true);
    c.vector = I32[ENG_VECTOR] as number;
    c.error = I32[ENG_ERROR] as number;
    c.address = D.getBigUint64(ENG_FAULT_LO * 4, true);
    saveFx(this.mem, c);
    c.data.set(U8.subarray(DATA, DATA + PAGE));
    return c;
  }
}

/** Physical x87 register n is `at` words into X87_BASE; in an FXSAVE image they are relative to TOP. */
const X87_WORD = X87_BASE >> 2;
const YMM_WORD = YMM_BASE >> 2;

function loadFx({ I32 }: LinearMemory, c: CpuState): void {
  const { view } = c;
  const fsw = c.fx16(FX.fsw);
  const top = (fsw >> 11) & 7;
  I32[FPCW] = c.fx16(FX.fcw);
  I32[FPSW] = fsw & ~0x3800;
  I32[FPTOP] = top;
  I32[FPTAGS] = c.fx[FX.ftw] as number;
  I32[MXCSR] = c.fx32(FX.mxcsr);
  for (let i = 0; i < 8; i++) {
    const to = X87_WORD + ((top + i) & 7) * 4;
    const from = FX_AT + FX.st + i * 16;
    I32[to] = view.getInt32(from, true);
    I32[to + 1] = view.getInt32(from + 4, true);
    I32[to + 2] = view.getUint16(from + 8, true);
  }
  for (let i = 0; i < 16; i++) {
    for (let k = 0; k < 4; k++) {
      const at = i * 16 + k * 4;
      I32[YMM_WORD + i * 8 + k] = view.getInt32(FX_AT + FX.xmm + at, true);
      I32[YMM_WORD + i * 8 + 4 + k] = view.getInt32(YMM_HIGH_AT + at, true);
    }
  }
}

function saveFx({ I32 }: LinearMemory, c: CpuState): void {
  const { view } = c;
  const top = I32[FPTOP] as number;
  view.setUint16(FX_AT + FX.fcw, I32[FPCW] as number, true);
  view.setUint16(FX_AT + FX.fsw, ((I32[FPSW] as number) & ~0x3800) | (top << 11), true);
  c.fx[FX.ftw] = I32[FPTAGS] as number;
  view.setInt32(FX_AT + FX.mxcsr, I32[MXCSR] as number, true);
  for (let i = 0; i < 8; i++) {
    const from = X87_WORD + ((top + i) & 7) * 4;
    const to = FX_AT + FX.st + i * 16;
    view.setInt32(to, I32[from] as number, true);
    view.setInt32(to + 4, I32[from + 1] as number, true);
    view.setUint16(to + 8, I32[from + 2] as number, true);
  }
  for (let i = 0; i < 16; i++) {
    for (let k = 0; k < 4; k++) {
      const at = i * 16 + k * 4;
      view.setInt32(FX_AT + FX.xmm + at, I32[YMM_WORD + i * 8 + k] as number, true);
      view.setInt32(YMM_HIGH_AT + at, I32[YMM_WORD + i * 8 + 4 + k] as number, true);
    }
  }
}
