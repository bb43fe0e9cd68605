/**
 * REP MOVS and REP STOS in WebAssembly where everything is usual: upwards, within a page each, with rights in the TLB,
 * without overlap that replicates. All else is left to the helpers.
 */

import { PAGE_SIZE, TLB_READ, TLB_WRITE } from '../common/layout.ts';
import { REP, type StringLayout } from '../common/strings.ts';
import type { Expr, HelperCode } from './helper-code.ts';
import { W } from './opcodes.ts';
import { type Access, pushTlbMiss, setTlbHost } from './tlb-check.ts';

/** Up to so many bytes elements are moved one by one: a call of V8's for larger runs takes some 20 ns. */
const FEW_BYTES = 128;

interface Run {
  /** Elements and bytes, i64 and i32; the size of an element. */
  readonly n: number;
  readonly bytes: number;
  readonly size: number;
}

const register = (x: HelperCode, offset: number): Expr => x.load(W.i64Load, x.i32(0), offset);

/** What is to be done, if it is usual. */
function run(x: HelperCode, at: StringLayout): Run {
  const how = x.let('i32', x.argument(W.i32Load, 1));
  const unusual = x.op(W.i32And, x.get(how), x.i32(REP.addr32 | REP.once));
  x.slowIf(x.op(W.i32Or, unusual, x.load(W.i32Load, x.i32(0), at.df)));
  const size = x.let('i32', x.op(W.i32And, x.get(how), x.i32(REP.size)));
  const n = x.let('i64', register(x, at.rcx));
  // 0 is rare, and would have no last byte.
  x.slowIf(x.op(W.i64GeU, x.op(W.i64Sub, x.get(n), x.i64(1)), x.i64(PAGE_SIZE)));
  const bytes = x.let('i32', x.op(W.i32Mul, x.op(W.i32WrapI64, x.get(n)), x.get(size)));
  x.slowIf(x.op(W.i32GtU, x.get(bytes), x.i32(PAGE_SIZE)));
  return { n, bytes, size };
}

/** Host offset of the run at a register's address. */
function hostOf(x: HelperCode, offset: number, tag: number, bytes: number): number {
  const a: Access = {
    f: x.f,
    ea: x.let('i64', register(x, offset)),
    entry: x.local('i32'),
    host: x.local('i32'),
  };
  const last = (): void => {
    x.op(W.i64ExtendI32u, x.op(W.i32Sub, x.get(bytes), x.i32(1)))();
  };
  x.slowIf(() => pushTlbMiss(a, tag, last));
  setTlbHost(a);
  return a.host;
}

/** Repeats for each element, whose byte offset is in the local. */
function forElements(x: HelperCode, { bytes }: Run, size: number, body: (i: Expr) => void): void {
  const i = x.let('i32', x.i32(0));
  x.loop(() => {
    body(x.get(i));
    x.set(i, x.op(W.i32Add, x.get(i), x.i32(size)));
    return x.op(W.i32LtU, x.get(i), x.get(bytes));
  });
}

function finish(x: HelperCode, at: StringLayout, { bytes }: Run, moved: readonly number[]): void {
  const by = x.op(W.i64ExtendI32u, x.get(bytes));
  for (const r of moved) x.store(W.i64Store, x.i32(0), r, x.op(W.i64Add, register(x, r), by));
  x.store(W.i64Store, x.i32(0), at.rcx, x.i64(0));
  x.store(W.i64Store, x.op(W.i32Shl, x.get(0), x.i32(2)), 0, x.i64(1));
}

function repMovs(x: HelperCode, at: StringLayout): void {
  x.slowIf(x.op(W.i64Ne, x.argument(W.i64Load, 2), x.i64(0)));
  const r = run(x, at);
  const from = hostOf(x, at.rsi, TLB_READ, r.bytes);
  const to = hostOf(x, at.rdi, TLB_WRITE, r.bytes);
  const distance = x.op(W.i32Sub, x.get(to), x.get(from));
  x.slowIf(x.op(W.i32LtU, distance, x.get(r.bytes)));
  const few = x.op(W.i32LeU, x.get(r.bytes), x.i32(FEW_BYTES));
  const add = (base: number, i: Expr): Expr => x.op(W.i32Add, x.get(base), i);
  x.when(
    x.op(W.i32And, few, x.op(W.i32Eq, x.get(r.size), x.i32(8))),
    () =>
      forElements(x, r, 8, (i) =>
        x.store(W.i64Store, add(to, i), 0, x.load(W.i64Load, add(from, i))),
      ),
    () => x.copy(x.get(to), x.get(from), x.get(r.bytes)),
  );
  finish(x, at, r, [at.rsi, at.rdi]);
}

function repStos(x: HelperCode, at: StringLayout): void {
  const r = run(x, at);
  const to = hostOf(x, at.rdi, TLB_WRITE, r.bytes);
  const rax = x.let('i64', register(x, at.rax));
  const low = x.op(W.i32WrapI64, x.get(rax));
  const is = (size: number): Expr => x.op(W.i32Eq, x.get(r.size), x.i32(size));
  const address = (i: Expr): Expr => x.op(W.i32Add, x.get(to), i);
  x.when(
    is(8),
    () => forElements(x, r, 8, (i) => x.store(W.i64Store, address(i), 0, x.get(rax))),
    () => {
      x.when(
        is(1),
        () => x.fill(x.get(to), low, x.get(r.bytes)),
        () => {
          x.when(
            is(4),
            () => forElements(x, r, 4, (i) => x.store(W.i32Store, address(i), 0, low)),
            () => forElements(x, r, 2, (i) => x.store(W.i32Store16, address(i), 0, low)),
          );
        },
      );
    },
  );
  finish(x, at, r, [at.rdi]);
}

/** By names of helpers. */
export const STRING_EMITTERS: Readonly<Record<string, (x: HelperCode, at: StringLayout) => void>> =
  {
    repMovs,
    repStos,
  };
