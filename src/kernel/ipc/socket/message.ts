/**
 * struct msghdr and control messages (cmsg(3), net/core/scm.c).
 *
 *   struct msghdr, 56 bytes: 0 name | 8 namelen | 16 iov | 24 iovlen | 32 control | 40 controllen | 48 flags
 *   struct cmsghdr:          0 len (64-bit, with this header) | 8 level | 12 type | 16 data, aligned to 8
 */

import { CAP } from '../../cred/cred.ts';
import {
  EBADF,
  EINVAL,
  EMSGSIZE,
  EPERM,
  ESRCH,
  ETOOMANYREFS,
  linuxError,
  unlessErrno,
} from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import type { OpenFile } from '../../vfs/types.ts';
import {
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOL_SOCKET,
} from './constants.ts';
import { ip6Control } from './ip6-header.ts';
import {
  type Ancillary,
  type ControlMessage,
  type Received,
  releaseRights,
  type Ucred,
} from './packets.ts';
import type { Socket } from './socket.ts';

const MSGHDR_SIZE = 56;
const CMSG_HEADER = 16;
const MAX_CONTROL = 20480;
const MAX_NAME = 128;
const UIO_MAXIOV = 1024;

export interface MessageHeader {
  readonly name: number;
  readonly nameLength: number;
  readonly iov: number;
  readonly iovLength: number;
  readonly control: number;
  readonly controlLength: number;
}

export function readHeader(sys: Sys, addr: number): MessageHeader {
  const bytes = new Uint8Array(MSGHDR_SIZE);
  sys.mem.copyIn(addr, bytes);
  const d = new DataView(bytes.buffer);
  const u64 = (at: number): number =>
    d.getUint32(at + 4, true) * 4294967296 + d.getUint32(at, true);
  const nameLength = d.getInt32(8, true);
  if (nameLength < 0) throw linuxError(EINVAL);
  if (u64(24) > UIO_MAXIOV) throw linuxError(EMSGSIZE);
  return {
    name: u64(0),
    nameLength: Math.min(nameLength, MAX_NAME),
    iov: u64(16),
    iovLength: u64(24),
    control: u64(32),
    controlLength: u64(40),
  };
}

/** Stores what recvmsg(2) returns in the header. */
export function writeHeader(
  sys: Sys,
  addr: number,
  nameLength: number,
  controlLength: number,
  flags: number,
): void {
  sys.mem.writeU32(addr + 8, nameLength);
  sys.mem.writeU64(addr + 40, controlLength);
  sys.mem.writeU32(addr + 48, flags);
}

function align(n: number): number {
  return (n + 7) & ~7;
}

/** The control messages of a send. The caller releases the descriptors if they are not sent. */
export function readControl(sys: Sys, header: MessageHeader, withRights: boolean): Ancillary {
  const { control, controlLength } = header;
  const others: ControlMessage[] = [];
  const result = { rights: null as OpenFile[] | null, cred: null as Ucred | null, control: others };
  if (control === 0 || controlLength === 0) return result;
  if (controlLength > MAX_CONTROL) throw linuxError(EINVAL);
  const bytes = new Uint8Array(controlLength);
  sys.mem.copyIn(control, bytes);
  const d = new DataView(bytes.buffer);
  try {
    for (let at = 0; at + CMSG_HEADER <= controlLength; ) {
      const length = d.getUint32(at, true);
      if (length < CMSG_HEADER || at + length > controlLength || d.getUint32(at + 4, true) !== 0) {
        throw linuxError(EINVAL);
      }
      const level = d.getInt32(at + 8, true);
      const type = d.getInt32(at + 12, true);
      if (level !== SOL_SOCKET) {
        others.push({ level, type, data: bytes.subarray(at + CMSG_HEADER, at + length) });
      } else {
        const data = new DataView(bytes.buffer, at + CMSG_HEADER, length - CMSG_HEADER);
        if (type === SCM_RIGHTS) {
          if (withRights) result.rights = collectRights(sys, data, result.rights);
        } else if (type === SCM_CREDENTIALS) result.cred = readCred(sys, data);
        else throw linuxError(EINVAL);
      }
      at += align(length);
    }
  } catch (e) {
    releaseRights(result.rights);
    throw e;
  }
  return result;
}

function collectRights(sys: Sys, data: DataView, before: OpenFile[] | null): OpenFile[] | null {
  const count = Math.floor(data.byteLength / 4);
  if (count === 0) return before;
  const files = before ?? [];
  if (files.length + count > SCM_MAX_FD) throw linuxError(ETOOMANYREFS);
  const added: OpenFile[] = [];
  for (let i = 0; i < count; i++) {
    const fd = data.getInt32(i * 4, true);
    if (fd < 0 || !sys.task.files.has(fd)) throw linuxError(EBADF);
    added.push(sys.task.files.get(fd));
  }
  for (const file of added) file.retain();
  files.push(...added);
  return files;
}

/** Only who may take on other identities can state them. */
function readCred(sys: Sys, data: DataView): Ucred {
  if (data.byteLength !== 12) throw linuxError(EINVAL);
  const pid = data.getInt32(0, true);
  const uid = data.getUint32(4, true);
  const gid = data.getUint32(8, true);
  const { cred, tgid } = sys.task;
  const ownUid = uid === cred.uid || uid === cred.euid || uid === cred.suid;
  const ownGid = gid === cred.gid || gid === cred.egid || gid === cred.sgid;
  if (pid !== tgid && !cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
  if (!ownUid && !cred.has(CAP.SETUID)) throw linuxError(EPERM);
  if (!ownGid && !cred.has(CAP.SETGID)) throw linuxError(EPERM);
  if (pid !== tgid && sys.kernel.processById(pid) === null) throw linuxError(ESRCH);
  return { pid, uid, gid };
}

/**
 * Stores the control messages of a receive; descriptors are installed here. What has no room is dropped.
 * @returns the length used, and MSG_CTRUNC if something was dropped
 */
export function writeControl(
  sys: Sys,
  socket: Socket,
  header: MessageHeader,
  got: Received,
  flags: number,
): { length: number; flags: number } {
  const room = header.control === 0 ? 0 : header.controlLength;
  let length = 0;
  let result = 0;
  if (socket.wantsCred) {
    const { pid, uid, gid } = got.cred ?? { pid: 0, uid: 0xfffe, gid: 0xfffe };
    if (room < CMSG_HEADER + 12) result |= MSG_CTRUNC;
    else {
      const data = new Uint8Array(12);
      const d = new DataView(data.buffer);
      d.setInt32(0, pid, true);
      d.setUint32(4, uid, true);
      d.setUint32(8, gid, true);
      length = put(sys, header, 0, { level: SOL_SOCKET, type: SCM_CREDENTIALS, data });
    }
  }
  if (got.rights !== null) {
    const sent = installRights(sys, header, length, got.rights, (flags & MSG_CMSG_CLOEXEC) !== 0);
    length = sent.length;
    if (sent.dropped) result |= MSG_CTRUNC;
  }
  for (const message of got.ip6 === null ? [] : ip6Control(socket, got.ip6)) {
    if (room - length < CMSG_HEADER + message.data.length) result |= MSG_CTRUNC;
    if (room - length >= CMSG_HEADER) length = put(sys, header, length, message);
  }
  return { length: Math.min(length, room), flags: result };
}

function installRights(
  sys: Sys,
  header: MessageHeader,
  at: number,
  rights: readonly OpenFile[],
  cloexec: boolean,
): { length: number; dropped: boolean } {
  const room = header.control === 0 ? 0 : header.controlLength - at - CMSG_HEADER;
  const fds: number[] = [];
  for (const file of rights) {
    if (room < (fds.length + 1) * 4) break;
    const fd = unlessErrno(() => sys.task.files.install(file, cloexec));
    if (fd === null) break;
    fds.push(fd);
  }
  releaseRights(rights);
  const dropped = fds.length < rights.length;
  if (fds.length === 0) return { length: at, dropped };
  const data = new Uint8Array(Int32Array.from(fds).buffer);
  const message = { level: SOL_SOCKET, type: SCM_RIGHTS, data };
  return { length: put(sys, header, at, message), dropped };
}

/** Stores one control message, or what there is room for, as put_cmsg does. @returns where the next one goes */
function put(sys: Sys, header: MessageHeader, at: number, message: ControlMessage): number {
  const { level, type, data } = message;
  const bytes = new Uint8Array(Math.min(CMSG_HEADER + data.length, header.controlLength - at));
  const d = new DataView(bytes.buffer);
  d.setUint32(0, bytes.length, true);
  d.setInt32(8, level, true);
  d.setInt32(12, type, true);
  bytes.set(data.subarray(0, bytes.length - CMSG_HEADER), CMSG_HEADER);
  sys.mem.copyOut(header.control + at, bytes);
  return Math.min(at + align(CMSG_HEADER + data.length), header.controlLength);
}
