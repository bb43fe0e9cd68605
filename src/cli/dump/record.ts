/** Connects a run with the dump of what it translated: for `dump`, and for `run --dump`. */

import type { NodeGuest } from '../../host/node/boot.ts';
import { TranslationRecorder } from '../../machine/dump.ts';
import { loadDisassembler } from './asm.ts';
import { makeReport, type Report } from './report.ts';

/** Blocks outside regions that a dump shows. */
export const DEFAULT_BLOCKS = 50;

export interface Recording {
  /** To be called when the program has ended. */
  report(): Promise<Report>;
}

/** Starts recording; to be called before the program starts. */
export function startRecording(
  node: NodeGuest,
  program: readonly string[],
  engine: string,
  blocks: number = DEFAULT_BLOCKS,
): Recording {
  const recorder = TranslationRecorder.record(node.guest.machine);
  return {
    report: async () =>
      makeReport(recorder.collect(blocks), program, engine, await loadDisassembler()),
  };
}
