/** The tests of regions in the WebAssembly backend. */

process.env['KEVLAR_TEST_BACKEND'] = 'wasm';
await import('../backend-js/regions.test.ts');
