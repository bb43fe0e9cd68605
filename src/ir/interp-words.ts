/** What the interpreter's source and its owner agree upon. */

/** Interpreter-only exit: a region has been compiled for the block (at.block). */
export const EXIT_REGION = 6;
/** Exit through a direct link that is not made yet: at.p is the link's first word. */
export const EXIT_LINK = 7;
