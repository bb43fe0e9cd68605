/**
 * Shell scripts print under --engine lockstep what they print natively in a chroot. Every region run is
 * undone and repeated, so a script takes minutes: by default the short ones on one root; with
 * KEVLAR_ALL_SCRIPTS=1 all of them on both.
 */
import { compareWithNative } from './lib/compare.ts';

compareWithNative('lockstep', {
  names: ['awk-floats', 'bc-dc', 'case-if-loops', 'environment', 'exec-scripts', 'expansion'],
  roots: ['tarball'],
});
