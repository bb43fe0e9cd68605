// Files of more than memory: larger-than-memory DIRECTORY MIB. One large file is written, read, and changed through a
// mapping; another by one write(2); then many files are written and kept open. Prints checksums.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static unsigned char buffer[1 << 16];

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static void fill(uint32_t seed) {
  for (size_t i = 0; i < sizeof buffer; i += 4) {
    uint32_t v = (seed * 2654435761u) ^ (uint32_t)i;
    memcpy(buffer + i, &v, 4);
  }
}

static uint32_t sum(uint32_t h) {
  for (size_t i = 0; i < sizeof buffer; i += 4) {
    uint32_t v;
    memcpy(&v, buffer + i, 4);
    h = (h ^ v) * 16777619u;
  }
  return h;
}

static uint32_t sum_file(int fd) {
  uint32_t h = 1;
  must(lseek(fd, 0, SEEK_SET) == 0, "lseek");
  while (read(fd, buffer, sizeof buffer) == sizeof buffer) h = sum(h);
  return h;
}

// By one write(2), from memory that nobody has touched.
static void at_once(size_t size) {
  void *zeros = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must(zeros != MAP_FAILED, "mmap");
  int fd = open("at-once", O_RDWR | O_CREAT | O_TRUNC, 0644);
  printf("at once: %zd\n", write(fd, zeros, size));
  printf("rewritten: %zd\n", pwrite(fd, zeros, size, 5));
  munmap(zeros, size);
  printf("zeros: %08x\n", sum_file(fd));
  close(fd);
}

int main(int argc, char **argv) {
  must(chdir(argv[1]) == 0, "chdir");
  size_t size = (size_t)atoi(argv[2]) * MIB;
  int fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0644);
  for (size_t at = 0; at < size; at += sizeof buffer) {
    fill(at);
    must(write(fd, buffer, sizeof buffer) == sizeof buffer, "write");
  }
  printf("written: %08x\n", sum_file(fd));
  unsigned char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(m != MAP_FAILED, "mmap");
  for (size_t at = 0; at < size; at += 40960) m[at] ^= 0x5a;
  must(munmap(m, size) == 0, "munmap");
  printf("changed: %08x\n", sum_file(fd));
  at_once(size);
  int many[64];
  for (int i = 0; i < 64; i++) {
    char name[20];
    sprintf(name, "f%d", i);
    many[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    for (size_t at = 0; at < size / 48; at += sizeof buffer) {
      fill(i * 1000 + at);
      must(write(many[i], buffer, sizeof buffer) == sizeof buffer, name);
    }
  }
  uint32_t h = 0;
  for (int i = 0; i < 64; i++) h = h * 31 + sum_file(many[i]);
  printf("many: %08x\n", h);
  for (int i = 0; i < 64; i++) close(many[i]);
  // Each of these is a page in memory.
  for (int i = 0; i < 6000; i++) {
    char name[20];
    sprintf(name, "s%d", i);
    int small = open(name, O_RDWR | O_CREAT, 0644);
    must(small >= 0 && write(small, name, sizeof name) == sizeof name, name);
    close(small);
  }
  for (int i = 0; i < 6000; i++) {
    char name[20], found[20];
    sprintf(name, "s%d", i);
    int small = open(name, O_RDONLY);
    must(small >= 0 && read(small, found, sizeof found) == sizeof found, name);
    must(strcmp(name, found) == 0, "content");
    close(small);
  }
  printf("small ones\n");
  return 0;
}
