/** What uname(2) and /proc/version say. 6.6 is the long-term kernel whose behaviour this follows. */

export const UTS_SYSNAME = 'Linux';
export const UTS_RELEASE = '6.6.0-kevlar';
export const UTS_VERSION = '#1 SMP PREEMPT_DYNAMIC';
export const UTS_MACHINE = 'x86_64';

/** The line of /proc/version, and the first of the kernel's log. */
export const VERSION_LINE = `Linux version ${UTS_RELEASE} (kevlar-jit) (TypeScript) ${UTS_VERSION}`;
