/**
 * The terminals of a machine and their devices: /dev/tty, /dev/console, /dev/ptmx, /dev/pts/N
 * (tty(4), console(4), pts(4)).
 *
 * The console is a terminal in /dev/pts like those of containers, so that ttyname(3) finds it; its node is
 * open to all, because whoever started the machine sits there, as whatever user programs run.
 */

import { CAP } from '../cred/cred.ts';
import { EBUSY, EIO, ENOSPC, ENXIO, LinuxError, linuxError } from '../errno.ts';
import { takeHeap } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { latin1 } from '../log/kernel-log.ts';
import type { ConsolePort } from '../ports.ts';
import type { Sys } from '../syscall/types.ts';
import { makedev, minor, O_ACCMODE, O_NOCTTY, O_RDWR, O_WRONLY } from '../vfs/constants.ts';
import type { Inode, OpenFile, Path } from '../vfs/types.ts';
import { ConsoleTty } from './console.ts';
import { DevPtsFs } from './devpts.ts';
import { acquireOnOpen } from './job-control.ts';
import { PTS_MAJOR, PtySlave } from './pty.ts';
import { PtyMaster } from './pty-master.ts';
import type { Tty } from './tty.ts';
import { TtyFile } from './tty-file.ts';
import { CONSOLES, SEEN, TTY_MAJOR, UnseenConsole } from './virtual-console.ts';

const TTYAUX_MAJOR = 5;
const DEVPTS_DEV = 0x18;
const PTS_DIR = '/dev/pts';
/** Group "tty". */
const TTY_GROUP = 5;

/** kernel.pty.max. */
const MAX_PTYS = 4096;
/** Its queues and line buffers when they are full. */
const PTY_COST = 40 * 1024;

export class Terminals {
  readonly kernel: Kernel;
  /** To be mounted on /dev/pts. There is one instance: every mount shows it. */
  readonly devpts: DevPtsFs;
  console: ConsoleTty | null = null;
  /** Terminals in /dev/pts by their number there. */
  private readonly ttys = new Map<number, Tty>();
  /** Virtual consoles that were opened. */
  private readonly unseen = new Map<number, Tty>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.devpts = new DevPtsFs(kernel.clock, DEVPTS_DEV);
    const { devices } = kernel.vfs;
    devices.nameDriver(TTYAUX_MAJOR, '/dev/tty');
    devices.nameDriver(TTYAUX_MAJOR, '/dev/console');
    devices.nameDriver(TTYAUX_MAJOR, '/dev/ptmx');
    devices.nameDriver(PTS_MAJOR, 'pts');
    devices.registerCharDevice(TTYAUX_MAJOR, 0, (sys, inode, flags, path) =>
      this.openCurrent(sys, inode, flags, path),
    );
    devices.registerCharDevice(TTYAUX_MAJOR, 1, (_sys, inode, flags, path) => {
      if (this.console === null) throw linuxError(ENXIO);
      return new TtyFile(this.console, inode, path, flags, true);
    });
    devices.registerCharDevice(TTYAUX_MAJOR, 2, (sys, inode, flags, path) =>
      this.openMaster(sys, inode, flags, path),
    );
    devices.registerCharDevice(PTS_MAJOR, -1, (sys, inode, flags, path) =>
      this.openSlaveNode(sys, inode, flags, path),
    );
    kernel.vfs.registerFileSystem('devpts', () => this.devpts);
    if (kernel.system) this.registerConsoles();
  }

  /** /dev/tty0, the console that is seen, and /dev/tty1 … */
  private registerConsoles(): void {
    const { devices } = this.kernel.vfs;
    devices.nameDriver(TTY_MAJOR, '/dev/vc/0');
    devices.registerCharDevice(TTY_MAJOR, 0, (_sys, inode, flags, path) => {
      return new TtyFile(this.consoleAt(SEEN), inode, path, flags & ~O_NOCTTY);
    });
    devices.registerCharDevice(TTY_MAJOR, -1, (sys, inode, flags, path) => {
      return this.openSlave(sys, this.consoleAt(minor(inode.rdev)), inode, flags, path);
    });
  }

  private consoleAt(index: number): Tty {
    if (index > CONSOLES) throw linuxError(ENXIO);
    if (index === SEEN && this.console !== null) return this.console;
    let tty = this.unseen.get(index);
    if (tty === undefined) {
      tty = new UnseenConsole(this.kernel, index);
      this.unseen.set(index, tty);
    }
    return tty;
  }

  /** Makes the host's terminal the machine's console: /dev/tty1 of a system, else a terminal in /dev/pts. */
  createConsole(port: ConsolePort): ConsoleTty {
    const console = this.kernel.system
      ? new ConsoleTty(this.kernel, port, makedev(TTY_MAJOR, SEEN))
      : this.createPtsConsole(port);
    this.console = console;
    if (this.kernel.system) {
      this.kernel.messages.onConsole = (line) => console.send(latin1(`${line}\r\n`));
    }
    return console;
  }

  private createPtsConsole(port: ConsolePort): ConsoleTty {
    const index = this.freeIndex();
    const console = new ConsoleTty(this.kernel, port, makedev(PTS_MAJOR, index));
    this.ttys.set(index, console);
    this.devpts.add(index, console.device, 0o666, 0, TTY_GROUP);
    return console;
  }

  /** Opens the console for descriptors of a first program. */
  openConsole(console: ConsoleTty): OpenFile {
    if (this.kernel.system) {
      const path = this.nodePath('/dev/console');
      return new TtyFile(console, path?.inode ?? null, path, O_RDWR, true);
    }
    const index = minor(console.device);
    return new TtyFile(console, this.devpts.node(index), this.slavePath(index), O_RDWR);
  }

  private freeIndex(): number {
    let index = 0;
    while (this.ttys.has(index)) index++;
    if (index >= MAX_PTYS) throw linuxError(ENOSPC);
    return index;
  }

  /** /dev/pts/N in the name space, if devpts is mounted there. */
  private slavePath(index: number): Path | null {
    return this.nodePath(`${PTS_DIR}/${index}`);
  }

  private nodePath(name: string): Path | null {
    const { vfs } = this.kernel;
    try {
      return vfs.lookup(vfs.host, null, name, true);
    } catch (e) {
      if (e instanceof LinuxError) return null;
      throw e;
    }
  }

  /** /dev/tty: the controlling terminal. */
  private openCurrent(sys: Sys, inode: Inode, flags: number, path: Path): OpenFile {
    const { process } = sys.task;
    const { tty } = process.session;
    if (tty === null || !(tty as Tty).controls(process)) throw linuxError(ENXIO);
    return new TtyFile(tty as Tty, inode, path, flags);
  }

  /** /dev/ptmx: a new pseudo-terminal. */
  private openMaster(sys: Sys, inode: Inode, flags: number, path: Path): OpenFile {
    const index = this.freeIndex();
    takeHeap(this.kernel.heap, PTY_COST);
    const slave = new PtySlave(this.kernel, index);
    const { cred } = sys.task;
    this.ttys.set(index, slave);
    this.devpts.add(index, slave.device, 0o620, cred.fsuid, TTY_GROUP);
    return new PtyMaster(
      slave,
      { inode, path, flags },
      () => {
        this.kernel.heap.give(PTY_COST);
        this.ttys.delete(index);
        this.devpts.remove(index);
      },
      (s, peer, peerFlags) => {
        const at = this.slavePath(peer.index);
        return this.openSlave(s, peer, this.devpts.node(peer.index), peerFlags, at);
      },
    );
  }

  private openSlaveNode(sys: Sys, inode: Inode, flags: number, path: Path): OpenFile {
    const tty = this.ttys.get(minor(inode.rdev));
    if (tty === undefined) throw linuxError(EIO);
    if (tty instanceof PtySlave && (tty.locked || tty.closedByPeer)) throw linuxError(EIO);
    return this.openSlave(sys, tty, inode, flags, path);
  }

  private openSlave(sys: Sys, tty: Tty, inode: Inode, flags: number, path: Path | null): OpenFile {
    if (tty.exclusive && !sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EBUSY);
    if ((flags & O_NOCTTY) === 0 && (flags & O_ACCMODE) !== O_WRONLY) acquireOnOpen(sys, tty);
    return new TtyFile(tty, inode, path, flags & ~O_NOCTTY);
  }
}

const terminals = new WeakMap<Kernel, Terminals>();

/** The terminals of a machine; the first call registers the devices. */
export function terminalsOf(kernel: Kernel): Terminals {
  let t = terminals.get(kernel);
  if (t === undefined) {
    t = new Terminals(kernel);
    terminals.set(kernel, t);
  }
  return t;
}
