/** The shell scripts of test/programs/scripts, and the Alpine root that they run in. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPTS = fileURLToPath(new URL('../scripts/', import.meta.url));

/** Development files beside the repository; the product does not depend on them. */
const SHARED = fileURLToPath(new URL('../../../../shared/rootfs/', import.meta.url));
export const ALPINE_TAR: string = join(SHARED, 'alpine-minirootfs-3.20.3-x86_64.tar.gz');
/** Has the package manager of the repository's version. */
export const SEED_TAR: string = join(SHARED, 'alpine-minirootfs-3.19.4-x86_64.tar.gz');
/** A signed Alpine package repository. */
export const APKS: string = join(SHARED, 'apks-3.19.1');

export interface Script {
  readonly name: string;
  readonly text: Uint8Array;
}

/** How a script ended; outputs are bytes as latin1. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell reports it. */
  readonly status: number;
}

export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Everything a script finds in its environment. */
export const ENV: Readonly<Record<string, string>> = { PATH, HOME: '/root' };

export function loadScript(name: string): Script {
  return { name, text: new Uint8Array(readFileSync(join(SCRIPTS, `${name}.sh`))) };
}

export function allScripts(): Script[] {
  return readdirSync(SCRIPTS)
    .filter((f) => f.endsWith('.sh'))
    .sort()
    .map((f) => loadScript(basename(f, '.sh')));
}

/** The command line of a script at /script.sh: working directory /tmp/w, nothing to read. */
export const SCRIPT_ARGV: readonly string[] = [
  '/bin/sh',
  '-c',
  'cd /tmp/w && exec /bin/sh /script.sh < /dev/null',
];

/** Why the Alpine root cannot be used, or null. */
export function noAlpine(): string | null {
  return existsSync(ALPINE_TAR) ? null : `${ALPINE_TAR} is not there`;
}

/** Why `apk` cannot be had from an Alpine root, or null. */
export function noSeed(): string | null {
  return existsSync(SEED_TAR) ? null : `${SEED_TAR} is not there`;
}
