/** OpenSSL's digests, MACs, KDFs and modes in guests end as natively, every run of each region compared. */

import { suite } from '../lib/suite.ts';
import { cipherScript, noOpenssl, opensslScript } from './lib/openssl.ts';
import { compare, OPENSSL_TIMEOUT } from './lib/openssl-compare.ts';

const test = suite('OpenSSL', { timeout: OPENSSL_TIMEOUT });

const missing = noOpenssl();
if (missing !== null) test.skip('all scripts', missing);
else {
  for (const name of ['digests', 'kdfs', 'macs', 'modes']) {
    compare(test, opensslScript(name), 'lockstep', 3);
  }
  compare(test, cipherScript('chosen ciphers'), 'lockstep', 2);
  compare(test, opensslScript('digests'), 'js', 2);
}
