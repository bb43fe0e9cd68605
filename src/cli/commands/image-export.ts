/** `kevlar-jit image export`: a directory of an ext4 image as a tar archive. */

import { createWriteStream, existsSync, unlinkSync } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { resolvePath } from '../../host/image-tools.ts';
import { FileBlockDevice } from '../../host/node/file-block-device.ts';
import { tarOf } from '../../host/tar-writer.ts';
import { Ext4FileSystem } from '../../kernel/fs/ext4/fs.ts';
import type { Inode } from '../../kernel/vfs/types.ts';
import { S_IFDIR, S_IFMT } from '../../kernel/vfs/types.ts';
import { UserError } from '../errors.ts';
import { asUserError, atPath, explain, withBar } from '../image-access.ts';

interface ExportFlags {
  readonly from: string;
  readonly force?: boolean;
}

export async function exportTree(path: string, archive: string, flags: ExportFlags): Promise<void> {
  if (archive !== '-' && !/\.(tar|tar\.gz|tgz)$/.test(archive)) {
    throw new UserError(`${archive}: name it .tar, .tar.gz or .tgz, or - for standard output`);
  }
  if (archive !== '-' && existsSync(archive) && !flags.force) {
    throw new UserError(`${archive} exists; use --force to replace it`);
  }
  const device = explain(path, () => new FileBlockDevice(path, { readOnly: true }));
  try {
    const fs = explain(path, () => Ext4FileSystem.open(device, { readOnly: true }));
    const root = atPath(flags.from, () =>
      resolvePath(fs, Buffer.from(flags.from).toString('latin1')),
    );
    if ((root.mode & S_IFMT) !== S_IFDIR) throw new UserError(`${flags.from}: Not a directory`);
    const { files, ffree } = fs.statfs();
    await write(path, root, archive, files - ffree);
  } finally {
    device.close();
  }
}

async function write(path: string, root: Inode, archive: string, total: number): Promise<void> {
  const out: Writable = archive === '-' ? process.stdout : createWriteStream(archive);
  try {
    await withBar('exporting', (bar) => {
      const pieces = tarOf(root, {
        onEntry: (done) => bar(done, total),
        onSkip: (name) =>
          void process.stderr.write(`kevlar-jit: ${name}: a socket, which tar cannot keep\n`),
      });
      const steps = /gz$/.test(archive) ? [createGzip()] : [];
      return pipeline([Readable.from(pieces), ...steps, out], { end: archive !== '-' });
    });
  } catch (error) {
    if (archive === '-' && (error as NodeJS.ErrnoException).code === 'EPIPE') return;
    if (archive !== '-' && existsSync(archive)) unlinkSync(archive);
    throw asUserError(path, error);
  }
}
