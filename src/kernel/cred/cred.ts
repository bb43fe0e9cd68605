/**
 * Credentials of a task (credentials(7), capabilities(7)): user and group ids and capability sets.
 *
 * Invariants: each task has its own Cred (fork and clone copy it), as in Linux; the id-changing calls keep
 * the capability sets in step with the user ids (cap_task_fix_setuid).
 */

/** Capability numbers (include/uapi/linux/capability.h). */
export const CAP = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  LINUX_IMMUTABLE: 9,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  IPC_LOCK: 14,
  IPC_OWNER: 15,
  SYS_MODULE: 16,
  SYS_CHROOT: 18,
  SYS_PTRACE: 19,
  SYS_ADMIN: 21,
  SYS_BOOT: 22,
  SYS_NICE: 23,
  SYS_RESOURCE: 24,
  SYS_TIME: 25,
  SYS_TTY_CONFIG: 26,
  MKNOD: 27,
  SETFCAP: 31,
  SYSLOG: 34,
} as const;

/** All capabilities of Linux 6.x: CAP_CHOWN (0) to CAP_CHECKPOINT_RESTORE (40). */
export const CAP_FULL_LO = -1;
export const CAP_FULL_HI = 0x1ff;
export const CAP_LAST = 40;

/** A capability set: two 32-bit words. */
export interface CapSet {
  lo: number;
  hi: number;
}

function copy(s: CapSet): CapSet {
  return { lo: s.lo, hi: s.hi };
}

export class Cred {
  uid = 0;
  euid = 0;
  suid = 0;
  fsuid = 0;
  gid = 0;
  egid = 0;
  sgid = 0;
  fsgid = 0;
  groups: readonly number[] = [];
  effective: CapSet = { lo: 0, hi: 0 };
  permitted: CapSet = { lo: 0, hi: 0 };
  inheritable: CapSet = { lo: 0, hi: 0 };
  bounding: CapSet = { lo: CAP_FULL_LO, hi: CAP_FULL_HI };
  ambient: CapSet = { lo: 0, hi: 0 };
  /** SECBIT_* of prctl(PR_SET_SECUREBITS); only SECBIT_KEEP_CAPS (16) can be set. */
  securebits = 0;
  noNewPrivs = false;

  /** The credentials a program starts with on the host's request. */
  static forUser(uid: number, gid: number, groups: readonly number[] = []): Cred {
    const c = new Cred();
    c.uid = c.euid = c.suid = c.fsuid = uid;
    c.gid = c.egid = c.sgid = c.fsgid = gid;
    c.groups = groups;
    if (uid === 0) {
      c.effective = { lo: CAP_FULL_LO, hi: CAP_FULL_HI };
      c.permitted = { lo: CAP_FULL_LO, hi: CAP_FULL_HI };
    }
    return c;
  }

  clone(): Cred {
    const c = new Cred();
    c.uid = this.uid;
    c.euid = this.euid;
    c.suid = this.suid;
    c.fsuid = this.fsuid;
    c.gid = this.gid;
    c.egid = this.egid;
    c.sgid = this.sgid;
    c.fsgid = this.fsgid;
    c.groups = this.groups;
    c.effective = copy(this.effective);
    c.permitted = copy(this.permitted);
    c.inheritable = copy(this.inheritable);
    c.bounding = copy(this.bounding);
    c.ambient = copy(this.ambient);
    c.securebits = this.securebits;
    c.noNewPrivs = this.noNewPrivs;
    return c;
  }

  /** Is the capability in the effective set? */
  has(cap: number): boolean {
    return hasCap(this.effective, cap);
  }

  /** Is `gid` the file-system group or one of the supplementary groups? */
  inGroup(gid: number): boolean {
    return gid === this.fsgid || this.groups.includes(gid);
  }

  /** Is `gid` the effective group or one of the supplementary groups? */
  inEffectiveGroup(gid: number): boolean {
    return gid === this.egid || this.groups.includes(gid);
  }
}

export function hasCap(set: CapSet, cap: number): boolean {
  return cap < 32 ? ((set.lo >>> cap) & 1) === 1 : ((set.hi >>> (cap - 32)) & 1) === 1;
}
