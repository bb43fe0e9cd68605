/* memfd_create(2) and its seals; sparse files: fallocate(2), lseek(2), truncate(2), on a tmpfs. */
#include "../contract.h"

#include <sys/mman.h>

/* linux/falloc.h */
#define FALLOC_FL_COLLAPSE_RANGE 8
#define FALLOC_FL_ZERO_RANGE 16
#define FALLOC_FL_INSERT_RANGE 32

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

static int sealed(int seals) {
  int fd = MUST(memfd_create("m", MFD_ALLOW_SEALING));
  MUST(pwrite(fd, "0123456789", 10, 0));
  MUST(fcntl(fd, F_ADD_SEALS, seals));
  return fd;
}

static long size(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_size;
}

CONTRACT(memfd_is_a_file) {
  int fd = MUST(memfd_create("name", 0));
  struct stat st;
  fstat(fd, &st);
  SAY("type %o, nlink %d, size %ld", st.st_mode & S_IFMT, (int)st.st_nlink, (long)st.st_size);
  char path[64], link[64] = "";
  sprintf(path, "/proc/self/fd/%d", fd);
  VALUE(readlink(path, link, 63));
  SAY("%s", link);
  SAY("descriptor flags %d", fcntl(fd, F_GETFD));
  SAY("descriptor flags %d", fcntl(MUST(memfd_create("", MFD_CLOEXEC)), F_GETFD));
  VALUE(fcntl(fd, F_GET_SEALS));
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  CHECK(memfd_create("x", 0x4000));
  char name[260];
  memset(name, 'n', sizeof name);
  name[249] = 0;
  CHECK(memfd_create(name, 0));
  name[249] = 'n', name[250] = 0;
  CHECK(memfd_create(name, 0));
  CHECK(memfd_create(0, 0));
  int again = CHECK(open(path, O_RDONLY));
  write(fd, "hello", 5);
  VALUE(read(again, name, 10));
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
}

CONTRACT(seals_against_size) {
  int fd = sealed(F_SEAL_SHRINK);
  CHECK(ftruncate(fd, 5));
  CHECK(ftruncate(fd, 20));
  SAY("size %ld", size(fd));
  fd = sealed(F_SEAL_GROW);
  CHECK(ftruncate(fd, 20));
  VALUE(pwrite(fd, "abc", 3, 7));
  CHECK(pwrite(fd, "abc", 3, 8));
  CHECK(fallocate(fd, 0, 0, 20));
  CHECK(fallocate(fd, 0, 0, 5));
  CHECK(ftruncate(fd, 5));
  SAY("size %ld", size(fd));
}

CONTRACT(seals_against_writes) {
  int fd = sealed(F_SEAL_WRITE);
  CHECK(pwrite(fd, "a", 1, 0));
  CHECK(ftruncate(fd, 5));
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2));
  CHECK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
  CHECK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
  CHECK(mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}

CONTRACT(seal_of_writes_needs_no_mapping) {
  int fd = sealed(0);
  char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  VALUE(fcntl(fd, F_GET_SEALS));
  munmap(m, 4096);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  VALUE(fcntl(fd, F_GET_SEALS));
}

CONTRACT(seal_of_future_writes) {
  int fd = sealed(0);
  char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  m[0] = 'X';
  char byte;
  pread(fd, &byte, 1, 0);
  SAY("byte %c", byte);
  CHECK(pwrite(fd, "a", 1, 0));
  CHECK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
  char *r = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
  SAY("readable: %d", r != MAP_FAILED && r[0] == 'X');
  CHECK(mprotect(r, 4096, PROT_READ | PROT_WRITE));
}

CONTRACT(seal_of_seals) {
  int fd = sealed(F_SEAL_GROW);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK));
  VALUE(fcntl(fd, F_GET_SEALS));
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  fd = sealed(0);
  CHECK(fcntl(fd, F_ADD_SEALS, 0x400));
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fd);
  int r = MUST(open(path, O_RDONLY));
  CHECK(fcntl(r, F_ADD_SEALS, F_SEAL_GROW));
  VALUE(fcntl(r, F_GET_SEALS));
  CHECK(fcntl(MUST(open("f", O_RDWR | O_CREAT, 0600)), F_ADD_SEALS, 0x400));
}

/* 12 pages: data in the second and third, a hole, data in the sixth. */
static int sparse(void) {
  int fd = MUST(memfd_create("s", 0));
  MUST(ftruncate(fd, 12 * 4096));
  MUST(pwrite(fd, "a", 1, 4096));
  MUST(pwrite(fd, "b", 1, 3 * 4096 - 1));
  MUST(pwrite(fd, "c", 1, 5 * 4096 + 100));
  return fd;
}

static void say_map(int fd) {
  long at = 0;
  struct stat st;
  fstat(fd, &st);
  printf("size %ld, %ld pages:", (long)st.st_size, (long)st.st_blocks / 8);
  while (at < st.st_size) {
    long data = lseek(fd, at, SEEK_DATA);
    if (data < 0) break;
    long hole = lseek(fd, data, SEEK_HOLE);
    printf(" %ld-%ld", data, hole);
    at = hole;
  }
  SAY("");
}

CONTRACT(seek_data_and_hole) {
  int fd = sparse();
  say_map(fd);
  VALUE(lseek(fd, 0, SEEK_HOLE));
  VALUE(lseek(fd, 5000, SEEK_DATA));
  VALUE(lseek(fd, 5000, SEEK_HOLE));
  VALUE(lseek(fd, 6 * 4096, SEEK_DATA));
  VALUE(lseek(fd, 12 * 4096, SEEK_HOLE));
  VALUE(lseek(fd, 12 * 4096, SEEK_DATA));
  VALUE(lseek(fd, -1, SEEK_DATA));
  VALUE(lseek(fd, 0, SEEK_CUR));
}

CONTRACT(fallocate_allocates) {
  int fd = MUST(memfd_create("s", 0));
  CHECK(fallocate(fd, 0, 100, 5000));
  SAY("size %ld", size(fd));
  CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 8192));
  SAY("size %ld", size(fd));
  CHECK(fallocate(fd, 0, 0, 10));
  SAY("size %ld", size(fd));
  CHECK(fallocate(fd, 0, -1, 10));
  CHECK(fallocate(fd, 0, 0, 0));
  CHECK(fallocate(fd, 0, 0, -1));
  CHECK(fallocate(fd, 0, 0x7fffffffffffffff, 2));
  CHECK(posix_fallocate(fd, 0, 20000));
  SAY("size %ld", size(fd));
}

CONTRACT(fallocate_punches_holes) {
  int fd = sparse();
  char page[8192];
  memset(page, 'p', sizeof page);
  pwrite(fd, page, 8192, 8 * 4096);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * 4096 + 10, 20));
  pread(fd, page, 40, 8 * 4096);
  SAY("%d %d %d %d", page[9], page[10], page[29], page[30]);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * 4096 + 1, 4096));
  say_map(fd);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * 4096 + 1, 8191));
  say_map(fd);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1L << 40));
  say_map(fd);
}

CONTRACT(fallocate_other_modes_and_files) {
  int fd = sparse(), p[2];
  MUST(pipe(p));
  CHECK(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
  CHECK(fallocate(fd, 0x4000, 0, 4096));
  CHECK(fallocate(p[1], 0, 0, 4096));
  CHECK(fallocate(MUST(open("/dev/null", O_RDWR)), 0, 0, 4096));
  MUST(close(MUST(open("f", O_RDWR | O_CREAT, 0644))));
  CHECK(fallocate(MUST(open("f", O_RDONLY)), 0, 0, 4096));
  CHECK(fallocate(MUST(open(".", O_RDONLY)), 0, 0, 4096));
}

CONTRACT(fallocate_errors_in_order) {
  MUST(close(MUST(open("f", O_RDWR | O_CREAT, 0644))));
  int fd = MUST(open("f", O_RDONLY)), p[2];
  MUST(pipe(p));
  CHECK(fallocate(-1, 0x4000, 0, 0));
  CHECK(fallocate(fd, 0x4000, 0, 0));
  CHECK(fallocate(fd, 0x4000, 0, 1));
  CHECK(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  CHECK(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
  CHECK(fallocate(p[1], FALLOC_FL_INSERT_RANGE | FALLOC_FL_ZERO_RANGE, 0, 4096));
  CHECK(fallocate(p[1], FALLOC_FL_INSERT_RANGE, 1, 1));
  CHECK(fallocate(p[1], 0, 0, 0));
}

CONTRACT(truncate_zeroes_what_it_cut) {
  int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
  char text[16];
  write(fd, "0123456789", 10);
  CHECK(ftruncate(fd, 4));
  CHECK(ftruncate(fd, 10));
  VALUE(pread(fd, text, 16, 0));
  SAY("%.4s %d %d", text, text[4], text[9]);
  SAY("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  write(fd, "x", 1);
  SAY("size %ld", size(fd));
  CHECK(ftruncate(fd, -1));
  CHECK(truncate("f", -1));
  CHECK(truncate("f", 3));
  SAY("size %ld", size(fd));
  CHECK(truncate("none", 3));
  CHECK(truncate(".", 3));
  CHECK(truncate("f/", 3));
  CHECK(truncate("f/x", 3));
  CHECK(truncate("", 3));
  CHECK(truncate(0, 3));
  CHECK(ftruncate(MUST(open("f", O_RDONLY)), 1));
  MUST(mkfifo("fifo", 0644));
  CHECK(truncate("fifo", 3));
}

CONTRACT(truncate_cuts_mappings) {
  int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
  ftruncate(fd, 8192);
  char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memset(m, 'x', 8192);
  ftruncate(fd, 100);
  SAY("%d %d", m[99], m[100]);
  m[200] = 'y';
  ftruncate(fd, 8192);
  SAY("%d %d", m[200], m[4096]);
  ftruncate(fd, 4096);
  pid_t pid = fork();
  if (pid == 0) { m[4096] = 1; _exit(0); }
  int status;
  waitpid(pid, &status, 0);
  say_status("beyond the end", status);
}
