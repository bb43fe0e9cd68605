/* What stores through a shared mapping of a sparse file take of the file system. Usage: mapped-blocks FILE [MiB] */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static sigjmp_buf back;
static void on_bus(int sig) { siglongjmp(back, sig); }

int main(int argc, char **argv) {
  struct stat st;
  int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
  long size = (argc > 2 ? atol(argv[2]) : 1) << 20;
  if (fd < 0 || ftruncate(fd, size) != 0) return 1;
  volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  fstat(fd, &st);
  printf("empty: %ld\n", (long)st.st_blocks);
  p[0] = 1;
  p[100000] = 2;
  fstat(fd, &st);
  printf("two pages stored: %ld\n", (long)st.st_blocks);
  printf("read: %d\n", p[200000]);
  fstat(fd, &st);
  printf("one read: %ld\n", (long)st.st_blocks);
  fsync(fd);
  fstat(fd, &st);
  printf("synced: %ld\n", (long)st.st_blocks);
  if (argc > 2) {
    volatile long i = 0;
    signal(SIGBUS, on_bus);
    if (sigsetjmp(back, 1) == 0) {
      for (; i < size; i += 4096) p[i] = 3;
      puts("all stored");
    } else printf("SIGBUS, %s\n", i > 0 && i < size ? "when it was full" : "too early");
    char c;
    printf("write: %zd\n", pwrite(fd, &c, 1, size - 1));
  }
  return 0;
}
