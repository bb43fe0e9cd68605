/** Node's event loop and randomness. The clock is that of web-platform.ts. */

import { openSync, readSync } from 'node:fs';
import type { HostPort } from '../../kernel/ports.ts';
import type { Ticker } from '../loop.ts';
import { webHost } from '../web-platform.ts';

/** The descriptor of /dev/urandom, which spares loading Node's crypto; null where there is none. */
let urandom: number | null | undefined;

function openUrandom(): number | null {
  try {
    return openSync('/dev/urandom', 'r');
  } catch {
    return null;
  }
}

/** @param log where lines for the user go */
export function nodeHost(log: (line: string) => void): HostPort {
  const web = webHost(log);
  return {
    ...web,
    random: (into) => {
      if (urandom === undefined) urandom = openUrandom();
      if (urandom === null) return web.random(into);
      let done = 0;
      while (done < into.length) {
        done += readSync(urandom, into, done, into.length - done, null);
      }
    },
  };
}

export const nodeTicker: Ticker = {
  soon: (fn) => {
    setImmediate(fn);
  },
  later: (fn, ms) => {
    const t = setTimeout(fn, ms);
    return () => clearTimeout(t);
  },
};
