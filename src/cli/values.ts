/** Values of command-line options: each parser returns the value or throws a UserError. */

import type { CpuLevel } from '../machine/cpu.ts';
import { ENGINE_NAMES, type Engine } from '../machine/engines.ts';
import { UserError } from './errors.ts';

const MiB = 1024 * 1024;
/** Linear memory ends below 2 GiB; its first pages are not guest RAM. */
const MAX_MEMORY = 2048 * MiB - 24 * MiB;
const MIN_MEMORY = 16 * MiB;

/** A size in bytes with an optional K, M or G (powers of 1024). */
export function parseSize(text: string): number {
  const m = /^(\d+(?:\.\d+)?)([kmg]?)(?:i?b)?$/i.exec(text);
  if (m === null) throw new UserError(`'${text}' is not a size; write for example 512M or 1G`);
  const unit = { '': 1, k: 1024, m: MiB, g: 1024 * MiB }[(m[2] as string).toLowerCase()] as number;
  return Math.floor(Number(m[1]) * unit);
}

/** Guest RAM in bytes, whole pages. */
export function parseMemory(text: string): number {
  const bytes = Math.floor(parseSize(text) / 4096) * 4096;
  if (bytes < MIN_MEMORY || bytes > MAX_MEMORY) {
    throw new UserError(`--memory ${text}: guest RAM must be between 16M and 2024M`);
  }
  return bytes;
}

export interface Volume {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

/** HOST:GUEST[:ro|:rw] */
export function parseVolume(text: string): Volume {
  const parts = text.split(':');
  const mode = parts.length === 3 ? (parts[2] as string) : 'rw';
  const [host, guest] = parts;
  if (parts.length < 2 || parts.length > 3 || !host || !guest || !['ro', 'rw'].includes(mode)) {
    throw new UserError(`--volume ${text}: write HOST-DIRECTORY:/GUEST/PATH or the same with :ro`);
  }
  if (!guest.startsWith('/')) {
    throw new UserError(`--volume ${text}: the path in the guest must start with /`);
  }
  return { host, guest, readOnly: mode === 'ro' };
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** UID[:GID] */
export function parseUser(text: string): User {
  const m = /^(\d+)(?::(\d+))?$/.exec(text);
  const uid = Number(m?.[1]);
  const gid = Number(m?.[2] ?? m?.[1]);
  if (m === null || uid > 0xfffffffe || gid > 0xfffffffe) {
    throw new UserError(`--user ${text}: write numbers, UID or UID:GID`);
  }
  return { uid, gid };
}

export function parseEngine(text: string): Engine {
  const engine = ENGINE_NAMES.find((e) => e === text);
  if (engine !== undefined) return engine;
  throw new UserError(`--engine ${text}: choose one of ${ENGINE_NAMES.join(', ')}`);
}

export function parseCpu(text: string): CpuLevel {
  if (text === 'x86-64-v2') return 2;
  if (text === 'x86-64-v3') return 3;
  throw new UserError(`--cpu ${text}: choose x86-64-v2 or x86-64-v3`);
}

/** K=V, or K alone: the host's value, as docker does. @returns null if the host has none */
export function parseEnv(
  text: string,
  host: Readonly<Record<string, string | undefined>>,
): string | null {
  if (text.startsWith('=') || text === '') throw new UserError(`--env ${text}: write NAME=VALUE`);
  if (text.includes('=')) return text;
  const value = host[text];
  return value === undefined ? null : `${text}=${value}`;
}
