/**
 * A terminal to sit at: a window of a tmux server of our own, keys sent to it, and what it shows.
 *
 * Nothing sleeps for a fixed time: `until` looks again and again until what is expected is there, or fails with
 * the screen. Every server is killed when the process ends.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 40;
const PRESS_MS = 1000;
const LIMIT_MS = 45_000;
/** tmux's names for keys that the tests type. */
export type Key = 'Enter' | 'Escape' | 'Up' | 'Down' | 'Left' | 'Right' | 'Home' | 'End' | 'Tab';

let servers = 0;

/** Why there is no terminal here, or null. */
export function noTmux(): string | null {
  return spawnSync('tmux', ['-V']).status === 0 ? null : 'tmux is not installed';
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export class Terminal {
  private readonly socket: string;
  private readonly onExit = (): void => this.close();

  /** @param command what runs in the window, a shell command */
  constructor(command: string, size: Size = { columns: 80, rows: 24 }) {
    this.socket = `kevlar-test-${process.pid}-${servers++}`;
    process.once('exit', this.onExit);
    const { columns, rows } = size;
    const window = ['-s', 'w', '-x', String(columns), '-y', String(rows)];
    this.tmux('new-session', '-d', ...window, command);
    this.tmux('set-option', '-g', 'remain-on-exit', 'on');
  }

  private run(...args: string[]): SpawnSyncReturns<string> {
    const argv = ['-L', this.socket, '-f', '/dev/null', ...args];
    return spawnSync('tmux', argv, { encoding: 'utf8', env: { ...process.env, TMUX: '' } });
  }

  private tmux(...args: string[]): string {
    const { status, stdout, stderr } = this.run(...args);
    if (status !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }

  /** Text as it is. */
  type(text: string): void {
    this.tmux('send-keys', '-t', 'w', '-l', '--', text);
  }

  /** Named keys, or C-x, M-x. */
  press(...keys: (Key | `C-${string}` | 'DC' | 'BSpace' | 'PPage' | 'NPage')[]): void {
    this.tmux('send-keys', '-t', 'w', ...keys);
  }

  /** A line, with Enter. */
  line(text: string): void {
    this.type(text);
    this.press('Enter');
  }

  resize(columns: number, rows: number): void {
    this.tmux('resize-window', '-t', 'w', '-x', String(columns), '-y', String(rows));
  }

  /** The lines that are shown, without blanks at their ends, without the empty ones at the bottom. */
  screen(): string[] {
    const lines = this.tmux('capture-pane', '-p', '-t', 'w').split('\n');
    return lines.join('\n').trimEnd().split('\n');
  }

  text(): string {
    return this.screen().join('\n');
  }

  /** Waits until the screen satisfies `wanted`. */
  async until(
    wanted: string | RegExp | ((lines: string[]) => boolean),
    limitMs: number = LIMIT_MS,
  ): Promise<string[]> {
    const end = performance.now() + limitMs;
    for (;;) {
      const lines = this.screen();
      if (satisfies(lines, wanted)) return lines;
      if (performance.now() > end) {
        throw new Error(`not seen: ${wanted}\non the screen:\n${lines.join('\n')}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Presses a key again and again until something is shown. */
  async pressUntil(key: Key | `C-${string}`, wanted: string | RegExp): Promise<string[]> {
    this.press(key);
    const again = setInterval(() => this.press(key), PRESS_MS);
    try {
      return await this.until(wanted);
    } finally {
      clearInterval(again);
    }
  }

  /** Empties the screen at a shell's prompt. */
  async clear(prompt: string): Promise<void> {
    // Where the prompt is alone already, only its line with the command tells that there is something to wait for.
    this.type('clear');
    await this.until((lines) => lines.at(-1)?.endsWith(`${prompt.trimEnd()} clear`) === true);
    this.press('Enter');
    await this.until((lines) => lines.length === 1 && lines[0] === prompt.trimEnd());
  }

  /** The process that runs in the window. */
  pid(): number {
    return Number(this.tmux('display-message', '-p', '-t', 'w', '#{pane_pid}'));
  }

  close(): void {
    process.off('exit', this.onExit);
    this.run('kill-server');
  }
}

function satisfies(
  lines: string[],
  wanted: string | RegExp | ((lines: string[]) => boolean),
): boolean {
  if (typeof wanted === 'function') return wanted(lines);
  const text = lines.join('\n');
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
}
