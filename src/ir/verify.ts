/**
 * The IR verifier: what every block must satisfy, derived from the op table. Run by tests on
 * everything the lifter and the passes produce, and by the machine when asked to.
 */

import type { IrBlock } from './block.ts';
import { COND_NAMES, type Field, isTerminator, OPS, type OpRow, STRIDE } from './ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from './refs.ts';
import { type IrType, isIntType, type StateLayout, TYPE_SIZE } from './types.ts';

/** @returns what is wrong, one text each; empty if the block is well formed */
export function verifyBlock(block: IrBlock, layout: StateLayout, helperCount: number): string[] {
  const v = new Verifier(block, layout, helperCount);
  v.run();
  return v.errors;
}

class Verifier {
  readonly errors: string[] = [];
  private readonly block: IrBlock;
  private readonly layout: StateLayout;
  private readonly helperCount: number;
  private readonly defined = new Set<number>();
  private at = 0;

  constructor(block: IrBlock, layout: StateLayout, helperCount: number) {
    this.block = block;
    this.layout = layout;
    this.helperCount = helperCount;
  }

  run(): void {
    const { code, length } = this.block;
    if (length === 0 || length % STRIDE !== 0) this.fail('bad length');
    for (this.at = 0; this.at < length; this.at += STRIDE) {
      const op = code[this.at] as number;
      const row = OPS[op] as OpRow | undefined;
      if (row === undefined) {
        this.fail(`no op ${op}`);
        return;
      }
      const last = this.at + STRIDE === length;
      if (isTerminator(op) !== last) this.fail(last ? 'no terminator' : 'terminator in the middle');
      this.instruction(row);
    }
  }

  private fail(text: string): void {
    const name = (OPS[this.block.code[this.at] as number] as OpRow | undefined)?.name ?? '?';
    this.errors.push(`${this.at / STRIDE} ${name}: ${text}`);
  }

  private instruction(row: OpRow): void {
    const { code } = this.block;
    const i = this.at;
    this.source(row.a, code[i + 2] as number, 'a');
    this.source(row.b, code[i + 3] as number, 'b');
    this.source(row.c, code[i + 4] as number, 'c');
    const imm = code[i + 5] as number;
    if (row.imm === 'cond' && (imm < 0 || imm >= COND_NAMES.length)) this.fail(`condition ${imm}`);
    if (row.imm === 'helper' && (imm < 0 || imm >= this.helperCount)) this.fail(`helper ${imm}`);
    if (row.effect === 'store') this.source(row.d, code[i + 1] as number, 'd');
    else this.result(row.d, code[i + 1] as number);
  }

  private source(field: Field, ref: Ref, name: string): void {
    if (field === 'int') return;
    if (field === null || ref === NONE) {
      if (field === null ? ref !== NONE : !field.endsWith('?')) this.fail(`operand ${name}`);
      return;
    }
    const type = this.typeOf(ref, name);
    if (type === null) return;
    const want = field.replace('?', '') as IrType;
    if (isTemp(ref) && !this.defined.has(ref)) this.fail(`${name} reads t${ref} before it is set`);
    const wide = TYPE_SIZE[type] >= TYPE_SIZE[want];
    if (!wide && !(isIntType(type) && isIntType(want)))
      this.fail(`${name}: ${type} where ${want} is read`);
  }

  private result(field: Field, ref: Ref): void {
    if (field === null || ref === NONE) {
      if (field === null ? ref !== NONE : !(field as string).endsWith('?')) this.fail('result');
      return;
    }
    if (isConst(ref)) {
      this.fail('result is a constant');
      return;
    }
    const type = this.typeOf(ref, 'd');
    if (type === null) return;
    const want = (field as string).replace('?', '') as IrType;
    const widens = isVar(ref) && want === 'i32' && type === 'i64';
    if (!widens && TYPE_SIZE[type] !== TYPE_SIZE[want] && !(field as string).endsWith('?')) {
      this.fail(`result ${want} into ${type}`);
    }
    if (isTemp(ref)) {
      if (this.defined.has(ref)) this.fail(`t${ref} is set twice`);
      this.defined.add(ref);
    }
  }

  private typeOf(ref: Ref, name: string): IrType | null {
    const i = refIndex(ref);
    if (isTemp(ref)) {
      const t = this.block.tempTypes[i];
      if (t === undefined) this.fail(`${name}: no temp t${i}`);
      return t ?? null;
    }
    if (isConst(ref)) {
      if (i >= this.block.constCount) this.fail(`${name}: no constant ${i}`);
      return 'i64';
    }
    const v = isVar(ref) ? this.layout.vars[i] : undefined;
    if (v === undefined) {
      this.fail(`${name}: no such ref ${ref}`);
      return null;
    }
    return v.type;
  }
}
