/** More seeds of chaos.test.ts. */

import { chaosTest } from './lib/chaos-test.ts';

chaosTest('hostile guests at random, longer', [
  ['auto', 101, 7],
  ['js', 201, 4],
  ['interp', 301, 5],
]);
