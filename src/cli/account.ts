/** What a run tells of itself when it has ended: `--stats`, and the profile that `--profile` asks for. */

import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Machine } from '../machine/machine.ts';
import { startStats, statsText } from '../machine/stats.ts';
import type { RunOptions } from './commands/run.ts';
import { UserError } from './errors.ts';
import { HostStats } from './host-stats.ts';
import type { Profile } from './profile/profile.ts';

/** Creates or empties a file before anything runs, so that a wrong name is noticed then. */
export function openForWriting(option: string, path: string): number {
  try {
    return openSync(path, 'w');
  } catch (e) {
    throw new UserError(`${option}: ${(e as Error).message}`);
  }
}

export class Account {
  private readonly options: RunOptions;
  private readonly profile: Profile | null;
  private machine: Machine | null = null;
  private host: HostStats | null = null;

  private constructor(options: RunOptions, profile: Profile | null) {
    this.options = options;
    this.profile = profile;
  }

  /** To be called before the machine is made: that is profiled too. */
  static async open(options: RunOptions): Promise<Account> {
    const { stats, profile } = options;
    if (typeof stats === 'string') closeSync(openForWriting('--stats', stats));
    if (typeof profile === 'string') closeSync(openForWriting('--profile', profile));
    const wanted = typeof profile === 'string' || (stats !== undefined && profile !== false);
    if (!wanted) return new Account(options, null);
    const { Profile } = await import('./profile/profile.ts');
    return new Account(options, new Profile());
  }

  /** The machine is there, the program not yet. */
  begin(machine: Machine): void {
    this.machine = machine;
    if (this.options.stats === undefined) return;
    this.host = new HostStats(machine);
    startStats(machine);
  }

  /** The program has ended. */
  write(argv: readonly string[]): void {
    const { stats, profile } = this.options;
    if (typeof profile === 'string' && this.profile !== null) {
      writeFileSync(profile, this.profile.html(argv.join(' ')));
    }
    if (stats === undefined || this.machine === null || this.host === null) return;
    const rows = [...this.host.rows(), ...(this.profile?.rows() ?? [])];
    const text = `${statsText(this.machine, rows)}\n`;
    if (stats === true) process.stderr.write(text);
    else writeFileSync(stats, text);
  }
}
