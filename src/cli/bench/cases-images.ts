/**
 * Images without a guest, beside the tools of e2fsprogs: a tree of files is put into a new image (`image create --from`,
 * `mke2fs -d`), and copied out of one (`image cp -r`, `debugfs rdump`).
 */

import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchError, kevlarCommand, timed } from './tools.ts';
import type { Case, Subject } from './types.ts';
import type { Workshop } from './workshop.ts';

/** As many files a directory, of 16 KB, as in the trees of bench/programs/files.c. */
const DIRECTORIES = 40;
const FILE_BYTES = 1 << 14;
const SIZE = '256M';
const TREE = 'image-tree';
const MADE = 'made.ext4';
const READ = 'read.ext4';
const OUT = 'image-out';
/** Where Debian has mke2fs, which is not in everybody's PATH. */
const SBIN = ['/usr/sbin', '/sbin'];

/** A tool of e2fsprogs, or null. */
function tool(name: string): string | null {
  for (const path of [name, ...SBIN.map((directory) => join(directory, name))]) {
    if (spawnSync(path, ['-V'], { stdio: 'ignore' }).status === 0) return path;
  }
  return null;
}

function e2fsprogs(name: string): string {
  const path = tool(name);
  if (path === null) throw new BenchError(`no ${name} here`);
  return path;
}

export function haveE2fsprogs(): boolean {
  return ['mke2fs', 'debugfs', 'e2fsck'].every((name) => tool(name) !== null);
}

function makeTree(root: string, mib: number): void {
  const files = (mib << 20) / FILE_BYTES / DIRECTORIES;
  const bytes = Buffer.alloc(FILE_BYTES);
  for (let i = 0; i < FILE_BYTES; i++) bytes[i] = i * 7 + i / 251;
  for (let d = 0; d < DIRECTORIES; d++) {
    mkdirSync(join(root, `d${d}`), { recursive: true });
    for (let i = 0; i < files; i++) writeFileSync(join(root, `d${d}`, `f${i}`), bytes);
  }
}

/** Names and sizes of all files of a tree. */
function listing(root: string): string {
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((name) => !name.startsWith('lost+found'))
    .sort()
    .map((name) => {
      const info = lstatSync(join(root, name));
      return `${name} ${info.isFile() ? info.size : '/'}`;
    })
    .join('\n');
}

/** How many inodes an image uses, in which e2fsck must find nothing. */
function usedInodes(image: string): string {
  const r = spawnSync(e2fsprogs('e2fsck'), ['-fn', image], { encoding: 'utf8' });
  if (r.status !== 0) throw new BenchError(`e2fsck finds faults in what was made: ${r.stdout}`);
  return /: (\d+)\/\d+ files/.exec(r.stdout)?.[1] ?? '';
}

export function imageCases(shop: Workshop, mib: number): Case[] {
  const at = (name: string): string => join(shop.directory, name);
  const prepare = (): string => {
    if (!existsSync(at(TREE))) makeTree(at(TREE), mib);
    return '';
  };
  const fill = (subject: Subject, image: string): number => {
    rmSync(image, { force: true });
    const command =
      subject === 'e2fsprogs'
        ? [e2fsprogs('mke2fs'), '-q', '-F', '-t', 'ext4', '-d', at(TREE), image, SIZE]
        : [...kevlarCommand(), 'image', 'create', image, '--size', SIZE, '--from', at(TREE)];
    return timed(command).ms;
  };
  return [
    {
      name: 'image-import',
      command: `image create --from, ${mib} MB`,
      references: ['e2fsprogs'],
      prepare,
      run: (subject) => {
        const ms = fill(subject, at(MADE));
        shop.compare('image-import', usedInodes(at(MADE)));
        return new Map([['time', ms]]);
      },
    },
    {
      name: 'image-read',
      command: `image cp -r IMAGE:/, ${mib} MB`,
      references: ['e2fsprogs'],
      prepare: () => {
        prepare();
        if (!existsSync(at(READ))) fill('auto', at(READ));
        return '';
      },
      run: (subject) => {
        rmSync(at(OUT), { recursive: true, force: true });
        mkdirSync(at(OUT));
        const command =
          subject === 'e2fsprogs'
            ? [e2fsprogs('debugfs'), '-R', `rdump / ${at(OUT)}`, at(READ)]
            : [...kevlarCommand(), 'image', 'cp', '-r', `${at(READ)}:/`, at(OUT)];
        const { ms } = timed(command);
        shop.compare('image-read', listing(at(OUT)));
        return new Map([['time', ms]]);
      },
    },
  ];
}
