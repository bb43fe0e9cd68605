/** Programs that time themselves print lines "NAME CHECKSUM MILLISECONDS". */

import { BenchError } from './tools.ts';
import type { Workshop } from './workshop.ts';

/** Times by name; the checksums must be the same for all subjects. */
export function checkedLines(shop: Workshop, key: string, stdout: Buffer): Map<string, number> {
  const times = new Map<string, number>();
  for (const line of stdout.toString().trimEnd().split('\n')) {
    const [name = '', checksum = '', ms] = line.split(' ');
    if (!(Number(ms) >= 0)) throw new BenchError(`printed '${line}'`);
    shop.compare(`${key} ${name}`, checksum);
    times.set(name, Number(ms));
  }
  return times;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}
