/* Symbolic links whose targets are 59, 60, 61, 255 and 4095 bytes: read, followed, and loaded through. */
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* `length` bytes that lead to the file: ./ as often as needed. */
static char *target_of(const char *directory, const char *name, size_t length) {
  static char target[5000];
  int n = snprintf(target, sizeof target, "%s/", directory);
  size_t rest = length - n - strlen(name);
  for (size_t i = 0; i + 1 < rest; i += 2) n += sprintf(target + n, "./");
  if (rest % 2) n += sprintf(target + n, "/");
  strcpy(target + n, name);
  return target;
}

int main(int argc, char **argv) {
  static const size_t lengths[] = {59, 60, 61, 255, 4095};
  char *name = strrchr(argv[1], '/');
  *name++ = 0;
  for (int i = 0; i < 5; i++) {
    size_t length = lengths[i];
    char *target = target_of(argv[1], name, length), link[64], text[5000];
    struct stat st;
    snprintf(link, sizeof link, "%s/link-%zu.so", argv[2], length);
    OK(strlen(target) == length, "%zu: length", length);
    OK(symlink(target, link) == 0, "%zu: symlink", length);
    OK(lstat(link, &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == (off_t)length, "%zu: size", length);
    memset(text, '#', sizeof text);
    OK(readlink(link, text, sizeof text) == (ssize_t)length, "%zu: readlink", length);
    OK(memcmp(text, target, length) == 0 && text[length] == '#', "%zu: target", length);
    OK(readlink(link, text, 10) == 10, "%zu: cut off", length);
    OK(stat(link, &st) == 0 && S_ISREG(st.st_mode), "%zu: followed", length);
    void *h = dlopen(link, RTLD_NOW);
    OK(h != NULL, "%zu: loaded through", length);
    OK(h && dlsym(h, "late_function"), "%zu: symbol", length);
    OK(unlink(link) == 0 && lstat(link, &st) == -1 && errno == ENOENT, "%zu: unlink", length);
  }
  char too_long[4200], path[64];
  snprintf(path, sizeof path, "%s/too-long", argv[2]);
  memset(too_long, 'x', 4096);
  too_long[4096] = 0;
  OK(symlink(too_long, path) == -1 && errno == ENAMETOOLONG, "4096: too long");
  return finish();
}
