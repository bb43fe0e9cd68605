/**
 * The six status flags are (ccKind, ccA, ccB, ccC). ccKind = CC_x + log2(operand size); what the
 * operands are, r being the result, a and b the operation's operands:
 *
 *     kind      ccA   ccB         ccC
 *     eflags    status flags in EFLAGS positions
 *     carry     status flags      CF (0 or 1), the others from ccA
 *     add       r     b
 *     adc       r     b           carry in
 *     sub       a     b
 *     sbb       a     b           borrow in
 *     logic     r
 *     inc, dec  r     CF kept (0 or 1)
 *     shl, shr, sar   r   a       count, not 0
 *     mul       r     CF and OF (0 or 1)
 *
 * Bits above the operand size are unspecified in all three.
 */

/** The six, in EFLAGS positions. */
export const STATUS_FLAGS = 0x8d5;

export const CC_EFLAGS = 0;
export const CC_CARRY = 1;
export const CC_ADD = 4;
export const CC_SUB = 8;
export const CC_LOGIC = 12;
export const CC_ADC = 16;
export const CC_SBB = 20;
export const CC_INC = 24;
export const CC_DEC = 28;
export const CC_SHL = 32;
export const CC_SHR = 36;
export const CC_SAR = 40;
export const CC_MUL = 44;

/** Byte offsets of the variables. */
export interface FlagsLayout {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
}
