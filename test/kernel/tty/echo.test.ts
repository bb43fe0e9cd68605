/** Echo that nobody reads. */

import type { Kernel } from '../../../src/kernel/kernel.ts';
import { PtySlave } from '../../../src/kernel/tty/pty.ts';
import type { IoSink } from '../../../src/kernel/vfs/types.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('terminal echo');

function read(pty: PtySlave, count: number): string {
  let text = '';
  let remaining = count;
  const sink: IoSink = {
    get remaining() {
      return remaining;
    },
    put(bytes, start, end) {
      const n = Math.min(end - start, remaining);
      text += String.fromCharCode(...bytes.subarray(start, start + n));
      remaining -= n;
      return n;
    },
  };
  pty.drain(sink);
  return text;
}

test('echo without a reader is bounded, and goes on in order when somebody reads', () => {
  const pty = new PtySlave({} as Kernel, 0);
  for (let i = 0; i < 100_000; i++) pty.input(Uint8Array.of(97 + (i % 26)));
  assert.ok(pty.readable <= 8192, `${pty.readable} bytes wait`);
  let text = '';
  for (let part = read(pty, 1000); part !== ''; part = read(pty, 1000)) text += part;
  assert.is(text.length, 8192 + 4096);
  for (let i = 0; i < text.length; i++) assert.is(text.charCodeAt(i), 97 + (i % 26));
  pty.input(Uint8Array.of(65));
  assert.is(read(pty, 10), 'A');
});

test('what is flushed beyond the buffer of the master is cut off, and only that', () => {
  const pty = new PtySlave({} as Kernel, 0);
  const bytes = Uint8Array.from({ length: 6000 }, (_, i) => i % 251);
  for (let at = 0; at < 6000; at += 7) pty.send(bytes.subarray(at, Math.min(at + 7, 6000)));
  assert.is(read(pty, 10), String.fromCharCode(...bytes.subarray(0, 10)));
  pty.dropOutput();
  const kept = read(pty, 6000);
  assert.is(kept.length, 4095);
  assert.is(kept, String.fromCharCode(...bytes.subarray(10, 10 + 4095)));
});
