/** Node's event loop. Clock and randomness are those of web-platform.ts. */

import type { Ticker } from '../loop.ts';

export { webHost as nodeHost } from '../web-platform.ts';

export const nodeTicker: Ticker = {
  soon: (fn) => {
    setImmediate(fn);
  },
  later: (fn, ms) => {
    const t = setTimeout(fn, ms);
    return () => clearTimeout(t);
  },
};
