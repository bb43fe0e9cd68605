/** Every shell script, from the tarball, prints under --engine lockstep what it prints natively in a chroot. */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('lockstep', ['tarball']);
