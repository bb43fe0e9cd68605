/* openat2: flags that openat ignores, and how a path may be resolved. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct how { uint64_t flags, mode, resolve, more; };
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

static int dir;

static int open2(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size) {
  struct how h = {flags, mode, resolve, 0};
  return syscall(437, dir, path, &h, size);
}

static void show(const char *what, int fd) {
  struct stat st;
  char text[20] = "";
  if (fd < 0) printf("%s: %s\n", what, strerror(errno));
  else {
    fstat(fd, &st);
    if (S_ISREG(st.st_mode)) pread(fd, text, 19, 0);
    printf("%s: mode %o '%s' flags %o %d\n", what, st.st_mode, text, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    close(fd);
  }
  fflush(stdout);
}

static void save(const char *name, const char *text) {
  int fd = openat(dir, name, O_CREAT | O_WRONLY, 0644);
  write(fd, text, strlen(text));
  close(fd);
}

int main(void) {
  char top[] = "/tmp/open2XXXXXX", path[200];
  uint64_t ways[] = {0, NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH, IN_ROOT};
  const char *names[] = {"0", "NO_XDEV", "NO_MAGICLINKS", "NO_SYMLINKS", "BENEATH", "IN_ROOT"};
  mkdtemp(top);
  snprintf(path, sizeof path, "%s/in", top);
  mkdir(path, 0755);
  dir = open(top, O_RDONLY | O_DIRECTORY);
  save("outside", "outside");
  close(dir);
  dir = open(path, O_RDONLY | O_DIRECTORY);
  umask(022);
  save("file", "inside");
  mkdirat(dir, "sub", 0755);
  save("sub/file", "in sub");
  symlinkat("file", dir, "link");
  symlinkat("sub", dir, "sublink");
  symlinkat("../outside", dir, "up");
  symlinkat("/outside", dir, "absolute");
  symlinkat("/file", dir, "rootfile");
  symlinkat("../file", dir, "sub/back");
  symlinkat("/proc/self/cwd", dir, "magic");
  symlinkat("loop", dir, "loop");
  chdir(path);

  show("plain", open2("file", O_RDONLY, 0, 0, 24));
  show("close on exec", open2("file", O_RDWR | O_CLOEXEC, 0, 0, 24));
  show("create", open2("new", O_RDWR | O_CREAT | O_EXCL, 0640, 0, 24));
  show("again", open2("new", O_RDWR | O_CREAT | O_EXCL, 0640, 0, 24));
  show("unknown flag", open2("file", 1u << 30, 0, 0, 24));
  show("high flag", open2("file", 1ull << 40, 0, 0, 24));
  show("mode without creating", open2("file", O_RDONLY, 0644, 0, 24));
  show("unknown mode", open2("new2", O_CREAT | O_RDWR, 0200000, 0, 24));
  show("unknown way", open2("file", O_RDONLY, 0, 64, 24));
  show("BENEATH and IN_ROOT", open2("file", O_RDONLY, 0, BENEATH | IN_ROOT, 24));
  show("O_PATH and others", open2("file", O_PATH | O_RDWR, 0, 0, 24));
  show("O_PATH", open2("file", O_PATH, 0, 0, 24));
  show("O_TMPFILE", open2(".", O_TMPFILE | O_RDWR, 0600, 0, 24));
  show("O_TMPFILE to read", open2(".", O_TMPFILE | O_RDONLY, 0600, 0, 24));
  show("size 16", open2("file", O_RDONLY, 0, 0, 16));
  show("size 32", open2("file", O_RDONLY, 0, 0, 32));
  show("size 5000", open2("file", O_RDONLY, 0, 0, 5000));
  struct how h = {0, 0, 0, 1};
  show("unknown field", syscall(437, dir, "file", &h, 32));
  show("bad address", syscall(437, dir, "file", 8, 24));
  show("cached, creating", open2("new", O_CREAT | O_RDWR, 0600, CACHED, 24));

  char absolute[220];
  snprintf(absolute, sizeof absolute, "%s/file", path);
  const char *paths[] = {"file", "sub/file", "./sub/../file", "link", "sublink/file", "up", "../outside", "../in/file", "..",
                         "sub/../../outside", "absolute", "rootfile", "sub/back", "/file", "/", "/..", "magic", "magic/file",
                         "/proc/self/exe", "/proc/version", "/dev/null", "loop", "missing", "file/x", absolute, "sub/"};
  for (int w = 0; w < 6; w++)
    for (int i = 0; i < (int)(sizeof paths / sizeof *paths); i++) {
      char what[300];
      snprintf(what, sizeof what, "%s %s", names[w], paths[i] == absolute ? "ABSOLUTE" : paths[i]);
      show(what, open2(paths[i], strcmp(paths[i], "/proc/self/exe") && strcmp(paths[i], "/proc/version") ? O_RDONLY : O_PATH, 0, ways[w], 24));
    }
  show("NO_SYMLINKS O_NOFOLLOW", open2("link", O_RDONLY | O_NOFOLLOW, 0, NO_SYMLINKS, 24));
  show("NO_SYMLINKS O_PATH O_NOFOLLOW", open2("link", O_PATH | O_NOFOLLOW, 0, NO_SYMLINKS, 24));
  show("IN_ROOT create", open2("/new3", O_CREAT | O_RDWR, 0600, IN_ROOT, 24));
  show("IN_ROOT created", open2("new3", O_RDONLY, 0, 0, 24));
  show("BENEATH create", open2("../new4", O_CREAT | O_RDWR, 0600, BENEATH, 24));
  dir = AT_FDCWD;
  show("BENEATH here", open2("sub/file", O_RDONLY, 0, BENEATH, 24));
  show("BENEATH above", open2("..", O_RDONLY, 0, BENEATH, 24));
  snprintf(path, sizeof path, "rm -rf %s", top);
  chdir("/");
  const char *all[] = {"in/sub/file", "in/sub/back", "in/file", "in/new", "in/new3", "in/link", "in/sublink", "in/up", "in/absolute",
                       "in/rootfile", "in/magic", "in/loop", "outside"};
  dir = open(top, O_RDONLY);
  for (int i = 0; i < 13; i++) unlinkat(dir, all[i], 0);
  unlinkat(dir, "in/sub", AT_REMOVEDIR);
  unlinkat(dir, "in", AT_REMOVEDIR);
  rmdir(top);
  return 0;
}
