/** /proc/sys: the settings that programs read or write (sysctl(8)). */

import { EINVAL, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import { PID_MAX, threadsMax } from '../../process/pids.ts';
import { UTS_RELEASE, UTS_SYSNAME, UTS_VERSION } from '../../version.ts';
import { MOUNT_MAX } from '../../vfs/vfs.ts';
import { fixedDirectory, type PseudoDirectory, type PseudoFs } from './node.ts';
import { PseudoText } from './text.ts';

const NAME_MAX = 64;

function uuid(kernel: Kernel): string {
  const b = new Uint8Array(16);
  kernel.host.random(b);
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = [...b].map((n) => n.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export function sysctlDirectory(fs: PseudoFs): PseudoDirectory {
  const { kernel } = fs;
  const text = (value: () => string | number): PseudoText =>
    new PseudoText(fs, () => `${value()}\n`);
  /** A number that is kept and shown, but decides nothing here. */
  const number = (initial: number, min: number, max: number): PseudoText => {
    let value = initial;
    return new PseudoText(fs, () => `${value}\n`, {
      write: (t) => {
        const n = Number(t);
        if (!/^-?\d+$/.test(t.trim()) || n < min || n > max) throw linuxError(EINVAL);
        value = n;
      },
    });
  };
  const name = (get: () => string, set: (v: string) => void): PseudoText =>
    new PseudoText(fs, () => `${get()}\n`, { write: (t) => set(t.slice(0, NAME_MAX)) });
  const bootId = uuid(kernel);
  // The program for uevents, of which there are none.
  let hotplug = '';
  let pingGroups = '1\t0';
  const random = fixedDirectory(fs, {
    uuid: text(() => uuid(kernel)),
    boot_id: text(() => bootId),
    entropy_avail: text(() => 256),
    poolsize: text(() => 256),
  });
  return fixedDirectory(fs, {
    kernel: fixedDirectory(fs, {
      ostype: text(() => UTS_SYSNAME),
      osrelease: text(() => UTS_RELEASE),
      version: text(() => UTS_VERSION),
      hostname: name(
        () => kernel.hostname,
        (v) => {
          kernel.hostname = v;
        },
      ),
      domainname: name(
        () => kernel.domainname,
        (v) => {
          kernel.domainname = v;
        },
      ),
      pid_max: text(() => PID_MAX),
      'threads-max': text(() => threadsMax(kernel.mmu.paging.frames.total)),
      ngroups_max: text(() => 65536),
      cap_last_cap: text(() => 40),
      overflowuid: text(() => 65534),
      overflowgid: text(() => 65534),
      sched_rr_timeslice_ms: text(() => 100),
      randomize_va_space: text(() => 0),
      core_pattern: text(() => 'core'),
      core_uses_pid: text(() => 0),
      tainted: text(() => 0),
      shmmax: text(() => '18446744073692774399'),
      shmall: text(() => '18446744073692774399'),
      shmmni: text(() => 4096),
      msgmax: text(() => 8192),
      msgmnb: text(() => 16384),
      msgmni: text(() => 32000),
      sem: text(() => '32000\t1024000000\t500\t32000'),
      random,
      printk: text(() => `${kernel.messages.consoleLevel}\t4\t1\t7`),
      hotplug: name(
        () => hotplug,
        (v) => {
          hotplug = v;
        },
      ),
      panic: number(0, -0x80000000, 0x7fffffff),
      sysrq: number(0, 0, 0x7fffffff),
      dmesg_restrict: text(() => 0),
      unprivileged_bpf_disabled: number(2, 0, 2),
      'ctrl-alt-del': new PseudoText(fs, () => `${Number(kernel.ctrlAltDelRestarts)}\n`, {
        write: (t) => {
          kernel.ctrlAltDelRestarts = Number(t) !== 0;
        },
      }),
    }),
    vm: fixedDirectory(fs, {
      overcommit_memory: text(() => 0),
      overcommit_ratio: text(() => 50),
      max_map_count: text(() => 65530),
      mmap_min_addr: text(() => 65536),
      swappiness: number(60, 0, 200),
    }),
    fs: fixedDirectory(fs, {
      'file-max': text(() => kernel.heap.maxFiles),
      'file-nr': text(() => `${kernel.heap.files}\t0\t${kernel.heap.maxFiles}`),
      'mount-max': text(() => MOUNT_MAX),
      nr_open: text(() => 1048576),
      protected_hardlinks: number(0, 0, 1),
      protected_symlinks: number(0, 0, 1),
      'pipe-max-size': text(() => 1048576),
      inotify: fixedDirectory(fs, {
        max_queued_events: text(() => 16384),
        max_user_instances: text(() => 128),
        max_user_watches: text(() => 65536),
      }),
    }),
    net: fixedDirectory(fs, {
      core: fixedDirectory(fs, { somaxconn: text(() => 4096) }),
      ipv4: fixedDirectory(fs, {
        conf: perInterface(fs, () => ({
          accept_redirects: number(1, 0, 1),
          accept_source_route: number(0, 0, 1),
          rp_filter: number(0, 0, 2),
          secure_redirects: number(1, 0, 1),
        })),
        ip_forward: number(0, 0, 1),
        ip_local_port_range: text(() => '32768\t60999'),
        ping_group_range: new PseudoText(fs, () => `${pingGroups}\n`, {
          write: (t) => {
            const range = /^\s*(\d+)\s+(\d+)\s*$/.exec(t);
            if (range === null) throw linuxError(EINVAL);
            pingGroups = `${range[1]}\t${range[2]}`;
          },
        }),
        tcp_rfc1337: number(0, 0, 1),
        tcp_syncookies: number(1, 0, 2),
      }),
      ipv6: fixedDirectory(fs, {
        conf: perInterface(fs, () => ({
          accept_redirects: number(1, 0, 1),
          accept_source_route: number(0, -0x80000000, 0x7fffffff),
          use_tempaddr: number(0, -0x80000000, 0x7fffffff),
        })),
      }),
    }),
  });
}

/** net.ipv4.conf and its like. */
function perInterface(fs: PseudoFs, make: () => Record<string, PseudoText>): PseudoDirectory {
  const directory = (): PseudoDirectory => fixedDirectory(fs, make());
  return fixedDirectory(fs, { all: directory(), default: directory(), lo: directory() });
}
