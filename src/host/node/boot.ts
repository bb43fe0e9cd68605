/** Boots a guest in Node: root file systems from files and directories of the host. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { LinuxError } from '../../kernel/errno.ts';
import { MemoryBlockDevice, ReadOnlyBlockDevice } from '../../kernel/fs/blockdev.ts';
import { HostFs } from '../../kernel/fs/hostfs/hostfs.ts';
import { createLazyTree } from '../../kernel/fs/hostfs/lazy-tree.ts';
import { PLANTED_LAYOUT } from '../../kernel/mm/layout.ts';
import type { BlockDevice } from '../../kernel/ports.ts';
import { Strace } from '../../kernel/syscall/strace.ts';
import { MS_RDONLY } from '../../kernel/vfs/constants.ts';
import { nextDev } from '../../kernel/vfs/system-mounts.ts';
import { LdTrace } from '../../machine/ld-trace/ld-trace.ts';
import type { TranslationStore } from '../../machine/translation-cache.ts';
import { Guest, type GuestOptions } from '../guest.ts';
import type { RootSource } from '../mounts.ts';
import { mountOn } from '../mounts.ts';
import { bundledImage } from './bundled-image.ts';
import { FileBlockDevice } from './file-block-device.ts';
import { NodeHostDirectory } from './host-directory.ts';
import { nodeHost, nodeTicker } from './platform.ts';

/** What the user asked for cannot be done: the message is one line that says what to do. */
export class BootError extends Error {
  override name = 'BootError';
}

/** A directory of the host, and where the guest sees it. */
export interface HostVolume {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

export interface NodeBootOptions
  extends Pick<GuestOptions, 'memory' | 'engine' | 'cpuLevel' | 'hostname' | 'system' | 'audit'> {
  /** Path of an ext4 image; default: the bundled one. */
  readonly image?: string;
  /** Path of a directory (not changed) or a tarball (.tar, .tar.gz). */
  readonly root?: string;
  /** Write changes back to the image. */
  readonly save?: boolean;
  /** Host directories to show in the guest. */
  readonly volumes?: readonly HostVolume[];
  /** Translations of earlier runs; not closed here. `close` puts those of this run there. */
  readonly translations?: TranslationStore;
  /** Where lines for the user go; default: standard error. */
  readonly log?: (line: string) => void;
}

function imageDevice(path: string, save: boolean): BlockDevice {
  if (!existsSync(path))
    throw new BootError(`${path}: no such image; make one with 'kevlar-jit image create'`);
  try {
    return new FileBlockDevice(path, { readOnly: !save });
  } catch (e) {
    throw new BootError(`${path}: ${(e as Error).message.replace(`${path}: `, '')}`);
  }
}

function bundledDevice(save: boolean): BlockDevice {
  if (save) {
    throw new BootError(
      "--save needs an image of yours: make one with 'kevlar-jit image create --from root.tar.gz disk.ext4' and name it by --image",
    );
  }
  const image = bundledImage();
  if (typeof image === 'string') return new FileBlockDevice(image, { readOnly: true });
  const device = new MemoryBlockDevice(image.length);
  device.write(0, image);
  return new ReadOnlyBlockDevice(device);
}

function tarBytes(path: string): Uint8Array {
  const bytes = readFileSync(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      return gunzipSync(bytes);
    } catch (e) {
      throw new BootError(`${path}: damaged gzip file (${(e as Error).message})`);
    }
  }
  return bytes;
}

function rootSource(options: NodeBootOptions): { root: RootSource; device: BlockDevice | null } {
  const save = options.save ?? false;
  if (options.root !== undefined) {
    if (!existsSync(options.root))
      throw new BootError(`${options.root}: no such file or directory`);
    if (statSync(options.root).isDirectory()) {
      return { root: directoryRoot(options.root), device: null };
    }
    return { root: { kind: 'tar', bytes: tarBytes(options.root) }, device: null };
  }
  const device =
    options.image === undefined ? bundledDevice(save) : imageDevice(options.image, save);
  return { root: { kind: 'image', device, save }, device };
}

/** The host's directory is read when the guest looks; changes stay in memory. */
function directoryRoot(path: string): RootSource {
  const port = new NodeHostDirectory(path, { readOnly: true });
  return {
    kind: 'fs',
    name: 'tmpfs',
    make: ({ mmu, kernel }) => {
      const { paging } = mmu;
      const dev = nextDev();
      const lower = new HostFs(port, paging, { dev, readOnly: true, ...NodeHostDirectory.ids() });
      const maxPages = Math.floor(paging.frames.total * 0.8);
      return createLazyTree(lower, paging, kernel.clock, { dev: nextDev(), maxPages });
    },
  };
}

function mountVolume(guest: Guest, { host, guest: at, readOnly }: HostVolume): void {
  let port: NodeHostDirectory;
  try {
    port = new NodeHostDirectory(host, { readOnly });
  } catch (e) {
    throw new BootError(`--volume ${host}: ${(e as Error).message}`);
  }
  const { machine } = guest;
  const dev = nextDev();
  const fs = new HostFs(port, machine.mmu.paging, { dev, readOnly, ...NodeHostDirectory.ids() });
  try {
    mountOn(machine, at, fs, host, readOnly ? MS_RDONLY : 0);
  } catch (e) {
    if (!(e instanceof LinuxError)) throw e;
    throw new BootError(`--volume ${host}:${at}: cannot be mounted there: ${e.message}`);
  }
}

/** A guest in Node, with what the command line needs beside the library's interface. */
export interface NodeGuest {
  readonly guest: Guest;
  /** Starts strace output. */
  trace(sink: (line: string) => void): void;
  /** Starts the trace of dynamic loaders. */
  traceLoader(sink: (line: string) => void): void;
  /** Writes back what is to be saved, and lets go of the image. */
  close(): void;
}

export function bootNode(options: NodeBootOptions = {}): NodeGuest {
  const log =
    options.log ?? ((line: string): void => void process.stderr.write(`kevlar-jit: ${line}\n`));
  const { root, device } = rootSource(options);
  const guest = Guest.boot({
    root,
    host: nodeHost(log),
    ticker: nodeTicker,
    audit: options.audit ?? process.env.KEVLAR_AUDIT === '1',
    // For docs/finding-a-corrupted-page.md and its test; guests have an environment of their own.
    ...(process.env.KEVLAR_PLANTED_BUG === 'brk' ? { layout: PLANTED_LAYOUT } : {}),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(options.cpuLevel === undefined ? {} : { cpuLevel: options.cpuLevel }),
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    ...(options.system === undefined ? {} : { system: options.system }),
    ...(options.translations === undefined ? {} : { translations: options.translations }),
  });
  for (const volume of options.volumes ?? []) mountVolume(guest, volume);
  return {
    guest,
    trace: (sink) => {
      guest.machine.kernel.strace = new Strace(sink);
    },
    traceLoader: (sink) => LdTrace.start(guest.machine, sink),
    close: () => {
      try {
        guest.machine.cpu.saveTranslations();
      } finally {
        guest.stop();
        if (device instanceof FileBlockDevice) device.close();
      }
    },
  };
}
