/**
 * What a memory access that faulted was part of: found out by decoding its instruction again, so that
 * accesses themselves need not say it (SDM vol. 3, 4.7: W/R of the error code; 6.15: #SS).
 */

import { type Decoded, SEG } from './decoded.ts';
import { MAP } from './table-format.ts';

const RSP = 4;
const RBP = 5;

function hasMemoryOperand(d: Decoded): boolean {
  return d.modrm >= 0 && d.mod !== 3;
}

/** Whether the instruction writes the memory operand that it reads: its reads ask for the right to write. */
export function readsToWrite(d: Decoded): boolean {
  const { row } = d;
  if (row === null || !hasMemoryOperand(d)) return false;
  // LOCK is allowed for these; the others are shifts and rotations.
  if (row.options.lock === true) return true;
  const op = d.opcode;
  if (row.map === MAP.one) return (op & 0xfe) === 0xc0 || (op >= 0xd0 && op <= 0xd3);
  return row.map === MAP.m0F && (op & 0xf6) === 0xa4;
}

/**
 * Whether the access to a non-canonical address went through SS: #SS instead of #GP.
 * @param stackIsCanonical where rSP points
 */
export function usesStackSegment(d: Decoded, stackIsCanonical: boolean): boolean {
  const { row } = d;
  if (row === null) return false;
  const explicit = hasMemoryOperand(d);
  if (explicit && (d.base === RSP || d.base === RBP) && d.seg === SEG.none) return true;
  // PUSH, POP, CALL, RET, ENTER and LEAVE have operand size 64; so do jumps, which access no stack.
  if (row.options.size === undefined || row.text.startsWith('jmp')) return false;
  return !explicit || !stackIsCanonical;
}
