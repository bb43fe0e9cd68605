/** `kevlar-jit cache`: translations that runs have left for later ones. */

import { Command } from 'commander';
import { BUILD_ID } from '../../host/node/build-id.ts';
import { clearTranslations, listTranslations } from '../../host/node/translation-store.ts';
import { UserError } from '../errors.ts';

const HELP = `
A run of the installed command leaves what it has translated in the user's cache directory ($XDG_CACHE_HOME/kevlar-jit,
or ~/.cache/kevlar-jit), 256 MiB at most for each build; later runs take what fits the guest's code byte for byte.
'run --no-cache' does neither.

Examples:
  kevlar-jit cache ls         the builds that have translations, pages of code, bytes
  kevlar-jit cache stats      all together
  kevlar-jit cache clear      removes them`;

const MiB = 1024 * 1024;

function list(): void {
  for (const { name, packs, chunks, bytes } of listTranslations()) {
    const own = BUILD_ID !== null && name.startsWith(`${BUILD_ID}-`) ? '  this build' : '';
    const size = `${(bytes / MiB).toFixed(1)} MiB`;
    process.stdout.write(`${name}  ${packs} packs  ${chunks} pages  ${size}${own}\n`);
  }
}

function stats(): void {
  const all = listTranslations();
  const sum = (of: (kept: (typeof all)[number]) => number): number =>
    all.reduce((n, kept) => n + of(kept), 0);
  const rows = [
    ['builds', all.length],
    ['packs', sum((k) => k.packs)],
    ['pages of code', sum((k) => k.chunks)],
    ['MiB', (sum((k) => k.bytes) / MiB).toFixed(1)],
  ];
  for (const [name, value] of rows) process.stdout.write(`${String(name).padEnd(16)}${value}\n`);
}

function clear(): void {
  try {
    clearTranslations();
  } catch (e) {
    throw new UserError(`the cache cannot be cleared: ${(e as Error).message}`);
  }
}

export function cacheCommand(): Command {
  const command = new Command('cache')
    .description('list or remove translations kept for later runs')
    .addHelpText('after', HELP);
  command.command('ls').description('list them by build and CPU level').action(list);
  command.command('stats').description('sum them up').action(stats);
  command.command('clear').description('remove all').action(clear);
  return command;
}
