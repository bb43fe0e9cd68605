/** Operations on vectors and floating-point numbers: in line where there is an entry for it, else a call. */

import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import { NONE } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { AES_EMIT } from './emit-aes.ts';
import { emitSlotCall } from './emit-call.ts';
import { CRYPTO_EMIT } from './emit-crypto.ts';
import { type EmitFloat, FLOAT_EMIT } from './emit-float.ts';
import { FMA_EMIT } from './emit-fma.ts';
import { type EmitSlot, VECTOR_EMIT } from './emit-vector.ts';

const VECTORS: Readonly<Partial<Record<SlotOpName, EmitSlot>>> = {
  ...VECTOR_EMIT,
  ...CRYPTO_EMIT,
  ...AES_EMIT,
};
const FLOATS: Readonly<Partial<Record<SlotOpName, EmitFloat>>> = { ...FLOAT_EMIT, ...FMA_EMIT };

export function emitSlotOp(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const name = (OPS[code[at]!] as OpRow).name as SlotOpName;
  const x = {
    d: code[at + 1]!,
    a: code[at + 2]!,
    b: code[at + 3]!,
    c: code[at + 4]!,
    imm: code[at + 5]!,
  };
  const vector = VECTORS[name];
  const float = FLOATS[name];
  if (x.d === NONE || (vector === undefined && float === undefined)) emitSlotCall(e, at);
  else if (vector !== undefined) vector(e, x);
  else float?.(e, x, () => emitSlotCall(e, at));
}
