/** The dump as text. */

import type { Report, ReportBlock, ReportRegion } from './report.ts';

export function count(n: number): string {
  return n.toLocaleString('en-US');
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function indent(lines: readonly string[], by: string): string[] {
  return lines.map((l) => (l === '' ? '' : by + l));
}

export function asmText(b: ReportBlock): string[] {
  return b.asm.map((a) => `${a.address.slice(2).padStart(8)}:  ${a.bytes.padEnd(30)}  ${a.text}`);
}

export function blockText(b: ReportBlock): string[] {
  const name = b.symbol === '' ? '' : ` ${b.symbol}`;
  return [
    `block ${b.address}${name}: executed ${count(b.executions)} times`,
    ...indent(asmText(b), '  '),
    '  IR before the passes',
    ...indent(b.irBefore, '    '),
    '  IR after the passes',
    ...indent(b.irAfter, '    '),
  ];
}

export function regionText(r: ReportRegion): string[] {
  const exits = r.exits.map(
    (e) => `  exit ${e.kind.padEnd(9)} ${(e.to ?? 'computed').padEnd(18)} ${count(e.count)}`,
  );
  return [
    `region ${r.name}${r.symbol === '' ? '' : ` (${r.symbol})`}${r.alive ? '' : ', invalidated'}`,
    `  ${count(r.instructions)} instructions (${percent(r.share)}), entered ${count(r.entries)} times, ${r.blocks.length} blocks`,
    ...exits,
    ...indent(r.blocks.flatMap(blockText), '  '),
    '  JavaScript',
    ...indent(
      r.javascript.flatMap((c) => c.lines),
      '    ',
    ),
  ];
}

function overview(report: Report): string[] {
  const share = report.instructions === 0 ? 0 : report.inRegions / report.instructions;
  return [
    `program       ${report.program.join(' ').replace(/[^ -~]/g, '?')}`,
    `engine        ${report.engine}`,
    `instructions  ${count(report.instructions)}, in regions ${count(report.inRegions)} (${percent(share)})`,
    `blocks        ${count(report.blocksTranslated)} translated`,
    `regions       ${count(report.regionsCompiled)} compiled, ${count(report.regions.length)} shown`,
    '',
    '    instructions   share      entries  blocks  region',
    ...report.regions.map(
      (r) =>
        `${count(r.instructions).padStart(16)} ${percent(r.share).padStart(7)} ${count(r.entries).padStart(12)} ${String(r.blocks.length).padStart(7)}  ${r.name}`,
    ),
  ];
}

function invalidations(report: Report): string[] {
  if (report.invalidations.length === 0) return ['no translation was invalidated'];
  return [
    'invalidated blocks',
    ...report.invalidations.map((i) => `${count(i.count).padStart(10)}  ${i.reason}`),
    ...report.log.map((e) => `  ${e.address} ${e.symbol}: ${e.reason}`),
  ];
}

export function textReport(report: Report): string {
  const sections = [
    overview(report),
    ...report.regions.map(regionText),
    [
      `the ${report.blocks.length} blocks that executed most in the interpreter`,
      ...indent(report.blocks.flatMap(blockText), '  '),
    ],
    invalidations(report),
  ];
  return `${sections.map((s) => s.join('\n')).join('\n\n')}\n`;
}
