/** What operations are written with, wherever the values are: in locals (context.ts) or in slots (interpreter.ts). */

import type { Ref } from '../ir/refs.ts';
import type { FunctionBody } from './function-body.ts';
import type { Access } from './tlb-check.ts';

export interface ValueContext {
  readonly f: FunctionBody;
  /** The low 32 bits. */
  pushI32(ref: Ref): void;
  /** 64 bits, zero-extended. */
  pushI64(ref: Ref): void;
  /** A vector, or the high half of one of 256 bits. */
  pushV128(ref: Ref, half?: number): void;
  /** The lowest lane as a double. */
  pushF64(ref: Ref): void;
  /** The lowest lane as a float. */
  pushF32(ref: Ref): void;
  setI32(d: Ref): void;
  setI64(d: Ref): void;
  setV128(d: Ref, half?: number): void;
  /** Writes that lane alone. */
  setF64(d: Ref): void;
  setF32(d: Ref): void;
}

export interface AccessContext extends Access {
  /** Pushes the TLB generation, as an i64. */
  pushGeneration(): void;
}
