/**
 * reboot(2) (kernel/reboot.c): every way to stop the machine writes everything back and ends all processes;
 * there is nothing that could start it again, or that would stay on.
 */

import { CAP } from '../cred/cred.ts';
import { EINVAL, EPERM, linuxError } from '../errno.ts';
import { formatEnum, HexInt, Ptr } from '../syscall/args.ts';
import {
  type ArgType,
  KEEP_REGISTERS,
  type Sys,
  type SyscallRow,
  syscall,
} from '../syscall/types.ts';

const LINUX_REBOOT_MAGIC1 = 0xfee1dead;
/** LINUX_REBOOT_MAGIC2, 2A, 2B, 2C. */
const MAGIC2: ReadonlySet<number> = new Set([672274793, 85072278, 369367448, 537993216]);
const COMMAND = {
  LINUX_REBOOT_CMD_CAD_OFF: 0,
  LINUX_REBOOT_CMD_RESTART: 0x01234567,
  LINUX_REBOOT_CMD_POWER_OFF: 0x4321fedc,
  LINUX_REBOOT_CMD_CAD_ON: 0x89abcdef,
  LINUX_REBOOT_CMD_RESTART2: 0xa1b2c3d4,
  LINUX_REBOOT_CMD_HALT: 0xcdef0123,
} as const;

/** What Linux says on the console. */
const MESSAGES: ReadonlyMap<number, string> = new Map([
  [COMMAND.LINUX_REBOOT_CMD_RESTART, 'Restarting system'],
  [COMMAND.LINUX_REBOOT_CMD_POWER_OFF, 'Power down'],
  [COMMAND.LINUX_REBOOT_CMD_HALT, 'System halted'],
]);

interface RebootArgs {
  magic1: number;
  magic2: number;
  command: number;
  arg: number;
}

/** Linux copies LINUX_REBOOT_CMD_RESTART2's text into 256 bytes. */
const RESTART2_MAX = 255;

function sysReboot(sys: Sys, { magic1, magic2, command, arg }: RebootArgs): number {
  const { kernel, task } = sys;
  if (!task.cred.has(CAP.SYS_BOOT)) throw linuxError(EPERM);
  if (magic1 !== LINUX_REBOOT_MAGIC1 || !MAGIC2.has(magic2)) throw linuxError(EINVAL);
  let message = MESSAGES.get(command);
  if (command === COMMAND.LINUX_REBOOT_CMD_RESTART2) {
    const text = sys.mem.readCString(arg, RESTART2_MAX);
    message = `Restarting system with command '${text}'`;
  }
  if (message !== undefined) {
    kernel.shutDown(message);
    return KEEP_REGISTERS;
  }
  // A program that is pid 1 as in a container has no keyboard: as in a PID name space, EINVAL.
  if (!kernel.system) throw linuxError(EINVAL);
  switch (command) {
    case COMMAND.LINUX_REBOOT_CMD_CAD_OFF:
    case COMMAND.LINUX_REBOOT_CMD_CAD_ON:
      kernel.ctrlAltDelRestarts = command === COMMAND.LINUX_REBOOT_CMD_CAD_ON;
      return 0;
    default:
      throw linuxError(EINVAL);
  }
}

const RebootCommand: ArgType<number> = {
  ...HexInt,
  format: (v) => formatEnum(v, COMMAND, 'LINUX_REBOOT'),
};

export const REBOOT_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    169,
    'reboot',
    { magic1: HexInt, magic2: HexInt, command: RebootCommand, arg: Ptr },
    sysReboot,
    'LINUX_REBOOT_CMD_KEXEC, LINUX_REBOOT_CMD_SW_SUSPEND',
  ),
];
