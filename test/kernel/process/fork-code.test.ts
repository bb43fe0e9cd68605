/** Translations, and what leads to them, are not mistaken for those of another child of the same parent. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('code after fork');

sameAsNative(test, 'children with other code at one address run their own', 'fork-code');
