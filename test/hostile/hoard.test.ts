/**
 * Guests that take what the kernel keeps on the host's heap until they are refused (programs/hoard.c): what they hold is
 * bounded by the machine's memory, and when they have gone nothing of it is left. More of it: hoard.slow.test.ts.
 */

import { hoardTests, NO_MEMORY } from './lib/hoard.ts';

hoardTests('hoarding guests', {
  pipes: NO_MEMORY,
  stream: NO_MEMORY,
  semaphores: NO_MEMORY,
  polls: NO_MEMORY,
});
