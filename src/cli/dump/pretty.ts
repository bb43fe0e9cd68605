/**
 * A region's JavaScript for reading: acorn's syntax tree printed by astring, and for every printed line
 * the line of the emitted source that it comes from (astring itself maps identifiers and literals
 * only, so statements are recorded as they are printed).
 */

import { parse } from 'acorn';
import { GENERATOR, generate as printTree } from 'astring';

export interface PrettyLine {
  readonly text: string;
  /** Index of the source line, or that of the line before where nothing begins (closing braces). */
  readonly from: number;
}

/** What is needed of astring's types, which come from a package that is not one of ours. */
interface Node {
  readonly loc?: { readonly start: { readonly line: number } };
}

interface State {
  readonly line: number;
}

type Print = (this: unknown, node: Node, state: State) => void;
type Generator = Readonly<Record<string, Print>>;

interface Options {
  readonly generator?: Generator;
  readonly sourceMap?: { addMapping(): void };
}

const generate = printTree as unknown as (tree: Node, options?: Options) => string;

function parseRegion(source: string): Node {
  return parse(source, {
    ecmaVersion: 2022,
    locations: true,
    allowReturnOutsideFunction: true,
  }) as unknown as Node;
}

/** astring's generator that notes where each statement begins. */
function recordingGenerator(begin: (printed: number, original: number) => void): Generator {
  const own: Record<string, Print> = {};
  for (const [type, print] of Object.entries(GENERATOR as unknown as Generator)) {
    const isStatement = /Statement$|Declaration$/.test(type) && type !== 'BlockStatement';
    own[type] = isStatement
      ? function (this: unknown, node, state): void {
          if (node.loc !== undefined) begin(state.line, node.loc.start.line);
          print.call(this, node, state);
        }
      : print;
  }
  return own;
}

/** The source itself, line by line. */
function plain(source: string): PrettyLine[] {
  return source.split('\n').map((text, from) => ({ text, from }));
}

export function prettyLines(source: string): PrettyLine[] {
  const starts = new Map<number, number>();
  const generator = recordingGenerator((printed, original) => {
    if (!starts.has(printed)) starts.set(printed, original);
  });
  // Lines are counted only for a source map.
  const sourceMap = { addMapping: (): void => {} };
  const text = generate(parseRegion(source), { generator, sourceMap });
  // astring prints some expressions wrongly (`-(-1)` as `--1`): then the source is shown as it is.
  if (!printsSame(text)) return plain(source);
  let from = 0;
  return text
    .trimEnd()
    .split('\n')
    .map((line, i) => {
      const start = starts.get(i + 1);
      if (start !== undefined) from = start - 1;
      return { text: line, from };
    });
}

function printsSame(text: string): boolean {
  try {
    return generate(parseRegion(text)) === text;
  } catch {
    return false;
  }
}
