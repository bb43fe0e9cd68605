/** Modules: a memory and functions imported, functions exported (Core Specification, section 5.5). */

import { ByteWriter } from './encode.ts';
import { type Code, FunctionBody } from './function-body.ts';
import type { Import } from './imports.ts';
import { TYPE } from './opcodes.ts';

const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const FUNC_TYPE = 0x60;
/** Parameters that functions have at most: type n has n of them, all i32, and an i32 as its result. */
const MAX_PARAMS = 5;
/** Pages that the imported memory has at least. */
const MIN_PAGES = 1;

function typeSection(): ByteWriter {
  const s = new ByteWriter(64);
  s.u32(MAX_PARAMS + 1);
  for (let n = 0; n <= MAX_PARAMS; n++) {
    s.byte(FUNC_TYPE);
    s.u32(n);
    for (let i = 0; i < n; i++) s.byte(TYPE.i32);
    s.u32(1);
    s.byte(TYPE.i32);
  }
  return s;
}

const TYPES: ByteWriter = typeSection();

const HEADER: Uint8Array = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Functions by position: `m` `0`, `m` `1` …; the memory is `m` `mem`. */
function importSection(params: readonly number[], memory: boolean): ByteWriter {
  const s = new ByteWriter(256);
  s.u32(params.length + (memory ? 1 : 0));
  if (memory) {
    s.name('m');
    s.name('mem');
    s.byte(2);
    s.byte(0);
    s.u32(MIN_PAGES);
  }
  params.forEach((count, i) => {
    s.name('m');
    s.name(String(i));
    s.byte(0);
    s.u32(count);
  });
  return s;
}

/** A vector of numbers. */
function numbers(list: readonly number[]): ByteWriter {
  const s = new ByteWriter(list.length + 8);
  s.u32(list.length);
  for (const n of list) s.u32(n);
  return s;
}

/** Exports functions by the names `0`, `1` …; the first is function `first`. */
function exportSection(count: number, first: number): ByteWriter {
  const s = new ByteWriter(count * 6 + 8);
  s.u32(count);
  for (let i = 0; i < count; i++) {
    s.name(String(i));
    s.byte(0);
    s.u32(first + i);
  }
  return s;
}

function codeSection(bodies: readonly ByteWriter[]): ByteWriter {
  const s = new ByteWriter(bodies.reduce((n, b) => n + b.length + 5, 8));
  s.u32(bodies.length);
  for (const b of bodies) s.sized(-1, b);
  return s;
}

/** Which branches are taken (Branch Hinting proposal): V8 keeps registers free of what is in the others. */
function hintSection(bodies: readonly Code[], first: number): ByteWriter {
  const s = new ByteWriter(1024);
  s.name('metadata.code.branch_hint');
  s.u32(bodies.length);
  bodies.forEach(({ hints }, i) => {
    s.u32(first + i);
    s.u32(hints.length / 2);
    for (let h = 0; h < hints.length; h += 2) {
      s.u32(hints[h]!);
      s.u32(1);
      s.byte(hints[h + 1]!);
    }
  });
  return s;
}

/** Names of functions, for profiles (Core Specification, appendix, custom section `name`). */
function nameSection(names: readonly string[], first: number): ByteWriter {
  const map = new ByteWriter(256);
  map.u32(names.length);
  names.forEach((name, i) => {
    map.u32(first + i);
    map.name(name);
  });
  const s = new ByteWriter(map.length + 16);
  s.name('name');
  s.sized(1, map);
  return s;
}

/**
 * @param bodies entries of the code section: functions that return an i32
 * @param names theirs, of ASCII
 * @param params numbers of their parameters, by default none
 */
export function encodeModule(
  bodies: readonly Code[],
  imports: readonly Pick<Import, 'params'>[],
  names: readonly string[],
  params: readonly number[] = bodies.map(() => 0),
): Uint8Array {
  const code = codeSection(bodies.map((b) => b.bytes));
  const out = new ByteWriter(code.length + 512);
  out.append(HEADER);
  out.sized(SECTION.type, TYPES);
  out.sized(
    SECTION.import,
    importSection(
      imports.map((x) => x.params),
      true,
    ),
  );
  out.sized(SECTION.function, numbers(params));
  out.sized(SECTION.export, exportSection(bodies.length, imports.length));
  out.sized(SECTION.custom, hintSection(bodies, imports.length));
  out.sized(SECTION.code, code);
  out.sized(SECTION.custom, nameSection(names, imports.length));
  return out.view().slice();
}

/** A module that exports each function it imports; `params`: their numbers of parameters. */
export function encodeBridge(params: readonly number[]): Uint8Array {
  const out = new ByteWriter();
  out.append(HEADER);
  out.sized(SECTION.type, TYPES);
  out.sized(SECTION.import, importSection(params, false));
  out.sized(SECTION.function, numbers(params));
  out.sized(SECTION.export, exportSection(params.length, params.length));
  const bodies = params.map((count, i) => {
    const f = new FunctionBody(count);
    for (let k = 0; k < count; k++) f.get(k);
    f.call(i);
    return f.encode().bytes;
  });
  out.sized(SECTION.code, codeSection(bodies));
  return out.view().slice();
}
