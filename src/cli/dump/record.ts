/** Connects a run with the dump of what it translated: for `dump`, and for `run --dump`. */

import type { NodeGuest } from '../../host/node/boot.ts';
import { type DumpLimits, TranslationRecorder } from '../../machine/dump.ts';
import { loadDisassembler } from './asm.ts';
import { makeReport, type Report } from './report.ts';

/** What a dump shows unless told otherwise. */
export const DEFAULT_LIMITS: DumpLimits = { regions: 200, blocks: 50 };

export interface Recording {
  /** To be called when the program has ended. */
  report(): Promise<Report>;
}

/** Starts recording; to be called before the program starts. */
export function startRecording(
  node: NodeGuest,
  program: readonly string[],
  engine: string,
  limits: DumpLimits = DEFAULT_LIMITS,
): Recording {
  const recorder = TranslationRecorder.record(node.guest.machine);
  return {
    report: async () =>
      makeReport(recorder.collect(limits), program, engine, await loadDisassembler()),
  };
}
