// Random operations on files, from a seed: file-operations DIRECTORY SEED COUNT. Prints each with its result, and
// what is in the directory every 40 operations and at the end. The same seed in the same directory prints the same on
// every Linux, so it can go on where an earlier run ended. What is not the same everywhere is not printed: blocks,
// inode numbers, the order of directories, sizes of directories.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static uint32_t state;

static uint32_t next(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return n == 0 ? 0 : (state >> 3) % n;
}

// Few names, so that operations meet; some are long, so that directories grow.
static char *path(void) {
  static char ring[4][700];
  static int turn;
  char *p = ring[turn++ & 3];
  int n = 0;
  if (next(2)) n += sprintf(p + n, "d%u/", next(3));
  if (n > 0 && next(5) == 0) n += sprintf(p + n, "d%u/", next(2));
  static const int pads[] = {0, 3, 60, 180};
  uint32_t which = next(16);
  n += sprintf(p + n, next(6) == 0 ? "d%u" : "f%u", which % 4);
  if (which >= 10) {
    int pad = pads[which % 4];
    memset(p + n, '-', pad);
    p[n + pad] = 0;
  }
  return p;
}

static void result(const char *what, const char *a, const char *b, long value) {
  printf("%s %.40s %.40s = %ld", what, a, b, value);
  if (value < 0) printf(" %d", errno);
  printf("\n");
}

static void fill(char *to, size_t n, uint32_t seed) {
  for (size_t i = 0; i < n; i++) to[i] = (char)((seed * 2654435761u + i * 40503u) >> 11);
}

static uint64_t hash_file(int fd) {
  static char buf[65536];
  uint64_t h = 1469598103934665603ull;
  ssize_t n;
  off_t at = 0;
  while ((n = pread(fd, buf, sizeof buf, at)) > 0) {
    for (ssize_t i = 0; i < n; i++) h = (h ^ (unsigned char)buf[i]) * 1099511628211ull;
    at += n;
  }
  return n < 0 ? (uint64_t)errno : h;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void show(const char *at, int depth) {
  DIR *d = opendir(at);
  if (d == NULL) {
    printf("%*s? %d\n", depth, "", errno);
    return;
  }
  char *names[600];
  int n = 0;
  for (struct dirent *e; (e = readdir(d)) != NULL && n < 600;) {
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) names[n++] = strdup(e->d_name);
  }
  closedir(d);
  qsort(names, n, sizeof *names, by_name);
  for (int i = 0; i < n; i++) {
    char p[5000], target[5000], list[2000];
    snprintf(p, sizeof p, "%s/%s", at, names[i]);
    struct stat st;
    if (lstat(p, &st) != 0) printf("%*s%s: lstat %d\n", depth, "", names[i], errno);
    printf("%*s%.20s.%zu %o %ld", depth, "", names[i], strlen(names[i]), st.st_mode, (long)st.st_nlink);
    ssize_t k = llistxattr(p, list, sizeof list);
    uint32_t sum = 0;
    for (ssize_t at = 0; at < k; at += strlen(list + at) + 1) {
      char value[5000];
      ssize_t v = lgetxattr(p, list + at, value, sizeof value);
      for (const char *c = list + at; *c; c++) sum += *c * 7919;
      for (ssize_t j = 0; j < v; j++) sum += (unsigned char)value[j] * 31 + 1;
    }
    printf(" x%u", sum);
    if (S_ISREG(st.st_mode)) {
      int fd = open(p, O_RDONLY);
      printf(" %lld %llx", (long long)st.st_size, (unsigned long long)hash_file(fd));
      close(fd);
    } else if (S_ISLNK(st.st_mode)) {
      ssize_t m = readlink(p, target, sizeof target);
      printf(" -> %zd", m);
    }
    // Times that were set; the others are now.
    if (st.st_mtime >= 2000000000) printf(" %ld.%09ld", (long)st.st_mtime, st.st_mtim.tv_nsec);
    printf("\n");
    if (S_ISDIR(st.st_mode)) show(p, depth + 1);
    free(names[i]);
  }
}

static void write_some(const char *p) {
  static char buf[100000];
  int flags = O_RDWR | (next(3) ? O_CREAT : 0) | (next(6) == 0 ? O_APPEND : 0) | (next(9) == 0 ? O_TRUNC : 0);
  int fd = open(p, flags, 0644);
  result("open", p, "", fd < 0 ? -1 : 0);
  if (fd < 0) return;
  for (uint32_t n = 1 + next(3); n > 0; n--) {
    size_t length = next(8) == 0 ? next(100000) : next(5000);
    off_t at = next(12) == 0 ? (off_t)next(1000) * 10000019 : (off_t)next(200000);
    fill(buf, length, next(1000));
    if (next(4) == 0) {
      struct iovec v[2] = {{buf, length / 3}, {buf + length / 3, length - length / 3}};
      result("pwritev", p, "", pwritev(fd, v, 2, at));
    } else {
      result("pwrite", p, "", pwrite(fd, buf, length, at));
    }
  }
  if (next(4) == 0) result("fsync", p, "", next(2) ? fsync(fd) : fdatasync(fd));
  close(fd);
}

static void map_some(const char *p) {
  int fd = open(p, O_RDWR);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0 || st.st_size > 2000000) {
    if (fd >= 0) close(fd);
    return;
  }
  char *m = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (m == MAP_FAILED) result("mmap", p, "", -1);
  else {
    for (int i = 0; i < 5; i++) m[next(st.st_size)] = (char)next(256);
    char c = 0;
    off_t at = next(st.st_size);
    long n = pread(fd, &c, 1, at);
    printf("mapped %.40s %ld %d\n", p, n, c == m[at]);
    if (next(2)) result("msync", p, "", msync(m, st.st_size, MS_SYNC));
    munmap(m, st.st_size);
  }
  close(fd);
}

static void allocate(const char *p) {
  static const int modes[] = {0, 1, 3, 16, 17, 8, 32};
  int fd = open(p, O_RDWR);
  if (fd < 0) return;
  int mode = modes[next(7)];
  off_t unit = mode == 8 || mode == 32 ? 4096 : 1;
  off_t at = (off_t)next(unit > 1 ? 20 : 200000) * unit, length = (off_t)(1 + next(unit > 1 ? 8 : 60000)) * unit;
  char text[40];
  sprintf(text, "%d %lld %lld", mode, (long long)at, (long long)length);
  result("fallocate", p, text, fallocate(fd, mode, at, length));
  close(fd);
}

static void attribute(const char *p) {
  static char value[4000];
  char name[20];
  sprintf(name, "user.k%u", next(5));
  static const int lengths[] = {0, 1, 30, 300, 900, 3500};
  size_t length = lengths[next(6)];
  fill(value, length, next(100));
  // Space for attributes is not the same everywhere.
  if (next(4) == 0) result("removexattr", p, name, lremovexattr(p, name));
  else if (length < 900) result("setxattr", p, name, lsetxattr(p, name, value, length, next(3)));
}

static void temporary(const char *p) {
  char name[40] = "kevlar";
  int fd = open(".", O_TMPFILE | O_RDWR, 0600);
  result("tmpfile", "", "", fd < 0 ? -1 : 0);
  if (fd < 0) return;
  result("write", "", "", write(fd, name, next(40)) < 0 ? -1 : ftruncate(fd, next(9000)));
  sprintf(name, "/proc/self/fd/%d", fd);
  if (next(2)) result("linkat", p, "", linkat(AT_FDCWD, name, AT_FDCWD, p, AT_SYMLINK_FOLLOW));
  close(fd);
}

// A file that loses its name while it is open keeps its content.
static void orphan(const char *p) {
  static char buf[3000];
  int fd = open(p, O_RDWR);
  if (fd < 0) return;
  if (unlink(p) == 0) {
    fill(buf, sizeof buf, 5);
    result("orphan", p, "", pwrite(fd, buf, sizeof buf, next(9000)));
    struct stat st;
    fstat(fd, &st);
    printf("%ld %lld\n", (long)st.st_nlink, (long long)st.st_size);
    if (st.st_size < 400000) printf("%llx\n", (unsigned long long)hash_file(fd));
  }
  close(fd);
}

static void times(const char *p) {
  struct timespec t[2] = {{1000, 5}, {(time_t)2000000000 + next(1000) * 4000000l, next(1000000000)}};
  result("utimens", p, "", utimensat(AT_FDCWD, p, t, AT_SYMLINK_NOFOLLOW));
}

static void target(const char *p) {
  static char text[4100];
  static const int lengths[] = {1, 20, 59, 60, 300, 900};
  int n = lengths[next(6)];
  memset(text, 'x', n);
  text[n] = 0;
  result("symlink", p, "", symlink(text, p));
}

static void step(void) {
  const char *p = path();
  const char *q;
  switch (next(20)) {
    case 0: case 1: case 2: case 3: case 4: write_some(p); break;
    case 5: result("mkdir", p, "", mkdir(p, 0750)); break;
    case 6: result("rmdir", p, "", rmdir(p)); break;
    case 7: result("unlink", p, "", unlink(p)); break;
    case 8: q = path(); result("link", p, q, link(p, q)); break;
    case 9: target(p); break;
    case 10: case 11: case 12: {
      static const int flags[] = {0, 0, 1, 2};
      q = path();
      int f = flags[next(4)];
      result(f == 0 ? "rename" : f == 1 ? "noreplace" : "exchange", p, q,
             syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, q, f));
      break;
    }
    case 13: result("truncate", p, "", truncate(p, next(10) ? next(150000) : (off_t)next(9) << 30)); break;
    case 14: allocate(p); break;
    case 15: map_some(p); break;
    case 16: attribute(p); break;
    case 17: next(2) ? temporary(p) : orphan(p); break;
    case 18: next(2) ? times(p) : result("chmod", p, "", chmod(p, 0600 | next(64))); break;
    default: {
      static const int types[] = {S_IFIFO, S_IFSOCK, S_IFREG};
      result("mknod", p, "", mknod(p, types[next(3)] | 0600, 0));
    }
  }
}

// Sparse files of gigabytes are read in no time, but hashing them is not.
static void shorten(const char *at) {
  DIR *d = opendir(at);
  if (d == NULL) return;
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    char p[5000];
    struct stat st;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    snprintf(p, sizeof p, "%s/%s", at, e->d_name);
    if (lstat(p, &st) != 0) continue;
    if (S_ISDIR(st.st_mode)) shorten(p);
    else if (S_ISREG(st.st_mode) && st.st_size > 400000) truncate(p, 300000);
  }
  closedir(d);
}

int main(int argc, char **argv) {
  if (chdir(argv[1]) != 0) return 1;
  state = strtoul(argv[2], NULL, 10) * 2654435761u + 1;
  umask(022);
  int count = atoi(argv[3]);
  for (int i = 0; i < 3; i++) mkdir((char[]){'d', (char)('0' + i), 0}, 0755);
  for (int i = 1; i <= count; i++) {
    step();
    if (i % 40 == 0 || i == count) {
      shorten(".");
      show(".", 0);
    }
  }
  return 0;
}
