/**
 * How fast a row is, by what its plainest encoding is lifted to:
 *
 *   inline       operations that compiled code has in line
 *   slot call    a vector or floating-point operation that is a function (ir/slot-ops.ts): some 10 to 100 ns
 *   helper call  a helper (frontend-x86/helpers-*.ts): registers are written back around it
 *   exception    raises one, always
 */

import { CC_EFLAGS } from '../src/common/condition-codes.ts';
import { HELPERS } from '../src/frontend-x86/helpers-table.ts';
import { X86_STATE } from '../src/frontend-x86/state.ts';
import type { InsnRow } from '../src/frontend-x86/table-format.ts';
import { type CodeSource, translateBlock } from '../src/frontend-x86/translate.ts';
import { OP, OPS, type OpRow, type SlotOpName, STRIDE } from '../src/ir/ops.ts';
import { runPasses } from '../src/ir/passes/index.ts';
import { REMOVED } from '../src/ir/passes/rewrite.ts';
import { SLOT_INLINE } from '../src/ir/slot-ops.ts';
import { plainEncoding } from './plain-encoding.ts';

const CLASSES = ['inline', 'slot call', 'helper call', 'exception'] as const;
export type Speed = (typeof CLASSES)[number];

const U8 = new Uint8Array(64);
const CODE: CodeSource = { U8, I32: new Int32Array(U8.buffer), fetch: (lo) => lo };

function speedOf(op: number, imm: number): Speed {
  if (op === REMOVED) return 'inline';
  const row = OPS[op] as OpRow;
  if (op === OP.call) {
    const name = HELPERS[imm]?.name;
    return name === 'raise' || name === 'trap' ? 'exception' : 'helper call';
  }
  return row.cls === 'slot' && SLOT_INLINE[row.name as SlotOpName] === undefined
    ? 'slot call'
    : 'inline';
}

export function insnSpeed(row: InsnRow): Speed {
  U8.fill(0);
  U8.set(plainEncoding(row), 0);
  const ir = translateBlock(CODE, 0, 0, { maxInsns: 1, ccIn: CC_EFLAGS });
  runPasses(ir, X86_STATE, HELPERS);
  let worst = 0;
  for (let at = 0; at < ir.length; at += STRIDE) {
    const speed = speedOf(ir.code[at] as number, ir.code[at + STRIDE - 1] as number);
    worst = Math.max(worst, CLASSES.indexOf(speed));
  }
  return CLASSES[worst] as Speed;
}
