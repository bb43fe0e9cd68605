/**
 * What is measured on an ext4 image that is written back (`--save`), beside the same natively on the host's file system:
 * a large file, many small ones, tar, and how operations slow down as a directory fills.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { growthRatios, type Range } from './cases-programs.ts';
import { checkedLines } from './lines.ts';
import type { Case, Subject } from './types.ts';
import { isGuest, type Workshop } from './workshop.ts';

export interface FileSizes {
  /** MiB of the large file, and of the tree that goes through tar. */
  readonly large: number;
  readonly tree: number;
  readonly small: number;
  /** Files of a directory. */
  readonly growth: Range;
}

/** What is done to each of many files. */
export const FILE_OPERATIONS = ['create', 'stat', 'unlink'] as const;

const IMAGE = 'files.ext4';
/** Where the work is done, on the image and in the scratch directory. */
const WORK = 'work';

export function filesCases(shop: Workshop, sizes: FileSizes): Case[] {
  const [few, many] = sizes.growth;
  const print = (subject: Subject, args: readonly string[]): Buffer =>
    shop.onImage(subject, IMAGE, WORK, 'files', args).stdout;
  const work = (name: string, command: string, run: Case['run']): Case => ({
    ...{ name, command: `files ${command}`, references: ['native'], run },
    prepare: () => shop.compile('files', ['-static']) || shop.image(IMAGE, '2G', WORK, ['files']),
  });
  const timed = (name: string, command: string, calls: readonly (readonly string[])[]): Case =>
    work(name, command, (subject) => {
      const output = calls.map((args) => print(subject, args));
      if (!isGuest(subject)) rmSync(join(shop.directory, WORK, 'large'), { force: true });
      return checkedLines(shop, name, Buffer.concat(output));
    });
  return [
    timed('files-large', `large ${sizes.large}, again`, [
      ['large', String(sizes.large)],
      ['again', String(sizes.large)],
    ]),
    timed('files-small', `small ${sizes.small}`, [['small', String(sizes.small)]]),
    {
      ...work('files-tar', `tar ${sizes.tree} (warm cache)`, (subject) => {
        const busybox = shop.place(subject).busybox.split(' ');
        const tar = [...busybox, 'tar', '-cf', 'tree.tar', 'tree'];
        return checkedLines(shop, 'files-tar', print(subject, ['tar', String(sizes.tree), ...tar]));
      }),
      // Nobody runs tar once: it is measured with translations kept, as the shell is.
      warm: true,
    },
    work('files-growth', `growth ${few} ${many}`, (subject) =>
      growthRatios(
        print(subject, ['growth', String(few), String(many)]).toString(),
        FILE_OPERATIONS,
      ),
    ),
  ];
}
