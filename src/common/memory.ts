/**
 * The machine's linear memory with the views that every layer uses. The views are created once;
 * the memory never grows, so they are never detached.
 */

export interface LinearMemory {
  readonly wasm: WebAssembly.Memory;
  readonly U8: Uint8Array;
  readonly I32: Int32Array;
  readonly F32: Float32Array;
  readonly F64: Float64Array;
  /** For guest data, which may be unaligned. Always little-endian: pass `true`. */
  readonly D: DataView;
}

/** @param bytes total size, a multiple of 64 KiB, at most 2 GiB - 64 KiB */
export function createLinearMemory(bytes: number): LinearMemory {
  const pages = Math.ceil(bytes / 65536);
  const wasm = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const b = wasm.buffer;
  return {
    wasm,
    U8: new Uint8Array(b),
    I32: new Int32Array(b),
    F32: new Float32Array(b),
    F64: new Float64Array(b),
    D: new DataView(b),
  };
}
