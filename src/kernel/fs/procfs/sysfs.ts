/**
 * sysfs: the few files of /sys that C libraries and BusyBox read (sysfs(5)). One CPU, no devices.
 */

import type { Kernel } from '../../kernel.ts';
import { SYSFS_MAGIC } from '../../vfs/constants.ts';
import { fixedDirectory, PseudoFs, PseudoLink } from './node.ts';
import { PseudoText } from './text.ts';

const KERNEL_MM_HUGE = 'always [madvise] never\n';

export function createSysFs(kernel: Kernel, dev: number): PseudoFs {
  const fs = new PseudoFs(kernel, 'sysfs', dev, SYSFS_MAGIC);
  const text = (content: string): PseudoText => new PseudoText(fs, () => content);
  const empty = (): ReturnType<typeof fixedDirectory> => fixedDirectory(fs, {}, 0o755);
  const directory = (
    children: Parameters<typeof fixedDirectory>[1],
  ): ReturnType<typeof fixedDirectory> => fixedDirectory(fs, children, 0o755);
  const cpus = { online: text('0\n'), possible: text('0\n'), present: text('0\n') };
  const cpu0 = directory({
    topology: directory({ core_id: text('0\n'), physical_package_id: text('0\n') }),
  });
  const loopback = directory({
    address: text('00:00:00:00:00:00\n'),
    carrier: text('1\n'),
    flags: text('0x9\n'),
    ifindex: text('1\n'),
    mtu: text('65536\n'),
    operstate: text('unknown\n'),
    type: text('772\n'),
  });
  const net = directory({ lo: new PseudoLink(fs, () => '../../devices/virtual/net/lo') });
  fs.root = directory({
    block: empty(),
    bus: empty(),
    class: directory({ net, block: empty(), tty: empty() }),
    dev: directory({ block: empty(), char: empty() }),
    devices: directory({
      virtual: directory({ net: directory({ lo: loopback }) }),
      system: directory({
        cpu: directory({ ...cpus, cpu0 }),
        node: directory({ online: text('0\n'), possible: text('0\n') }),
      }),
    }),
    fs: directory({ cgroup: empty() }),
    kernel: directory({
      mm: directory({
        transparent_hugepage: directory({
          enabled: text(KERNEL_MM_HUGE),
          hpage_pmd_size: text('2097152\n'),
        }),
      }),
    }),
    module: empty(),
    power: empty(),
  });
  return fs;
}
