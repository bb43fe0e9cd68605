/**
 * Alpine 3.19.1 is bootstrapped by `apk` in a guest onto an empty 512 MB image of `image create`: e2fsck finds nothing,
 * and what debugfs reads of the image, by its own `stat` and `rdump`, is what a native bootstrap makes.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tool } from '../ext4/tools.ts';
import { assert, suite } from '../lib/suite.ts';
import { noNative, quote, runNative } from './lib/native.ts';
import { APKS, noSeed, SEED_TAR } from './lib/scripts.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What `apk` needs to run, under /seed where it is not in the way of what it installs. */
const SEED = ['./sbin/apk', './lib', './etc/apk/keys'];
const APK: readonly string[] = [
  ...['/seed/lib/ld-musl-x86_64.so.1', '--library-path', '/seed/lib', '/seed/sbin/apk'],
  ...['--root', '/', '--initdb', '--keys-dir', '/seed/etc/apk/keys', '--no-network'],
  ...['--repositories-file', '/dev/null', '--repository', '/apks'],
  ...['add', 'alpine-base', 'openssl', 'openrc', 'e2fsprogs', 'tzdata'],
];
/** Directories that a root has before anything is installed, in a guest because it mounts something there. */
const BARE = ['dev', 'proc', 'sys', 'apks'];
/** Times are in the archive of scripts. */
const VARY = ['/lib/apk/db/scripts.tar'];

/** A line a name of the tree in `$1`: type, mode, owner, size (of what has one everywhere), links, target. */
const LIST = `
cd "$1" && find . -mindepth 1 ${[...BARE, 'lost+found'].map((d) => `-path ./${d} -prune -o`).join(' ')} \\
  \\( -type d -printf '/%P d %#m %U %G - %n\\n' -o -type l -printf '/%P l 0777 %U %G %s %n %l\\n' \\
  -o -printf '/%P %y %#m %U %G %s %n\\n' \\) | sort`;
/** The contents of all files of the tree in `$1`. */
const SUMS = `cd "$1" && find . -xdev -type f ! -path './lost+found/*' -print0 | sort -z | xargs -0 sha1sum`;

function shell(script: string, directory: string): string {
  const r = spawnSync('sh', ['-c', script, 'sh', directory], {
    encoding: 'latin1',
    maxBuffer: 1 << 26,
    env: { ...process.env, LC_ALL: 'C' },
  });
  assert.is(r.status, 0, r.stderr);
  return r.stdout;
}

function kevlar(...args: readonly string[]): string {
  const r = spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    encoding: 'latin1',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.is(r.status, 0, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
  return r.stdout;
}

interface Installed {
  readonly list: string;
  readonly sums: string;
  readonly output: string;
}

/** The same natively: in a chroot with nothing but the seed. */
function natively(): Installed {
  const installed = { list: '', sums: '' };
  const bare = BARE.map((d) => `"$root/${d}"`).join(' ');
  const { stdout, stderr, status } = runNative(
    {
      root: {
        fill: `mkdir "$root/seed" ${bare} && tar xf ${quote(SEED_TAR)} -C "$root/seed" ${SEED.join(' ')}`,
      },
      argv: APK,
      prepare: `mount --bind ${quote(APKS)} "$root/apks"`,
      after: `
        export LC_ALL=C
        umount "$root/apks" || exit 99
        umount -l "$root/dev" "$root/proc" || exit 99
        ( set -- "$root"; ${LIST} ) >"$work/list"
        ( set -- "$root"; ${SUMS} ) >"$work/sums"`,
      timeoutMs: 120_000,
    },
    (work) => {
      installed.list = readFileSync(join(work, 'list'), 'latin1');
      installed.sums = readFileSync(join(work, 'sums'), 'latin1');
    },
  );
  assert.is(status, 0, stderr);
  return { ...installed, output: stdout };
}

/** Lines of LIST by name. */
function byName(list: string): Map<string, string> {
  const lines = list.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line]));
}

const TYPE: Readonly<Record<string, string>> = {
  ...{ regular: 'f', directory: 'd', symlink: 'l' },
  ...{ 'character special': 'c', 'block special': 'b', FIFO: 'p', socket: 's' },
};

/** What `stat` of debugfs says of each of `names`, in the form of LIST. */
function debugfsStat(image: string, names: readonly string[], directory: string): string[] {
  const commands = join(directory, 'commands');
  writeFileSync(commands, names.map((name) => `stat "${name}"\n`).join(''), 'latin1');
  const { out, status } = tool('debugfs', ['-f', commands, image]);
  assert.is(status, 0, out.slice(0, 1000));
  const parts = out.split(/^debugfs: stat "(.*)"\n/m).slice(1);
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const text = parts[i + 1] ?? '';
    const field = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? `no ${pattern.source}`;
    const type = TYPE[field(/Type: (\w+(?: special)?)/)] ?? '?';
    const mode = `0${field(/Mode: +0([0-7]{3,4})/).replace(/^0(?=...$)/, '')}`;
    const size = type === 'd' ? '-' : field(/Size: (\d+)/);
    const owner = `${field(/User: +(\d+)/)} ${field(/Group: +(\d+)/)}`;
    const target = type === 'l' ? ` ${field(/Fast link dest: "(.*)"/)}` : '';
    lines.push(`${parts[i]} ${type} ${mode} ${owner} ${size} ${field(/Links: (\d+)/)}${target}`);
  }
  return lines;
}

const varies = (line: string): boolean => VARY.some((name) => line.includes(name));

function bootstrap(): void {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-bootstrap-'));
  try {
    const image = join(directory, 'disk.ext4');
    const seed = join(directory, 'seed');
    mkdirSync(seed);
    assert.is(spawnSync('tar', ['xf', SEED_TAR, '-C', seed, ...SEED]).status, 0);
    const expected = natively();

    kevlar('image', 'create', image, '--size', '512M');
    kevlar('image', 'cp', '-r', seed, `${image}:/`);
    const onImage = ['run', '--image', image, '--save'];
    const output = kevlar(...onImage, '-v', `${APKS}:/apks:ro`, '--', ...APK);
    assert.is(output, expected.output);
    assert.is(kevlar(...onImage, '--', 'cat', '/etc/alpine-release'), '3.19.1\n');

    const fsck = tool('e2fsck', ['-fn', image]);
    assert.is(fsck.status, 0, fsck.out);
    kevlar('image', 'check', image);

    const list = byName(expected.list);
    const names = [...list.keys()].filter((name) => !varies(name));
    assert.ok(names.length > 800, `${names.length} names`);
    const stats = debugfsStat(image, names, directory);
    assert.is(stats.join('\n'), names.map((name) => list.get(name)).join('\n'));

    const copy = join(directory, 'copy');
    mkdirSync(copy);
    tool('debugfs', ['-R', `rdump / ${copy}`, image]);
    const rows = (text: string): string[] => text.split('\n').filter((line) => !varies(line));
    assert.is(rows(shell(SUMS, copy)).join('\n'), rows(expected.sums).join('\n'));
    assert.is(
      [...byName(shell(LIST, copy)).keys()].join('\n'),
      [...list.keys()].join('\n'),
      'names',
    );
    console.log(`${names.length} names, ${rows(expected.sums).length} files compared`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const test = suite('bootstrap', { timeout: 1_500_000 });
const NAME = 'an empty image becomes Alpine 3.19.1 as natively, clean and readable by debugfs';
const missing = noSeed() ?? (existsSync(APKS) ? null : `${APKS} is not there`) ?? noNative();
if (missing !== null) test.skip(NAME, missing);
else test(NAME, bootstrap);
