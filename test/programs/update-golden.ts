/** Records what the golden scripts print natively, in a chroot of the bundled image. Needs root. */

import { writeFileSync } from 'node:fs';
import { bundledImage } from '../../src/host/node/bundled-image.ts';
import { GOLDEN_FILE, GOLDEN_SCRIPTS } from './lib/golden.ts';
import { imageRoot, noNative, runScriptNatively } from './lib/native.ts';
import { loadScript, type Outcome } from './lib/scripts.ts';

const missing = noNative();
if (missing !== null) throw new Error(missing);
const image = bundledImage();
if (typeof image !== 'string') throw new Error('the bundled image could not be unpacked to a file');
const golden: Record<string, Outcome> = {};
for (const name of GOLDEN_SCRIPTS) {
  golden[name] = runScriptNatively(loadScript(name), imageRoot(image));
}
writeFileSync(GOLDEN_FILE, `${JSON.stringify(golden, null, 2)}\n`);
