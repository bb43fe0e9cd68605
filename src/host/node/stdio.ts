/**
 * The process's own standard streams, as a guest's. Standard input is read only when the guest wants
 * it, so that what a guest leaves unread is not swallowed; a broken output pipe reaches the guest
 * as EPIPE.
 */

import type { Readable, Writable } from 'node:stream';
import type { Kernel } from '../../kernel/kernel.ts';
import { HostReader, HostWriter } from '../stdio.ts';

export function readerFrom(kernel: Kernel, stream: Readable): HostReader {
  const reader = new HostReader(kernel);
  stream.pause();
  stream.on('data', (data: Uint8Array | string) => {
    stream.pause();
    reader.push(typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data));
  });
  stream.on('end', () => reader.end());
  stream.on('error', () => reader.end());
  reader.onWant = () => {
    stream.resume();
  };
  return reader;
}

export interface OutputStream {
  readonly file: HostWriter;
  /** Settles when everything written so far has left the process (or never can). */
  flushed(): Promise<void>;
}

export function writerTo(kernel: Kernel, stream: Writable): OutputStream {
  let waiting = 0;
  let done: (() => void)[] = [];
  const settle = (): void => {
    if (waiting > 0) return;
    for (const f of done) f();
    done = [];
  };
  const file = new HostWriter(kernel, (data) => {
    waiting++;
    stream.write(data, () => {
      waiting--;
      file.drained(data.length);
      settle();
    });
  });
  stream.on('error', () => file.break());
  return {
    file,
    flushed: () =>
      new Promise((resolve) => {
        done.push(resolve);
        settle();
      }),
  };
}
