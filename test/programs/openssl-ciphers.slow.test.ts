/**
 * All of OpenSSL's ciphers, and its keys and certificates, in guests end as natively, with the first runs of each
 * region compared and some of the later ones: all would take an hour.
 */

import { suite } from '../lib/suite.ts';
import { SAMPLED } from './lib/guest.ts';
import { cipherScript, noOpenssl, opensslScript } from './lib/openssl.ts';
import { compare, OPENSSL_TIMEOUT } from './lib/openssl-compare.ts';

const test = suite('OpenSSL’s ciphers and keys', { timeout: OPENSSL_TIMEOUT });

const missing = noOpenssl();
if (missing !== null) test.skip('all scripts', missing);
else {
  compare(test, cipherScript('ciphers 1'), 'lockstep', 2, SAMPLED);
  compare(test, cipherScript('ciphers 2'), 'lockstep', 3, SAMPLED);
  compare(test, opensslScript('keys'), 'lockstep', 3, SAMPLED);
  compare(test, opensslScript('keys'), 'js', 2);
  compare(test, opensslScript('certificates'), 'lockstep', 2, SAMPLED);
}
