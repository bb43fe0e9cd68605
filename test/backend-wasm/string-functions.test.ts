/** REP MOVS and REP STOS in WebAssembly do what the helpers do: state, memory, and what they leave to them. */

import { WasmCompiler } from '../../src/backend-wasm/compile.ts';
import {
  ENG_TLB_GEN,
  PAGE_SIZE,
  RAM_BASE,
  TEMP_BASE,
  TLB_ADDEND,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
  TLB_WRITE_HI,
} from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import { panic } from '../../src/common/panic.ts';
import { REP } from '../../src/common/strings.ts';
import { HELPER, HELPER_LAYOUTS, HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { stateWord } from '../../src/frontend-x86/state.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('repeated string instructions in WebAssembly');

/** Pages of the guest from here on are frames one after the other; the last has no right to be written, none follows. */
const [LO, HI] = [0x7f001000, 0x55];
const PAGES = 4;
const GENERATION = 7;

const UNUSED = ['write8', 'write16', 'write32', 'write64', 'raise'];

const mem = createLinearMemory(RAM_BASE + 0x10000);
const { U8, I32 } = mem;
/** Calls of the MMU: what was left to the helper. */
let calls = 0;
function reach(lo: number, hi: number, size: number, written: boolean): number {
  calls++;
  const at = lo - LO;
  const end = (written ? PAGES - 1 : PAGES) * PAGE_SIZE;
  return hi === HI && at >= 0 && at + size <= end ? RAM_BASE + at : -1;
}
const env = {
  ...mem,
  mem: {
    read: (lo: number, hi: number, size: number) => reach(lo, hi, size, false),
    writable: (lo: number, hi: number, size: number) => reach(lo, hi, size, true),
    writeBytes: (lo: number, hi: number, from: number, size: number) => {
      const to = reach(lo, hi, size, true);
      if (to < 0) return -1;
      U8.copyWithin(to, from, from + size);
      return 0;
    },
    ...Object.fromEntries(UNUSED.map((name) => [name, () => panic(name)])),
  },
} as unknown as HelperEnv;
const compiler = new WasmCompiler(env, HELPERS, SLOT_FNS, HELPER_LAYOUTS);

const [RAX, RCX, RSI, RDI, DF] = ['rax', 'rcx', 'rsi', 'rdi', 'df'].map(stateWord) as [
  number,
  number,
  number,
  number,
  number,
];
const STATE = [RAX, RCX, RSI, RDI].flatMap((w) => [w, w + 1]);
const D = TEMP_BASE >> 2;
const A = D + 4;
const B = D + 8;

/** Fills the TLB with the rights that pages have. */
function mapPages(): void {
  I32[ENG_TLB_GEN] = GENERATION;
  for (let page = 0; page < PAGES; page++) {
    const lo = LO + page * PAGE_SIZE;
    const e = ((lo >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
    I32[e + TLB_READ] = lo | GENERATION;
    I32[e + TLB_WRITE] = page === PAGES - 1 ? 0 : lo | GENERATION;
    I32[e + TLB_HI] = I32[e + TLB_WRITE_HI] = HI;
    I32[e + TLB_ADDEND] = RAM_BASE + page * PAGE_SIZE - lo;
  }
}

type Repeat = (d: number, a: number, b: number, c: number) => number;

interface Case {
  readonly state: readonly number[];
  readonly how: number;
  readonly segment: number;
  readonly df: number;
}

function makeCase(rng: Random): Case {
  const size = 1 << rng.below(4);
  const near = (): number => LO + rng.below(PAGES * PAGE_SIZE + 16) - 8;
  const rsi = near();
  const few = rng.chance(60);
  const n = rng.chance(5) ? 0 : 1 + rng.below(few ? 40 : (1.2 * PAGE_SIZE) / size);
  const rdi = rng.chance(30) ? rsi + rng.below(64) - 32 : near();
  const odd = (bit: number): number => (rng.chance(5) ? bit : 0);
  return {
    state: [rng.below(0x7fffffff), rng.below(0x7fffffff), n, odd(1), rsi, HI, rdi, HI],
    how: size | odd(REP.once) | odd(REP.repne),
    segment: odd(16),
    df: rng.chance(10) ? 1 : 0,
  };
}

function outcome({ state, how, segment, df }: Case, ram: Uint8Array, fn: () => number): unknown[] {
  U8.set(ram, RAM_BASE);
  state.forEach((v, i) => {
    I32[STATE[i]!] = v;
  });
  [I32[DF], I32[A], I32[B], I32[B + 1]] = [df, how, segment, 0];
  I32.fill(-1, D, D + 2);
  const result = fn();
  // After a fault nobody looks at the result.
  const d = result === 0 ? [I32[D], I32[D + 1]] : [];
  return [result, ...d, ...STATE.map((w) => I32[w]!), U8.slice(RAM_BASE, RAM_BASE + ram.length)];
}

for (const name of ['repMovs', 'repStos']) {
  test(name, () => {
    mapPages();
    const rng = new Random(Date.now() >>> 0);
    const number = HELPER[name]!;
    const native = compiler.imported([{ kind: 'helper', number }])[0] as Repeat;
    const { fn } = HELPERS[number]!;
    const ram = Uint8Array.from({ length: PAGES * PAGE_SIZE }, () => rng.below(256));
    let alone = 0;
    for (let i = 0; i < 6000; i++) {
      const c = makeCase(rng);
      const expected = outcome(c, ram, () => fn(env, D, A, B, 0));
      calls = 0;
      const got = outcome(c, ram, () => native(D, A, B, 0));
      if (calls === 0) alone++;
      assert.equal(got, expected, JSON.stringify(c));
    }
    assert.ok(alone > 1500 && alone < 5500, `${alone} of 6000 without the helper`);
  });
}
