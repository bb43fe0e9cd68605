/**
 * The dump as a directory: the page, the text, the data, and for every region NAME.js with NAME.js.map
 * (source: address of the block, line: number of the instruction in it, from 1) and NAME.txt (guest
 * code and IR).
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { htmlReport } from './html.ts';
import type { Report } from './report.ts';
import { regionText, textReport } from './text.ts';

export function writeDirectory(report: Report, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  for (const region of report.regions) {
    write(`${region.name}.js`, region.source);
    write(`${region.name}.js.map`, region.sourceMap);
    write(`${region.name}.txt`, `${regionText(region).join('\n')}\n`);
  }
  write('index.html', htmlReport(report));
  write('dump.txt', textReport(report));
  write('dump.json', `${JSON.stringify(report)}\n`);
}
