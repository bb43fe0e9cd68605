/** A process's resource limits as its address space asks for them: always the current values. */

import { RLIMIT, type Rlimits } from '../process/rlimits.ts';
import type { MmLimits } from './address-space.ts';

/** `mayLock`: whether the process has CAP_IPC_LOCK, so that RLIMIT_MEMLOCK does not apply. */
export function limitsOf(rlimits: Rlimits, mayLock: () => boolean): MmLimits {
  const soft = (resource: number): number => rlimits.soft[resource]!;
  return {
    get as() {
      return soft(RLIMIT.AS);
    },
    get data() {
      return soft(RLIMIT.DATA);
    },
    get stack() {
      return soft(RLIMIT.STACK);
    },
    get memlock() {
      return mayLock() ? Number.POSITIVE_INFINITY : soft(RLIMIT.MEMLOCK);
    },
  };
}
