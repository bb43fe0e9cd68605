/** Byte offsets of the registers that DIV and IDIV use, for backends that divide by themselves. */
export interface DivisionLayout {
  readonly rax: number;
  readonly rdx: number;
}
