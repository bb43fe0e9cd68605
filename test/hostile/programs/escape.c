// Tries to get out of a host volume at /vol by every name there is; prints what each attempt reads.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void show(const char *what, int fd) {
  char text[64] = "";
  if (fd < 0) { printf("%s: errno %d\n", what, errno); return; }
  int n = read(fd, text, 63);
  if (n < 0) printf("%s: read errno %d\n", what, errno);
  else printf("%s: %.*s\n", what, n, text);
  close(fd);
}

int main(int argc, char **argv) {
  const char *outside = argv[1];  // the secret's path on the host
  char path[4096];
  chdir("/vol");
  symlink("/etc/passwd", "passwd"), show("absolute link", open("passwd", O_RDONLY));
  symlink(outside, "secret"), show("link to the host", open("secret", O_RDONLY));
  symlink("../secret", "up"), show("relative link", open("up", O_RDONLY));
  symlink("../../../../../../../../etc/passwd", "far"), show("far link", open("far", O_RDONLY));
  symlink("..", "dots"), show("dots", open("dots/secret", O_RDONLY));
  show("..", open("../secret", O_RDONLY));
  show("/vol/..", open("/vol/../secret", O_RDONLY));
  show("host's link", open("hostlink", O_RDONLY));
  show("host's directory link", open("hostdir/secret", O_RDONLY));
  show("host's proc", open("/proc/self/root/vol/../../secret", O_RDONLY));
  for (int fd = 0; fd < 60; fd++) {
    snprintf(path, sizeof path, "/proc/self/fd/%d/../secret", fd);
    if (open(path, O_RDONLY) >= 0) printf("escaped by %s\n", path);
  }
  int dir = open("/vol/inner", O_RDONLY | O_DIRECTORY);
  rename("/vol/inner", "/vol/moved");
  show("from a moved directory", openat(dir, "../../secret", O_RDONLY));
  show("create outside", open("up2", O_CREAT | O_WRONLY | O_EXCL, 0644));
  symlink("../planted", "plant"), show("create by a link", open("plant", O_CREAT | O_RDWR, 0644));
  printf("link %d rename %d\n", link("secret", "/vol/hard") ? errno : 0, rename("/vol/passwd", "/elsewhere") ? errno : 0);
  printf("mknod %d\n", mknod("device", S_IFCHR | 0666, 0x103) ? errno : 0);
  printf("name with slash %d\n", syscall(SYS_mkdirat, -100, "a\\..\\b", 0755) ? errno : 0);
  printf("chroot %d\n", chroot("/vol") ? errno : 0);
  show("in chroot", open("/../secret", O_RDONLY));
  return 0;
}
