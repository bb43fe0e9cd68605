// Work on files for bench/ext4.ts: files MODE DIRECTORY [ARGUMENTS]. Prints lines "NAME NANOSECONDS OPERATIONS". musl or glibc.
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

enum { CHUNK = 1 << 18, LARGE_MIB = 256, TREE_MIB = 40 };

static char buffer[CHUNK];
static struct timespec began;
static long long sum;

static void begin(void) { clock_gettime(CLOCK_MONOTONIC, &began); }

static void end(const char *name, long operations) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long long ns = (now.tv_sec - began.tv_sec) * 1000000000ll + now.tv_nsec - began.tv_nsec;
  sum += ns;
  printf("%s %lld %ld\n", name, ns, operations);
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

static void large_write(void) {
  begin();
  put("large", (size_t)LARGE_MIB << 20);
  end("write", LARGE_MIB);
}

static void large_read(void) {
  int fd = open("large", O_RDONLY);
  must(fd >= 0, "large");
  long total = 0;
  begin();
  for (ssize_t n; (n = read(fd, buffer, CHUNK)) > 0;) total += n;
  end("read", LARGE_MIB);
  must(total == (long)LARGE_MIB << 20, "read");
}

// N files of `length` bytes: made, looked up in another order, removed.
static void directory(int n, size_t length) {
  char name[40];
  must(mkdir("many", 0755) == 0 && chdir("many") == 0, "many");
  begin();
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", i);
    put(name, length);
  }
  end("create", n);
  struct stat st;
  begin();
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", (int)((i * 7919ll) % n));
    must(stat(name, &st) == 0, name);
  }
  end("stat", n);
  begin();
  for (int i = 0; i < n; i++) {
    sprintf(name, "file-%d", i);
    must(unlink(name) == 0, name);
  }
  end("unlink", n);
  if (length > 0) {
    printf("all %lld %d\n", sum, n);
  }
  must(chdir("..") == 0 && rmdir("many") == 0, "rmdir");
}

static void tree(void) {
  char name[60];
  must(mkdir("tree", 0755) == 0, "tree");
  for (int d = 0; d < 40; d++) {
    sprintf(name, "tree/d%d", d);
    must(mkdir(name, 0755) == 0, name);
    for (int i = 0; i < 64; i++) {
      sprintf(name, "tree/d%d/f%d", d, i);
      put(name, (TREE_MIB << 20) / 40 / 64);
    }
  }
}

static int clean_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  return remove(path);
}

static void timed(const char *name, char **argv) {
  begin();
  pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv);
    _exit(127);
  }
  int status;
  must(child > 0 && waitpid(child, &status, 0) == child && status == 0, name);
  end(name, 1);
}

int main(int argc, char **argv) {
  must(argc > 2 && chdir(argv[2]) == 0, "usage: files MODE DIRECTORY [N]");
  for (size_t i = 0; i < sizeof buffer; i++) buffer[i] = (char)(i * 7 + i / 251);
  const char *mode = argv[1];
  if (strcmp(mode, "write") == 0) large_write();
  else if (strcmp(mode, "read") == 0) large_read();
  else if (strcmp(mode, "small") == 0) directory(10000, 100);
  else if (strcmp(mode, "directory") == 0) directory(atoi(argv[3]), 0);
  else if (strcmp(mode, "tree") == 0) tree();
  else if (strcmp(mode, "time") == 0) timed(argv[3], argv + 4);
  else if (strcmp(mode, "clean") == 0) {
    nftw("tree", clean_one, 20, FTW_DEPTH | FTW_PHYS);
    remove("tree.tar");
  } else return 2;
  return 0;
}
