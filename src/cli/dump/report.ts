/** The dump as the formats show it: addresses as text, guest code disassembled, JavaScript made readable. */

import type { BlockDump, ExitDump, RegionDump, TranslationDump } from '../../machine/dump.ts';
import { type AsmLine, type Disassemble, hexAddress } from './asm.ts';
import { prettyLines } from './pretty.ts';

export interface ReportBlock {
  readonly address: string;
  readonly symbol: string;
  readonly executions: number;
  readonly asm: readonly AsmLine[];
  readonly irBefore: readonly string[];
  readonly irAfter: readonly string[];
}

export interface ReportExit {
  readonly kind: ExitDump['kind'];
  readonly to: string | null;
  readonly count: number;
}

/** Readable JavaScript: a run of lines that belong to one block (-1: to none). */
export interface ReportChunk {
  readonly block: number;
  readonly lines: readonly string[];
}

export interface ReportRegion {
  /** Unique: also the name of its files. */
  readonly name: string;
  readonly address: string;
  readonly symbol: string;
  readonly entries: number;
  readonly instructions: number;
  /** Share of all executed instructions. */
  readonly share: number;
  readonly alive: boolean;
  readonly blocks: readonly ReportBlock[];
  readonly exits: readonly ReportExit[];
  readonly javascript: readonly ReportChunk[];
  readonly source: string;
  readonly sourceMap: string;
}

export interface Report {
  readonly program: readonly string[];
  readonly engine: string;
  readonly instructions: number;
  readonly inRegions: number;
  readonly blocksTranslated: number;
  readonly regionsCompiled: number;
  readonly regions: readonly ReportRegion[];
  readonly blocks: readonly ReportBlock[];
  readonly invalidations: readonly { readonly reason: string; readonly count: number }[];
  readonly log: readonly {
    readonly address: string;
    readonly symbol: string;
    readonly reason: string;
  }[];
}

function reportBlock(b: BlockDump, disassemble: Disassemble): ReportBlock {
  return {
    address: hexAddress(b.pc),
    symbol: b.symbol,
    executions: b.executions,
    asm: disassemble(b.pc, b.bytes, b.offsets),
    irBefore: b.irBefore.split('\n').slice(1),
    irAfter: b.irAfter.split('\n').slice(1),
  };
}

/** Readable lines, cut where the block they belong to changes. */
function chunks(r: RegionDump): ReportChunk[] {
  const list: { block: number; lines: string[] }[] = [];
  let block = -1;
  for (const { text, from } of prettyLines(r.source)) {
    const [of] = r.lines[from] ?? [-1, -1];
    const last = list.at(-1);
    if (last === undefined || of !== block) list.push({ block: of, lines: [text] });
    else last.lines.push(text);
    block = of;
  }
  return list;
}

function withFile(map: string, file: string): string {
  return JSON.stringify({ ...(JSON.parse(map) as object), file });
}

function reportRegion(
  r: RegionDump,
  name: string,
  total: number,
  disassemble: Disassemble,
): ReportRegion {
  return {
    name,
    address: hexAddress(r.pc),
    symbol: r.symbol,
    entries: r.entries,
    instructions: r.instructions,
    share: total === 0 ? 0 : r.instructions / total,
    alive: r.alive,
    blocks: r.blocks.map((b) => reportBlock(b, disassemble)),
    exits: r.exits.map((e) => ({
      kind: e.kind,
      to: e.pc === null ? null : hexAddress(e.pc),
      count: e.count,
    })),
    javascript: chunks(r),
    source: `${r.source}\n//# sourceMappingURL=${name}.js.map\n`,
    sourceMap: withFile(r.sourceMap, `${name}.js`),
  };
}

export function makeReport(
  dump: TranslationDump,
  program: readonly string[],
  engine: string,
  disassemble: Disassemble,
): Report {
  const names = new Map<string, number>();
  const unique = (name: string): string => {
    const n = (names.get(name) ?? 0) + 1;
    names.set(name, n);
    return n === 1 ? name : `${name}-${n}`;
  };
  return {
    program,
    engine,
    instructions: dump.instructions,
    inRegions: dump.inRegions,
    blocksTranslated: dump.blocksTranslated,
    regionsCompiled: dump.regionsCompiled,
    regions: dump.regions.map((r) =>
      reportRegion(r, unique(r.name), dump.instructions, disassemble),
    ),
    blocks: dump.blocks.map((b) => reportBlock(b, disassemble)),
    invalidations: Object.entries(dump.invalidations).map(([reason, count]) => ({ reason, count })),
    log: dump.log.map((e) => ({
      address: hexAddress(e.pc),
      symbol: e.symbol,
      reason: e.reason,
    })),
  };
}
