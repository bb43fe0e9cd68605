/** Every shell script, from an ext4 image, prints under --engine lockstep-wasm what it prints natively in a chroot. */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('lockstep-wasm', ['ext4']);
