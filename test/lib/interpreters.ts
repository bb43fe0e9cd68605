/** The functions that execute micro code: JavaScript's, and WebAssembly's. */

import { createDispatcher, type DispatcherOptions } from '../../src/backend-wasm/dispatcher.ts';
import { createInterpreter } from '../../src/backend-wasm/interpreter.ts';
import type { InterpOptions } from '../../src/ir/interp.ts';
import { DISPATCH } from '../../src/machine/region-table.ts';

export const INTERPRETERS = ['JavaScript', 'WebAssembly'] as const;
export type InterpreterName = (typeof INTERPRETERS)[number];

/** What has an Interpreter use it; `options`: where the state has what the dispatcher looks at. */
export function interpretBy(
  name: InterpreterName,
  options: DispatcherOptions = DISPATCH,
): Pick<InterpOptions, 'interpret'> {
  if (name === 'JavaScript') return {};
  return {
    interpret: (env, calls) => createInterpreter(env, calls, createDispatcher(env.wasm, options)),
  };
}
