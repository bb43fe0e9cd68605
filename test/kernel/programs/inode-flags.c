// What immutable and append-only files refuse (chattr(1), ioctl_iflags(2)): inode-flags DIRECTORY. Prints what each call
// says; exits with 77 where flags cannot be set.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

// linux/fs.h and linux/capability.h, which musl does not have.
enum {
  FS_SYNC_FL = 0x8,
  FS_IMMUTABLE_FL = 0x10,
  FS_APPEND_FL = 0x20,
  FS_NODUMP_FL = 0x40,
  FS_NOATIME_FL = 0x80,
  FS_TOPDIR_FL = 0x20000,
  FS_EXTENT_FL = 0x80000,
  CAP_LINUX_IMMUTABLE = 9,
};
#define FS_IOC_GETFLAGS 0x80086601
#define FS_IOC_SETFLAGS 0x40086602
struct capabilities {
  unsigned effective, permitted, inheritable;
};

static void say(const char *what, long result) {
  printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static int set(const char *name, int change, int on) {
  int fd = open(name, O_RDONLY), flags = 0;
  if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return -1;
  flags = on ? flags | change : flags & ~change;
  int result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
  close(fd);
  return result;
}

static int opened(const char *name, int flags) {
  int fd = open(name, flags, 0644);
  if (fd >= 0) close(fd);
  return fd;
}

static void make(const char *name) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (write(fd, "content\n", 8) != 8) say(name, -1);
  close(fd);
}

// Every way to change file F, which has flags; `fd` was opened for writing before.
static void all(const char *title, int fd) {
  printf("-- %s\n", title);
  struct timeval now[2] = {{1, 2}, {3, 4}};
  struct stat st;
  unsigned char attributes[256];
  int flags = 0, again = open("F", O_RDONLY);
  ioctl(again, FS_IOC_GETFLAGS, &flags);
  printf("flags: %x\n", flags & ~FS_EXTENT_FL);
  close(again);
  syscall(SYS_statx, AT_FDCWD, "F", 0, 0xfff, attributes);
  printf("statx: %x\n", attributes[8] & 0x70);
  say("access", access("F", W_OK));
  say("read", opened("F", O_RDONLY));
  say("write", opened("F", O_WRONLY));
  say("append", opened("F", O_WRONLY | O_APPEND));
  say("append, truncate", opened("F", O_WRONLY | O_APPEND | O_TRUNC));
  say("truncate", opened("F", O_RDONLY | O_TRUNC));
  say("create", opened("F", O_RDWR | O_CREAT));
  say("truncate(2)", truncate("F", 3));
  say("ftruncate", ftruncate(fd, 3));
  say("write to what was open", pwrite(fd, "x", 1, 0));
  say("F_SETFL", fcntl(fd, F_SETFL, O_APPEND));
  say("fallocate", fallocate(fd, 0, 0, 100));
  say("fallocate, keeping the size", fallocate(fd, 1, 0, 9000));
  say("punch", fallocate(fd, 3, 0, 4096));
  void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  say("map", m == MAP_FAILED ? -1 : 0);
  m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  say("map to read", m == MAP_FAILED ? -1 : 0);
  m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  say("map privately", m == MAP_FAILED ? -1 : 0);
  say("chmod", chmod("F", 0600));
  say("chown", chown("F", 1, 1));
  say("chown to nobody else", chown("F", -1, -1));
  say("utimes", utimes("F", now));
  say("utimes now", utimes("F", NULL));
  say("setxattr", setxattr("F", "user.x", "1", 1, 0));
  say("removexattr", removexattr("F", "user.none"));
  say("link", link("F", "G"));
  say("rename", rename("F", "G"));
  say("rename onto", rename("other", "F"));
  say("exchange", syscall(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, "F", 2));
  say("unlink", unlink("F"));
  stat("F", &st);
  printf("mode %o links %d\n", st.st_mode, (int)st.st_nlink);
}

static void directory(const char *title) {
  static int once;
  printf("-- %s\n", title);
  say("create", opened(once ? "D/new2" : "D/new", O_WRONLY | O_CREAT));
  say("temporary", opened("D", O_WRONLY | O_TMPFILE));
  say("mkdir", mkdir(once ? "D/sub2" : "D/sub", 0755));
  say("symlink", symlink("x", once ? "D/link2" : "D/link"));
  say("into", rename("other", "D/other"));
  say("out of", rename("D/file", "file"));
  say("within", rename("D/file", "D/file2"));
  say("unlink", unlink("D/file"));
  say("write", opened("D/file", O_WRONLY));
  say("rmdir", rmdir("D/empty"));
  say("chmod", chmod("D", 0700));
  say("rename", rename("D", "E"));
  once = 1;
}

int main(int argc, char **argv) {
  if (argc < 2 || chdir(argv[1]) != 0 || chmod(".", 0755) != 0) return 2;
  make("F");
  make("other");
  if (set("F", FS_IMMUTABLE_FL, 1) != 0) return 77;
  set("F", FS_IMMUTABLE_FL, 0);
  int fd = open("F", O_RDWR), log = open("F", O_RDWR | O_APPEND), flags = 0;
  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  printf("%c\n", shared[0]);

  set("F", FS_IMMUTABLE_FL, 1);
  all("immutable", fd);
  say("other flags of it", set("F", FS_NODUMP_FL, 1));
  set("F", FS_IMMUTABLE_FL, 0);
  set("F", FS_APPEND_FL, 1);
  all("append-only", fd);
  say("append", write(log, "more", 4));
  say("F_SETFL without", fcntl(log, F_SETFL, 0));
  set("F", FS_APPEND_FL, 0);
  say("no more", ftruncate(log, 4));

  mkdir("D", 0755);
  mkdir("D/empty", 0755);
  make("D/file");
  make("other");
  set("D", FS_APPEND_FL, 1);
  directory("append-only directory");
  set("D", FS_APPEND_FL, 0);
  if (access("E", F_OK) == 0) rename("E", "D");
  mkdir("D/empty", 0755);
  make("D/file");
  make("other");
  set("D", FS_IMMUTABLE_FL, 1);
  directory("immutable directory");
  set("D", FS_IMMUTABLE_FL, 0);

  printf("-- flags\n");
  say("of directories", set("F", FS_TOPDIR_FL, 1));
  say("sync, no dump, no atime", set("F", FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL, 1));
  flags = 0x80000000;
  say("unknown", ioctl(fd, FS_IOC_SETFLAGS, &flags));
  say("nowhere", ioctl(fd, FS_IOC_SETFLAGS, (void *)8));
  struct stat before, after;
  char byte;
  fstat(fd, &before);
  usleep(20000);
  say("read", pread(open("F", O_RDONLY), &byte, 1, 0));
  fstat(fd, &after);
  printf("atime changed: %d\n", before.st_atim.tv_nsec != after.st_atim.tv_nsec);
  set("F", FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL, 0);
  say("no more", set("F", FS_NODUMP_FL, 0));
  // Without the capability: neither set nor cleared.
  set("other", FS_APPEND_FL, 1);
  struct {
    unsigned version;
    int pid;
  } header = {0x20080522, 0};
  struct capabilities data[2];
  syscall(SYS_capget, &header, data);
  data[0].effective &= ~(1u << CAP_LINUX_IMMUTABLE);
  syscall(SYS_capset, &header, data);
  say("without the capability", set("F", FS_IMMUTABLE_FL, 1));
  say("cleared without it", set("other", FS_APPEND_FL, 0));
  say("others without it", set("F", FS_NODUMP_FL, 1));
  data[0].effective |= 1u << CAP_LINUX_IMMUTABLE;
  syscall(SYS_capset, &header, data);
  set("other", FS_APPEND_FL, 0);
  syscall(SYS_setresuid, 1000, 1000, 0);
  say("of somebody else's", set("F", FS_NODUMP_FL, 0));
  // A working directory that was removed keeps its inode.
  syscall(SYS_setresuid, 0, 0, 0);
  mkdir("gone", 0755);
  say("chdir", chdir("gone"));
  say("rmdir", rmdir("../gone"));
  say("setxattr", setxattr(".", "user.x", "0123456789", 10, 0));
  char value[20];
  printf("getxattr: %d\n", (int)getxattr(".", "user.x", value, sizeof value));
  static char large[900];
  say("setxattr, a block", setxattr(".", "user.y", large, sizeof large, 0));
  return 0;
}
