/**
 * Tells uvu not to start by itself: suite.ts starts it once the test file has been evaluated.
 * Must be imported before uvu; uvu reads these globals when it is loaded.
 */
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]], UVU_INDEX: 0 });

export {};
