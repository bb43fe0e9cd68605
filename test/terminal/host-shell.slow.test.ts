/**
 * kevlar-jit as a job of a host shell that has job control, under a real terminal: stopping and continuing with
 * the guest's program, the background, and the terminal's settings afterwards, however the guest ends.
 */

import { existsSync, readFileSync } from 'node:fs';
import { assert, suite } from '../lib/suite.ts';
import { ALPINE_TAR } from '../programs/lib/scripts.ts';
import { guestShellArgs, HOST_PROMPT, hostShell, noHostShell, PROMPT } from './lib/sessions.ts';
import { noTmux, type Terminal } from './lib/tmux.ts';

const test = suite('host shell', { timeout: 300_000 });
const missing =
  noTmux() ?? noHostShell() ?? (existsSync(ALPINE_TAR) ? null : `${ALPINE_TAR} is missing`);
const RUN = `kj run --root "${ALPINE_TAR}" --`;
const CRASH = `sh -c 'echo go; kill -SEGV $$'`;
const STUBBORN = `sh -c 'trap "" INT TERM HUP QUIT TSTP; echo go; while :; do :; done'`;

/** The settings must be the same at the end. */
function hostTest(name: string, session: (t: Terminal) => Promise<void>): void {
  if (missing !== null) {
    test.skip(name, missing);
    return;
  }
  test(name, async () => {
    const t = await hostShell();
    try {
      t.line('before=$(stty -a)');
      await session(t);
      await prompt(t);
      await t.clear(HOST_PROMPT);
      t.line('after=$(stty -a); [ "$before" = "$after" ] && echo sa""me || echo diff""erent');
      await t.until(/^(same|different)$/m);
      assert.is(/^same$/m.test(t.text()), true, t.text());
    } finally {
      t.close();
    }
  });
}

/** Waits for the host shell. */
async function prompt(t: Terminal): Promise<string[]> {
  return t.until((lines) => lines.at(-1)?.endsWith(HOST_PROMPT.trimEnd()) === true);
}

/** The only child of the shell: kevlar-jit. */
function childOf(shell: number): number {
  return Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'latin1').trim());
}

/** Starts a program that says "go". */
async function start(t: Terminal, program: string): Promise<void> {
  t.line(`${RUN} ${program}`);
  await t.until('\ngo');
}

hostTest('^Z stops, fg and bg continue, ^C ends', async (t) => {
  await start(t, `sh -c 'echo go; sleep 100'`);
  t.press('C-z');
  await t.until('Stopped');
  t.line('fg; echo status $?');
  await t.until(/fg; .*\nkj run/);
  t.press('C-z');
  await t.until(/Stopped.*Stopped/s);
  await t.clear(HOST_PROMPT);
  t.line('bg; sleep 0.5; jobs');
  await t.until(/Running +kj run/);
  t.line('fg; echo status $?');
  await t.until(/fg; .*\nkj run/);
  t.press('C-c');
  await t.until('status 130');
});

hostTest('a background job that reads is stopped, and reads in the foreground', async (t) => {
  t.line(`${RUN} cat &`);
  await t.until('[1]');
  // The shell tells of jobs before it prompts.
  await t.pressUntil('Enter', /\+ +Stopped/);
  t.line('fg');
  await t.until(/fg\nkj run/);
  t.line('words');
  await t.until(/words\nwords/);
  t.press('C-d');
});

hostTest('a shell that stops itself, and vi that is stopped with it', async (t) => {
  t.line(`kj ${guestShellArgs(ALPINE_TAR)}`);
  await t.until((lines) => lines.at(-1) === PROMPT.trimEnd());
  t.line('kill -STOP $$');
  await t.until('Stopped');
  t.line('fg');
  await t.until(/fg\nkj/);
  t.line('echo again');
  await t.until('\nagain');
  t.line('exit 5');
  await prompt(t);
  await t.clear(HOST_PROMPT);
  t.line(`${RUN} vi /etc/alpine-release; echo status $?`);
  await t.until((lines) => /alpine-release 1\/1/.test(lines[23] ?? ''));
  t.press('C-z');
  await t.until('Stopped');
  t.line('fg');
  await t.until((lines) => /alpine-release/.test(lines[23] ?? '') && /^3\.20/.test(lines[0] ?? ''));
  t.line(':q');
  await prompt(t);
});

hostTest('the guest exits, crashes, or is killed', async (t) => {
  t.line(`${RUN} stty raw -echo; echo status $?`);
  await t.until(/^ *status 0/m);
  await t.clear(HOST_PROMPT);
  t.line(`${RUN} ${CRASH}; echo status $?`);
  await t.until('status 139');
  await t.clear(HOST_PROMPT);
  t.line(`${RUN} sh -c 'echo go; sleep 100'; echo status $?`);
  await t.until('\ngo');
  process.kill(childOf(t.pid()), 'SIGTERM');
  await t.until('status 143');
});

hostTest('Ctrl-] three times ends a guest that ignores everything', async (t) => {
  await start(t, `${STUBBORN}; echo status $?`);
  t.press('C-c', 'C-\\', 'C-z', 'C-]', 'C-]', 'C-]');
  await t.until('status 130');
});
