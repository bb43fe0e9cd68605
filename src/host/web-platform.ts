/** The kernel's ports by web standards (performance, crypto, timers): browsers and Node alike. */

import type { HostPort } from '../kernel/ports.ts';
import type { Ticker } from './loop.ts';

/** @param log where lines for the user go */
export function webHost(log: (line: string) => void): HostPort {
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
      // getRandomValues takes at most 65,536 bytes at once.
      for (let i = 0; i < into.length; i += 65536) {
        globalThis.crypto.getRandomValues(into.subarray(i, i + 65536));
      }
    },
    log,
  };
}

/** setTimeout for sleeps; a message to ourselves for "soon", which browsers do not slow down. */
export function webTicker(): Ticker {
  const { port1, port2 } = new MessageChannel();
  const queue: (() => void)[] = [];
  port1.addEventListener('message', () => queue.shift()?.());
  port1.start();
  return {
    soon: (fn) => {
      queue.push(fn);
      port2.postMessage(0);
    },
    later: (fn, ms) => {
      const t = setTimeout(fn, ms);
      return () => clearTimeout(t);
    },
  };
}
