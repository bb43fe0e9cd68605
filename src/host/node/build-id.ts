/**
 * What tells this build from others: the installed command has it (scripts/bundle.mjs). From source, which may be
 * another one each time, there is none unless KEVLAR_BUILD in the environment says that it stays the same.
 */

declare const BUILD: string | undefined;

const NAME = /^[\w-]{1,64}$/;

function named(): string | null {
  const name = process.env.KEVLAR_BUILD ?? '';
  return NAME.test(name) ? name : null;
}

export const BUILD_ID: string | null = typeof BUILD === 'undefined' ? named() : BUILD;
