/** Resource limits (getrlimit(2)). Infinity stands for RLIM_INFINITY. */

export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;

export const RLIM_NLIMITS = 16;

const INF = Number.POSITIVE_INFINITY;
const STACK_DEFAULT = 8 * 1024 * 1024;

export class Rlimits {
  /** Soft and hard limits, by RLIMIT number. */
  readonly soft: number[];
  readonly hard: number[];

  constructor(soft?: readonly number[], hard?: readonly number[]) {
    this.soft = soft !== undefined ? [...soft] : defaults(true);
    this.hard = hard !== undefined ? [...hard] : defaults(false);
  }

  clone(): Rlimits {
    return new Rlimits(this.soft, this.hard);
  }
}

function defaults(soft: boolean): number[] {
  const limits = new Array<number>(RLIM_NLIMITS).fill(INF);
  if (soft) limits[RLIMIT.STACK] = STACK_DEFAULT;
  limits[RLIMIT.CORE] = soft ? 0 : INF;
  limits[RLIMIT.NPROC] = 16384;
  limits[RLIMIT.NOFILE] = soft ? 1024 : 1048576;
  limits[RLIMIT.MEMLOCK] = STACK_DEFAULT;
  limits[RLIMIT.SIGPENDING] = 16384;
  limits[RLIMIT.MSGQUEUE] = 819200;
  limits[RLIMIT.NICE] = 0;
  limits[RLIMIT.RTPRIO] = 0;
  return limits;
}
