/**
 * OpenSSL of an Alpine package repository: a root with it and with keys made once natively, and the
 * scripts of test/programs/openssl, whose outputs must be the native ones byte for byte. The processor
 * that a guest sees is another one, so OpenSSL chooses other code there: that must not matter.
 */

import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type NativeRoot, noNative, quote, runNative, tarRoot } from './native.ts';
import { ALPINE_TAR, APKS, noAlpine, type Script } from './scripts.ts';

const FOLDER = fileURLToPath(new URL('../openssl/', import.meta.url));

const ADD = 'apk add --no-network --repositories-file /dev/null --repository /apks openssl';

/** Which names ciphers.sh tries, for sed: one of each kind of code; all in two parts. */
const CIPHER_PARTS = {
  'chosen ciphers':
    '/^(aes-(128-cbc|192-ctr|256-cfb8|256-ecb)|aria-192-cbc|bf-cbc|camellia-256-cbc|cast5-cbc|chacha20|' +
    'des-cbc|des-ede3-ofb|des3-wrap|desx-cbc|id-aes256-wrap-pad|rc2-cbc|rc4|sm4-ctr|aes-128-gcm)$/p',
  'ciphers 1': '1,70p',
  'ciphers 2': '71,$p',
} as const;

/** Why the root cannot be made, or null. */
export function noOpenssl(): string | null {
  return noAlpine() ?? (existsSync(APKS) ? null : `${APKS} is not there`) ?? noNative();
}

/** Writes a tarball of Alpine with OpenSSL and the keys. */
export function makeOpensslRoot(tarball: string): NativeRoot {
  const made = runNative(
    {
      root: tarRoot(ALPINE_TAR),
      argv: ['/bin/sh', '-c', `${ADD} >/dev/null && sh /make-keys.sh`],
      files: { 'make-keys.sh': readScript('make-keys') },
      prepare: `cp "$work/make-keys.sh" "$root" && mkdir "$root/apks" && mount --bind ${quote(APKS)} "$root/apks"`,
      after: 'tar cf "$work/root.tar" --one-file-system --exclude=./apks -C "$root" .',
    },
    (work) => copyFileSync(`${work}/root.tar`, tarball),
  );
  if (made.status !== 0) throw new Error(`no OpenSSL root: ${made.stdout}${made.stderr}`);
  return tarRoot(tarball);
}

function readScript(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${FOLDER}${name}.sh`));
}

export function opensslScript(name: string): Script {
  return { name, text: readScript(name) };
}

/** The script for some of the ciphers. */
export function cipherScript(name: keyof typeof CIPHER_PARTS): Script {
  const text = Buffer.from(readScript('ciphers')).toString();
  const part = CIPHER_PARTS[name];
  return { name, text: new Uint8Array(Buffer.from(`PART='${part}'\n${text}`)) };
}
