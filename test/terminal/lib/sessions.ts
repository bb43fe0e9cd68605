/** Where the terminal tests get their shells: kevlar-jit in a host shell, and the same root natively. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noNative, quote } from '../../programs/lib/native.ts';
import { type Size, Terminal } from './tmux.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** kevlar-jit from its sources. */
export const COMMAND: string = [process.execPath, '--import', 'tsx', `${ROOT}src/cli/main.ts`]
  .map(quote)
  .join(' ');
export const HOST_PROMPT = 'host: ';
export const PROMPT = 'guest: ';
/** The same in every session: no names of machines, no colours. */
const SHELL_ENV = `HOME=/root TERM=screen PS1=${quote(PROMPT)} PATH=/usr/bin:/bin:/usr/sbin:/sbin`;

/** Why there is no interactive shell of the host to start kevlar-jit from, or null. */
export function noHostShell(): string | null {
  return spawnSync('bash', ['-c', ':']).status === 0 ? null : 'bash is not installed';
}

/** A folder with the command `kj`, which vanishes when the tests end. */
function commandFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-terminal-'));
  writeFileSync(join(folder, 'kj'), `#!/bin/sh\nexec ${COMMAND} "$@"\n`, { mode: 0o755 });
  process.once('exit', () => rmSync(folder, { recursive: true }));
  return folder;
}

/** An interactive shell of the host with the command `kj`. */
export async function hostShell(size?: Size): Promise<Terminal> {
  const rc = `PS1=${quote(HOST_PROMPT)}; PATH=${quote(commandFolder())}:$PATH; cd ${quote(ROOT)}; clear`;
  const shell = `exec env HISTFILE= bash --rcfile <(echo ${quote(rc)}) -i`;
  const terminal = new Terminal(`exec bash -c ${quote(shell)}`, size);
  await terminal.until((lines) => lines[0] === HOST_PROMPT.trimEnd());
  return terminal;
}

/** The options for a shell of Alpine's under kevlar-jit. */
export function guestShellArgs(root: string): string {
  const env = SHELL_ENV.split(/ (?=[A-Z]+[0-9]?=)/).map((e) => `-e ${e}`);
  return `run --root ${quote(root)} ${env.join(' ')} -w /root -- sh -i`;
}

/** Alpine's shell under kevlar-jit, at its prompt. */
export async function guestShell(root: string, size?: Size): Promise<Terminal> {
  const terminal = new Terminal(`cd ${quote(ROOT)}; exec ${COMMAND} ${guestShellArgs(root)}`, size);
  await terminal.until((lines) => lines.at(-1) === PROMPT.trimEnd());
  return terminal;
}

const NATIVE = `
mount -t tmpfs none /mnt && cd /mnt && tar xf ROOT || exit 99
mount -t proc proc proc && mount --rbind /dev dev || exit 99
exec env -i ENVIRONMENT chroot . sh -c 'cd /root; exec sh -i'
`;

/** The same shell on the host's kernel, or null where that cannot be. */
export async function nativeShell(root: string, size?: Size): Promise<Terminal | null> {
  if (noNative() !== null) return null;
  const script = NATIVE.replace('ROOT', () => quote(root)).replace('ENVIRONMENT', () => SHELL_ENV);
  const inner = `exec unshare -m -p -f --kill-child sh -c ${quote(script)}`;
  const terminal = new Terminal(inner, size);
  await terminal.until((lines) => lines.at(-1) === PROMPT.trimEnd());
  return terminal;
}
