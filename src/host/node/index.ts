/**
 * kevlar-jit as a library, in Node:
 *
 *     import { boot } from 'kevlar-jit';
 *     const machine = boot();
 *     const ls = machine.spawn(['ls', '/']);
 *     console.log(await new Response(ls.stdout).text(), await ls.exited);
 *     machine.stop();
 */

import type { Guest } from '../guest.ts';
import { bootNode, type NodeBootOptions } from './boot.ts';

export { LinuxError } from '../../kernel/errno.ts';
export { GuestFiles } from '../files.ts';
export type { ExitStatus, GuestProcess, ProcessOptions } from '../guest.ts';
export { BootError, type HostVolume } from './boot.ts';
export type { Guest, NodeBootOptions };

/** Boots a machine: by default on the bundled image. Throws BootError if that cannot be. */
export function boot(options: NodeBootOptions = {}): Guest {
  const node = bootNode(options);
  node.guest.onStop = () => node.close();
  return node.guest;
}
