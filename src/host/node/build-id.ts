/** What tells this build from others: only the command has it (scripts/bundle.mjs); from source there is none. */

declare const BUILD: string | undefined;

export const BUILD_ID: string | null = typeof BUILD === 'undefined' ? null : BUILD;
