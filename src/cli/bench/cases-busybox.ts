/** What is measured with the bundled image's BusyBox: whole processes, and a shell that starts many. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Case } from './types.ts';
import type { Place, Workshop } from './workshop.ts';

const MiB = 1024 * 1024;

export interface BusyboxSizes {
  readonly forks: number;
  /** Bytes of the text that is searched; compressed is a quarter of it. */
  readonly text: number;
  readonly sortLines: number;
  /** Files that go through tar, of 4 to 64 KB. */
  readonly files: number;
}

/** Names of the applets' rows, which are their cases' too. */
export const APPLETS = ['tar', 'gzip', 'sort', 'grep', 'awk', 'sha256sum'] as const;

const AWK = `{ n[$2 % 10]++; sum += $2; if ($4 > 8000000) big++ }
END { for (i = 0; i < 10; i++) print i, n[i]; print sum, big }`;

export function busyboxCases(shop: Workshop, sizes: BusyboxSizes): Case[] {
  const mb = (bytes: number): string => `${bytes / MiB} MB`;
  const textFile = (): string => {
    shop.file('text', () => text(sizes.text));
    return '';
  };
  const part = (name: string, content: () => string) => (): string => {
    shop.file(name, content);
    return '';
  };
  const firstLines = (): string => text(sizes.sortLines * 48, sizes.sortLines);
  const quarter = (): string => text(sizes.text / 4);
  return [
    shellLoop(shop, sizes.forks),
    boot(shop),
    applet(
      shop,
      'tar',
      `tar -cf - ${sizes.files} files | tar -xOf -`,
      tree(shop, sizes.files),
      (p) => [
        'sh',
        '-c',
        `$RUN tar -cf - -C ${p.directory} -T ${p.directory}/tree.list | $RUN tar -xOf -`,
      ],
    ),
    applet(shop, 'gzip', `gzip -9 of ${mb(sizes.text / 4)}`, part('quarter', quarter), (p) => [
      ...['gzip', '-9c', `${p.directory}/quarter`],
    ]),
    applet(shop, 'sort', `sort of ${sizes.sortLines} lines`, part('lines', firstLines), (p) => [
      ...['sort', `${p.directory}/lines`],
    ]),
    applet(shop, 'grep', `grep -E over ${mb(sizes.text)}`, textFile, (p) => [
      ...['grep', '-E', '(while|void)[0-9]*7 .*(next|char)', `${p.directory}/text`],
    ]),
    applet(shop, 'awk', `awk over ${mb(sizes.text)}`, textFile, (p) => [
      ...['awk', AWK, `${p.directory}/text`],
    ]),
    applet(shop, 'sha256sum', `sha256sum of ${mb(sizes.text)}`, textFile, (p) => [
      ...['sh', '-c', `$RUN sha256sum <${p.directory}/text`],
    ]),
  ];
}

/** One run from outside, start included. */
function applet(
  shop: Workshop,
  name: string,
  command: string,
  prepare: () => string,
  args: (place: Place) => readonly string[],
): Case {
  return {
    name,
    command,
    references: ['native', 'qemu'],
    prepare,
    run: (subject) => {
      const { ms, stdout } = shop.busybox(subject, args);
      shop.compare(name, stdout);
      return new Map([['time', ms]]);
    },
  };
}

/** Fork, execute and wait. Under qemu-x86_64 each child is a qemu-x86_64 of its own, or it would run natively. */
function shellLoop(shop: Workshop, forks: number): Case {
  const loop = `i=0; while [ $i -lt ${forks} ]; do $RUN true || exit 1; i=$((i+1)); done; echo $i`;
  return applet(
    shop,
    'shell-loop',
    `sh: ${forks} x /bin/true`,
    () => '',
    () => ['sh', '-c', loop],
  );
}

function boot(shop: Workshop): Case {
  const one = applet(
    shop,
    'boot-sh',
    'sh -c : (warm cache)',
    () => '',
    () => ['sh', '-c', 'echo $((6*7))'],
  );
  return { ...one, warm: true };
}

/** Files in sixteen directories, and a list of them: each file system has an order of its own. */
function tree(shop: Workshop, files: number): () => string {
  return () => {
    const names: string[] = [];
    for (let i = 0; i < files; i++) {
      const directory = join('tree', `d${i % 16}`);
      const name = join(directory, `file${i}`);
      mkdirSync(join(shop.directory, directory), { recursive: true });
      shop.file(name, () => text(4096 << (i % 5), undefined, i + 1));
      names.push(`${name}\n`);
    }
    shop.file('tree.list', () => names.join(''));
    return '';
  };
}

const WORDS = ['int', 'return', 'struct', 'static', 'const', 'char', 'void', 'while', '->next'];

/** Lines of words and numbers in a pseudo-random order: so many bytes, or lines if that is less. */
export function text(bytes: number, maxLines = Number.POSITIVE_INFINITY, seed = 1): string {
  const lines: string[] = [];
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  const word = (): string => WORDS[next() % WORDS.length] as string;
  for (let size = 0; size < bytes && lines.length < maxLines; ) {
    const words = `${word()}${next() & 0xfff} ${next() >>> 12} ${word()}`;
    const line = `${words} ${next()} ${word()}${next() & 0xff}\n`;
    lines.push(line);
    size += line.length;
  }
  return lines.join('');
}
