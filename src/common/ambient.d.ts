/**
 * The platform globals the core may use besides ES2022, declared by hand because the core compiles with
 * `lib: ["es2022"], types: []`: WebAssembly, which Node's types leave to lib.dom.
 *
 * Keep it minimal: adding a global here permits it in every layer.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(delta: number): number;
  }

  type TableKind = 'anyfunc' | 'externref';

  class Table {
    constructor(descriptor: { element: TableKind; initial: number; maximum?: number });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(delta: number, value?: unknown): number;
  }

  class Global {
    constructor(
      descriptor: { value: 'i32' | 'i64' | 'f32' | 'f64'; mutable?: boolean },
      value?: number | bigint,
    );
    value: number | bigint;
  }

  type ExportValue = ((...args: never[]) => unknown) | Memory | Table | Global;
  type ImportValue = ExportValue | number;
  type Imports = Record<string, Record<string, ImportValue>>;
  type Exports = Record<string, ExportValue>;

  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean;

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
}

/** Base64 of a string of bytes (HTML, section 8.3). */
declare function btoa(bytes: string): string;
