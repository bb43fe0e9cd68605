/**
 * Goes from region to region without leaving WebAssembly: a function that calls a region by its place in a table, and
 * while regions end with EXIT.next looks the next one up by pc in the region cache (layout.ts). The modules of regions do
 * not import the table: in Node 20 each import of a large table takes V8 some 0.5 ms.
 */

import { ENG_BUDGET, REGION_CACHE_BASE, REGION_CACHE_SLOT } from '../common/layout.ts';
import { EXIT } from '../ir/ops.ts';
import { pushFound, REGION_CACHE } from './by-pc.ts';
import { ByteWriter } from './encode.ts';
import { FunctionBody } from './function-body.ts';
import { TYPE, W } from './opcodes.ts';

export interface DispatcherOptions {
  /** Byte offset of the program counter. */
  readonly pc: number;
  /** Regions are not entered while the word at this byte offset has one of these bits. */
  readonly stopWord: number;
  readonly stopBits: number;
}

export interface Dispatcher {
  /** Runs the region in a slot of the table and those after it. @returns an EXIT code */
  readonly enter: (slot: number) => number;
  readonly table: WebAssembly.Table;
  readonly options: DispatcherOptions;
}

const FIRST_SIZE = 1024;

export function createDispatcher(
  memory: WebAssembly.Memory,
  options: DispatcherOptions,
): Dispatcher {
  const module = new WebAssembly.Module(encode(options) as Uint8Array<ArrayBuffer>);
  const { exports } = new WebAssembly.Instance(module, { m: { mem: memory } });
  return {
    enter: exports['enter'] as Dispatcher['enter'],
    table: exports['table'] as WebAssembly.Table,
    options,
  };
}

const NEXT = 0;
const DONE = 1;
const PC_LOCAL = 1;
const ENTRY_LOCAL = 2;
const CODE_LOCAL = 3;

/** Parameter 0: the slot. */
function body({ pc, stopWord, stopBits }: DispatcherOptions): ByteWriter {
  const f = new FunctionBody(1);
  f.newLocal('i64');
  f.newLocal('i32');
  f.newLocal('i32');
  const load = (op: number, at: number): void => {
    f.i32(0);
    f.memory(op, at);
  };
  f.open(W.block, DONE);
  f.open(W.loop, NEXT);
  f.get(0);
  f.callIndirect(0);
  f.tee(CODE_LOCAL);
  // EXIT.next is 0.
  f.br(DONE, W.brIf);
  load(W.i32Load, ENG_BUDGET * 4);
  f.i32(0);
  f.op(W.i32LtS);
  load(W.i32Load, stopWord);
  f.i32(stopBits);
  f.op(W.i32And, W.i32Or);
  f.br(DONE, W.brIf);
  load(W.i64Load, pc);
  f.set(PC_LOCAL);
  pushFound(f, REGION_CACHE, PC_LOCAL, ENTRY_LOCAL);
  f.op(W.i32Eqz);
  f.br(DONE, W.brIf);
  f.get(ENTRY_LOCAL);
  f.memory(W.i32Load, REGION_CACHE_BASE + REGION_CACHE_SLOT * 4);
  f.set(0);
  f.br(NEXT);
  f.close();
  f.close();
  f.get(CODE_LOCAL);
  return f.encode().bytes;
}

function encode(options: DispatcherOptions): Uint8Array {
  EXIT.next satisfies 0;
  const out = new ByteWriter(512);
  out.append(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const section = (id: number, fill: (s: ByteWriter) => void): void => {
    const s = new ByteWriter(128);
    fill(s);
    out.sized(id, s);
  };
  section(1, (s) => {
    s.append(Uint8Array.of(2, 0x60, 0, 1, TYPE.i32, 0x60, 1, TYPE.i32, 1, TYPE.i32));
  });
  section(2, (s) => {
    s.u32(1);
    s.name('m');
    s.name('mem');
    s.append(Uint8Array.of(2, 0, 1));
  });
  section(3, (s) => s.append(Uint8Array.of(1, 1)));
  section(4, (s) => {
    s.append(Uint8Array.of(1, 0x70, 0));
    s.u32(FIRST_SIZE);
  });
  section(7, (s) => {
    s.u32(2);
    s.name('enter');
    s.append(Uint8Array.of(0, 0));
    s.name('table');
    s.append(Uint8Array.of(1, 0));
  });
  section(10, (s) => {
    s.u32(1);
    s.sized(-1, body(options));
  });
  // For profiles.
  section(0, (s) => {
    s.name('name');
    const names = new ByteWriter(32);
    names.append(Uint8Array.of(1, 0));
    names.name('dispatcher');
    s.sized(1, names);
  });
  return out.view().slice();
}
