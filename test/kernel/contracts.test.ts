/** The contracts of test/guest hold in the interpreter and by JavaScript (test/kernel/lib/contracts.ts). */

import { suite } from '../lib/suite.ts';
import { addContracts, CONTRACT_TIMEOUT_MS } from './lib/contracts.ts';

addContracts(suite('kernel contracts', { timeout: CONTRACT_TIMEOUT_MS }), ['interp', 'js']);
