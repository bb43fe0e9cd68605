/**
 * Why a program could not be started: execve(2) knows only an errno, a user wants to know what is wrong
 * with the file. Status 127 if there is no such program, 126 if it cannot be executed.
 */

import type { Guest } from '../host/guest.ts';
import { toBytesString } from '../host/text.ts';
import { EACCES, ENOENT, ENOEXEC, ENOTDIR, errnoMessage, LinuxError } from '../kernel/errno.ts';
import { BufferSink } from '../kernel/vfs/transfer.ts';
import { S_IFDIR, S_IFMT } from '../kernel/vfs/types.ts';
import { EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, UserError } from './errors.ts';

/** e_machine of ELF files that people have by mistake. */
const MACHINES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 's390x',
  40: 'ARM',
  50: 'Itanium',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};
const EM_X86_64 = 62;
const ELF_HEADER = 64;

/** What the first bytes of a file say about it. */
function describeFile(bytes: Uint8Array): string {
  const isElf = [0x7f, 0x45, 0x4c, 0x46].every((b, i) => bytes[i] === b);
  if (!isElf) return 'not a 64-bit x86 Linux program or script';
  if (bytes.length < ELF_HEADER) return 'damaged: the file ends within its ELF header';
  const machine = (bytes[18] as number) | ((bytes[19] as number) << 8);
  const bits = bytes[4] === 1 ? '32-bit ' : '';
  if (machine !== EM_X86_64 || bits !== '') {
    const name = MACHINES[machine] ?? `unknown machine ${machine}`;
    return `a program for ${bits}${name}; only 64-bit x86 programs run here`;
  }
  return 'damaged: its ELF headers make no sense';
}

/** Paths at which the program may be. */
function candidates(program: string, path: string, directory: string): string[] {
  if (program.startsWith('/')) return [program];
  if (program.includes('/')) return [`${directory}/${program}`];
  return path.split(':').map((d) => `${d === '' ? directory : d}/${program}`);
}

function firstBytes(guest: Guest, path: string): Uint8Array {
  const { vfs } = guest.machine.kernel;
  const { inode } = vfs.lookup(vfs.host, null, toBytesString(path), true);
  const sink = new BufferSink(ELF_HEADER);
  inode.pages?.read(0, Math.min(ELF_HEADER, inode.size), sink);
  return sink.bytes.subarray(0, sink.length);
}

function isDirectory(guest: Guest, path: string): boolean {
  return (guest.files.stat(path).mode & S_IFMT) === S_IFDIR;
}

/** The first of the paths that exists and of which `see` has something to say. */
function look(paths: readonly string[], see: (path: string) => string | null): string | null {
  for (const path of paths) {
    try {
      const text = see(path);
      if (text !== null) return text;
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
    }
  }
  return null;
}

/** @param where the program's PATH and working directory */
export function startError(
  guest: Guest,
  program: string,
  errno: number,
  where: { readonly path: string; readonly directory: string },
): UserError {
  const paths = candidates(program, where.path, where.directory);
  switch (errno) {
    case ENOENT:
    case ENOTDIR: {
      const missing = look([where.directory], (d) => (isDirectory(guest, d) ? 'there' : null));
      if (missing === null) {
        return new UserError(
          `the working directory ${where.directory} is not there`,
          EXIT_NOT_FOUND,
        );
      }
      const there = look(paths, (p) => (isDirectory(guest, p) ? null : 'there'));
      const why =
        there === null ? 'not found in the guest' : 'found, but its interpreter is not found';
      return new UserError(`${program}: ${why}`, EXIT_NOT_FOUND);
    }
    case EACCES: {
      const directory = look(paths, (p) => (isDirectory(guest, p) ? 'is a directory' : null));
      const why = directory ?? 'permission denied (not executable?)';
      return new UserError(`${program}: ${why}`, EXIT_NOT_EXECUTABLE);
    }
    case ENOEXEC: {
      const why = look(paths, (p) => describeFile(firstBytes(guest, p)));
      return new UserError(`${program}: ${why ?? errnoMessage(errno)}`, EXIT_NOT_EXECUTABLE);
    }
    default:
      return new UserError(`${program}: ${errnoMessage(errno)}`, EXIT_NOT_EXECUTABLE);
  }
}
