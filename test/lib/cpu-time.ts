/** Time for tests that bound work: a host that is busy or was suspended does not make them fail. */

/** Milliseconds that this process has computed, its compiler and collector threads included. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
