/**
 * V8's compiler at the start of a run. It takes some 200 ms of a processor for the interpreter's function, twice: for
 * the function, and then for the loop in it (on-stack replacement), though the function is entered again soon enough.
 * Node does not end before a compilation that is under way, so a program of a few milliseconds had to wait for it.
 */

import { setFlagsFromString } from 'node:v8';
import type { RegionBackend } from '../../machine/engines.ts';

/** CPU time of a run after which large functions are optimized: the interpreter's has some 41,000 bytes. */
const LARGE_AFTER_MS = 100;
/** After which loops are replaced while they run. */
const LOOPS_AFTER_MS = 1000;
const LOOK_EVERY_MS = 10;

/**
 * Has V8 heed which branches of WebAssembly are hardly ever taken: it then keeps registers free of what is in them.
 * From 13.7 on it always does. `calls` of bench/programs/kernels.c takes 0.7 of the time, `memory_seq` 0.84.
 */
function heedBranchHints(on: boolean): void {
  const [major = 0, minor = 0] = process.versions.v8.split('.').map(Number);
  if (major > 13 || (major === 13 && minor > 6)) return;
  setFlagsFromString(`--${on ? '' : 'no-'}experimental-wasm-branch-hinting`);
}

/**
 * Puts both off, where the interpreter is JavaScript. For a process that runs one guest: the flags are all of V8's.
 * @returns makes them what they were: code that V8 keeps is accepted under the flags that it was made with only
 */
export function startQuietly(interpreter: RegionBackend): () => void {
  heedBranchHints(true);
  if (interpreter === 'wasm') return () => heedBranchHints(false);
  const begun = process.cpuUsage();
  setFlagsFromString('--max-optimized-bytecode-size=30000');
  setFlagsFromString('--no-use-osr');
  // The default values, as V8 compares them with those that kept code was made with.
  const allowLarge = (): void => setFlagsFromString('--max-optimized-bytecode-size=61440');
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(begun);
    const ms = (user + system) / 1000;
    if (ms > LARGE_AFTER_MS) allowLarge();
    if (ms > LOOPS_AFTER_MS) allowAll();
  }, LOOK_EVERY_MS);
  timer.unref();
  const allowAll = (): void => {
    clearInterval(timer);
    allowLarge();
    setFlagsFromString('--use-osr');
  };
  return () => {
    allowAll();
    heedBranchHints(false);
  };
}
