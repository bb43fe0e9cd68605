/** /dev/rtc0, the machine's clock chip (rtc(4)): the host's time in UTC, until the guest sets it. */

import { CAP } from '../cred/cred.ts';
import { EACCES, EBUSY, EINVAL, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Sys } from '../syscall/types.ts';
import { makedev } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import type { Inode, Path } from '../vfs/types.ts';

const RTC_RD_TIME = 0x80247009;
const RTC_SET_TIME = 0x4024700a;
/** The first major number that Linux gives out on demand. */
const RTC_MAJOR = 254;
export const RTC_DEVICE: number = makedev(RTC_MAJOR, 0);

type SixFields = [number, number, number, number, number, number];

class RtcFile extends BaseFile {
  private readonly onClose: () => void;

  constructor(inode: Inode, path: Path, flags: number, onClose: () => void) {
    super(inode, path, flags);
    this.onClose = onClose;
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    switch (request) {
      case RTC_RD_TIME:
        sys.mem.copyOut(arg, rtcTime(sys.kernel));
        return 0;
      case RTC_SET_TIME:
        if (!sys.task.cred.has(CAP.SYS_TIME)) throw linuxError(EACCES);
        setRtc(sys, arg);
        return 0;
      default:
        // There are no alarms and periodic interrupts.
        throw linuxError(EINVAL);
    }
  }

  protected override closed(): void {
    this.onClose();
  }
}

/** struct rtc_time: sec, min, hour, mday, mon, year - 1900, wday, yday, isdst; 32 bits each. */
function rtcTime(kernel: Kernel): Uint8Array {
  const { clock } = kernel;
  const date = new Date((clock.chip.realtime().sec + clock.rtcOffset) * 1000);
  const fields = [
    date.getUTCSeconds(),
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth(),
    date.getUTCFullYear() - 1900,
    date.getUTCDay(),
    0,
    0,
  ];
  return new Uint8Array(Int32Array.from(fields).buffer);
}

/** The host's clock is not the guest's to set: the difference is kept. What is no date is EINVAL (rtc(4)). */
function setRtc(sys: Sys, arg: number): void {
  const { clock } = sys.kernel;
  const field = (i: number): number => sys.mem.readI32(arg + 4 * i);
  const [sec, min, hour, day, month, year] = [0, 1, 2, 3, 4, 5].map(field) as SixFields;
  if (year < 70 || year > 1000 || month < 0 || month > 11) throw linuxError(EINVAL);
  const lastDay = new Date(Date.UTC(year + 1900, month + 1, 0)).getUTCDate();
  if (day < 1 || day > lastDay) throw linuxError(EINVAL);
  if (hour < 0 || hour > 23 || min < 0 || min > 59 || sec < 0 || sec > 59) throw linuxError(EINVAL);
  const wanted = Date.UTC(year + 1900, month, day, hour, min, sec) / 1000;
  clock.rtcOffset = wanted - clock.chip.realtime().sec;
}

/** Only one program at a time may have it open. */
export function registerRtc(kernel: Kernel): void {
  const { devices } = kernel.vfs;
  let open = false;
  devices.nameDriver(RTC_MAJOR, 'rtc');
  devices.registerCharDevice(RTC_MAJOR, 0, (_sys, inode, flags, path) => {
    if (open) throw linuxError(EBUSY);
    open = true;
    return new RtcFile(inode, path, flags, () => {
      open = false;
    });
  });
}
