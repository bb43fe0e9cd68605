/**
 * IR as text, for dumps and for the .ir tests, and back. One instruction a line:
 *
 *     block 0x401000 bytes 7 insns 2
 *     insn +0 4
 *     t0:i64 = add.i64 rax, 0x10
 *     t1:i32 = ld32 [rsp + rcx*4 - 8] align
 *     st64 [t0] = rbx
 *     t2:i32 = set.i64 ltu rax, t0
 *     ccset 7 (rax, rbx, _)
 *     t3:i64 = call 2 (rax, _, _)
 *     branch t2 ? 0x401010 : 0x401007
 *
 * A result that is a state variable is written by its name; constants in hexadecimal, 64 bits.
 */

import type { IrBlock } from './block.ts';
import { BlockBuilder } from './builder.ts';
import {
  COND_NAMES,
  EXIT,
  JUMP,
  MEM_ALIGN,
  MEM_SCALE,
  OP,
  OPS,
  type OpName,
  type OpRow,
  STRIDE,
} from './ops.ts';
import { isConst, isTemp, NONE, type Ref, refIndex, varRef } from './refs.ts';
import type { IrType, StateLayout } from './types.ts';

function hex64(lo: number, hi: number): string {
  const l = (lo >>> 0).toString(16);
  return hi === 0 ? `0x${l}` : `0x${(hi >>> 0).toString(16)}${l.padStart(8, '0')}`;
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((k) => table[k] === value) ?? String(value);
}

export function formatRef(ref: Ref, block: IrBlock, layout: StateLayout): string {
  if (ref === NONE) return '_';
  const i = refIndex(ref);
  if (isTemp(ref)) return `t${i}`;
  if (isConst(ref)) return hex64(block.consts[2 * i] as number, block.consts[2 * i + 1] as number);
  return layout.vars[i]?.name ?? `var${i}`;
}

function formatAddress(block: IrBlock, i: number, layout: StateLayout): string {
  const { code } = block;
  const parts: string[] = [];
  const a = code[i + 2] as number;
  const b = code[i + 3] as number;
  const c = code[i + 4] as number;
  const disp = code[i + 5] as number;
  if (a !== NONE) parts.push(formatRef(a, block, layout));
  if (b !== NONE) parts.push(`${formatRef(b, block, layout)}*${1 << (c & MEM_SCALE)}`);
  let s = parts.join(' + ');
  if (s === '') s = `${disp}`;
  else if (disp !== 0) s += disp < 0 ? ` - ${-disp}` : ` + ${disp}`;
  return `[${s}]${(c & MEM_ALIGN) !== 0 ? ' align' : ''}`;
}

/** One instruction, without its result. */
function formatOperation(block: IrBlock, i: number, layout: StateLayout): string {
  const { code } = block;
  const row = OPS[code[i] as number] as OpRow;
  const ref = (k: number): string => formatRef(code[i + k] as number, block, layout);
  const imm = code[i + 5] as number;
  switch (row.name) {
    case 'insn':
      return `insn +${imm} ${code[i + 4]}`;
    case 'ccset':
      return `ccset ${imm} (${ref(2)}, ${ref(3)}, ${ref(4)})`;
    case 'call':
      return `call ${imm} (${ref(2)}, ${ref(3)}, ${ref(4)})`;
    case 'jump':
    case 'jumpind':
      return `${row.name} ${nameOf(JUMP, imm)} ${ref(2)}${code[i + 3] === NONE ? '' : `, ${ref(3)}`}`;
    case 'branch':
      return `branch ${ref(4)} ? ${ref(2)} : ${ref(3)}`;
    case 'exit':
      return `exit ${nameOf(EXIT, imm)} ${ref(2)}`;
    case 'set.i32':
    case 'set.i64':
      return `${row.name} ${COND_NAMES[imm]} ${ref(2)}, ${ref(3)}`;
    default:
  }
  if (row.cls === 'mem' || row.name === 'lea.i64') {
    const at = formatAddress(block, i, layout);
    return row.effect === 'store' ? `${row.name} ${at} = ${ref(1)}` : `${row.name} ${at}`;
  }
  const args: string[] = [];
  if (row.a !== null) args.push(ref(2));
  if (row.b !== null) args.push(ref(3));
  if (row.c !== null) args.push(row.c === 'int' ? `${code[i + 4]}` : ref(4));
  if (row.imm !== null) args.push(`#${imm}`);
  return `${row.name} ${args.join(', ')}`.trimEnd();
}

/** The instruction at word index `i`. */
export function formatInstruction(block: IrBlock, i: number, layout: StateLayout): string {
  const d = block.code[i + 1] as number;
  const row = OPS[block.code[i] as number] as OpRow;
  const text = formatOperation(block, i, layout);
  if (d === NONE || row.effect === 'store') return text;
  const type = isTemp(d) ? `:${block.tempTypes[d]}` : '';
  return `${formatRef(d, block, layout)}${type} = ${text}`;
}

export function formatBlock(block: IrBlock, layout: StateLayout): string {
  const lines = [
    `block ${hex64(block.pcLo, block.pcHi)} bytes ${block.byteLength} insns ${block.insnCount}`,
  ];
  for (let i = 0; i < block.length; i += STRIDE) lines.push(formatInstruction(block, i, layout));
  return lines.join('\n');
}

/** Parses what formatBlock writes. Throws an Error that names the line. */
export function parseBlock(text: string, layout: StateLayout): IrBlock {
  const lines = text.split('\n').map((l) => l.replace(/;.*$/, '').trim());
  const parser = new Parser(layout);
  lines.forEach((line, n) => {
    if (line === '') return;
    try {
      parser.line(line);
    } catch (e) {
      throw new Error(`line ${n + 1}: ${(e as Error).message}: ${line}`);
    }
  });
  return parser.finish();
}

class Parser {
  private readonly b = new BlockBuilder();
  private readonly vars: Map<string, number>;
  private bytes = 0;
  private insns = 0;

  constructor(layout: StateLayout) {
    this.vars = new Map(layout.vars.map((v, i) => [v.name, i]));
    this.b.reset(0, 0);
  }

  line(line: string): void {
    const head = /^block (0x[0-9a-f]+) bytes (\d+) insns (\d+)$/.exec(line);
    if (head !== null) {
      const [lo, hi] = parseHex(head[1] as string);
      this.b.reset(lo, hi);
      this.bytes = Number(head[2]);
      this.insns = Number(head[3]);
      return;
    }
    const m = /^(?:([\w.]+)(?::(\w+))? = )?(\S+)\s*(.*)$/.exec(line);
    if (m === null) throw new Error('cannot be parsed');
    const [, d, type, name, rest] = m as unknown as [string, string?, string?, string?, string?];
    const op = OP[name as OpName];
    if (op === undefined) throw new Error(`no op ${name}`);
    this.operation(OPS[op] as OpRow, op, rest ?? '', d === undefined ? NONE : this.result(d, type));
  }

  finish(): IrBlock {
    return this.b.finish(this.bytes, this.insns);
  }

  private result(text: string, type: string | undefined): Ref {
    if (/^t\d+$/.test(text) && type !== undefined) {
      const t = this.b.temp(type as IrType);
      if (`t${t}` !== text) throw new Error(`temps are numbered in order: expected t${t}`);
      return t;
    }
    return this.ref(text);
  }

  private ref(text: string): Ref {
    if (text === '_') return NONE;
    if (/^t\d+$/.test(text)) return Number(text.slice(1));
    if (text.startsWith('0x')) return this.b.const64(...parseHex(text));
    if (/^-?\d+$/.test(text)) return this.b.constS(Number(text));
    const v = this.vars.get(text);
    if (v === undefined) throw new Error(`no variable ${text}`);
    return varRef(v);
  }

  private operation(row: OpRow, op: number, rest: string, d: Ref): void {
    const { b } = this;
    const words = rest.split(/[\s,()?:]+/).filter((w) => w !== '');
    const ref = (i: number): Ref => (words[i] === undefined ? NONE : this.ref(words[i] as string));
    switch (row.name) {
      case 'insn':
        b.emit(op, NONE, NONE, NONE, Number(words[1]), Number(words[0]));
        return;
      case 'ccset':
      case 'call':
        b.emit(op, d, ref(1), ref(2), ref(3), Number(words[0]));
        return;
      case 'jump':
      case 'jumpind':
        b.emit(op, NONE, ref(1), ref(2), NONE, JUMP[words[0] as keyof typeof JUMP]);
        return;
      case 'branch':
        b.emit(op, NONE, ref(1), ref(2), ref(0), 0);
        return;
      case 'exit':
        b.emit(op, NONE, ref(1), NONE, NONE, EXIT[words[0] as keyof typeof EXIT]);
        return;
      case 'set.i32':
      case 'set.i64':
        b.emit(op, d, ref(1), ref(2), NONE, COND_NAMES.indexOf(words[0] as string));
        return;
      default:
    }
    if (row.cls === 'mem' || row.name === 'lea.i64') {
      this.memory(row, op, rest, d);
      return;
    }
    let k = 0;
    const next = (f: unknown): Ref => (f === null ? NONE : ref(k++));
    const a = next(row.a);
    const bb = next(row.b);
    const c = row.c === 'int' ? Number(words[k++]) : next(row.c);
    const imm = row.imm === null ? 0 : Number((words[k] ?? '#0').slice(1));
    b.emit(op, d, a, bb, c, imm);
  }

  private memory(row: OpRow, op: number, rest: string, d: Ref): void {
    const m = /^\[([^\]]*)\]( align)?(?: = (\S+))?$/.exec(rest);
    if (m === null) throw new Error('bad address');
    const value = row.effect === 'store' ? this.ref(m[3] as string) : d;
    let a = NONE;
    let index = NONE;
    let c = m[2] === undefined ? 0 : MEM_ALIGN;
    let disp = 0;
    for (const part of (m[1] as string).replace(/ - /g, ' + -').split(' + ')) {
      const scaled = /^(\w[\w.]*)\*([1248])$/.exec(part);
      if (scaled !== null) {
        index = this.ref(scaled[1] as string);
        c |= Math.log2(Number(scaled[2]));
      } else if (/^-?\d+$/.test(part)) disp = Number(part);
      else a = this.ref(part);
    }
    this.b.emit(op, value, a, index, c, disp);
  }
}

function parseHex(text: string): [number, number] {
  const digits = text.slice(2);
  const lo = Number.parseInt(digits.slice(-8), 16);
  const hi = digits.length > 8 ? Number.parseInt(digits.slice(0, -8), 16) : 0;
  return [lo | 0, hi | 0];
}
