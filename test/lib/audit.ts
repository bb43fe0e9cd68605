/**
 * Whether machines of tests are audited (MachineOptions.audit): yes, unless the environment says
 * KEVLAR_AUDIT=0. It is set for child processes, too, where `boot` and the command line read it.
 */

process.env['KEVLAR_AUDIT'] ??= '1';

export const AUDIT: boolean = process.env['KEVLAR_AUDIT'] === '1';
