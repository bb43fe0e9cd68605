/**
 * Source map of an emitted region, for dumps and debuggers: each line of the source → guest instruction.
 *
 * The original "file" is the block's address (`0x401230`), the original line the number of the
 * instruction in the block, from 1. (Not the address as line: the source-map package silently corrupts
 * line numbers above 2^31.)
 */

import { SourceMapGenerator } from 'source-map';
import type { Region } from '../ir/cfg/region.ts';
import type { EmittedRegion } from './emit-region.ts';
import { hex } from './names.ts';

const NO_INSTRUCTION = 0xffff;

/**
 * @param file what the generated source will be called
 * @param lineOffset lines in front of the source in that file (`new Function` adds two)
 */
export function sourceMap(
  region: Region,
  emitted: EmittedRegion,
  file: string,
  lineOffset = 0,
): string {
  const map = new SourceMapGenerator({ file });
  emitted.lines.forEach((entry, i) => {
    const insn = entry & 0xffff;
    if (insn === NO_INSTRUCTION) return;
    const { pcLo, pcHi } = region.blocks[entry >>> 16]!.ir;
    map.addMapping({
      source: `0x${hex(pcLo, pcHi)}`,
      original: { line: insn + 1, column: 0 },
      generated: { line: emitted.firstLine + i + 1 + lineOffset, column: 0 },
    });
  });
  return map.toString();
}
