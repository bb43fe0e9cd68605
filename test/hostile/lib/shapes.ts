/**
 * Arguments that get past a system call's first checks: per call a recipe of values and structures
 * (layouts: include/uapi), to which the fuzzer then does its worst.
 */

import type { Random } from '../../diff/random.ts';

/** What recipes draw from. */
export interface Shaper {
  readonly rng: Random;
  fd(): number;
  path(): number;
  pid(): number;
  /** Address of a structure with these 32-bit words. */
  words(...values: number[]): number;
  /** Address of a structure with these 64-bit words. */
  longs(...values: number[]): number;
  /** Address of this text, with a zero after it. */
  text(text: string): number;
  /** Address of room for a result. */
  room(): number;
  small(): number;
}

type Recipe = (s: Shaper) => readonly number[];

const PAGE = 4096;
const AREA = 0x30000000;

const page = (s: Shaper): number => AREA + s.rng.below(64) * PAGE;
const iov = (s: Shaper): number =>
  s.longs(s.room(), s.rng.below(600), s.room(), s.rng.below(5000), s.room(), s.small());
const message = (s: Shaper): number => s.longs(0, 0, iov(s), 3, s.room(), s.rng.below(64), 0);
const time = (s: Shaper): number => s.longs(s.rng.below(2), s.rng.below(1e9));
const address = (s: Shaper): number =>
  s.rng.chance(50) ? s.text('\x01\0\0abc') : s.text(`\x01\0/tmp/s${s.rng.below(3)}`);
const name = (s: Shaper): number =>
  s.text(s.rng.pick(['user.a', 'user.b', 'trusted.c', 'security.d']));
const clock = (s: Shaper): number => s.rng.pick([0, 1, 2, 3, 4, 5, 6, 7, -6]);
const IOCTLS = [
  0x5401, 0x5402, 0x5403, 0x5404, 0x5405, 0x5409, 0x540a, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411,
  0x5412, 0x5413, 0x5414, 0x541b, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5425, 0x5429, 0x5450,
  0x5451, 0x5452, 0x80045430, 0x40045431, 0x80086601, 0x40086602, 0x8910, 0x1268, 0x80081272,
  0x127f,
];

export const SHAPES: Readonly<Record<string, Recipe>> = {
  mmap: (s) => {
    const { rng } = s;
    const flags = rng.pick([
      0x22, 0x21, 0x32, 0x02, 0x01, 0x4022, 0x122, 0x8022, 0x100022, 0x12, 0x11,
    ]);
    const length = rng.chance(90)
      ? 1 + rng.below(40 * PAGE)
      : rng.pick([2 ** 21, 2 ** 30, 2 ** 46]);
    const fd = (flags & 0x20) !== 0 ? -1 : s.fd();
    return [rng.chance(50) ? 0 : page(s), length, rng.below(8), flags, fd, rng.below(4) * PAGE];
  },
  munmap: (s) => [page(s), s.rng.below(24 * PAGE)],
  mprotect: (s) => [page(s), s.rng.below(24 * PAGE), s.rng.below(8)],
  madvise: (s) => [page(s), s.rng.below(24 * PAGE), s.rng.below(26)],
  msync: (s) => [page(s), s.rng.below(24 * PAGE), s.rng.below(8)],
  mincore: (s) => [page(s), s.rng.below(24 * PAGE), s.room()],
  mremap: (s) => [page(s), s.rng.below(16 * PAGE), s.rng.below(30 * PAGE), s.rng.below(8), page(s)],
  brk: (s) => [0x10003000 + s.rng.below(600 * PAGE)],
  mlock: (s) => [page(s), s.rng.below(9 * PAGE)],
  execve: (s) => [s.path(), s.rng.chance(70) ? s.longs(s.path(), s.path(), 0) : 0, 0],
  execveat: (s) => [-100, s.path(), s.longs(s.path(), 0), 0, 0],
  open: (s) => [
    s.path(),
    s.rng.pick([0, 1, 2, 0o102, 0o2002, 0o4000, 0o200000, 0o1102, 0o302]),
    0o777,
  ],
  openat: (s) => [
    -100,
    s.path(),
    s.rng.pick([0, 1, 2, 0o102, 0o6002, 0o200000, 0o10000000, 0o20200002]),
    0o777,
  ],
  getdents: (s) => [s.fd(), s.room(), s.rng.below(3000)],
  getdents64: (s) => [s.fd(), s.room(), s.rng.below(3000)],
  read: (s) => [s.fd(), s.room(), s.rng.below(9000)],
  write: (s) => [s.fd(), s.room(), s.rng.below(9000)],
  pread64: (s) => [s.fd(), s.room(), s.rng.below(4000), s.rng.pick([0, 1, 4096, 2 ** 40, -1])],
  pwrite64: (s) => [
    s.fd(),
    s.room(),
    s.rng.below(4000),
    s.rng.pick([0, 1, 4096, 2 ** 31, 2 ** 40]),
  ],
  readv: (s) => [s.fd(), iov(s), s.rng.below(4)],
  writev: (s) => [s.fd(), iov(s), s.rng.below(4)],
  preadv: (s) => [s.fd(), iov(s), s.rng.below(4), s.rng.below(9000), 0],
  pwritev: (s) => [s.fd(), iov(s), s.rng.below(4), s.rng.below(9000), 0],
  preadv2: (s) => [s.fd(), iov(s), s.rng.below(4), s.rng.below(9000), 0, 0],
  pwritev2: (s) => [s.fd(), iov(s), s.rng.below(4), s.rng.below(9000), 0, 0],
  vmsplice: (s) => [s.fd(), iov(s), s.rng.below(4), 0],
  splice: (s) => [s.fd(), 0, s.fd(), 0, s.rng.below(99999), 0],
  sendfile: (s) => [
    s.fd(),
    s.fd(),
    s.rng.chance(50) ? 0 : s.longs(s.rng.below(9999)),
    s.rng.below(99999),
  ],
  copy_file_range: (s) => [
    s.fd(),
    s.longs(s.rng.below(5000)),
    s.fd(),
    s.longs(s.rng.below(9000)),
    s.rng.below(4000),
    0,
  ],
  lseek: (s) => [s.fd(), s.rng.pick([0, 1, 4096, 2 ** 40, -1, -5000]), s.rng.below(5)],
  ftruncate: (s) => [s.fd(), s.rng.pick([0, 1, 5000, 2 ** 20, 2 ** 33, 2 ** 43, 2 ** 62])],
  truncate: (s) => [s.path(), s.rng.pick([0, 1, 5000, 2 ** 20, 2 ** 33, 2 ** 43])],
  fallocate: (s) => [
    s.fd(),
    s.rng.pick([0, 1, 2, 3, 8, 16, 32]),
    s.rng.below(9000),
    s.rng.pick([1, 4096, 100000, 2 ** 40]),
  ],
  ioctl: (s) => [
    s.fd(),
    s.rng.pick(IOCTLS),
    s.rng.chance(50) ? s.room() : s.words(s.small(), s.small()),
  ],
  fcntl: (s) => [
    s.fd(),
    s.rng.pick([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 36, 37, 38, 1024, 1025, 1030, 1031, 1032, 1033,
      1034,
    ]),
    s.rng.chance(50)
      ? s.small()
      : s.words(s.rng.below(3), s.rng.below(3), s.rng.below(99), 0, s.rng.below(99), 0),
  ],
  epoll_ctl: (s) => [
    s.fd(),
    1 + s.rng.below(3),
    s.fd(),
    s.words(s.rng.pick([1, 4, 5, 0x80000001, 0x40000001, 0x10000001, 0x2019]), 1, 2),
  ],
  epoll_wait: (s) => [s.fd(), s.room(), 1 + s.rng.below(20), s.rng.below(3)],
  epoll_pwait: (s) => [s.fd(), s.room(), 1 + s.rng.below(20), s.rng.below(3), 0, 8],
  epoll_pwait2: (s) => [s.fd(), s.room(), 1 + s.rng.below(20), time(s), 0, 8],
  poll: (s) => [s.words(s.fd(), 5, s.fd(), 0xffff, s.fd(), 1), 3, s.rng.below(5)],
  ppoll: (s) => [s.words(s.fd(), 5, s.fd(), 0xffff), 2, time(s), s.longs(0), 8],
  select: (s) => [
    14,
    s.longs(s.rng.below(1 << 14)),
    s.longs(s.rng.below(1 << 14)),
    0,
    s.longs(0, 5),
  ],
  pselect6: (s) => [
    14,
    s.longs(s.rng.below(1 << 14)),
    0,
    s.longs(3),
    s.longs(0, 5),
    s.longs(s.longs(0), 8),
  ],
  socket: (s) => [
    s.rng.chance(90) ? 1 : s.rng.below(40),
    s.rng.pick([1, 2, 5, 0x801, 0x802, 0x80001]),
    0,
  ],
  socketpair: (s) => [1, s.rng.pick([1, 2, 5, 0x801, 0x802, 0x805]), 0, s.room()],
  bind: (s) => [s.fd(), address(s), s.rng.pick([2, 6, 10, 110])],
  connect: (s) => [s.fd(), address(s), s.rng.pick([2, 6, 10, 110])],
  listen: (s) => [s.fd(), s.rng.below(4)],
  accept: (s) => [s.fd(), s.rng.chance(50) ? 0 : s.room(), s.words(20)],
  accept4: (s) => [s.fd(), 0, 0, s.rng.pick([0, 0x800, 0x80000])],
  getsockname: (s) => [s.fd(), s.room(), s.words(s.rng.below(130))],
  getpeername: (s) => [s.fd(), s.room(), s.words(s.rng.below(130))],
  sendto: (s) => [
    s.fd(),
    s.room(),
    s.rng.below(3000),
    s.rng.pick([0, 0x40, 0x4000]),
    s.rng.chance(50) ? 0 : address(s),
    10,
  ],
  recvfrom: (s) => [s.fd(), s.room(), s.rng.below(3000), s.rng.pick([0, 2, 0x40, 0x20]), 0, 0],
  sendmsg: (s) => {
    // struct cmsghdr: SCM_RIGHTS (1), SCM_CREDENTIALS (2), or nonsense lengths.
    const length = s.rng.pick([20, 24, 28, 8, 0, 2 ** 31]);
    const control = s.words(length, 0, 1, s.rng.pick([1, 1, 1, 2, 3]), s.fd(), s.fd(), 0, 0);
    const m = s.longs(
      s.rng.chance(70) ? 0 : address(s),
      10,
      iov(s),
      s.rng.below(4),
      control,
      s.rng.pick([24, 32, 20, 8, 0]),
      0,
    );
    return [s.fd(), m, s.rng.pick([0, 0x40, 0x4000])];
  },
  recvmsg: (s) => [s.fd(), message(s), s.rng.pick([0, 0x40, 2, 0x40000000])],
  sendmmsg: (s) => [s.fd(), message(s), 1, 0x40],
  recvmmsg: (s) => [s.fd(), message(s), 1, 0x40, 0],
  getsockopt: (s) => [s.fd(), 1, s.rng.below(60), s.room(), s.words(s.rng.pick([4, 8, 12, 100]))],
  setsockopt: (s) => [
    s.fd(),
    1,
    s.rng.below(60),
    s.words(s.small(), s.small(), s.small()),
    s.rng.pick([4, 8, 16]),
  ],
  setxattr: (s) => [
    s.path(),
    name(s),
    s.room(),
    s.rng.below(s.rng.pick([10, 300, 70000])),
    s.rng.below(3),
  ],
  lsetxattr: (s) => [s.path(), name(s), s.room(), s.rng.below(300), 0],
  fsetxattr: (s) => [s.fd(), name(s), s.room(), s.rng.below(300), 0],
  getxattr: (s) => [s.path(), name(s), s.room(), s.rng.below(300)],
  lgetxattr: (s) => [s.path(), name(s), s.room(), s.rng.below(300)],
  fgetxattr: (s) => [s.fd(), name(s), s.room(), s.rng.below(300)],
  listxattr: (s) => [s.path(), s.room(), s.rng.below(300)],
  removexattr: (s) => [s.path(), name(s)],
  lremovexattr: (s) => [s.path(), name(s)],
  fremovexattr: (s) => [s.fd(), name(s)],
  signalfd4: (s) => [
    s.rng.chance(70) ? -1 : s.fd(),
    s.longs(s.rng.u32()),
    8,
    s.rng.pick([0, 0x800]),
  ],
  inotify_add_watch: (s) => [s.fd(), s.path(), s.rng.pick([0xfff, 2, 0x100, 0x80000fff])],
  inotify_rm_watch: (s) => [s.fd(), 1 + s.rng.below(4)],
  timerfd_create: (s) => [clock(s), s.rng.pick([0, 0x800])],
  timerfd_settime: (s) => [
    s.fd(),
    s.rng.below(2),
    s.longs(0, s.rng.below(1e9), s.rng.below(2), s.rng.below(1e9)),
    s.room(),
  ],
  timerfd_gettime: (s) => [s.fd(), s.room()],
  timer_create: (s) => [
    clock(s),
    s.rng.chance(50) ? 0 : s.words(1, 0, s.rng.pick([10, 14, 34]), s.rng.pick([0, 1, 4]), s.pid()),
    s.room(),
  ],
  timer_settime: (s) => [
    s.rng.below(6),
    s.rng.below(2),
    s.longs(0, s.rng.below(1e9), s.rng.below(2), s.rng.below(1e9)),
    s.room(),
  ],
  timer_gettime: (s) => [s.rng.below(6), s.room()],
  timer_getoverrun: (s) => [s.rng.below(6)],
  timer_delete: (s) => [s.rng.below(6)],
  setitimer: (s) => [s.rng.below(3), s.longs(0, s.rng.below(1e6), 0, s.rng.below(1e6)), 0],
  nanosleep: (s) => [time(s), s.room()],
  clock_nanosleep: (s) => [clock(s), s.rng.below(2), time(s), s.room()],
  rt_sigaction: (s) => [
    s.small(),
    s.longs(s.rng.pick([0, 1, 0x400000]), s.rng.u32(), 0x400000, s.rng.u32()),
    0,
    8,
  ],
  rt_sigprocmask: (s) => [s.rng.below(3), s.longs(s.rng.u32()), s.room(), 8],
  rt_sigsuspend: (s) => [s.longs(0), 8],
  rt_sigtimedwait: (s) => [s.longs(s.rng.u32()), s.room(), time(s), 8],
  rt_sigpending: (s) => [s.room(), 8],
  rt_sigqueueinfo: (s) => [s.pid(), s.small(), s.words(s.small(), 0, -1, 0)],
  sigaltstack: (s) => [s.longs(s.room(), 0, s.rng.pick([100, 2048, 9000])), s.room()],
  kill: (s) => [s.pid(), s.rng.pick([0, 1, 10, 17, 18, 19, 20, 23, 34])],
  wait4: (s) => [s.rng.pick([-1, -1, 0, s.pid()]), s.room(), s.rng.pick([0, 1, 2, 3, 8]), s.room()],
  waitid: (s) => [s.rng.below(3), s.pid(), s.room(), s.rng.pick([4, 5, 7, 14, 0x1000004]), 0],
  clone: (s) => [
    s.rng.pick([17, 0x11, 0x50f00, 0x3d0f00, 0x4111, 0x100, 0x10900, 0x8011, 0x1200011, 0x66]),
    s.room(),
    s.room(),
    s.room(),
    s.room(),
  ],
  futex: (s) => [
    s.room() & ~3,
    s.rng.pick([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 128, 129, 137]),
    s.small(),
    time(s),
    s.room() & ~3,
    s.rng.pick([1, -1, s.rng.u32()]),
  ],
  set_robust_list: (s) => [s.longs(s.room(), s.small(), s.room()), 24],
  rseq: (s) => [s.room() & ~31, 32, 0, 0x53053053],
  mount: (s) => [
    s.path(),
    s.path(),
    s.text(s.rng.pick(['tmpfs', 'proc', 'devpts', 'sysfs', 'devtmpfs', 'ext4'])),
    s.rng.pick([0, 1, 32, 4096, 8192, 1 << 18]),
    s.rng.chance(50) ? 0 : s.text('size=1m'),
  ],
  prctl: (s) => [s.rng.below(60), s.small(), s.room()],
  prlimit64: (s) => [0, s.rng.below(16), s.longs(s.rng.below(1 << 30), 1 << 30), s.room()],
  setrlimit: (s) => [s.rng.pick([0, 1, 2, 4, 6, 7]), s.longs(s.rng.below(1 << 30), 1 << 30)],
  capget: (s) => [s.words(0x20080522, 0), s.room()],
  capset: (s) => [s.words(0x20080522, 0), s.words(s.rng.u32(), s.rng.u32(), 0, 0, 0, 0)],
  setgroups: (s) => [s.rng.below(70), s.room()],
  utimensat: (s) => [-100, s.path(), s.longs(s.rng.u32(), s.rng.below(1e9), 1, 0x3fffffff), 0],
  statx: (s) => [-100, s.path(), s.rng.pick([0, 0x100, 0x1000]), 0xfff, s.room()],
  renameat2: (s) => [-100, s.path(), -100, s.path(), s.rng.below(4)],
  linkat: (s) => [-100, s.path(), -100, s.path(), s.rng.pick([0, 0x400])],
  mknodat: (s) => [
    -100,
    s.path(),
    s.rng.pick([0o010666, 0o020666, 0o060666, 0o140666, 0o100644]),
    s.rng.pick([0x103, 0x500, 0x8800, 0x0a01]),
  ],
  clock_settime: (s) => [0, s.longs(s.rng.u32(), s.rng.below(1e9))],
  getitimer: (s) => [s.rng.below(3), s.room()],
  getrandom: (s) => [s.room(), s.rng.below(5000), 0],
  memfd_create: (s) => [s.path(), s.rng.below(4)],
};
