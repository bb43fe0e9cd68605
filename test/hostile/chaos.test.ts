/**
 * Guests that do everything at once (programs/chaos.c), a few seeds: whatever they do, the machine's memory structures
 * and the ext4 stay consistent, all their processes can be ended, and the process below neither dies nor grows
 * without limit. `npm run test:hostile` does this for as long as asked for.
 */

import { chaosTest } from './lib/chaos-test.ts';

chaosTest('hostile guests at random', [
  ['auto', 1, 1],
  ['interp', 6, 1],
]);
