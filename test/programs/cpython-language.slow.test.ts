/** CPython's tests of the language, its types and the modules that compute. */

import { compareModules } from './lib/cpython-modules.ts';

compareModules('language');
