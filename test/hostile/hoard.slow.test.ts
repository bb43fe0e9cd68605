/** The cases of hoard.test.ts that take longer. */

import { hoardTests, NO_MEMORY, NO_SPACE } from './lib/hoard.ts';

const AGAIN = 'Resource temporarily unavailable';

hoardTests('hoarding guests, longer', {
  files: ['Too many open files in system', 64],
  datagrams: NO_MEMORY,
  tcp: NO_MEMORY,
  empties: NO_MEMORY,
  backlog: NO_MEMORY,
  messages: NO_MEMORY,
  watched: NO_MEMORY,
  instances: 'No file descriptors available',
  links: NO_SPACE,
  symlinks: NO_SPACE,
  attributes: NO_SPACE,
  binds: NO_SPACE,
  areas: NO_MEMORY,
  timers: AGAIN,
  signals: AGAIN,
  texts: NO_MEMORY,
  terminals: NO_MEMORY,
});
