/** Node's side of the kernel's ports: clock, randomness, event loop. */

import type { HostPort } from '../../kernel/ports.ts';
import type { Ticker } from '../loop.ts';

/** @param log where lines for the user go */
export function nodeHost(log: (line: string) => void): HostPort {
  const { performance } = globalThis;
  return {
    clock: {
      realtime: () => {
        const ms = performance.timeOrigin + performance.now();
        const sec = Math.floor(ms / 1000);
        return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
      },
      monotonicMs: () => performance.now(),
    },
    random: (into) => {
      for (let i = 0; i < into.length; i += 65536) {
        globalThis.crypto.getRandomValues(into.subarray(i, i + 65536));
      }
    },
    log,
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
