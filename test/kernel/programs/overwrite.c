/* Whole pages of a file are written from a mapping of the same file, and from memory that ends within them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void sum(int fd) {
  static unsigned char bytes[64 * PAGE];
  long n = pread(fd, bytes, sizeof bytes, 0);
  unsigned h = 0;
  for (long i = 0; i < n; i++) h = h * 31 + bytes[i];
  printf("%ld bytes, sum %u\n", n, h);
}

static void show(const char *what, long n) { printf("%s: %ld %s\n", what, n, n < 0 ? strerror(errno) : ""); }

int main(int argc, char **argv) {
  int fd = open(argv[1], O_RDWR);
  struct stat st;
  fstat(fd, &st);
  unsigned char *map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
  show("onto itself", pwrite(fd, map, 2 * PAGE, 0));
  show("from the page behind", pwrite(fd, map + 3 * PAGE, PAGE, 2 * PAGE));
  show("from pages that are read then", pwrite(fd, map + 7 * PAGE, 3 * PAGE, 5 * PAGE));
  sum(fd);
  char *end = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(end + 2 * PAGE, PAGE);
  memset(end, 5, 2 * PAGE);
  show("two pages of three", pwrite(fd, end, 3 * PAGE, 20 * PAGE));
  show("a part of a page", pwrite(fd, end + PAGE + 1000, 2 * PAGE, 30 * PAGE));
  show("nothing", pwrite(fd, end + 2 * PAGE, PAGE, 35 * PAGE));
  show("beyond the end", pwrite(fd, end, 2 * PAGE, st.st_size / PAGE * PAGE));
  sum(fd);
  memset(end, 6, 2 * PAGE);
  show("over a mapped page", pwrite(fd, end, 2 * PAGE, 10 * PAGE));
  printf("seen in the mapping: %d %d\n", map[10 * PAGE], map[12 * PAGE - 1]);
  fsync(fd);
  sum(fd);
  return 0;
}
