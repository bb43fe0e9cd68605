/** `kevlar-jit image resize`: makes an image and its file system larger. */

import { FileBlockDevice } from '../../host/node/file-block-device.ts';
import { checkExt4 } from '../../kernel/fs/ext4/check.ts';
import { growExt4 } from '../../kernel/fs/ext4/grow.ts';
import { UserError } from '../errors.ts';
import { now, random, withBar } from '../image-access.ts';
import { parseSize } from '../values.ts';

export function resize(path: string, sizeText: string): void {
  const size = parseSize(sizeText);
  const device = new FileBlockDevice(path);
  try {
    const { problems } = withBar('checking', (bar) => checkExt4(device, bar));
    if (problems.length > 0) {
      throw new UserError(`${path}: ${problems[0]}; repair it with e2fsck first`);
    }
    grow(path, device, size);
  } finally {
    device.close();
  }
}

function grow(path: string, device: FileBlockDevice, size: number): void {
  const before = device.size;
  let committed = false;
  const log = (line: string): void => void process.stderr.write(`kevlar-jit: ${path}: ${line}\n`);
  try {
    const done = withBar('resizing', (bar) =>
      growExt4(device, size, {
        now,
        random,
        log,
        extend: (bytes) => {
          if (device.size < bytes) device.resize(Math.max(bytes, size));
        },
        onCommit: () => {
          committed = true;
        },
        onProgress: (fraction) => bar(Math.round(fraction * 100), 100),
      }),
    );
    const { blocks, oldBlocks, blockSize } = done;
    const change = blocks === oldBlocks ? 'already has' : 'now has';
    process.stdout.write(
      `${path}: the file system ${change} ${blocks} blocks of ${blockSize} bytes\n`,
    );
  } catch (error) {
    // Nothing refers to what was added.
    if (!committed && device.size > before) device.resize(before);
    throw error;
  }
}
