/**
 * kevlar-jit as a library in a browser (or a worker): boots from bytes.
 *
 *     import { boot } from 'kevlar-jit';
 *     const tar = await (await fetch('/alpine-minirootfs.tar.gz')).arrayBuffer();
 *     const machine = await boot({ root: new Uint8Array(tar) });
 */

import { MemoryBlockDevice } from '../../kernel/fs/blockdev.ts';
import { Guest, type GuestOptions } from '../guest.ts';
import type { RootSource } from '../mounts.ts';
import { webHost, webTicker } from '../web-platform.ts';

export { LinuxError } from '../../kernel/errno.ts';
export type { ExitStatus, GuestProcess, ProcessOptions } from '../guest.ts';
export type { Guest };

export interface BrowserBootOptions
  extends Pick<GuestOptions, 'memory' | 'engine' | 'cpuLevel' | 'hostname' | 'audit'> {
  /** A tar archive, plain or gzipped. */
  readonly root?: Uint8Array;
  /** An ext4 image; changes stay in memory. */
  readonly image?: Uint8Array;
  /** Where lines for the user go; default: the console. */
  readonly log?: (line: string) => void;
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function rootSource({ root, image }: BrowserBootOptions): Promise<RootSource> {
  if (root !== undefined) {
    const packed = root[0] === 0x1f && root[1] === 0x8b;
    return { kind: 'tar', bytes: packed ? await gunzip(root) : root };
  }
  if (image === undefined) throw new Error("boot needs 'root' or 'image'");
  const device = new MemoryBlockDevice(image.length);
  device.write(0, image);
  return { kind: 'image', device, save: false };
}

/** Boots a machine on a tar archive or an ext4 image. */
export async function boot(options: BrowserBootOptions): Promise<Guest> {
  return Guest.boot({
    root: await rootSource(options),
    host: webHost(options.log ?? ((line) => console.warn(`kevlar-jit: ${line}`))),
    ticker: webTicker(),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(options.cpuLevel === undefined ? {} : { cpuLevel: options.cpuLevel }),
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
  });
}
