/** Has tests compile more than programs do that users run: engines wait until code is worth it. */

import type { Engine } from '../../src/machine/cpu.ts';

const HOT: Partial<Record<Engine, number>> = { js: 100, wasm: 1000 };

/** MachineOptions' `hot` for tests with an engine. */
export function compilingMore(engine: Engine): { readonly hot?: number } {
  const hot = HOT[engine];
  return hot === undefined ? {} : { hot };
}
