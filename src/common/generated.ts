/**
 * Functions whose source the program writes itself. In a build this module is replaced by one that has those of
 * start-up in it (scripts/bundle.mjs), so that they are compiled, and kept in V8's code cache, with everything else.
 */

// biome-ignore lint/suspicious/noExplicitAny: the caller knows what its text is.
export type Factory = (...values: readonly any[]) => any;

/**
 * A function with these parameters. Equal keys must mean equal parameters and text.
 * @param text writes the body
 */
export function generated(_key: string, params: readonly string[], text: () => string): Factory {
  return new Function(...params, text()) as Factory;
}
