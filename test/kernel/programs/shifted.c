/* Ranges taken out of a file and put into it by fallocate(2), and what mappings and stat(2) show. Usage: shifted FILE */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/falloc.h */
#define COLLAPSE 8
#define ZERO 16
#define INSERT 32
#define BLOCK 4096L
#define MOST (0xffffffffL * BLOCK)

static int fd;

static void change(const char *what, int mode, long offset, long length) {
  struct stat st;
  int error = fallocate(fd, mode, offset, length) == 0 ? 0 : errno;
  fstat(fd, &st);
  printf("%s %#x %ld %ld: %d, %ld bytes, %ld sectors, mode %o\n", what, mode, offset, length, error,
         (long)st.st_size, (long)st.st_blocks, st.st_mode);
}
#define CHANGE(mode, offset, length) change(#mode, mode, offset, length)

/* The first letter of each block, as read(2) and the mapping see it. */
static void show(const char *name, const volatile char *map) {
  struct stat st;
  fstat(fd, &st);
  printf("%s: ", name);
  for (long at = 0; at < st.st_size && at < 64 * BLOCK; at += BLOCK) {
    char c = '?';
    pread(fd, &c, 1, at);
    char m = map == NULL ? c : map[at];
    printf("%c%c ", c == 0 ? '.' : c, m == 0 ? '.' : m);
  }
  puts("");
}

static void fill(const char *path, int blocks, long more) {
  char block[BLOCK];
  fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  for (int i = 0; i < blocks; i++) {
    memset(block, 'a' + i, BLOCK);
    write(fd, block, BLOCK);
  }
  write(fd, "tail", more);
}

static void refused(const char *path) {
  fill(path, 8, 4);
  static const int modes[] = {9, 33, 40, 24, 48, 10, 11, 34, 35, 18, 19, 4, 12, 0x88, 0x48};
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) CHANGE(modes[i], 1, BLOCK);
  for (int i = 0; i < 2; i++) {
    int mode = i == 0 ? COLLAPSE : INSERT;
    CHANGE(mode, 0, 0);
    CHANGE(mode, -1, BLOCK);
    CHANGE(mode, 0, -BLOCK);
    CHANGE(mode, 1, BLOCK);
    CHANGE(mode, 0, 1024);
    CHANGE(mode, 8 * BLOCK, BLOCK);
    CHANGE(mode, 9 * BLOCK, BLOCK);
    CHANGE(mode, 1, 1L << 45);
    CHANGE(mode, BLOCK, 0x7ffffffffffff000);
    CHANGE(mode, 0, MOST);
    CHANGE(mode, 16 * BLOCK, MOST - 16 * BLOCK);
  }
  CHANGE(COLLAPSE, 7 * BLOCK, 2 * BLOCK);
  CHANGE(INSERT, 0, MOST - 8 * BLOCK);
  int writable = fd;
  fd = open(path, O_RDONLY);
  CHANGE(COLLAPSE, 0, 0);
  CHANGE(9, 0, BLOCK);
  CHANGE(COLLAPSE, 0, BLOCK);
  CHANGE(INSERT, 1, 1);
  close(fd);
  int ends[2];
  pipe(ends);
  fd = ends[1];
  printf("pipe: %d", fallocate(fd, COLLAPSE, 1, 1) == 0 ? 0 : errno);
  printf(" %d", fallocate(fd, 9, 1, 1) == 0 ? 0 : errno);
  printf(" %d\n", fallocate(ends[0], INSERT, 0, BLOCK) == 0 ? 0 : errno);
  close(fd);
  fd = open("/dev/null", O_RDWR);
  printf("null: %d\n", fallocate(fd, INSERT, 0, BLOCK) == 0 ? 0 : errno);
  close(fd);
  fd = writable;
  show("after all that", NULL);
  close(fd);
}

static void moved(const char *path) {
  fill(path, 12, 4);
  CHANGE(COLLAPSE, 2 * BLOCK, 3 * BLOCK);
  show("collapsed", NULL);
  CHANGE(INSERT, BLOCK, 2 * BLOCK);
  CHANGE(INSERT, 0, BLOCK);
  show("inserted", NULL);
  CHANGE(FALLOC_FL_KEEP_SIZE, 20 * BLOCK, 4 * BLOCK);
  CHANGE(INSERT, 3 * BLOCK, BLOCK);
  CHANGE(COLLAPSE, 0, BLOCK);
  CHANGE(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * BLOCK, 2 * BLOCK);
  CHANGE(ZERO, 6 * BLOCK, BLOCK);
  CHANGE(COLLAPSE, BLOCK, 2 * BLOCK);
  CHANGE(0, 14 * BLOCK, BLOCK);
  show("holes and zeros", NULL);
  printf("data from %ld, hole at %ld\n", (long)lseek(fd, 0, SEEK_DATA), (long)lseek(fd, 0, SEEK_HOLE));
  CHANGE(INSERT, 14 * BLOCK, 1L << 42);
  printf("offset %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  close(fd);
}

static void mapped(const char *path) {
  fill(path, 16, 0);
  volatile char *shared = mmap(NULL, 32 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  volatile char *private = mmap(NULL, 32 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  private[0] = 'A';
  private[2 * BLOCK] = 'C';
  private[9 * BLOCK] = 'J';
  shared[4 * BLOCK] = 'E';
  shared[15 * BLOCK] = 'P';
  CHANGE(COLLAPSE, BLOCK, 2 * BLOCK);
  show("shared", shared);
  show("private", private);
  shared[2 * BLOCK] = 'X';
  private[3 * BLOCK] = 'Y';
  CHANGE(INSERT, 2 * BLOCK, 3 * BLOCK);
  show("shared", shared);
  show("private", private);
  shared[3 * BLOCK] = 'Z';
  show("stored into the hole", shared);
  fsync(fd);
  struct stat st;
  fstat(fd, &st);
  printf("synced: %ld\n", (long)st.st_blocks);
  close(fd);
}

static int signals;
static void on_signal(int sig) { signals++; }

static void limited(const char *path) {
  struct rlimit limit = {10 * BLOCK, RLIM_INFINITY};
  signal(SIGXFSZ, on_signal);
  fill(path, 8, 0);
  setrlimit(RLIMIT_FSIZE, &limit);
  CHANGE(INSERT, BLOCK, 4 * BLOCK);
  CHANGE(COLLAPSE, 0, BLOCK);
  CHANGE(0, 0, 20 * BLOCK);
  CHANGE(ZERO, 0, 20 * BLOCK);
  CHANGE(FALLOC_FL_KEEP_SIZE, 0, 20 * BLOCK);
  printf("signals: %d\n", signals);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  close(fd);
}

static void changed(const char *path) {
  static const int modes[] = {COLLAPSE, INSERT, 0, 1, 3, 16};
  fill(path, 8, 4);
  for (int i = 0; i < 6; i++) {
    struct timespec old[2] = {{1, 0}, {1, 0}};
    struct stat st;
    fchown(fd, 1000, 1000);
    fchmod(fd, 06777);
    futimens(fd, old);
    if (geteuid() == 0 && seteuid(1000) != 0) return;
    CHANGE(modes[i], 0, BLOCK);
    if (getuid() == 0 && seteuid(0) != 0) return;
    fstat(fd, &st);
    printf("modified: %d, accessed: %d\n", st.st_mtime != 1, st.st_atime != 1);
  }
  close(fd);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  refused(argv[1]);
  moved(argv[1]);
  mapped(argv[1]);
  limited(argv[1]);
  changed(argv[1]);
  return unlink(argv[1]) + argc - 2;
}
