/** Signal dispositions (sigaction(2)), by signal number. */

import { DEFAULT_ACTION, defaultAction, NSIG, SIG_DFL, SIG_IGN } from './numbers.ts';
import { SigSet } from './sigset.ts';

export class SigAction {
  /** SIG_DFL, SIG_IGN or the handler's address. */
  handler: number = SIG_DFL;
  /** SA_*, as an unsigned number. */
  flags = 0;
  restorer = 0;
  readonly mask: SigSet = new SigSet();

  copyFrom(other: SigAction): void {
    this.handler = other.handler;
    this.flags = other.flags;
    this.restorer = other.restorer;
    this.mask.assign(other.mask);
  }
}

export class SigActions {
  private readonly table: SigAction[] = [];

  constructor() {
    for (let sig = 0; sig <= NSIG; sig++) this.table.push(new SigAction());
  }

  get(sig: number): SigAction {
    return this.table[sig] as SigAction;
  }

  clone(): SigActions {
    const copy = new SigActions();
    for (let sig = 1; sig <= NSIG; sig++) copy.get(sig).copyFrom(this.get(sig));
    return copy;
  }

  /** Ignored explicitly, or by default. */
  ignores(sig: number): boolean {
    const handler = this.get(sig).handler;
    if (handler === SIG_IGN) return true;
    if (handler !== SIG_DFL) return false;
    const action = defaultAction(sig);
    return action === DEFAULT_ACTION.ignore || action === DEFAULT_ACTION.continue;
  }

  /** Is there a handler function? */
  caught(sig: number): boolean {
    return this.get(sig).handler > SIG_IGN;
  }

  /** execve: handlers become SIG_DFL, ignored signals stay ignored. */
  resetForExec(): void {
    for (let sig = 1; sig <= NSIG; sig++) {
      const action = this.get(sig);
      if (action.handler !== SIG_IGN) action.handler = SIG_DFL;
      action.flags = 0;
      action.restorer = 0;
      action.mask.set(0, 0);
    }
  }
}
