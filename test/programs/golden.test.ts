/** Shell scripts in the bundled image print what was recorded natively; see update-golden.ts. */

import { assert, suite } from '../lib/suite.ts';
import { asText } from './lib/compare.ts';
import { bundledDevice, readGolden } from './lib/golden.ts';
import { runScriptInGuest } from './lib/guest.ts';
import { loadScript } from './lib/scripts.ts';

const test = suite('scripts in the bundled image', { timeout: 240_000 });

const device = bundledDevice();

for (const [name, expected] of Object.entries(readGolden())) {
  test(name, async () => {
    const root = { kind: 'image', device, save: false } as const;
    const outcome = await runScriptInGuest(loadScript(name), root, 'auto');
    assert.is(asText(outcome), asText(expected));
  });
}
