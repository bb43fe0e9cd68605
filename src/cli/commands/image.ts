/** `kevlar-jit image`: make, fill, look into, enlarge and check ext4 images. */

import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Command } from 'commander';
import {
  listPath,
  longLine,
  makeDirectories,
  readPieces,
  resolvePath,
} from '../../host/image-tools.ts';
import { FileBlockDevice } from '../../host/node/file-block-device.ts';
import { countEntries, importDirectory } from '../../host/node/import-directory.ts';
import { checkExt4 } from '../../kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../kernel/fs/ext4/fs.ts';
import { createExt4 } from '../../kernel/fs/ext4/mkfs.ts';
import { importTar } from '../../kernel/fs/tar.ts';
import { UserError } from '../errors.ts';
import { atPath, explain, now, random, withBar, withImage } from '../image-access.ts';
import { parseSize } from '../values.ts';
import { COPY_HELP, copy } from './image-cp.ts';
import { exportTree } from './image-export.ts';
import { resize } from './image-resize.ts';

const EXAMPLES = `
Examples:
  kevlar-jit image create disk.ext4 --size 1G
  kevlar-jit image create alpine.ext4 --size 512M --from alpine-minirootfs.tar.gz
  kevlar-jit image import disk.ext4 ./files --to /root
  kevlar-jit image export disk.ext4 home.tar.gz --from /home
  kevlar-jit image cp -r ./src notes.txt disk.ext4:/root
  kevlar-jit image cp disk.ext4:/etc/passwd .
  kevlar-jit image ls -l disk.ext4 /etc
  kevlar-jit image cat disk.ext4 /etc/os-release
  kevlar-jit image resize disk.ext4 2G
  kevlar-jit image check disk.ext4`;

/** Exit status of `check` for an image with problems. */
const EXIT_DAMAGED = 1;

export function imageCommand(): Command {
  const image = new Command('image')
    .description('create, fill, look into, enlarge and check ext4 images')
    .addHelpText('after', EXAMPLES);
  image
    .command('create')
    .description('make an image with an empty ext4 file system')
    .argument('<image>', 'file to make')
    .requiredOption('-s, --size <size>', 'size of the image, e.g. 512M or 2G')
    .option('-b, --block-size <bytes>', '1024, 2048 or 4096', '4096')
    .option('-L, --label <name>', 'volume name, at most 16 bytes')
    .option('-U, --uuid <uuid>', 'UUID of the file system; default: random')
    .option('-f, --force', 'replace a file that exists')
    .option('--from <source>', 'import a directory, .tar or .tar.gz')
    .action(create);
  image
    .command('import')
    .description('copy a directory, .tar or .tar.gz into an image')
    .argument('<image>')
    .argument('<source>', 'a directory, .tar or .tar.gz')
    .option('--to <path>', 'directory in the image', '/')
    .action((path: string, source: string, options: { to: string }) => {
      explain(path, () => importInto(path, source, options.to));
    });
  image
    .command('export')
    .description('write a directory of an image as a tar archive')
    .argument('<image>')
    .argument('<archive>', '.tar, .tar.gz, or - for standard output')
    .option('--from <path>', 'directory in the image', '/')
    .option('-f, --force', 'replace a file that exists')
    .action(exportTree);
  image
    .command('cp')
    .usage('[options] SOURCE... DESTINATION')
    .description('copy files into an image or out of it')
    .argument('<path...>', 'paths; those in an image are written IMAGE:/PATH')
    .option('-r, --recursive', 'copy directories, and symbolic links as such')
    .addHelpText('after', COPY_HELP)
    .action(copy);
  image
    .command('ls')
    .description('list a directory of an image')
    .argument('<image>')
    .argument('[path]', 'path in the image', '/')
    .option('-l', 'long format')
    .action((path: string, inner: string, options: { l?: boolean }) => {
      explain(path, () => list(path, inner, options.l ?? false));
    });
  image
    .command('cat')
    .description('print files of an image')
    .argument('<image>')
    .argument('<path...>', 'paths in the image')
    .action(async (path: string, inner: string[]) => {
      for (const one of inner) await cat(path, one);
    });
  image
    .command('resize')
    .description('make an image and its file system larger')
    .argument('<image>')
    .argument('<size>', 'new size of the image, e.g. 2G')
    .action((path: string, size: string) => explain(path, () => resize(path, size)));
  image
    .command('check')
    .description('check an image, without changing it')
    .argument('<image>')
    .action((path: string) => explain(path, () => check(path)));
  return image;
}

interface CreateFlags {
  readonly size: string;
  readonly blockSize: string;
  readonly label?: string;
  readonly uuid?: string;
  readonly force?: boolean;
  readonly from?: string;
}

function create(path: string, flags: CreateFlags): void {
  const size = parseSize(flags.size);
  const blockSize = Number(flags.blockSize);
  if (blockSize !== 1024 && blockSize !== 2048 && blockSize !== 4096) {
    throw new UserError(`--block-size ${flags.blockSize}: choose 1024, 2048 or 4096`);
  }
  const uuid = flags.uuid === undefined ? null : parseUuid(flags.uuid);
  if (flags.from !== undefined && !existsSync(flags.from)) {
    throw new UserError(`${flags.from}: no such file or directory`);
  }
  const existed = existsSync(path);
  if (existed && !flags.force) throw new UserError(`${path} exists; use --force to replace it`);
  explain(path, () => {
    closeSync(openSync(path, 'a'));
    const locked = new FileBlockDevice(path);
    locked.close();
    const fd = openSync(path, 'w');
    ftruncateSync(fd, size);
    closeSync(fd);
    try {
      format(path, blockSize, uuid, flags.label);
      if (flags.from !== undefined) importInto(path, flags.from, '/');
    } catch (error) {
      if (!existed) unlinkSync(path);
      throw error;
    }
  });
}

function format(
  path: string,
  blockSize: 1024 | 2048 | 4096,
  uuid: Uint8Array | null,
  label: string | undefined,
): void {
  const device = new FileBlockDevice(path);
  try {
    withBar('formatting', (bar) =>
      createExt4(device, {
        blockSize,
        blank: true,
        now,
        random,
        ...(uuid === null ? {} : { uuid }),
        ...(label === undefined ? {} : { label }),
        onProgress: (fraction) => bar(Math.round(fraction * 100), 100),
      }),
    );
  } finally {
    device.close();
  }
}

function parseUuid(text: string): Uint8Array {
  const hex = text.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new UserError(`--uuid ${text}: not a UUID`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function importInto(path: string, source: string, to: string): void {
  if (!existsSync(source)) throw new UserError(`${source}: no such file or directory`);
  withImage(path, false, (fs) => {
    if (fs.readOnly) throw new UserError(`${path}: cannot be written`);
    const target = makeDirectories(fs, Buffer.from(to).toString('latin1'));
    if (statSync(source).isDirectory()) {
      const total = countEntries(source);
      withBar('importing', (bar) =>
        importDirectory(source, target, {
          onEntry: (done) => bar(done, total),
          onMissing: (line) => process.stderr.write(`kevlar-jit: ${source}: ${line}\n`),
        }),
      );
      return;
    }
    const inside = Object.create(fs, { root: { value: target } }) as Ext4FileSystem;
    const bytes = readTarball(source);
    withBar('importing', (bar) => importTar(inside, bytes, bar));
  });
}

function readTarball(path: string): Uint8Array {
  const bytes = readFileSync(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new UserError(`${path}: damaged gzip file (${(error as Error).message})`);
  }
}

/** Names are bytes; control characters would reach the terminal. */
function printable(name: string): Buffer {
  const shown = process.stdout.isTTY ? name.replace(/[\x00-\x1f\x7f]/g, '?') : name;
  return Buffer.from(shown, 'latin1');
}

function list(path: string, inner: string, long: boolean): void {
  withImage(path, true, (fs) => {
    const out: Buffer[] = [];
    for (const file of atPath(inner, () => listPath(fs, Buffer.from(inner).toString('latin1')))) {
      if (long) out.push(Buffer.from(`${longLine(file)} `));
      out.push(printable(file.name));
      if (long && file.target !== '') out.push(Buffer.from(' -> '), printable(file.target));
      out.push(Buffer.from('\n'));
    }
    process.stdout.write(Buffer.concat(out));
  });
}

async function cat(path: string, inner: string): Promise<void> {
  const device = explain(path, () => new FileBlockDevice(path, { readOnly: true }));
  try {
    const fs = explain(path, () => Ext4FileSystem.open(device, { readOnly: true }));
    const pieces = atPath(inner, () =>
      readPieces(resolvePath(fs, Buffer.from(inner).toString('latin1'))),
    );
    for (;;) {
      const next = atPath(inner, () => pieces.next());
      if (next.done) return;
      if (!(await write(next.value))) return;
    }
  } finally {
    device.close();
  }
}

/** @returns false if the reader has gone */
function write(bytes: Uint8Array): Promise<boolean> {
  return new Promise((done, failed) => {
    process.stdout.once('error', ignore);
    process.stdout.write(bytes, (error) => {
      process.stdout.removeListener('error', ignore);
      if (error === null || error === undefined) done(true);
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') done(false);
      else failed(error);
    });
  });
}

function ignore(): void {}

function check(path: string): void {
  const device = new FileBlockDevice(path, { readOnly: true });
  try {
    const result = withBar('checking', (bar) => checkExt4(device, bar));
    for (const problem of result.problems) process.stdout.write(`${path}: ${problem}\n`);
    const found = result.problems.length;
    const summary = `${result.directories} directories, ${result.files} other files, ${result.blocksUsed} blocks used`;
    process.stdout.write(`${path}: ${found === 0 ? 'clean' : `${found} problems`}; ${summary}\n`);
    if (found > 0) process.exitCode = EXIT_DAMAGED;
  } finally {
    device.close();
  }
}
