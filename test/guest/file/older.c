/* Calls that newer ones have replaced in C libraries, and advice. */
#include "../contract.h"

#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <sys/time.h>
#include <utime.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static void say_times(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) SAY("no %s", path);
  else SAY("%s: %ld %ld %ld %ld", path, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

CONTRACT(creat_and_its_like) {
  int fd = CHECK(syscall(SYS_creat, "f", 0640));
  VALUE(write(fd, "text", 4));
  char c;
  CHECK(read(fd, &c, 1));
  CHECK(syscall(SYS_creat, ".", 0600));
  CHECK(syscall(SYS_creat, "missing/f", 0600));
  CHECK(syscall(SYS_creat, "f", 0777));
  struct stat st;
  CHECK(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0));
  SAY("%o %ld", st.st_mode, (long)st.st_size);
  CHECK(syscall(SYS_newfstatat, AT_FDCWD, "", &st, 0));
  CHECK(syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH));
  CHECK(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x40000000));
  CHECK(syscall(SYS_newfstatat, AT_FDCWD, "f", 1, 0));
  CHECK(syscall(SYS_mknodat, AT_FDCWD, "pipe", S_IFIFO | 0600, 0));
  CHECK(syscall(SYS_mknodat, AT_FDCWD, "pipe", S_IFIFO | 0600, 0));
  CHECK(syscall(SYS_mknodat, fd, "in-a-file", S_IFREG | 0600, 0));
  CHECK(syscall(SYS_mknodat, AT_FDCWD, "dir", S_IFDIR | 0600, 0));
  CHECK(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0604, 0));
  CHECK(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0));
  SAY("%o", st.st_mode);
  CHECK(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0600, 0x40000000));
}
CONTRACT(times_of_old) {
  int fd = MUST(open("f", O_CREAT | O_RDWR, 0600));
  CHECK(syscall(SYS_utime, "f", &(struct utimbuf){1000, 2000}));
  say_times("f");
  CHECK(syscall(SYS_utime, "missing", NULL));
  CHECK(syscall(SYS_utimes, "f", (struct timeval[2]){{3000, 5}, {4000, 6}}));
  say_times("f");
  CHECK(syscall(SYS_utimes, "f", (struct timeval[2]){{3000, 1000000}, {4000, 6}}));
  CHECK(syscall(SYS_futimesat, AT_FDCWD, "f", (struct timeval[2]){{5000, 1}, {6000, 2}}));
  say_times("f");
  CHECK(syscall(SYS_futimesat, fd, NULL, (struct timeval[2]){{7000, 1}, {8000, 2}}));
  say_times("f");
  CHECK(syscall(SYS_futimesat, 99, "f", NULL));
}

CONTRACT(file_systems_say_what_they_are) {
  struct statfs s;
  CHECK(statfs("/proc", &s));
  SAY("type %lx name %ld", (long)s.f_type, (long)s.f_namelen);
  CHECK(statfs("missing", &s));
  CHECK(syscall(SYS_statfs, "/proc", 1));
  int fd = MUST(open("/proc/self/stat", O_RDONLY));
  CHECK(fstatfs(fd, &s));
  SAY("type %lx", (long)s.f_type);
  CHECK(syscall(SYS_fstatfs, fd, &s));
  CHECK(syscall(SYS_fstatfs, 99, &s));
  CHECK(syscall(SYS_sync));
}

CONTRACT(advice_is_checked) {
  int ends[2], fd = MUST(open("f", O_CREAT | O_RDWR, 0600));
  pipe(ends);
  CHECK(syscall(SYS_fadvise64, fd, 0, 100, POSIX_FADV_SEQUENTIAL));
  CHECK(syscall(SYS_fadvise64, fd, 0, 100, 77));
  CHECK(syscall(SYS_fadvise64, fd, 0, -1, 0));
  CHECK(syscall(SYS_fadvise64, ends[0], 0, 100, 0));
  CHECK(syscall(SYS_fadvise64, 99, 0, 100, 0));
  CHECK(readahead(fd, 0, 4096));
  CHECK(readahead(ends[0], 0, 4096));
  CHECK(readahead(99, 0, 4096));
}

CONTRACT(inotify_without_flags) {
  int fd = MUST(syscall(SYS_inotify_init));
  SAY("flags %o cloexec %d", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
  int wd = CHECK(inotify_add_watch(fd, ".", IN_CREATE));
  close(MUST(open("new", O_CREAT | O_RDWR, 0600)));
  union {
    struct inotify_event event;
    char bytes[256];
  } got;
  VALUE(read(fd, &got, sizeof got));
  SAY("%d %x %s", got.event.wd == wd, got.event.mask, got.event.name);
}

CONTRACT_AS_ROOT(attributes_with_all_calls) {
  char value[32];
  int fd = MUST(open("f", O_CREAT | O_RDWR, 0600));
  symlink("f", "link");
  CHECK(lsetxattr("f", "trusted.one", "1", 1, XATTR_CREATE));
  CHECK(lsetxattr("f", "trusted.one", "2", 1, XATTR_CREATE));
  CHECK(lsetxattr("link", "trusted.two", "22", 2, 0));
  CHECK(lsetxattr("link", "user.no", "22", 2, 0));
  VALUE(lgetxattr("link", "trusted.two", value, 32));
  CHECK(lgetxattr("link", "trusted.one", value, 32));
  VALUE(getxattr("link", "trusted.one", value, 32));
  CHECK(lgetxattr("f", "trusted.one", value, 0));
  VALUE(listxattr("f", value, 32));
  SAY("%s", value);
  VALUE(llistxattr("link", value, 32));
  SAY("%s", value);
  VALUE(flistxattr(fd, NULL, 0));
  CHECK(flistxattr(fd, value, 3));
  CHECK(lremovexattr("link", "trusted.two"));
  CHECK(lremovexattr("link", "trusted.two"));
  CHECK(fremovexattr(fd, "trusted.one"));
  CHECK(removexattr("f", "trusted.one"));
  VALUE(listxattr("f", value, 32));
}

struct old_entry {
  unsigned long ino, off;
  unsigned short length;
  char name[];
};

CONTRACT(directories_with_getdents) {
  char all[1024], seen[8] = "";
  int folder = MUST(open(".", O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < 3; i++) close(MUST(open((char[2]){'a' + i}, O_CREAT | O_RDWR, 0600)));
  MUST(mkdir("d", 0700));
  long n = syscall(SYS_getdents, folder, all, sizeof all);
  for (long at = 0; at < n;) {
    struct old_entry *e = (struct old_entry *)(all + at);
    char type = all[at + e->length - 1];
    if (e->name[0] != '.' && e->name[0] <= 'd') seen[e->name[0] - 'a'] = type == DT_DIR ? 'd' : type == DT_REG ? 'f' : '?';
    at += e->length;
  }
  SAY("%s", seen);
  VALUE(syscall(SYS_getdents, folder, all, sizeof all));
  MUST(lseek(folder, 0, SEEK_SET));
  CHECK(syscall(SYS_getdents, folder, all, 8));
  CHECK(syscall(SYS_getdents, folder, 1, sizeof all));
  CHECK(syscall(SYS_getdents, 99, all, sizeof all));
  CHECK(syscall(SYS_getdents, MUST(open("a", O_RDONLY)), all, sizeof all));
}
