/**
 * The decoder's lookup tables, built from the rows at start-up: opcode, then (where rows differ in
 * them) prefix, W and L, then (where rows differ in it) the ModRM byte.
 *
 * An entry is 0 (no such encoding), row number + 1, or -(number of the next table + 1).
 */

import { panic } from '../common/panic.ts';
import { type InsnRow, PFX } from './table-format.ts';

const MAPS = 7;
/** Selector of a prefix table: VEX.L << 3 | W << 2 | mandatory prefix. */
const SELECTORS = 16;

export interface Dispatch {
  readonly rows: readonly InsnRow[];
  /** By map << 8 | opcode. */
  readonly first: Int16Array;
  /** By table << 4 | selector. */
  readonly byPrefix: Int16Array;
  /** By table << 8 | ModRM. */
  readonly byModrm: Int16Array;
}

function needsModrm(r: InsnRow): boolean {
  return r.digit >= 0 || r.modrm >= 0 || r.mod !== 'a';
}

function needsPrefix(r: InsnRow): boolean {
  return r.prefix !== PFX.any || r.w >= 0 || r.vexL >= 0;
}

function selects(r: InsnRow, selector: number): boolean {
  if (r.prefix !== PFX.any && r.prefix !== (selector & 3)) return false;
  if (r.w >= 0 && r.w !== ((selector >> 2) & 1)) return false;
  return r.vexL < 0 || r.vexL === selector >> 3;
}

/** Rows with more conditions override those with fewer. */
function specificity(r: InsnRow): number {
  const prefix = r.prefix === PFX.any ? 0 : 8;
  const modrm = r.modrm >= 0 ? 2 : r.mod !== 'a' ? 1 : 0;
  return prefix + (r.w < 0 ? 0 : 4) + modrm;
}

class Builder {
  private readonly rows: readonly InsnRow[];
  private readonly first = new Int16Array(MAPS * 256);
  private readonly prefixTables: Int16Array[] = [];
  private readonly modrmTables: Int16Array[] = [];

  constructor(rows: readonly InsnRow[]) {
    this.rows = rows;
  }

  build(): Dispatch {
    const slots: number[][] = [];
    this.rows.forEach((r, i) => {
      const at = (r.map << 8) | r.opcode;
      for (let k = 0; k < (r.plusReg ? 8 : 1); k++) {
        const slot = slots[at + k];
        if (slot === undefined) slots[at + k] = [i];
        else slot.push(i);
      }
    });
    slots.forEach((slot, at) => {
      this.first[at] = this.slotEntry(slot);
    });
    return {
      rows: this.rows,
      first: this.first,
      byPrefix: concat(this.prefixTables, SELECTORS),
      byModrm: concat(this.modrmTables, 256),
    };
  }

  private row(i: number): InsnRow {
    return this.rows[i] as InsnRow;
  }

  /** A row without conditions is entered directly; else a prefix table decides, then a ModRM table. */
  private slotEntry(slot: number[]): number {
    const only = slot[0] as number;
    if (slot.length === 1 && !needsPrefix(this.row(only)) && !needsModrm(this.row(only))) {
      return only + 1;
    }
    slot.sort((x, y) => specificity(this.row(x)) - specificity(this.row(y)));
    // Selector bits that no row looks at repeat the entries without them.
    const useW = slot.some((i) => this.row(i).w >= 0) ? 4 : 0;
    const useL = slot.some((i) => this.row(i).vexL >= 0) ? 8 : 0;
    const used = (slot.some((i) => this.row(i).prefix !== PFX.any) ? 3 : 0) | useW | useL;
    const table = new Int16Array(SELECTORS);
    for (let s = 0; s < SELECTORS; s++) {
      const same = s & used;
      table[s] =
        same < s
          ? (table[same] as number)
          : this.modrmEntry(slot.filter((i) => selects(this.row(i), s)));
    }
    return -this.prefixTables.push(table);
  }

  /** Entry for rows, least specific first, that a prefix selector admits. */
  private modrmEntry(some: readonly number[]): number {
    const last = some[some.length - 1];
    if (last === undefined) return 0;
    if (!needsModrm(this.row(last))) return last + 1;
    const table = new Int16Array(256);
    for (const i of some) fillModrm(table, this.row(i), i + 1);
    return -this.modrmTables.push(table);
  }
}

function fillModrm(table: Int16Array, r: InsnRow, entry: number): void {
  if (r.modrm >= 0) {
    table.fill(entry, r.modrm, r.modrm + (r.modrmPlus ? 8 : 1));
    return;
  }
  if (r.mod !== 'r') {
    for (let m = 0; m < 0xc0; m += 0x40) fillDigit(table, m, r.digit, entry);
  }
  if (r.mod !== 'm') fillDigit(table, 0xc0, r.digit, entry);
}

/** One value of ModRM.mod: all of it, or the eight bytes with a digit in ModRM.reg. */
function fillDigit(table: Int16Array, from: number, digit: number, entry: number): void {
  if (digit < 0) table.fill(entry, from, from + 0x40);
  else table.fill(entry, from + digit * 8, from + digit * 8 + 8);
}

function concat(tables: readonly Int16Array[], size: number): Int16Array {
  const all = new Int16Array(tables.length * size);
  tables.forEach((t, i) => {
    all.set(t, i * size);
  });
  return all;
}

export function buildDispatch(rows: readonly InsnRow[]): Dispatch {
  if (rows.length > 0x7ffe) panic('too many instruction rows');
  return new Builder(rows).build();
}
