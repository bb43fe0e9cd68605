/**
 * Names and values of extended attributes between the VFS and the disk: ext4 stores a prefix as a number,
 * and access control lists in a shorter form (fs/ext4/xattr.c, acl.c).
 */

import { EINVAL, EOPNOTSUPP, linuxError } from '../../errno.ts';

const PREFIXES: readonly (readonly [number, string])[] = [
  [1, 'user.'],
  [4, 'trusted.'],
  [6, 'security.'],
  [7, 'system.'],
];
export const INDEX_ACL_ACCESS = 2;
export const INDEX_ACL_DEFAULT = 3;
const ACL_ACCESS = 'system.posix_acl_access';
const ACL_DEFAULT = 'system.posix_acl_default';

const ACL_USER = 2;
const ACL_GROUP = 8;
/** Versions of the two forms. */
const ACL_DISK = 1;
const ACL_XATTR = 2;

export interface DiskName {
  readonly index: number;
  readonly name: string;
}

/** Splits a name as setxattr(2) gives it; EOPNOTSUPP for a name space ext4 does not have. */
export function toDiskName(full: string): DiskName {
  if (full === ACL_ACCESS) return { index: INDEX_ACL_ACCESS, name: '' };
  if (full === ACL_DEFAULT) return { index: INDEX_ACL_DEFAULT, name: '' };
  for (const [index, prefix] of PREFIXES) {
    if (!full.startsWith(prefix) || index === 7) continue;
    if (full.length === prefix.length) throw linuxError(EINVAL);
    return { index, name: full.slice(prefix.length) };
  }
  throw linuxError(EOPNOTSUPP);
}

/** The full name, or null for attributes that are not for users (inline data, unknown prefixes). */
export function fromDiskName({ index, name }: DiskName): string | null {
  if (index === INDEX_ACL_ACCESS) return ACL_ACCESS;
  if (index === INDEX_ACL_DEFAULT) return ACL_DEFAULT;
  if (index === 7) return null;
  for (const [number, prefix] of PREFIXES) if (number === index) return prefix + name;
  return null;
}

export function isAcl(index: number): boolean {
  return index === INDEX_ACL_ACCESS || index === INDEX_ACL_DEFAULT;
}

/** An access control list as stored: tag 2, perm 2, and an id of 4 only for named users and groups. */
export function aclToDisk(value: Uint8Array): Uint8Array {
  const v = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || v.getUint32(0, true) !== ACL_XATTR) {
    throw linuxError(EINVAL);
  }
  const out = new Uint8Array(value.length);
  const o = new DataView(out.buffer);
  o.setUint32(0, ACL_DISK, true);
  let at = 4;
  for (let i = 4; i < value.length; i += 8) {
    const tag = v.getUint16(i, true);
    o.setUint16(at, tag, true);
    o.setUint16(at + 2, v.getUint16(i + 2, true), true);
    at += 4;
    if (tag !== ACL_USER && tag !== ACL_GROUP) continue;
    o.setUint32(at, v.getUint32(i + 4, true), true);
    at += 4;
  }
  return out.slice(0, at);
}

export function aclFromDisk(value: Uint8Array): Uint8Array | null {
  const v = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || v.getUint32(0, true) !== ACL_DISK) return null;
  const entries: [number, number, number][] = [];
  for (let at = 4; at + 4 <= value.length; ) {
    const tag = v.getUint16(at, true);
    const named = tag === ACL_USER || tag === ACL_GROUP;
    if (named && at + 8 > value.length) return null;
    entries.push([tag, v.getUint16(at + 2, true), named ? v.getUint32(at + 4, true) : 0xffffffff]);
    at += named ? 8 : 4;
  }
  const out = new Uint8Array(4 + entries.length * 8);
  const o = new DataView(out.buffer);
  o.setUint32(0, ACL_XATTR, true);
  entries.forEach(([tag, perm, id], i) => {
    o.setUint16(4 + i * 8, tag, true);
    o.setUint16(6 + i * 8, perm, true);
    o.setUint32(8 + i * 8, id, true);
  });
  return out;
}
