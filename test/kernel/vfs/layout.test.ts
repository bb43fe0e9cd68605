/** struct layouts as the C compiler sees them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeStat, encodeStatx } from '../../../src/kernel/vfs/syscalls/stat.ts';
import type { Stat } from '../../../src/kernel/vfs/types.ts';
import { assert, suite } from '../../lib/suite.ts';
import { Machine } from './harness.ts';

const test = suite('struct layouts');

/** Prints the fields of a struct given as hexadecimal bytes. */
const PROGRAM = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#define P(f) printf(#f "=%lld\\n", (long long)(f))
int main(int argc, char **argv) {
  static unsigned char b[4096];
  size_t n = strlen(argv[2]) / 2;
  for (size_t i = 0; i < n; i++) sscanf(argv[2] + 2 * i, "%2hhx", b + i);
  if (!strcmp(argv[1], "stat")) {
    struct stat *s = (void *)b;
    P(sizeof *s == n);
    P(s->st_dev); P(s->st_ino); P(s->st_nlink); P(s->st_mode); P(s->st_uid); P(s->st_gid);
    P(s->st_rdev); P(s->st_size); P(s->st_blksize); P(s->st_blocks);
    P(s->st_atim.tv_sec); P(s->st_atim.tv_nsec); P(s->st_mtim.tv_sec); P(s->st_mtim.tv_nsec);
    P(s->st_ctim.tv_sec); P(s->st_ctim.tv_nsec);
  } else if (!strcmp(argv[1], "statx")) {
    struct statx *s = (void *)b;
    P(sizeof *s == n);
    P(s->stx_mask); P(s->stx_blksize); P(s->stx_nlink); P(s->stx_uid); P(s->stx_gid); P(s->stx_mode);
    P(s->stx_ino); P(s->stx_size); P(s->stx_blocks);
    P(s->stx_atime.tv_sec); P(s->stx_atime.tv_nsec); P(s->stx_btime.tv_sec); P(s->stx_btime.tv_nsec);
    P(s->stx_ctime.tv_sec); P(s->stx_ctime.tv_nsec); P(s->stx_mtime.tv_sec); P(s->stx_mtime.tv_nsec);
    P(s->stx_rdev_major); P(s->stx_rdev_minor); P(s->stx_dev_major); P(s->stx_dev_minor);
  } else if (!strcmp(argv[1], "statfs")) {
    struct statfs *s = (void *)b;
    P(sizeof *s == n);
    P(s->f_type); P(s->f_bsize); P(s->f_blocks); P(s->f_bfree); P(s->f_bavail); P(s->f_files);
    P(s->f_ffree); P(s->f_namelen); P(s->f_frsize); P(s->f_flags);
  } else {
    struct flock f; struct inotify_event e;
    printf("%zu %zu %zu %zu %zu %zu\\n", sizeof f, (size_t)((char *)&f.l_type - (char *)&f),
      (size_t)((char *)&f.l_whence - (char *)&f), (size_t)((char *)&f.l_start - (char *)&f),
      (size_t)((char *)&f.l_len - (char *)&f), (size_t)((char *)&f.l_pid - (char *)&f));
    printf("%zu %zu %zu %zu\\n", sizeof e, (size_t)((char *)&e.mask - (char *)&e),
      (size_t)((char *)&e.cookie - (char *)&e), (size_t)((char *)&e.len - (char *)&e));
  }
}
`;

const STAT: Stat = {
  ino: 0x123456789ab,
  mode: 0o100644,
  nlink: 3,
  uid: 1001,
  gid: 1002,
  rdev: 0x12345,
  size: 0x1fedcba987,
  blocks: 77,
  blksize: 4096,
  atime: { sec: 1, nsec: 2 },
  mtime: { sec: -3, nsec: 4 },
  ctime: { sec: 5, nsec: 6 },
  btime: { sec: 7, nsec: 8 },
};

function withProgram(work: (run: (kind: string, bytes?: Uint8Array) => string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'kevlar-layout-'));
  try {
    writeFileSync(join(dir, 'p.c'), PROGRAM);
    execFileSync('gcc', ['-o', join(dir, 'p'), join(dir, 'p.c')]);
    work((kind, bytes = new Uint8Array(0)) =>
      execFileSync(join(dir, 'p'), [kind, Buffer.from(bytes).toString('hex')], {
        encoding: 'utf8',
      }),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function fields(text: string): Record<string, number> {
  const rows = text.trim().split('\n');
  return Object.fromEntries(
    rows.map((row) => {
      const at = row.lastIndexOf('=');
      return [row.slice(0, at).replace(/^s->(st_|stx_|f_)/, ''), Number(row.slice(at + 1))];
    }),
  );
}

const body = (): void => {
  withProgram((run) => {
    const st = fields(run('stat', encodeStat(STAT, 0x801)));
    assert.equal(st, {
      'sizeof *s == n': 1,
      dev: 0x801,
      ino: STAT.ino,
      nlink: 3,
      mode: STAT.mode,
      uid: 1001,
      gid: 1002,
      rdev: 0x12345,
      size: STAT.size,
      blksize: 4096,
      blocks: 77,
      'atim.tv_sec': 1,
      'atim.tv_nsec': 2,
      'mtim.tv_sec': -3,
      'mtim.tv_nsec': 4,
      'ctim.tv_sec': 5,
      'ctim.tv_nsec': 6,
    });
    const stx = fields(run('statx', encodeStatx(STAT, 0x801, null, false, undefined)));
    assert.equal(stx, {
      'sizeof *s == n': 1,
      mask: 0xfff,
      blksize: 4096,
      nlink: 3,
      uid: 1001,
      gid: 1002,
      mode: STAT.mode,
      ino: STAT.ino,
      size: STAT.size,
      blocks: 77,
      'atime.tv_sec': 1,
      'atime.tv_nsec': 2,
      'btime.tv_sec': 7,
      'btime.tv_nsec': 8,
      'ctime.tv_sec': 5,
      'ctime.tv_nsec': 6,
      'mtime.tv_sec': -3,
      'mtime.tv_nsec': 4,
      rdev_major: 0x123,
      rdev_minor: 0x45,
      dev_major: 8,
      dev_minor: 1,
    });
    const m = new Machine((self) => self.tmpfs(1, 1000));
    const u = m.user();
    const at = u.space(120);
    assert.is(u.call('statfs', '/', at), 0);
    assert.equal(fields(run('statfs', u.get(at, 120))), {
      'sizeof *s == n': 1,
      type: 0x01021994,
      bsize: 4096,
      blocks: 1000,
      bfree: 1000,
      bavail: 1000,
      files: 8192,
      ffree: 8191,
      namelen: 255,
      frsize: 4096,
      flags: 0x1020,
    });
    assert.is(run('others'), '32 0 2 8 16 24\n16 4 8 12\n');
  });
};

if (spawnSync('gcc', ['--version']).error === undefined) test('agree with gcc', body);
else test.skip('agree with gcc', 'needs gcc');
