/** What uname(2) and /proc/version say. The release is the kernel ABI that programs may expect. */

export const UTS_SYSNAME = 'Linux';
export const UTS_RELEASE = '6.12.0-kevlar';
export const UTS_VERSION = '#1 SMP PREEMPT_DYNAMIC';
export const UTS_MACHINE = 'x86_64';
