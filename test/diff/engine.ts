/** Runs test cases in the interpreter, on a bare machine with the native runner's two pages. */

import {
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_TLB_GEN,
  ENG_VECTOR,
  STATE_BASE,
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
import { type CodeSource, translateBlock } from '../../src/frontend-x86/translate.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import type { GuestAccess } from '../../src/ir/helpers.ts';
import { EXIT_LINK, Interpreter } from '../../src/ir/interp.ts';
import { EXIT } from '../../src/ir/ops.ts';
import { runPasses } from '../../src/ir/passes/index.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { CODE, CpuState, DATA, FX, PAGE } from './state.ts';

const RIP = stateWord('rip');
const GPRS = GPR_NAMES.map(stateWord);
const MXCSR = stateWord('mxcsr');
const [FPCW, FPSW, FPTOP, FPTAGS] = ['fpCw', 'fpSw', 'fpTop', 'fpTags'].map(stateWord) as [
  number,
  number,
  number,
  number,
];

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

export class DiffEngine {
  readonly mem: LinearMemory = createLinearMemory(0x400000);
  private readonly interp: Interpreter;
  private readonly code: CodeSource;
  private readonly passes: boolean;

  constructor(passes: boolean) {
    const { mem } = this;
    this.passes = passes;
    const access = twoPages(mem);
    const env = { ...mem, mem: access };
    this.interp = new Interpreter(env, X86_STATE, HELPERS, { arenaWords: 1 << 20 });
    const fetch = (lo: number, hi: number): number => access.read(lo, hi, 1);
    this.code = { U8: mem.U8, I32: mem.I32, fetch };
    mem.I32[ENG_CODE_GEN] = 1;
    mem.I32[ENG_TLB_GEN] = 1;
  }

  run(c: CpuState): CpuState {
    this.load(c);
    const { I32 } = this.mem;
    this.interp.clear();
    for (let i = 0; i < MAX_BLOCKS; i++) {
      I32[ENG_BUDGET] = 1_000_000;
      const ir = translateBlock(this.code, I32[RIP] as number, I32[RIP + 1] as number);
      verify(ir);
      if (this.passes) runPasses(ir, X86_STATE, HELPERS);
      if (this.interp.full) this.interp.clear();
      const r = this.interp.enter(this.interp.add(ir));
      if (r === EXIT.exception) return this.save();
      if (r !== EXIT.next && r !== EXIT_LINK) throw new Error(`engine exit ${r}`);
    }
    throw new Error('the case does not end');
  }

  private load(c: CpuState): void {
    const { U8, I32, D } = this.mem;
    U8.fill(0, STATE_BASE, STATE_BASE + GUEST_STATE_SIZE);
    GPRS.forEach((w, n) => {
      D.setBigUint64(w * 4, c.gpr(n), true);
    });
    writeEflags(I32, c.rflags);
    I32[RIP] = CODE + c.codeOffset;
    loadFx(this.mem, c);
    U8.fill(0xcc, CODE, CODE + PAGE);
    U8.set(c.code.subarray(0, PAGE - c.codeOffset), CODE + c.codeOffset);
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

function loadFx(mem: LinearMemory, c: CpuState): void {
  const { U8, I32 } = mem;
  const fx = c.fx;
  const fsw = c.fx16(FX.fsw);
  const top = (fsw >> 11) & 7;
  I32[FPCW] = c.fx16(FX.fcw);
  I32[FPSW] = fsw & ~0x3800;
  I32[FPTOP] = top;
  I32[FPTAGS] = fx[FX.ftw] as number;
  I32[MXCSR] = c.fx32(FX.mxcsr);
  for (let i = 0; i < 8; i++) {
    U8.set(fx.subarray(FX.st + i * 16, FX.st + i * 16 + 10), X87_BASE + ((top + i) & 7) * 16);
  }
  for (let i = 0; i < 16; i++) {
    U8.set(fx.subarray(FX.xmm + i * 16, FX.xmm + i * 16 + 16), YMM_BASE + i * 32);
    U8.set(c.ymmHigh.subarray(i * 16, i * 16 + 16), YMM_BASE + i * 32 + 16);
  }
}

function saveFx(mem: LinearMemory, c: CpuState): void {
  const { U8, I32 } = mem;
  const fx = c.fx;
  const view = new DataView(fx.buffer, fx.byteOffset, 512);
  const top = I32[FPTOP] as number;
  view.setUint16(FX.fcw, I32[FPCW] as number, true);
  view.setUint16(FX.fsw, ((I32[FPSW] as number) & ~0x3800) | (top << 11), true);
  fx[FX.ftw] = I32[FPTAGS] as number;
  view.setInt32(FX.mxcsr, I32[MXCSR] as number, true);
  for (let i = 0; i < 8; i++) {
    const at = X87_BASE + ((top + i) & 7) * 16;
    fx.set(U8.subarray(at, at + 10), FX.st + i * 16);
  }
  for (let i = 0; i < 16; i++) {
    fx.set(U8.subarray(YMM_BASE + i * 32, YMM_BASE + i * 32 + 16), FX.xmm + i * 16);
    c.ymmHigh.set(U8.subarray(YMM_BASE + i * 32 + 16, YMM_BASE + i * 32 + 32), i * 16);
  }
}
