/**
 * The directories /proc/PID, which name their process to pidfd_send_signal(2) (proc_tgid_base_operations).
 * Not those of threads, and nothing in them.
 */

import type { Inode } from '../vfs/types.ts';
import type { Process } from './process.ts';

export const processOfDirectory: WeakMap<Inode, Process> = new WeakMap();
