/** Programs of random machine code, from plain noise to valid instructions in a loop. */

import type { InsnRow } from '../../../src/frontend-x86/table-format.ts';
import { MAP } from '../../../src/frontend-x86/table-format.ts';
import { encodeRow, newPinned } from '../../diff/encode.ts';
import { FUZZ_ROWS, SEQUENCE_SET } from '../../diff/generate.ts';
import type { Random } from '../../diff/random.ts';
import { CpuState } from '../../diff/state.ts';
import { CODE_AT, HEADERS, tinyElf } from './elf.ts';

/** The addresses that encodeRow aims at. */
const DATA = 0x300000;
const DATA_SIZE = 3 * 4096;
const ENTRY = CODE_AT + HEADERS;

const ROWS: readonly InsnRow[] = FUZZ_ROWS.filter((r) => r.map < MAP.vex0F);
/** Those that hardly ever fault. */
const TAME: readonly InsnRow[] = ROWS.filter(
  (r) => SEQUENCE_SET.has(r) && !['div', 'idiv', 'hlt', 'int3'].includes(r.mnemonic),
);

/** movabs $value, %reg */
function loadRegister(reg: number, value: bigint): number[] {
  const bytes = [0x48 | (reg >> 3), 0xb8 | (reg & 7)];
  for (let i = 0n; i < 64n; i += 8n) bytes.push(Number((value >> i) & 255n));
  return bytes;
}

function noise(rng: Random): number[] {
  return Array.from({ length: 20 + rng.below(3000) }, () => rng.below(256));
}

/** Registers set, then instructions, then `decl counter; jnz` back to the first of them. */
function instructions(rng: Random): number[] {
  const out: number[] = [];
  const state = new CpuState();
  for (let reg = 0; reg < 16; reg++) {
    const inData = [4, 5, 6, 7, 14].includes(reg);
    const value = inData ? BigInt(DATA + 0x600 + rng.below(0x400)) : rng.value();
    state.setGpr(reg, value);
    out.push(...loadRegister(reg, value));
  }
  const start = out.length;
  const wildness = rng.pick([0, 4, 30]);
  const count = 4 + rng.below(60);
  for (let i = 0; i < count; i++) {
    const pc = ENTRY + out.length;
    const row = rng.pick(rng.chance(wildness) ? ROWS : TAME);
    out.push(
      ...encodeRow(row, { rng, state, pc, single: rng.chance(wildness / 4), pinned: newPinned() }),
    );
    if (rng.chance(wildness / 2)) {
      // A jump to anywhere in the code, mostly into the middle of an instruction.
      out.push(0x70 | rng.below(16), rng.below(256));
    }
  }
  out.push(0xff, 0x0c, 0x25, ...little(DATA + DATA_SIZE - 8));
  out.push(0x0f, 0x85, ...little(start - out.length - 6));
  // exit_group(7)
  out.push(0xb8, 231, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05);
  return out;
}

function little(n: number): number[] {
  return [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];
}

/** A program; its code may be writable, so that it modifies itself. */
export function randomProgram(rng: Random): Uint8Array {
  const code = rng.chance(30) ? noise(rng) : instructions(rng);
  for (let flips = rng.chance(30) ? rng.below(10) : 0; flips > 0; flips--) {
    const at = rng.below(code.length);
    code[at] = (code[at] as number) ^ (1 << rng.below(8));
  }
  const rights = rng.chance(40) ? 7 : 5;
  return tinyElf({ code, data: DATA_SIZE, dataAt: DATA, rights });
}
