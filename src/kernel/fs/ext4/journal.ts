/** The running journal (jbd2). */

import type { MetaBlock } from './buffers.ts';

export interface Journal {
  /** Blocks that one transaction may have. */
  readonly capacity: number;
  commit(blocks: readonly MetaBlock[]): void;
}
