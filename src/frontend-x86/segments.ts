/**
 * The segments that user code can see: Linux's GDT (arch/x86/kernel/cpu/common.c), as LAR, LSL, VERR, VERW and far
 * transfers look at it (SDM vol. 3, 3.4.5 and 5.8). What else is in the table belongs to the kernel (DPL 0), and there
 * is no LDT.
 *
 * There is no 32-bit code: its segment is listed, but cannot be entered. So are SYSENTER and INT 80h those of a kernel
 * without IA-32 emulation (#GP).
 */

/** Selectors without RPL, of CS and SS with it. */
export const USER32_CS = 0x20;
export const USER_CS = 0x33;
export const USER_SS = 0x2b;

export interface Segment {
  /** What LAR and LSL give. */
  readonly access: number;
  readonly limit: number;
  readonly writable: boolean;
}

/** By selector without RPL. */
const SEGMENTS: ReadonlyMap<number, Segment> = new Map([
  [USER32_CS, { access: 0xcffb00, limit: -1, writable: false }],
  [USER_SS & ~3, { access: 0xcff300, limit: -1, writable: true }],
  [USER_CS & ~3, { access: 0xaffb00, limit: -1, writable: false }],
  // The limit tells getcpu() the processor and its node: 0 and 0.
  [0x78, { access: 0x40f500, limit: 0, writable: false }],
]);

/** The segment of a selector's low 16 bits, if user code may know of it. */
export function segmentOf(selector: number): Segment | undefined {
  return SEGMENTS.get(selector & 0xfffc);
}
