/** Where a function of the bundle stands in src/, by the bundle's source map; a module of src/ stands for itself. */

import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath } from 'node:url';

function loadMap(file: string): SourceMap | null {
  const path = `${file}.map`;
  if (!existsSync(path)) return null;
  return new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload);
}

export class SourcePlaces {
  private readonly maps = new Map<string, SourceMap | null>();

  /** @returns a path as `kernel/kernel.ts`, or '' for what is not ours */
  place(url: string, line: number, column: number): string {
    if (url === '' || url.startsWith('node:')) return '';
    const file = url.startsWith('file:') ? fileURLToPath(url) : url;
    if (file.includes('node_modules')) return '';
    return below(file.endsWith('.ts') ? file : this.original(file, line, column));
  }

  private original(file: string, line: number, column: number): string {
    if (!this.maps.has(file)) this.maps.set(file, loadMap(file));
    const entry = this.maps.get(file)?.findEntry(line, column);
    return entry !== undefined && 'originalSource' in entry ? entry.originalSource : '';
  }
}

/** The part of a path below the last src/. */
function below(path: string): string {
  const at = path.lastIndexOf('src/');
  return at < 0 || path.includes('node_modules') ? '' : path.slice(at + 4);
}
