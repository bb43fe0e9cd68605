/**
 * Interactive sessions under a real terminal: Alpine's shell under kevlar-jit, driven through tmux, and the
 * same keys to the same shell on the host's kernel. What the screens show must be equal.
 */

import { existsSync } from 'node:fs';
import { assert, suite } from '../lib/suite.ts';
import { ALPINE_TAR } from '../programs/lib/scripts.ts';
import { guestShell, nativeShell, PROMPT } from './lib/sessions.ts';
import { noTmux, type Size, type Terminal } from './lib/tmux.ts';

const test = suite('interactive', { timeout: 300_000 });
const AT_PROMPT = (lines: string[]): boolean => lines.at(-1) === PROMPT.trimEnd();
const missing = noTmux() ?? (existsSync(ALPINE_TAR) ? null : `${ALPINE_TAR} is missing`);

/** Uses a shell and gives the screens that are to be compared. */
type Session = (t: Terminal) => Promise<string[][]>;

/** Runs a session in the guest, and natively where that is possible. */
function sessionTest(name: string, session: Session, size?: Size): void {
  if (missing !== null) {
    test.skip(name, missing);
    return;
  }
  test(name, async () => {
    const guest = await use(await guestShell(ALPINE_TAR, size), session);
    const native = await nativeShell(ALPINE_TAR, size);
    if (native !== null) assert.equal(guest, await use(native, session));
  });
}

async function use(t: Terminal, session: Session): Promise<string[][]> {
  try {
    return await session(t);
  } finally {
    t.close();
  }
}

/** Enters a line and waits for the next prompt. */
async function command(t: Terminal, line: string): Promise<string[]> {
  await t.clear(PROMPT);
  t.line(line);
  return t.until((lines) => lines.length > 1 && AT_PROMPT(lines));
}

sessionTest('line editing', async (t) => {
  const screens: string[][] = [];
  await t.clear(PROMPT);
  t.type('cho helo');
  t.press('Left', 'Left');
  t.type('l');
  t.press('Home');
  t.type('e');
  t.press('End');
  t.type('X');
  t.press('Left', 'DC', 'Enter');
  screens.push(await t.until(/\nhello\nguest:$/));
  assert.equal(screens[0], [`${PROMPT}echo hello`, 'hello', PROMPT.trimEnd()]);

  await t.clear(PROMPT);
  t.type('echo one two three');
  t.press('C-w');
  t.type('four');
  t.press('C-a', 'C-k');
  t.type('echo lost');
  t.press('C-u');
  t.type('cho kept gone');
  t.press('Left', 'Left', 'Left', 'Left', 'C-k', 'C-a');
  t.type('e');
  t.press('C-e');
  t.type('!');
  t.press('Enter');
  screens.push(await t.until(/\nkept !\nguest:$/));
  return screens;
});

sessionTest('history and completion', async (t) => {
  const screens: string[][] = [];
  await command(t, 'echo first');
  await command(t, 'echo second');
  await t.clear(PROMPT);
  t.press('Up', 'Up', 'Up', 'Up');
  await t.until('echo first');
  t.press('Down', 'Down', 'Enter');
  screens.push(await t.until(/\nsecond\nguest:$/));
  await command(t, 'mkdir d; echo inside >d/only-one; echo >twin-1; echo >twin-2');
  await t.clear(PROMPT);
  t.type('cat d/on');
  t.press('Tab');
  await t.until('only-one');
  t.press('Enter');
  screens.push(await t.until(/\ninside\nguest:$/));
  await t.clear(PROMPT);
  t.type('ls tw');
  t.press('Tab', 'Tab');
  screens.push(await t.until(/twin-1 +twin-2\nguest: ls twin-$/));
  t.press('C-c');
  await t.until(AT_PROMPT);
  return screens;
});

sessionTest('signals from the keyboard', async (t) => {
  const screens: string[][] = [];
  await t.clear(PROMPT);
  t.type('not to be run');
  await t.until('not to be run');
  t.press('C-c');
  screens.push(await t.until((lines) => lines.length > 1 && AT_PROMPT(lines)));
  const interrupt = async (line: string, key: 'C-c' | 'C-\\'): Promise<void> => {
    await t.clear(PROMPT);
    t.line(line);
    await t.until('\ngo');
    t.press(key);
    await t.until((lines) => lines.length > 2 && AT_PROMPT(lines));
    t.line('echo status $?');
    screens.push(await t.until(/\nstatus \d+\nguest:$/));
  };
  // What says "go" is in the foreground; the shell itself says so too early.
  await interrupt(`sh -c 'echo go; exec sleep 100'`, 'C-c');
  await interrupt(`sh -c 'echo go; exec sleep 100'`, 'C-\\');
  await interrupt(
    `sh -c 'trap "echo got; exit 7" INT; echo go; while :; do sleep 0.1; done'`,
    'C-c',
  );
  await t.clear(PROMPT);
  // The shell's own mode would not end a line that is typed before the program runs.
  t.line(`sh -c 'echo go; exec cat'`);
  await t.until('\ngo');
  t.line('typed');
  await t.until(/^typed\ntyped$/m);
  t.press('C-d');
  screens.push(await t.until(AT_PROMPT));
  return screens;
});

sessionTest('job control', async (t) => {
  const screens: string[][] = [];
  await t.clear(PROMPT);
  t.line(`sh -c 'echo go; exec cat'`);
  await t.until('\ngo');
  t.line('one');
  await t.until(/^one\none$/m);
  t.press('C-z');
  await t.until('Stopped');
  t.line('jobs');
  await t.until(/Stopped.*jobs\n.*Stopped/s);
  // The shell names a job before the job has the terminal: only its answer says that it has.
  t.line('fg');
  await t.until(/fg\nsh -c/);
  t.line('two');
  await t.until(/^two\ntwo$/m);
  t.press('C-c');
  await t.until(AT_PROMPT);
  t.line('echo status $?; jobs');
  screens.push(await t.until(/\nstatus 130\nguest:$/));
  await t.clear(PROMPT);
  t.line('sleep 100');
  await t.until('sleep 100');
  // It may not be in the foreground yet.
  await t.pressUntil('C-z', 'Stopped');
  await t.clear(PROMPT);
  t.line('bg; jobs; kill %1; wait; jobs; echo done');
  screens.push(await t.until(/\ndone\n.*guest:$/s));
  await t.clear(PROMPT);
  t.line('cat & sleep 0.5; jobs; echo done');
  screens.push(await t.until(/\ndone\n.*guest:$/s));
  return screens;
});

sessionTest('vi', async (t) => {
  const screens: string[][] = [];
  t.line('vi notes');
  await t.until((lines) => lines.length === 24 && /notes/.test(lines[23] as string));
  t.type('ifirst line');
  t.press('Enter');
  t.type('second word here');
  t.press('Enter');
  t.type('third');
  t.press('Escape');
  // Escape and what follows would count as one key.
  screens.push(await t.until(/^- notes.* 3\/3/m));
  t.line(':wq');
  await t.until(AT_PROMPT);
  screens.push(await command(t, 'cat notes'));
  assert.equal(screens[1]?.slice(1, 4), ['first line', 'second word here', 'third']);

  t.line('vi notes');
  await t.until('1/3');
  t.line('/word');
  await t.until('2/3');
  t.type('dd');
  screens.push(await t.until('Modified'));
  t.resize(50, 12);
  screens.push(
    await t.until((lines) => lines.length === 12 && /Modified/.test(lines[11] as string)),
  );
  t.type('p');
  await t.until(/^second word here$/m);
  t.press('C-z');
  await t.until('Stopped');
  t.line('fg');
  screens.push(
    await t.until((lines) => lines.length === 12 && /Modified/.test(lines[11] as string)),
  );
  t.line(':q!');
  await t.until(AT_PROMPT);
  t.resize(80, 24);
  screens.push(await command(t, 'cat notes'));
  return screens;
});

/** A page of less with consecutive numbers, and its status line: less draws that last, with a write of its own. */
function page(first: number, rows: number, status: string): (lines: string[]) => boolean {
  return (lines) =>
    lines.length === rows &&
    lines.at(-1) === status &&
    lines.slice(0, -1).every((line, i) => line === String(first + i));
}

sessionTest('less and more', async (t) => {
  const screens: string[][] = [];
  await command(t, 'seq 1 500 >long');
  t.line('less long');
  await t.until(page(1, 24, 'long'));
  t.type(' ');
  screens.push(await t.until(page(24, 24, ':')));
  t.line('/333');
  screens.push(await t.until(page(333, 24, ':')));
  t.type('G');
  screens.push(await t.until(/^500\n[~\n]*\(END\)$/m));
  t.type('g');
  screens.push(await t.until(page(1, 24, 'long')));
  t.resize(40, 10);
  await t.until((lines) => lines.length <= 10);
  t.type(' g');
  screens.push(await t.until(page(1, 10, 'long')));
  t.resize(80, 24);
  t.type('q');
  await t.until(AT_PROMPT);
  await t.clear(PROMPT);
  t.line('more long');
  screens.push(await t.until(/^23\n--More-- \(\d+% of \d+ bytes\)$/m));
  t.type(' ');
  screens.push(await t.until(/^46\n--More-- \(\d+% of \d+ bytes\)$/m));
  t.type('q');
  await t.until(AT_PROMPT);
  return screens;
});

sessionTest('window size', async (t) => {
  const screens: string[][] = [];
  t.resize(100, 30);
  await t.until(AT_PROMPT);
  await t.clear(PROMPT);
  t.line(`sh -c 'trap "stty size; exit" WINCH; stty size; while :; do sleep 0.1; done'`);
  await t.until('30 100');
  t.resize(70, 20);
  screens.push(await t.until((lines) => /20 70/.test(lines.join('\n')) && AT_PROMPT(lines)));
  return screens;
});

sessionTest('settings', async (t) => {
  const screens: string[][] = [];
  screens.push(await command(t, 'stty -a'));
  screens.push(await command(t, 'stty raw; stty -a; stty sane; stty -a | tail -n 3'));
  await t.clear(PROMPT);
  // "go" is said when nothing is echoed any more.
  const silent = 'until stty -a </dev/tty | grep -q -- "-echo "; do sleep 0.1; done; echo go';
  t.line(`sh -c '(${silent}) & read -s secret; echo "<$secret>"'`);
  await t.until('\ngo');
  t.line('password');
  screens.push(await t.until(/<password>\nguest:$/));
  await t.clear(PROMPT);
  t.line('stty -echo; echo go; read secret; stty echo; echo "<$secret>"');
  await t.until('\ngo');
  t.line('word');
  screens.push(await t.until(/<word>\nguest:$/));
  await t.clear(PROMPT);
  t.line('echo go; read -n 1 key; echo "<$key>"; tty | tr 0-9 N; stty -icanon; stty sane');
  await t.until('\ngo');
  t.type('k');
  screens.push(await t.until(/<k>.*guest:$/s));
  return screens;
});

sessionTest('top', async (t) => {
  t.line('top');
  await t.until(/^Mem: .*\nCPU: .*\nLoad average: .*\n +PID +PPID USER +STAT/);
  await t.until(/\d+ +\d+ root +R .* top$/m);
  t.type('q');
  await t.until(AT_PROMPT);
  return [];
});
