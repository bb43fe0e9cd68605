/**
 * Compiles the interpreter's source. In a build this module is replaced by the source itself (scripts/bundle.mjs), so
 * that it is compiled, and kept in V8's code cache, with everything else.
 */

import { INTERP_PARAMS, interpreterSource } from './interp-source.ts';

/** Takes the values of INTERP_PARAMS and gives the interpreter. */
export type InterpFactory = (...values: readonly unknown[]) => (p: number) => number;

export function interpFactory(): InterpFactory {
  return new Function(...INTERP_PARAMS, interpreterSource()) as InterpFactory;
}
