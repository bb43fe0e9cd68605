/**
 * Extended attributes in pax headers: SCHILY.xattr.NAME with the value as it is (star, GNU tar, which has %3D and %25 for
 * = and % in names), and bsdtar's LIBARCHIVE.xattr.NAME with the name percent-encoded and the value in base64. bsdtar writes both; the first counts then.
 */

import { decodeBase64 } from '../../common/base64.ts';

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';

/** Whether a record of a pax header is an attribute, whose value may be empty. */
export function isXattrRecord(key: string): boolean {
  return key.startsWith(SCHILY) || key.startsWith(LIBARCHIVE);
}

/** Attributes by name, of records where later ones count. @param wrong what to do about a damaged one */
export function xattrsOf(
  records: readonly ReadonlyMap<string, string>[],
  wrong: (key: string) => never,
): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const map of records) {
    for (const [key, value] of map) {
      if (!key.startsWith(LIBARCHIVE)) continue;
      const bytes = decodeBase64(value);
      if (bytes === null) wrong(key);
      xattrs.set(percentDecoded(key.slice(LIBARCHIVE.length)), bytes);
    }
  }
  for (const map of records) {
    for (const [key, value] of map) {
      if (!key.startsWith(SCHILY)) continue;
      xattrs.set(
        key.slice(SCHILY.length).replace(/%3D/g, '=').replace(/%25/g, '%'),
        Uint8Array.from(value, (c) => c.charCodeAt(0)),
      );
    }
  }
  return xattrs;
}

/** The key of a record with attribute `name`. */
export function xattrRecord(name: string): string {
  return `${SCHILY}${name.replace(/%/g, '%25').replace(/=/g, '%3D')}`;
}

function percentDecoded(name: string): string {
  return name.replace(/%([0-9a-fA-F]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
