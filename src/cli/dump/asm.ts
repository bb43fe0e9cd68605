/**
 * Disassembly of guest code for dumps, in the syntax of GNU as. This is the only user of iced-x86,
 * which is loaded when the first block is shown. The text is for people only: what runs is decided by
 * our own decoder, and where the two disagree the dump shows it (a length that does not match).
 */

import type { Decoder, Formatter } from 'iced-x86';

export interface AsmLine {
  readonly address: string;
  readonly bytes: string;
  readonly text: string;
}

export function hexAddress(pc: number): string {
  return `0x${pc.toString(16)}`;
}

export type Disassemble = (pc: number, bytes: string, offsets: readonly number[]) => AsmLine[];

/** Loads the disassembler. */
export async function loadDisassembler(): Promise<Disassemble> {
  const iced = await import('iced-x86');
  const formatter: Formatter = new iced.Formatter(iced.FormatterSyntax.Gas);
  formatter.ripRelativeAddresses = true;
  formatter.uppercaseHex = false;
  formatter.showBranchSize = false;
  formatter.branchLeadingZeros = false;
  formatter.smallHexNumbersInDecimal = false;

  const one = (pc: number, code: Uint8Array): string => {
    const decoder: Decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
    decoder.ip = BigInt(pc);
    const insn = decoder.decode();
    const known = insn.code !== iced.Code.INVALID;
    const length = insn.length;
    let text = known ? formatter.format(insn) : '(bad)';
    if (known && length !== code.length) text += `   # ${length} bytes by iced-x86`;
    insn.free();
    decoder.free();
    return text;
  };

  return (pc, bytes, offsets) =>
    offsets.map((offset, i) => {
      const end = offsets[i + 1] ?? bytes.length / 2;
      const code = Buffer.from(bytes.slice(offset * 2, end * 2), 'hex');
      return {
        address: hexAddress(pc + offset),
        bytes: code.toString('hex').replace(/..(?=.)/g, '$& '),
        text: code.length === 0 ? '(cannot be fetched)' : one(pc + offset, code),
      };
    });
}
