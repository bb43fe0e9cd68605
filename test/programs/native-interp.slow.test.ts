/** Every shell script prints under --engine interp what it prints natively in a chroot. */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('interp');
