/*
 * Trees deeper than a host's stack, on file systems that then go.
 *   deep directories N: N directories, each in the one before, on a tmpfs
 *   deep mounts N: N file systems, each mounted in the one before; bound as a whole, and detached
 *   deep sockets N: N sockets, each in a message that waits in the one before
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
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

static void sockets(long n) {
  int held = dup(0), pair[2];
  for (long i = 0; i < n; i++) {
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) exit(1);
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &held, sizeof(int));
    if (sendmsg(pair[0], &m, 0) != 1) exit(1);
    close(held);
    close(pair[0]);
    held = pair[1];
  }
  printf("close: %d\n", close(held));
}

int main(int argc, char **argv) {
  int mounts = strcmp(argv[1], "mounts") == 0;
  if (strcmp(argv[1], "sockets") == 0) {
    sockets(atol(argv[2]));
    return 0;
  }
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
