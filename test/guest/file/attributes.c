/* Attributes: chmod(2), chown(2), utimensat(2), statx(2), access(2), xattr(7). */
#include "../contract.h"

#include <sys/syscall.h>
#include <grp.h>
#include <sys/time.h>
#include <sys/xattr.h>

static int file(const char *name) { return MUST(open(name, O_RDWR | O_CREAT, 0644)); }

static unsigned mode(const char *name) {
  struct stat st;
  return stat(name, &st) == 0 ? st.st_mode & 07777 : 0;
}

CONTRACT(chmod_forms) {
  int fd = file("f");
  mkdir("d", 0755);
  symlink("f", "l");
  CHECK(chmod("f", 0));
  CHECK(chmod("l", 07777));
  SAY("%o", mode("f"));
  CHECK(fchmod(fd, 0100644));
  SAY("%o", mode("f"));
  CHECK(fchmodat(AT_FDCWD, "d", 01777, 0));
  SAY("%o", mode("d"));
  CHECK(chmod("none", 0644));
  CHECK(chmod("f/", 0644));
  CHECK(fchmod(99, 0644));
  struct stat before, after;
  stat("f", &before);
  usleep(20000);
  chmod("f", 0644);
  stat("f", &after);
  SAY("changed: %d, modified: %d", after.st_ctim.tv_nsec != before.st_ctim.tv_nsec,
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
}

CONTRACT_AS_ROOT(chown_takes_set_user_id_away) {
  file("f");
  file("locking");
  mkdir("d", 0755);
  chmod("f", 06755);
  chmod("locking", 06745);
  chmod("d", 06755);
  CHECK(chown("f", 1000, 1000));
  CHECK(chown("locking", 1000, 1000));
  CHECK(chown("d", 1000, 1000));
  SAY("%o %o %o", mode("f"), mode("locking"), mode("d"));
  chmod("f", 06755);
  CHECK(chown("f", -1, -1));
  SAY("%o", mode("f"));
  symlink("f", "l");
  CHECK(lchown("l", 7, 8));
  struct stat st;
  lstat("l", &st);
  SAY("%d %d", st.st_uid, st.st_gid);
  stat("l", &st);
  SAY("%d %d", st.st_uid, st.st_gid);
  int fd = MUST(open("f", O_RDONLY));
  CHECK(fchownat(fd, "", 9, 10, AT_EMPTY_PATH));
  fstat(fd, &st);
  SAY("%d %d", st.st_uid, st.st_gid);
}

CONTRACT_AS_ROOT(others_may_not) {
  int fd = file("f");
  mkdir("sticky", 0);
  chmod("sticky", 01777);
  file("sticky/roots");
  mkdir("closed", 0700);
  file("closed/f");
  chmod("f", 0640);
  MUST(chown(".", 1000, 1000));
  MUST(setgroups(0, 0));
  MUST(setresgid(1000, 1000, 1000));
  MUST(setresuid(1000, 1000, 1000));
  CHECK(open("f", O_RDONLY));
  CHECK(open("closed/f", O_RDONLY));
  CHECK(open("closed", O_PATH));
  CHECK(chmod("f", 0777));
  CHECK(fchmod(fd, 0777));
  CHECK(chown("f", 1000, -1));
  CHECK(unlink("sticky/roots"));
  CHECK(rename("sticky/roots", "sticky/x"));
  int own = CHECK(open("sticky/own", O_CREAT | O_RDWR, 0600));
  CHECK(rename("sticky/own", "sticky/roots"));
  CHECK(unlink("sticky/own"));
  CHECK(utimensat(AT_FDCWD, "f", 0, 0));
  CHECK(truncate("f", 0));
  CHECK(chroot("."));
  CHECK(mknod("node", S_IFCHR | 0600, 0x103));
  CHECK(access("f", R_OK));
  CHECK(access("f", F_OK));
  CHECK(chown("sticky", 1000, 1000));
  own = MUST(open("mine", O_CREAT | O_RDWR, 0600));
  CHECK(fchown(own, 1001, -1));
  CHECK(fchown(own, -1, 1001));
  CHECK(fchown(own, 1000, 1000));
  CHECK(fchmod(own, 0));
  CHECK(open("mine", O_RDONLY));
  CHECK(open("f", O_RDONLY | O_NOATIME));
  /* What was opened before stays open. */
  VALUE(write(fd, "x", 1));
  CHECK(unlink("f"));
}

CONTRACT_AS_ROOT(directories_with_set_group_id) {
  struct stat st;
  mkdir("d", 0755);
  chown("d", 0, 1234);
  chmod("d", 02775);
  mkdir("d/sub", 0755);
  file("d/f");
  stat("d/sub", &st);
  SAY("%o %d", st.st_mode & 07777, st.st_gid);
  stat("d/f", &st);
  SAY("%o %d", st.st_mode & 07777, st.st_gid);
}

CONTRACT_AS_ROOT(chroot_hides_what_is_above) {
  mkdir("root", 0755);
  mkdir("root/in", 0755);
  file("outside");
  symlink("/in", "root/link");
  CHECK(chroot("outside"));
  CHECK(chroot("none"));
  CHECK(chroot("root"));
  CHECK(access("outside", F_OK));
  CHECK(chdir("/"));
  CHECK(access("outside", F_OK));
  CHECK(access("../../outside", F_OK));
  CHECK(access("/link", F_OK));
  char cwd[64];
  CHECK(chdir("in"));
  SAY("%s", getcwd(cwd, 64));
}

CONTRACT(times_that_are_set) {
  struct stat st;
  int fd = file("f");
  struct timespec t[2] = {{100, 5}, {200, 999999999}};
  CHECK(utimensat(AT_FDCWD, "f", t, 0));
  stat("f", &st);
  SAY("%ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  t[0].tv_nsec = UTIME_OMIT;
  t[1].tv_sec = 7, t[1].tv_nsec = 1;
  CHECK(futimens(fd, t));
  stat("f", &st);
  SAY("%ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  t[1].tv_nsec = UTIME_NOW;
  CHECK(futimens(fd, t));
  stat("f", &st);
  SAY("%ld, now: %d", (long)st.st_atim.tv_sec, st.st_mtim.tv_sec > 1000000000);
  t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
  CHECK(utimensat(AT_FDCWD, "none", t, 0));
  t[0].tv_nsec = 1000000000;
  CHECK(utimensat(AT_FDCWD, "f", t, 0));
  symlink("none", "l");
  t[0].tv_nsec = t[1].tv_nsec = 0;
  CHECK(utimensat(AT_FDCWD, "l", t, 0));
  CHECK(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
  lstat("l", &st);
  SAY("%ld", (long)st.st_mtim.tv_sec);
  CHECK(utimensat(AT_FDCWD, "f", t, 1));
  struct timeval v[2] = {{300, 123456}, {400, 5}};
  CHECK(utimes("f", v));
  stat("f", &st);
  SAY("%ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  v[0].tv_usec = 1000000;
  CHECK(utimes("f", v));
}

struct statx_ { uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, pad;
  uint64_t ino, size, blocks, attributes_mask; struct { int64_t sec; uint32_t nsec; int32_t pad; } a, b, c, m;
  uint32_t rdev_major, rdev_minor, dev_major, dev_minor; uint64_t rest[14]; };

CONTRACT(statx_forms) {
  struct statx_ x;
  struct stat st;
  int fd = file("f");
  write(fd, "hello", 5);
  symlink("f", "l");
  stat("f", &st);
  CHECK(syscall(SYS_statx, AT_FDCWD, "l", 0, 0x7ff, &x));
  SAY("mask %x mode %o links %u size %lu", x.mask & 0x7ff, x.mode, x.nlink, (unsigned long)x.size);
  SAY("as stat: %d %d %d", x.ino == st.st_ino, x.m.sec == st.st_mtim.tv_sec, x.m.nsec == st.st_mtim.tv_nsec);
  CHECK(syscall(SYS_statx, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, 0x7ff, &x));
  SAY("mode %o", x.mode);
  CHECK(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0x200, &x));
  SAY("size %lu, has it: %d", (unsigned long)x.size, (x.mask & 0x200) != 0);
  CHECK(syscall(SYS_statx, fd, "", 0, 0x7ff, &x));
  CHECK(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000, &x));
  CHECK(syscall(SYS_statx, AT_FDCWD, "f", 0x6000, 0x7ff, &x));
  CHECK(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, 0));
  CHECK(syscall(SYS_statx, AT_FDCWD, "/dev/null", 0, 0x7ff, &x));
  SAY("%u %u", x.rdev_major, x.rdev_minor);
}

CONTRACT(access_forms) {
  file("f");
  symlink("none", "l");
  chmod("f", 0444);
  CHECK(access("f", F_OK));
  CHECK(access("f", R_OK));
  CHECK(access("f", X_OK));
  CHECK(access("f", 8));
  CHECK(access("none", F_OK));
  CHECK(access("f/", F_OK));
  CHECK(access("l", F_OK));
  CHECK(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
  CHECK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
  CHECK(syscall(SYS_faccessat2, MUST(open("f", O_PATH)), "", R_OK, AT_EMPTY_PATH));
  CHECK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1));
}

/* Of the calls themselves: which names a file system keeps differs. */
CONTRACT(extended_attribute_errors) {
  char value[16];
  int fd = file("f");
  CHECK(setxattr("none", "user.a", "1", 1, 0));
  CHECK(setxattr("f", "user.a", "1", 1, 4));
  CHECK(setxattr("f", "", "1", 1, 0));
  char name[300] = "user.";
  memset(name + 5, 'n', 290);
  CHECK(setxattr("f", name, "1", 1, 0));
  CHECK(setxattr("f", "user.a", value, 65537, 0));
  CHECK(setxattr("f", "other.a", "1", 1, 0));
  CHECK(fgetxattr(99, "user.a", value, 16));
  CHECK(getxattr("f", 0, value, 16));
  CHECK(fsetxattr(MUST(open("f", O_PATH)), "user.a", "1", 1, 0));
}
