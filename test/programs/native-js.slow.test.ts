/**
 * Every shell script prints under --engine js what it prints natively in a chroot: on the tarball, and
 * with KEVLAR_ALL_SCRIPTS=1 on ext4 as well (which native-interp.slow.test.ts always does).
 */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('js', { roots: ['tarball'] });
