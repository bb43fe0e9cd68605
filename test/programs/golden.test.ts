/** Shell scripts in the bundled image print what was recorded natively; see update-golden.ts. */

import { readFileSync } from 'node:fs';
import { bundledImage } from '../../src/host/node/bundled-image.ts';
import { MemoryBlockDevice, ReadOnlyBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { assert, suite } from '../lib/suite.ts';
import { asText } from './lib/compare.ts';
import { readGolden } from './lib/golden.ts';
import { runScriptInGuest } from './lib/guest.ts';
import { loadScript } from './lib/scripts.ts';

const test = suite('scripts in the bundled image');

function imageDevice(): ReadOnlyBlockDevice {
  const image = bundledImage();
  const bytes = typeof image === 'string' ? readFileSync(image) : image;
  const device = new MemoryBlockDevice(bytes.length);
  device.write(0, bytes);
  return new ReadOnlyBlockDevice(device);
}

const device = imageDevice();

for (const [name, expected] of Object.entries(readGolden())) {
  test(name, async () => {
    const root = { kind: 'image', device, save: false } as const;
    const outcome = await runScriptInGuest(loadScript(name), root, 'auto');
    assert.is(asText(outcome), asText(expected));
  });
}
