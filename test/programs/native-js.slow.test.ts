/** Every shell script prints under --engine js what it prints natively in a chroot. */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('js');
