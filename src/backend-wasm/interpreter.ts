/**
 * The interpreter of micro code (ir/micro.ts) as one WebAssembly function: a `br_table` over micro operations, whose
 * bodies are those of regions, with operands in memory slots instead of locals. It does the same as the function that
 * ir/interp-source.ts writes, leaves by the same codes, and shares arena, counters and jump cache with it. Beyond that it
 * executes pairs of micro operations at once, and goes into regions and on behind them.
 *
 * No branch in it has a hint: with the slow paths out of the way, V8's code takes 1.5 times as long (Zen 4).
 */

import { generated } from '../common/generated.ts';
import { ENG_INTERP_P } from '../common/layout.ts';
import type { HelperEnv } from '../ir/helpers.ts';
import type { InterpCalls, Interpret } from '../ir/interp.ts';
import { MICRO_OPS, type MicroOp } from '../ir/micro.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import type { StateLayout } from '../ir/types.ts';
import type { Dispatcher, DispatcherOptions } from './dispatcher.ts';
import { CONDITIONS_32, CONDITIONS_64 } from './emit-int.ts';
import { VECTOR_EMIT } from './emit-vector.ts';
import { MMU_CALLS, MMU_PARAMS } from './imports.ts';
import { BODY, InterpreterCode, LEAVE, NEXT } from './interpreter-code.ts';
import {
  branch,
  dead,
  ENTER_REGION,
  exit,
  head,
  jump,
  jumpIndirect,
  region,
} from './interpreter-control.ts';
import {
  CALL_HELPER,
  CALL_SLOT,
  conditionCodes,
  helper,
  int,
  loadOp,
  slotCall,
  storeOp,
  vector,
} from './interpreter-ops.ts';
import { encodeModule } from './module.ts';
import { W } from './opcodes.ts';

/** Numbers of parameters of what is imported. */
const IMPORT_PARAMS: readonly number[] = [...MMU_CALLS.map((name) => MMU_PARAMS[name]), 1, 1, 1];

/** Writes what a micro operation does. */
function body(c: InterpreterCode, m: MicroOp): void {
  const { f } = c;
  switch (m.kind) {
    case 'head':
      head(c);
      return;
    case 'dead':
      dead(c);
      return;
    case 'region':
      region(c);
      return;
    case 'int':
      int(c, m);
      return;
    case 'load':
      loadOp(c, m);
      return;
    case 'store':
      storeOp(c, m);
      return;
    case 'slot':
      if (inLine(m)) vector(c, (OPS[m.op] as OpRow).name as SlotOpName);
      else slotCall(c);
      return;
    case 'ccset':
      conditionCodes(c, m);
      return;
    case 'call':
      helper(c);
      return;
    case 'jump':
      jump(c);
      return;
    case 'branch':
      c.pushI32(1);
      branch(c);
      return;
    case 'brcmp32':
      c.pushI32(1);
      c.pushI32(2);
      f.op(CONDITIONS_32[m.cond]!);
      branch(c);
      return;
    case 'brcmp64':
      c.pushI64(1);
      c.pushI64(2);
      f.op(CONDITIONS_64[m.cond]!);
      branch(c);
      return;
    case 'jumpind':
      jumpIndirect(c);
      return;
    case 'exit':
      exit(c);
      return;
  }
}

function write(c: InterpreterCode): void {
  const { f } = c;
  // Operations that are called share a body.
  const called = MICRO_OPS.findIndex((m) => m.kind === 'slot' && !inLine(m));
  const bodyOf = MICRO_OPS.map((m, i) => (m.kind === 'slot' && !inLine(m) ? called : i));
  const bodies = [...new Set(bodyOf)].sort((a, b) => a - b);
  f.get(c.p);
  f.i32(2);
  f.op(W.i32Shl);
  f.set(c.p);
  c.reload();
  f.open(W.block, LEAVE);
  f.open(W.loop, NEXT);
  // A number that there is not: micro code is damaged.
  const bad = BODY + MICRO_OPS.length;
  f.open(W.block, bad);
  for (const i of [...bodies].reverse()) f.open(W.block, BODY + i);
  c.field(0);
  f.table([...bodyOf.map((i) => BODY + i), bad]);
  for (const i of bodies) {
    f.close();
    const m = MICRO_OPS[i]!;
    body(c, m);
    if (m.second >= 0) {
      c.step();
      body(c, MICRO_OPS[m.second]!);
    }
    // What ends a block has gone on.
    c.next();
  }
  f.close();
  f.op(W.unreachable);
  f.close();
  f.close();
  c.store(W.i32Store, ENG_INTERP_P * 4, () => {
    f.get(c.p);
    f.i32(2);
    f.op(W.i32ShrU);
  });
  c.storeBudget();
  f.get(c.code);
}

/** Whether the interpreter has code of its own for a slot operation. */
function inLine(m: MicroOp): boolean {
  const { name, imm } = OPS[m.op] as OpRow;
  return imm === null && name in VECTOR_EMIT;
}

/** The modules of this process's machines: V8 has optimized what ran in an earlier one. */
const modules = new WeakMap<StateLayout, WebAssembly.Module>();

function moduleFor(layout: StateLayout, options: DispatcherOptions): WebAssembly.Module {
  let module = modules.get(layout);
  if (module === undefined) {
    const text = (): string => interpreterText(layout, options);
    const bytes = generated(interpreterKey(layout, options), [], text)();
    module = new WebAssembly.Module(bytes);
    modules.set(layout, module);
  }
  return module;
}

/** For common/generated.ts: state layouts that differ have another number of variables, or the pc elsewhere. */
export function interpreterKey({ vars }: StateLayout, { pc }: DispatcherOptions): string {
  return `interpreter of WebAssembly, ${vars.length} variables, pc ${pc}`;
}

/** Body of a function that gives the module's bytes: for common/generated.ts. */
export function interpreterText(layout: StateLayout, options: DispatcherOptions): string {
  const text = btoa(String.fromCharCode(...encodeInterpreter(layout, options)));
  return (
    `const text=atob("${text}"),bytes=new Uint8Array(text.length);` +
    'for(let i=0;i<text.length;i++)bytes[i]=text.charCodeAt(i);return bytes;'
  );
}

/** For InterpOptions. */
export function createInterpreter(
  env: HelperEnv,
  { layout, helper, slot }: InterpCalls,
  { enter, options }: Dispatcher,
): Interpret {
  const m: Record<string, WebAssembly.ImportValue> = { mem: env.wasm };
  MMU_CALLS.forEach((name, i) => {
    m[i] = (env.mem[name] as (...words: number[]) => number).bind(env.mem);
  });
  m[CALL_HELPER] = helper;
  m[CALL_SLOT] = slot;
  m[ENTER_REGION] = enter;
  return new WebAssembly.Instance(moduleFor(layout, options), { m }).exports['0'] as Interpret;
}

/** The module, which exports the function as `0`. */
export function encodeInterpreter(layout: StateLayout, options: DispatcherOptions): Uint8Array {
  const code = new InterpreterCode(layout, options);
  write(code);
  return encodeModule(
    [{ ...code.f.encode(), hints: [] }],
    IMPORT_PARAMS.map((params) => ({ params })),
    ['interpreter'],
    [1],
  );
}
