/**
 * Tests' guests leave their translations to later ones if the environment names a build (KEVLAR_BUILD), as the command
 * line does: test/cached.ts runs tests so. One store for a process: its machines come and go by the hundred.
 */

import {
  type FileTranslationStore,
  openTranslations,
} from '../../src/host/node/translation-store.ts';

const stores = new Map<number, FileTranslationStore | null>();

/** To be spread into the options of a machine whose `cpu.saveTranslations` is called at its end. */
export function keptTranslations(cpuLevel: number): {
  readonly translations?: FileTranslationStore;
} {
  if (!stores.has(cpuLevel)) stores.set(cpuLevel, openTranslations(cpuLevel));
  const translations = stores.get(cpuLevel) ?? null;
  return translations === null ? {} : { translations };
}
