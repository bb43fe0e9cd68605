/**
 * execve(2) and starting programs for the host (fs/exec.c).
 *
 * Invariants: everything that can fail with an errno happens before the old program is touched;
 * the new one is complete before the switch. What fails after Linux's point of no return (mapping
 * the segments) kills with SIGSEGV, as there.
 */

import { panic } from '../../common/panic.ts';
import type { Cred } from '../cred/cred.ts';
import { CAP_FULL_HI, CAP_FULL_LO } from '../cred/cred.ts';
import { EACCES, ELIBBAD, ELOOP, ENOENT, ENOEXEC, LinuxError, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../mm/abi.ts';
import { AddressSpace } from '../mm/address-space.ts';
import { limitsOf } from '../mm/limits.ts';
import { mappedFile } from '../mm/open-file-mapping.ts';
import { RLIMIT, type Rlimits } from '../process/rlimits.ts';
import { minSigStackSize } from '../signal/frame.ts';
import { MS_NOEXEC, MS_NOSUID } from '../vfs/constants.ts';
import type { VfsPath } from '../vfs/path.ts';
import { checkAccess, MAY_EXEC } from '../vfs/permissions.ts';
import { type OpenFile, S_IFMT, S_IFREG } from '../vfs/types.ts';
import type { Caller } from '../vfs/walk.ts';
import { checkNotWritten } from '../vfs/write-access.ts';
import { type ElfFile, PF_X, PHDR_SIZE, PT_GNU_STACK, PT_INTERP, readElf } from './elf.ts';
import { ProgramImage } from './image.ts';
import { type LoadedElf, loadElf } from './load.ts';
import { FileReader } from './reader.ts';
import { HEAD_SIZE, parseScript } from './script.ts';
import { AT, buildStack, checkArgumentSize } from './stack.ts';

const MAX_SCRIPT_DEPTH = 5;
const PATH_MAX = 4096;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;
/** Stack pages that are there from the start (setup_arg_pages extends by 128 KiB). */
const STACK_RESERVE = 132 * 1024;

/** Who executes: a view of the files, limits, and credentials (a Task, or the host's choice). */
export interface ExecCaller extends Caller {
  readonly cred: Cred;
}

export interface ExecRequest {
  /** The file, already looked up. */
  readonly path: VfsPath;
  /** As the caller named it: AT_EXECFN, and what a script's interpreter gets. */
  readonly filename: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** A program ready to run. */
export interface Program {
  readonly mm: AddressSpace;
  readonly image: ProgramImage;
  readonly cred: Cred;
  readonly entry: number;
  readonly sp: number;
  /** Arguments on the stack. */
  readonly argc: number;
  readonly comm: string;
  /** The new ids differ from the real ones (AT_SECURE). */
  readonly secure: boolean;
}

/** An error after the point of no return: the process gets SIGSEGV. */
export class FatalExecError extends Error {
  override name = 'FatalExecError';
}

/** Opens a file for execution: regular, executable, not on a noexec mount. */
function openExecutable(who: ExecCaller, path: VfsPath): OpenFile {
  const { inode } = path;
  if ((inode.mode & S_IFMT) !== S_IFREG) throw linuxError(EACCES);
  if ((path.mount.flags & MS_NOEXEC) !== 0) throw linuxError(EACCES);
  checkAccess(who.cred, inode, MAY_EXEC);
  checkNotWritten(inode);
  return inode.open(null, 0, path);
}

interface Binary {
  readonly file: OpenFile;
  readonly path: VfsPath;
  readonly reader: FileReader;
  readonly argv: readonly string[];
}

/** Follows `#!` lines to the binary, rewriting the arguments. */
function findBinary(kernel: Kernel, who: ExecCaller, request: ExecRequest): Binary {
  let { path, argv } = request;
  let name = request.filename;
  if (argv.length === 0) argv = [''];
  for (let depth = 0; ; depth++) {
    if (depth > MAX_SCRIPT_DEPTH) throw linuxError(ELOOP);
    const file = openExecutable(who, path);
    file.retain();
    const reader = new FileReader(file);
    try {
      const script = parseScript(reader.read(0, HEAD_SIZE));
      if (script === null) return { file, path, reader, argv };
      const { interpreter, argument } = script;
      argv = [interpreter, ...(argument === null ? [] : [argument]), name, ...argv.slice(1)];
      name = interpreter;
      path = kernel.vfs.lookup(who, null, interpreter, true);
    } catch (e) {
      file.release();
      throw e;
    }
    file.release();
  }
}

interface Interpreter {
  readonly file: OpenFile;
  readonly elf: ElfFile;
}

/** The dynamic linker that the program asks for (PT_INTERP), or null. */
function openInterpreter(
  kernel: Kernel,
  who: ExecCaller,
  elf: ElfFile,
  reader: FileReader,
): Interpreter | null {
  const header = elf.headers.find((h) => h.type === PT_INTERP);
  if (header === undefined) return null;
  const { filesz, offset } = header;
  if (filesz < 2 || filesz > PATH_MAX) throw linuxError(ENOEXEC);
  const bytes = reader.read(offset, filesz);
  if (bytes.length < filesz || bytes[filesz - 1] !== 0) throw linuxError(ENOEXEC);
  let name = '';
  for (const b of bytes.subarray(0, bytes.indexOf(0))) name += String.fromCharCode(b);
  const file = openExecutable(who, kernel.vfs.lookup(who, null, name, true));
  file.retain();
  try {
    return { file, elf: readElf(new FileReader(file), ELIBBAD) };
  } catch (e) {
    file.release();
    throw e;
  }
}

/** Credentials after execve: set-id bits, then capabilities(7) "transformation during execve()". */
function credAfterExec(cred: Cred, path: VfsPath): Cred {
  const next = cred.clone();
  const { mode, uid, gid } = path.inode;
  if (!cred.noNewPrivs && (path.mount.flags & MS_NOSUID) === 0) {
    if ((mode & S_ISUID) !== 0) next.euid = uid;
    if ((mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) next.egid = gid;
  }
  next.suid = next.fsuid = next.euid;
  next.sgid = next.fsgid = next.egid;
  const { inheritable, bounding, ambient } = next;
  const changed = next.euid !== cred.euid || next.egid !== cred.egid;
  if (changed) next.ambient = { lo: 0, hi: 0 };
  if (next.uid === 0 || next.euid === 0) {
    next.permitted = {
      lo: (bounding.lo | inheritable.lo) & CAP_FULL_LO,
      hi: (bounding.hi | inheritable.hi) & CAP_FULL_HI,
    };
  } else next.permitted = { lo: ambient.lo, hi: ambient.hi };
  next.effective = next.euid === 0 ? { ...next.permitted } : { lo: ambient.lo, hi: ambient.hi };
  next.securebits &= ~16;
  return next;
}

/** Prepares a program. Throws LinuxError while the old program can go on, else FatalExecError. */
export function prepareProgram(
  kernel: Kernel,
  who: ExecCaller,
  rlimits: Rlimits,
  request: ExecRequest,
): Program {
  const binary = findBinary(kernel, who, request);
  let interpreter: Interpreter | null = null;
  try {
    checkArgumentSize(
      [binary.argv, request.env, [request.filename]],
      rlimits.soft[RLIMIT.STACK] as number,
    );
    const elf = readElf(binary.reader, ENOEXEC);
    interpreter = openInterpreter(kernel, who, elf, binary.reader);
    return buildProgram(kernel, who, rlimits, request, binary, elf, interpreter);
  } finally {
    interpreter?.file.release();
    binary.file.release();
  }
}

function buildProgram(
  kernel: Kernel,
  who: ExecCaller,
  rlimits: Rlimits,
  request: ExecRequest,
  binary: Binary,
  elf: ElfFile,
  interpreter: Interpreter | null,
): Program {
  const cred = credAfterExec(who.cred, binary.path);
  const mm = new AddressSpace(kernel.mmu, kernel.chooseLayout());
  const image = new ProgramImage(binary.file);
  mm.limits = limitsOf(rlimits, () => false);
  const secure = cred.uid !== cred.euid || cred.gid !== cred.egid;
  try {
    setupStackArea(mm, elf);
    const main = loadElf(mm, elf, mappedFile(binary.file), mm.layout.pieBase);
    let entry = main.entry;
    let base = 0;
    // The heap follows the program; the interpreter goes where mmap puts it.
    mm.setBrk(main.end);
    if (interpreter !== null) {
      const linker = loadElf(mm, interpreter.elf, mappedFile(interpreter.file), null);
      entry = linker.entry;
      base = linker.bias;
    }
    if (!(entry < 0x7ffffffff000)) throw new FatalExecError('entry point outside user memory');
    const stack = writeStack(kernel, mm, request, binary, elf, main, base, cred, secure);
    describeImage(image, mm, main, stack);
    const argc = binary.argv.length;
    return { mm, image, cred, entry, sp: stack.sp, argc, comm: commOf(request.filename), secure };
  } catch (e) {
    mm.release();
    image.release();
    if (e instanceof LinuxError) throw new FatalExecError(e.message);
    throw e;
  }
}

function setupStackArea(mm: AddressSpace, elf: ElfFile): void {
  const header = elf.headers.find((h) => h.type === PT_GNU_STACK);
  const executable = header !== undefined && (header.flags & PF_X) !== 0;
  const prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
  mm.setupStack(mm.layout.stackTop, STACK_RESERVE, prot);
}

function writeStack(
  kernel: Kernel,
  mm: AddressSpace,
  request: ExecRequest,
  binary: Binary,
  elf: ElfFile,
  main: LoadedElf,
  base: number,
  cred: Cred,
  secure: boolean,
): ReturnType<typeof buildStack> {
  const { cpu } = kernel;
  const random = new Uint8Array(16);
  kernel.host.random(random);
  const auxv: [number, number][] = [
    [AT.MINSIGSTKSZ, minSigStackSize(cpu)],
    [AT.HWCAP, cpu.hwcap],
    [AT.PAGESZ, 4096],
    [AT.CLKTCK, 100],
    [AT.PHDR, main.phdr],
    [AT.PHENT, PHDR_SIZE],
    [AT.PHNUM, elf.phnum],
    [AT.BASE, base],
    [AT.FLAGS, 0],
    [AT.ENTRY, main.entry],
    [AT.UID, cred.uid],
    [AT.EUID, cred.euid],
    [AT.GID, cred.gid],
    [AT.EGID, cred.egid],
    [AT.SECURE, secure ? 1 : 0],
    [AT.RANDOM, 0],
    [AT.HWCAP2, cpu.hwcap2],
    [AT.EXECFN, 0],
    [AT.PLATFORM, 0],
    [AT.NULL, 0],
  ];
  const { argv } = binary;
  const { env, filename: execfn } = request;
  return buildStack(mm, mm.layout.stackTop, { argv, env, execfn, auxv, random });
}

function describeImage(
  image: ProgramImage,
  mm: AddressSpace,
  main: LoadedElf,
  stack: ReturnType<typeof buildStack>,
): void {
  image.argStart = stack.argStart;
  image.argEnd = stack.argEnd;
  image.envStart = stack.envStart;
  image.envEnd = stack.envEnd;
  image.auxv = stack.auxv;
  image.startStack = stack.sp;
  image.startBrk = mm.startBrk;
  image.startCode = main.startCode;
  image.endCode = main.endCode;
  image.startData = main.startData;
  image.endData = main.endData;
}

/** Last component of the file name, 15 bytes. */
function commOf(filename: string): string {
  return filename.slice(filename.lastIndexOf('/') + 1).slice(0, 15);
}

/** Looks a program up as execvp(3) does. Throws the errno that a shell would report. */
export function findProgram(
  kernel: Kernel,
  who: Caller,
  name: string,
  env: readonly string[],
): { path: VfsPath; filename: string } {
  const lookup = (filename: string): { path: VfsPath; filename: string } => {
    const path = kernel.vfs.lookup(who, null, filename, true);
    return { path, filename };
  };
  if (name.includes('/')) return lookup(name);
  if (name === '') throw linuxError(ENOENT);
  const entry = env.find((e) => e.startsWith('PATH='));
  const dirs = (entry === undefined ? '/bin:/usr/bin' : entry.slice(5)).split(':');
  let denied = false;
  for (const dir of dirs) {
    try {
      const found = lookup(dir === '' ? name : `${dir}/${name}`);
      if ((found.path.inode.mode & S_IFMT) !== S_IFREG) throw linuxError(EACCES);
      checkAccess(who.cred, found.path.inode, MAY_EXEC);
      return found;
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      if (e.errno === EACCES) denied = true;
    }
  }
  throw linuxError(denied ? EACCES : ENOENT);
}

/** For code that must not see a FatalExecError: a program the host starts has no process to kill. */
export function asLinuxError(e: unknown): never {
  if (e instanceof FatalExecError) throw linuxError(ENOEXEC);
  if (e instanceof Error) throw e;
  return panic('thrown value is no Error');
}
