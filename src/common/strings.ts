/** Byte offsets of the state that repeated string instructions use, for backends that execute them by themselves. */
export interface StringLayout {
  readonly rax: number;
  readonly rcx: number;
  readonly rsi: number;
  readonly rdi: number;
  readonly df: number;
}

/** Bits of the first argument of their helpers: the size of an element, and how they are executed. */
export const REP = { size: 0xff, addr32: 0x100, repne: 0x200, once: 0x400 } as const;
