/* Writes to a full file system: what fits is written. Needs the right to mount. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char data[200000];

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static int fd;

static void size_is(const char *what) {
  struct stat st;
  fstat(fd, &st);
  printf("%s: size %ld blocks %ld\n", what, (long)st.st_size, (long)st.st_blocks);
}

static void again(void) {
  ftruncate(fd, 0);
  lseek(fd, 0, SEEK_SET);
}

int main(void) {
  char dir[] = "/tmp/fullXXXXXX", file[64];
  mkdtemp(dir);
  if (unshare(CLONE_NEWNS) == 0) mount("none", "/", 0, MS_REC | MS_PRIVATE, 0);
  if (mount("none", dir, "tmpfs", 0, "size=64k") < 0) {
    rmdir(dir);
    return 77;
  }
  snprintf(file, sizeof file, "%s/file", dir);
  fd = open(file, O_RDWR | O_CREAT, 0600);
  show("more than there is", write(fd, data, sizeof data));
  size_is("full");
  show("one byte", write(fd, data, 1));
  show("over what is there", pwrite(fd, data, 10000, 3));
  show("across the end", pwrite(fd, data, 10000, 60000));
  again();
  show("with an offset", pwrite(fd, data, 100000, 100));
  size_is("from 100");
  again();
  show("behind a hole", pwrite(fd, data, 100000, 1000000));
  size_is("sparse");
  again();
  show("some", write(fd, data, 30000));
  struct iovec parts[3] = {{data, 10000}, {data, 30000}, {data, 10000}};
  show("writev", writev(fd, parts, 3));
  show("writev again", writev(fd, parts, 3));
  size_is("after writev");
  again();
  int flags = fcntl(fd, F_GETFL);
  write(fd, data, 65000);
  fcntl(fd, F_SETFL, flags | O_APPEND);
  show("append", write(fd, data, 1000));
  show("append", write(fd, data, 1000));
  size_is("appended");
  close(fd);
  unlink(file);
  umount(dir);
  rmdir(dir);
  return 0;
}
