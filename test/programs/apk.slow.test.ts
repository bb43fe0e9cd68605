/**
 * Alpine's package manager in a guest on an ext4 image with --save: the image is clean afterwards, the
 * programs run, and every file is what a native installation makes of it.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, suite } from '../lib/suite.ts';
import { createImage } from './lib/compare.ts';
import { noNative, quote, runNative, tarRoot } from './lib/native.ts';
import { ALPINE_TAR, APKS, noAlpine } from './lib/scripts.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const OFFLINE = '--no-network --repositories-file /dev/null --repository /apks';

const ADD = `apk add ${OFFLINE} openssl wget openssh-client-default tzdata`;
const NEW_ROOT = `apk --root /new --initdb ${OFFLINE} --keys-dir /etc/apk/keys add alpine-base openssl openrc`;

/** One shell command per thing to compare. */
const INSPECT: readonly string[] = [
  'openssl version',
  'wget --version',
  'echo data | openssl dgst -sha512',
  'apk audit | sort',
  'apk audit --root /new | sort',
  'apk info -v',
  // Times differ, and so the archive of scripts and the caches.
  `find / -xdev -type f ! -path '/apks/*' ! -path '*/lib/apk/db/scripts.tar' | sort | xargs -d '\\n' sha1sum`,
  `find / -xdev ! -path '/apks/*' ! -path '/apks' | sort | xargs -d '\\n' stat -c '%n %a %u %g %F %h'`,
  `find / -xdev -type l | sort | while read -r l; do echo "$l -> $(readlink "$l")"; done`,
  'tar tf /lib/apk/db/scripts.tar',
  'chroot /new openssl version',
  'chroot /new /bin/busybox --list',
];

const test = suite('apk', { timeout: 1_500_000 });

function kevlar(args: readonly string[]): {
  stdout: string;
  stderr: string;
  status: number | null;
} {
  return spawnSync(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    encoding: 'latin1',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function inGuest(image: string, command: string): string {
  const args = ['run', '--image', image, '--save', '-v', `${APKS}:/apks:ro`, '--', 'sh', '-c'];
  const r = kevlar([...args, command]);
  return `${r.stdout}${r.stderr}status ${r.status}\n`;
}

/** The installation and what there is to see afterwards, natively. */
function natively(commands: readonly string[]): string[] {
  const mark = '---- next ----';
  const script = commands
    .map((c) => `sh -c ${quote(c)} 2>/err; s=$?; cat /err; echo status $s; echo '${mark}'`)
    .join('\n');
  const r = runNative({
    root: tarRoot(ALPINE_TAR),
    argv: ['/bin/sh', '-c', script],
    prepare: `mkdir "$root/apks" && mount --bind ${quote(APKS)} "$root/apks"`,
    timeoutMs: 120_000,
  });
  return r.stdout.split(`${mark}\n`).slice(0, -1);
}

function compareInstallations(): void {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-apk-'));
  try {
    const image = join(folder, 'alpine.ext4');
    createImage(image, '512M', ALPINE_TAR);
    const commands = [ADD, `mkdir /new; ${NEW_ROOT}`, 'rm -f /err', ...INSPECT];
    const expected = natively(commands);
    for (const [i, command] of commands.entries()) {
      assert.is(inGuest(image, command), expected[i], command);
    }
    const fsck = spawnSync('e2fsck', ['-fn', image], { encoding: 'utf8' });
    assert.is(fsck.status, 0, fsck.stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const missing = noAlpine() ?? (existsSync(APKS) ? null : `${APKS} is not there`) ?? noNative();
if (missing !== null) test.skip('installs packages as natively', missing);
else test('installs packages as natively', compareInstallations);
