/** A session (setsid(2)): process groups with at most one controlling terminal. */

import type { Process } from './process.ts';

/** What the kernel asks of a terminal that controls a session. Implemented by src/kernel/tty. */
export interface ControllingTty {
  /** The session that it controls. */
  session: Session | null;
  /** Process group in the foreground; 0: none. */
  foregroundPgid: number;
  /** Device number, for /proc/PID/stat. */
  readonly device: number;
  /** The session's leader has exited: gives up the terminal (SIGHUP was sent by the kernel). */
  disassociate(): void;
  /** Whether it still is the terminal of a process of the session. */
  controls(process: Process): boolean;
  /** Cuts off everybody who has it open. */
  hangUp(): void;
}

export class Session {
  readonly sid: number;
  /** Null after the leader has exited. */
  leader: Process | null = null;
  tty: ControllingTty | null = null;

  constructor(sid: number) {
    this.sid = sid;
  }
}
