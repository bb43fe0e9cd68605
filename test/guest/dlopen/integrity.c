/* Files through mmap and through read are the same, in each way to map them. Names are arguments. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char *read_whole(int fd, size_t size) {
  unsigned char *data = must(malloc(size + 1), "malloc");
  size_t done = 0;
  for (ssize_t n; done < size && (n = read(fd, data + done, 65521)) > 0;) done += n;
  if (done != size) must(NULL, "read");
  return data;
}

static int same(int fd, const unsigned char *data, size_t size, size_t from, int prot, int flags) {
  size_t length = size - from, pages = (length + 4095) & -4096ul;
  unsigned char *p = mmap(NULL, length, prot, flags, fd, from);
  if (p == MAP_FAILED) return 0;
  int good = memcmp(p, data + from, length) == 0;
  for (size_t i = length; i < pages; i++) good &= p[i] == 0;
  munmap(p, length);
  return good;
}

static void check(const char *path) {
  struct stat st;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) must(NULL, path);
  size_t size = st.st_size, middle = (size / 2) & -4096ul;
  unsigned char *data = read_whole(fd, size);
  int rw = PROT_READ | PROT_WRITE;
  int good = same(fd, data, size, 0, PROT_READ, MAP_PRIVATE) &&
             same(fd, data, size, 0, PROT_READ, MAP_SHARED) &&
             same(fd, data, size, middle, PROT_READ | PROT_EXEC, MAP_PRIVATE) &&
             same(fd, data, size, middle, rw, MAP_PRIVATE) &&
             same(fd, data, size, 0, PROT_READ, MAP_PRIVATE | MAP_POPULATE);
  /* A private copy changes; the file does not. */
  unsigned char *p = mmap(NULL, size, rw, MAP_PRIVATE, fd, 0);
  for (size_t i = 0; i < size; i += 4096) p[i] ^= 0xff;
  unsigned char *again = malloc(size);
  good &= pread(fd, again, size, 0) == (ssize_t)size && memcmp(again, data, size) == 0;
  for (size_t i = 0; i < size; i++) good &= p[i] == (i % 4096 ? data[i] : data[i] ^ 0xff);
  munmap(p, size);
  OK(good, "%s", path);
  free(data);
  free(again);
  close(fd);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) check(argv[i]);
  return finish();
}
