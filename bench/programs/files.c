// Work on files: files MODE DIRECTORY ARGUMENTS. Prints lines "NAME CHECKSUM MILLISECONDS", or, for growth,
// "NAME few NANOSECONDS many NANOSECONDS" an operation. musl or glibc.
//   large MIB      a file is written and synced        again MIB      it is read, and read again
//   small N        N files of 100 bytes                growth FEW MANY   so many empty ones
//   tar MIB COMMAND...   the command, on a directory `tree` of files of 16 KB
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, TREE_FILE = 1 << 14, TREE_DIRECTORIES = 40, WARM_UPS = 4, ROUNDS = 4 };

static char buffer[CHUNK];

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void report(const char *name, long checksum, long long ns) {
  printf("%s %ld %.3f\n", name, checksum, ns / 1e6);
  fflush(stdout);
}

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static void put(const char *name, size_t length) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  must(fd >= 0, name);
  for (size_t done = 0; done < length;) {
    size_t n = length - done < CHUNK ? length - done : CHUNK;
    must(write(fd, buffer, n) == (ssize_t)n, "write");
    done += n;
  }
  if (length > 1 << 20) must(fsync(fd) == 0, "fsync");
  close(fd);
}

static void large_write(long mib) {
  long long began = now();
  put("large", (size_t)mib << 20);
  report("write", mib, now() - began);
}

static void large_read(const char *name) {
  int fd = open("large", O_RDONLY);
  must(fd >= 0, "large");
  long total = 0;
  unsigned long sum = 0;
  long long began = now();
  for (ssize_t n; (n = read(fd, buffer, CHUNK)) > 0; total += n) sum = sum * 31 + buffer[0] + buffer[n - 1];
  long long ns = now() - began;
  close(fd);
  report(name, total ^ (long)(sum & 0xffffff), ns);
}

enum { CREATE, STAT, UNLINK, KINDS };
static const char *const KIND[KINDS] = {"create", "stat", "unlink"};

// N files of `length` bytes: made, looked up in another order, removed. Adds the time of each.
static void directory(int n, size_t length, long long times[KINDS]) {
  char name[40];
  must(mkdir("many", 0755) == 0 && chdir("many") == 0, "many");
  long long began = now();
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", i);
    put(name, length);
  }
  long long made = now();
  struct stat st;
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", (int)((i * 7919ll) % n));
    must(stat(name, &st) == 0, name);
  }
  long long seen = now();
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", i);
    must(unlink(name) == 0, name);
  }
  times[CREATE] += made - began;
  times[STAT] += seen - made;
  times[UNLINK] += now() - seen;
  must(chdir("..") == 0 && rmdir("many") == 0, "rmdir");
}

static void small(int n) {
  long long times[KINDS] = {0};
  directory(n, 100, times);
  for (int k = 0; k < KINDS; k++) report(KIND[k], n, times[k]);
  report("all", n, times[CREATE] + times[STAT] + times[UNLINK]);
}

static void growth(int few, int many) {
  long long warm[KINDS], some[KINDS] = {0}, all[KINDS] = {0};
  for (int i = 0; i < WARM_UPS; i++) directory(few, 0, warm);
  for (int i = 0; i < ROUNDS; i++) directory(few, 0, some);
  directory(many, 0, all);
  for (int k = 0; k < KINDS; k++)
    printf("%s few %lld many %lld\n", KIND[k], some[k] / few / ROUNDS, all[k] / many);
}

static void tree(long mib) {
  char name[60];
  must(mkdir("tree", 0755) == 0, "tree");
  long files = (mib << 20) / TREE_FILE / TREE_DIRECTORIES;
  for (int d = 0; d < TREE_DIRECTORIES; d++) {
    sprintf(name, "tree/d%d", d);
    must(mkdir(name, 0755) == 0, name);
    for (int i = 0; i < files; i++) {
      sprintf(name, "tree/d%d/f%d", d, i);
      put(name, TREE_FILE);
    }
  }
}

static int clean_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  return remove(path);
}

static void tar(long mib, char **argv) {
  tree(mib);
  long long began = now();
  pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv);
    _exit(127);
  }
  int status;
  must(child > 0 && waitpid(child, &status, 0) == child && status == 0, argv[0]);
  long long ns = now() - began;
  struct stat st;
  must(stat("tree.tar", &st) == 0, "tree.tar");
  report("tar", (long)st.st_size, ns);
  nftw("tree", clean_one, 20, FTW_DEPTH | FTW_PHYS);
  unlink("tree.tar");
}

int main(int argc, char **argv) {
  must(argc > 3 && chdir(argv[2]) == 0, "usage: files MODE DIRECTORY ARGUMENTS");
  for (size_t i = 0; i < sizeof buffer; i++) buffer[i] = (char)(i * 7 + i / 251);
  const char *mode = argv[1];
  long n = atol(argv[3]);
  if (strcmp(mode, "large") == 0) large_write(n);
  else if (strcmp(mode, "again") == 0) {
    large_read("read");
    large_read("reread");
  } else if (strcmp(mode, "small") == 0) small((int)n);
  else if (strcmp(mode, "growth") == 0 && argc > 4) growth((int)n, atoi(argv[4]));
  else if (strcmp(mode, "tar") == 0 && argc > 4) tar(n, argv + 4);
  else return 2;
  return 0;
}
