/** V8's sampling profiler, on this very thread. */

import { Session } from 'node:inspector';

/** What of V8's profile is used (Chrome DevTools Protocol, Profiler.Profile). */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Node by sample. */
  readonly samples: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly children?: readonly number[];
}

const INTERVAL_US = 1000;

/** Starts to sample. @returns ends it, and gives what was seen */
export function startProfiler(): () => CpuProfile {
  const session = new Session();
  session.connect();
  const post = <T>(method: string, params: object = {}): T => {
    let result: unknown;
    let failure: Error | null = null;
    // On the same thread the answer comes before `post` returns.
    session.post(method, params, (error, answer) => {
      failure = error;
      result = answer;
    });
    if (failure !== null) throw failure;
    return result as T;
  };
  post('Profiler.enable');
  post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
  post('Profiler.start');
  return () => {
    const { profile } = post<{ profile: CpuProfile }>('Profiler.stop');
    session.disconnect();
    return profile;
  };
}
