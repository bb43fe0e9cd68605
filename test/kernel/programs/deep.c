/*
 * Trees deeper than a host's stack, on file systems that then go.
 *   deep directories N: N directories, each in the one before, on a tmpfs
 *   deep mounts N: N file systems, each mounted in the one before; bound as a whole, and detached
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void down(long n, int mounts) {
  for (long i = 0; i < n; i++) {
    if (mkdir("d", 0755) != 0 || (mounts && mount("t", "d", "tmpfs", 0, NULL) != 0) || chdir("d") != 0) {
      perror("down");
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  int mounts = strcmp(argv[1], "mounts") == 0;
  mkdir("/m", 0755);
  mkdir("/b", 0755);
  printf("mount: %d\n", mount("t", "/m", "tmpfs", 0, NULL));
  chdir("/m");
  down(atol(argv[2]), mounts);
  chdir("/");
  if (mounts) {
    printf("bind: %d\n", mount("/m", "/b", NULL, MS_BIND | MS_REC, NULL));
    printf("detach: %d\n", umount2("/b", MNT_DETACH));
  }
  printf("umount: %d\n", umount2("/m", mounts ? MNT_DETACH : 0));
  return 0;
}
