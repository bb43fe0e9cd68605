/** Every shell script prints under --engine interp-wasm what it prints natively in a chroot. */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('interp-wasm');
