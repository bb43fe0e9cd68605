/* Names: rename(2), link(2), symlink(2), mknod(2), unlink(2), getdents(2), openat2(2) and the *at forms. */
#include "../contract.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/syscall.h>

static void put(const char *name, const char *text) {
  int fd = MUST(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  MUST(write(fd, text, strlen(text)));
  close(fd);
}

static void say_file(const char *name) {
  char text[64] = "";
  struct stat st;
  if (lstat(name, &st) != 0) { SAY("%s: errno %d", name, errno); return; }
  if (S_ISREG(st.st_mode)) read(open(name, O_RDONLY), text, 63);
  if (S_ISLNK(st.st_mode)) readlink(name, text, 63);
  SAY("%s: type %o links %d %s", name, st.st_mode & S_IFMT, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink, text);
}

static long rename2(const char *from, const char *to, int flags) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

CONTRACT(rename_replaces) {
  put("a", "a");
  put("b", "b");
  mkdir("d", 0755);
  mkdir("e", 0755);
  put("e/x", "x");
  CHECK(rename("a", "b"));
  say_file("a");
  say_file("b");
  CHECK(rename("b", "d"));
  CHECK(rename("d", "b"));
  CHECK(rename("d", "e"));
  CHECK(rename("e", "d"));
  say_file("d/x");
  CHECK(rename("d", "d/sub"));
  CHECK(rename("d/x", "d"));
  CHECK(rename("none", "y"));
  CHECK(rename("b", "none/y"));
  CHECK(rename("b", "b/y"));
  CHECK(rename("b", "new/"));
  CHECK(rename("b/", "new"));
  CHECK(rename("d", "new/"));
  CHECK(rename("new/.", "z"));
  CHECK(rename("new", "."));
  CHECK(rename("new", ".."));
  CHECK(rename("", "z"));
  CHECK(rename("b", ""));
  link("b", "same");
  CHECK(rename("b", "same"));
  say_file("b");
  symlink("b", "l");
  CHECK(rename("l", "m"));
  say_file("m");
}

CONTRACT(rename_with_flags) {
  put("a", "a");
  put("b", "b");
  mkdir("d", 0755);
  CHECK(rename2("a", "b", 1));
  CHECK(rename2("a", "c", 1));
  CHECK(rename2("c", "d", 2));
  say_file("c");
  say_file("d");
  CHECK(rename2("b", "none", 2));
  CHECK(rename2("none", "b", 2));
  CHECK(rename2("b", "c", 3));
  CHECK(rename2("b", "c", 16));
  CHECK(rename2("c", "c/sub", 2));
  CHECK(rename2("b", "b", 1));
  CHECK(rename2("b", "b", 2));
}

CONTRACT(links) {
  put("f", "x");
  mkdir("d", 0755);
  symlink("f", "l");
  symlink("none", "dangling");
  CHECK(link("f", "g"));
  say_file("g");
  CHECK(link("f", "g"));
  CHECK(link("d", "h"));
  CHECK(link("none", "h"));
  CHECK(link("f", "none/h"));
  CHECK(link("f", "h/"));
  CHECK(link("f/", "h"));
  CHECK(link("l", "hard"));
  say_file("hard");
  CHECK(linkat(AT_FDCWD, "l", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
  say_file("followed");
  CHECK(linkat(AT_FDCWD, "dangling", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
  CHECK(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 1));
  CHECK(linkat(99, "f", AT_FDCWD, "x", 0));
  CHECK(link("f", "/dev/shm/contract-other-device"));
}

CONTRACT(symlinks) {
  char text[64] = "";
  CHECK(symlink("target", "l"));
  CHECK(symlink("target", "l"));
  CHECK(symlink("", "empty"));
  CHECK(symlink("target", ""));
  CHECK(symlink("target", "none/l"));
  CHECK(symlink("target", "new/"));
  VALUE(readlink("l", text, 3));
  VALUE(readlink("l", text, 64));
  CHECK(readlink("l", text, 0));
  CHECK(readlink("l", text, -1));
  CHECK(readlink("none", text, 64));
  CHECK(readlink(".", text, 64));
  CHECK(readlink("l/", text, 64));
  CHECK(readlink("l", 0, 64));
  struct stat st;
  lstat("l", &st);
  SAY("mode %o size %ld", st.st_mode, (long)st.st_size);
  char long_name[4200];
  memset(long_name, 'x', sizeof long_name);
  long_name[4096] = 0;
  CHECK(symlink(long_name, "long"));
  long_name[4095] = 0;
  int r = symlink(long_name, "long");
  SAY("%d", r == 0 || errno == ENAMETOOLONG);
}

CONTRACT(nodes) {
  struct stat st;
  CHECK(mknod("f", S_IFREG | 0666, 0));
  CHECK(mknod("zero", 0644, 0));
  CHECK(mknod("p", S_IFIFO | 0666, 0));
  CHECK(mknod("s", S_IFSOCK | 0666, 0));
  CHECK(mknod("d", S_IFDIR | 0755, 0));
  CHECK(mknod("x", S_IFLNK | 0755, 0));
  CHECK(mknod("f", S_IFREG | 0666, 0));
  for (const char *const *n = (const char *const[]){"f", "zero", "p", "s", 0}; *n; n++) {
    lstat(*n, &st);
    SAY("%s: %o", *n, st.st_mode);
  }
  CHECK(open("s", O_RDONLY));
  CHECK(mkdir("d", 07777));
  stat("d", &st);
  SAY("%o", st.st_mode);
  CHECK(mkdir("d", 0755));
  CHECK(mkdir("e/", 0755));
  CHECK(mkdir("none/f", 0755));
  CHECK(mkdir("f/g", 0755));
  CHECK(mkdir(".", 0755));
  CHECK(mkdir("/", 0755));
  CHECK(mkdir("", 0755));
}

CONTRACT(removal) {
  put("f", "x");
  mkdir("d", 0755);
  put("d/g", "x");
  symlink("d", "l");
  CHECK(unlink("d"));
  CHECK(rmdir("f"));
  CHECK(rmdir("d"));
  CHECK(rmdir("l"));
  CHECK(unlink("f/"));
  CHECK(unlink("l/"));
  CHECK(rmdir("d/."));
  CHECK(rmdir("d/.."));
  CHECK(rmdir("."));
  CHECK(unlink("none"));
  CHECK(unlink("f/x"));
  CHECK(unlink(""));
  CHECK(unlinkat(AT_FDCWD, "d", 0));
  CHECK(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
  CHECK(unlinkat(AT_FDCWD, "f", 1));
  CHECK(unlink("d/g"));
  CHECK(rmdir("d/"));
  CHECK(unlink("l"));
  CHECK(rmdir("/"));
}

CONTRACT(listing) {
  mkdir("d", 0755);
  chdir("d");
  put("file", "x");
  mkdir("dir", 0755);
  symlink("x", "link");
  mkfifo("fifo", 0644);
  int counts[16] = {0}, names = 0;
  DIR *d = opendir(".");
  for (struct dirent *e; (e = readdir(d)); names++) counts[e->d_type]++;
  SAY("%d names: %d files %d directories %d links %d fifos", names, counts[DT_REG], counts[DT_DIR], counts[DT_LNK],
      counts[DT_FIFO]);
  rewinddir(d);
  struct dirent *first = readdir(d);
  char name[256];
  strcpy(name, first->d_name);
  long at = telldir(d);
  struct dirent *second = readdir(d);
  char again[256];
  strcpy(again, second->d_name);
  seekdir(d, at);
  SAY("same: %d", strcmp(readdir(d)->d_name, again) == 0);
  closedir(d);
  char buffer[1024];
  int fd = MUST(open(".", O_RDONLY));
  CHECK(syscall(SYS_getdents64, fd, buffer, 10));
  CHECK(syscall(SYS_getdents64, fd, buffer, 1024));
  VALUE(syscall(SYS_getdents64, fd, buffer, 1024));
  CHECK(syscall(SYS_getdents64, MUST(open("file", O_RDONLY)), buffer, 1024));
  CHECK(syscall(SYS_getdents64, 99, buffer, 1024));
  mkdir("gone", 0755);
  fd = MUST(open("gone", O_RDONLY));
  rmdir("gone");
  CHECK(syscall(SYS_getdents64, fd, buffer, 1024));
  CHECK(openat(fd, "x", O_CREAT | O_RDWR, 0600));
  CHECK(openat(fd, "..", O_RDONLY));
  CHECK(mkdirat(fd, "x", 0755));
}

CONTRACT(at_directories) {
  mkdir("d", 0755);
  put("d/f", "x");
  int d = MUST(open("d", O_RDONLY)), f = MUST(open("d/f", O_RDONLY));
  struct stat st;
  char text[16];
  CHECK(openat(d, "f", O_RDONLY));
  CHECK(openat(f, "f", O_RDONLY));
  CHECK(openat(99, "f", O_RDONLY));
  CHECK(openat(99, "/dev/null", O_RDONLY));
  CHECK(fstatat(d, "", &st, 0));
  CHECK(fstatat(f, "", &st, AT_EMPTY_PATH));
  SAY("size %ld", (long)st.st_size);
  CHECK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
  SAY("directory: %d", S_ISDIR(st.st_mode));
  CHECK(fstatat(d, "f", &st, 0x8000));
  CHECK(mkdirat(d, "sub", 0700));
  CHECK(symlinkat("f", d, "l"));
  VALUE(readlinkat(d, "l", text, 16));
  CHECK(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW));
  SAY("link: %d", S_ISLNK(st.st_mode));
  CHECK(renameat(d, "f", AT_FDCWD, "moved"));
  CHECK(linkat(AT_FDCWD, "moved", d, "f", 0));
  CHECK(unlinkat(d, "sub", AT_REMOVEDIR));
  CHECK(faccessat(d, "l", R_OK, 0));
  CHECK(fchmodat(d, "f", 0600, 0));
  CHECK(fchdir(d));
  CHECK(fchdir(f));
  CHECK(access("l", F_OK));
}

CONTRACT(openat2_resolution) {
  struct { uint64_t flags, mode, resolve; } how = {O_RDONLY};
  mkdir("d", 0755);
  put("d/f", "x");
  symlink("f", "d/l");
  symlink("/dev/null", "d/absolute");
  symlink("..", "d/up");
  int d = MUST(open("d", O_RDONLY));
#define TRY(name, with) (how.resolve = with, CHECK(syscall(SYS_openat2, d, name, &how, sizeof how)))
  TRY("f", 0);
  TRY("l", 0x04);
  TRY("f", 0x04);
  TRY("../d/f", 0x08);
  TRY("absolute", 0x08);
  TRY("l", 0x08);
  TRY("up/d/f", 0x08);
  TRY("../../f", 0x10);
  TRY("/f", 0x10);
  TRY("absolute", 0x10);
  TRY("/dev/null", 0x08);
  TRY("/proc/self/exe", 0x02);
  TRY("/proc/self/status", 0x01);
  TRY("f", 0x100);
  how.mode = 0644;
  TRY("f", 0);
  how.flags = 1ULL << 40;
  how.mode = 0;
  TRY("f", 0);
  how.flags = 0;
  CHECK(syscall(SYS_openat2, d, "f", &how, 8));
}
