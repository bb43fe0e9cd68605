/** The contracts of test/guest hold when every run of compiled regions is compared with the interpreter's. */

import { suite } from '../lib/suite.ts';
import { addContracts, CONTRACT_TIMEOUT_MS } from './lib/contracts.ts';

addContracts(suite('kernel contracts', { timeout: CONTRACT_TIMEOUT_MS }), ['auto', 'lockstep']);
