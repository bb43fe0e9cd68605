/* Files in memory: private and shared maps, and where a file ends before its map does. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

static char *map(int fd, long pages, int prot, int flags) {
  return (char *)MUST(mmap(NULL, pages * PAGE, prot, flags, fd, 0));
}

static char byte_at(int fd, long at) {
  char c = '?';
  MUST(pread(fd, &c, 1, at));
  return c;
}

CONTRACT(a_private_map_keeps_writes_to_itself) {
  int fd = file_of("f", 2 * PAGE);
  char *p = map(fd, 2, RW, MAP_PRIVATE);
  p[0] = 'X';
  SAY("map %c%c, file %c", p[0], p[1], byte_at(fd, 0));
  char *other = map(fd, 2, PROT_READ, MAP_PRIVATE);
  SAY("another map: %c", other[0]);
}

CONTRACT(a_private_page_sees_the_file_until_it_is_written) {
  int fd = file_of("f", 2 * PAGE);
  char *p = map(fd, 2, RW, MAP_PRIVATE);
  SAY("first: %c %c", p[0], p[PAGE]);
  p[1] = 'P';
  MUST(pwrite(fd, "W", 1, 0));
  MUST(pwrite(fd, "W", 1, PAGE));
  SAY("copied page: %c, other page: %c", p[0], p[PAGE]);
}

CONTRACT(shared_maps_and_writes_are_coherent) {
  int fd = file_of("f", 3 * PAGE);
  char *p = map(fd, 3, RW, MAP_SHARED), *q = map(fd, 3, PROT_READ, MAP_SHARED);
  p[PAGE] = 'S';
  SAY("file %c, other map %c", byte_at(fd, PAGE), q[PAGE]);
  MUST(pwrite(fd, "across", 6, 2 * PAGE - 3));
  SAY("maps: %.6s %.6s", p + 2 * PAGE - 3, q + 2 * PAGE - 3);
  IN_CHILD("child") memcpy(p, "child", 5);
  SAY("file: %c, map: %.5s", byte_at(fd, 0), q);
}

CONTRACT(a_map_outlives_its_descriptor_and_its_name) {
  int fd = file_of("f", PAGE);
  char *p = map(fd, 1, RW, MAP_SHARED);
  close(fd);
  unlink("f");
  p[0]++;
  SAY("%c%c", p[0], p[1]);
}

CONTRACT(the_offset_chooses_the_page) {
  int fd = file_of("f", 4 * PAGE);
  char *p = (char *)MUST(mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE));
  SAY("%c %c", p[0], p[PAGE]);
  CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 100));
  CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, -PAGE));
}

CONTRACT(beyond_the_end_of_the_file_is_sigbus) {
  int fd = file_of("f", PAGE + 100);
  char *p = map(fd, 4, RW, MAP_SHARED), *q = map(fd, 4, RW, MAP_PRIVATE);
  volatile char c;
  SAY("last page: %c, after the end: %d", p[PAGE + 99], p[PAGE + 100]);
  TOUCH(p, c = p[2 * PAGE - 1]);
  TOUCH(p, c = p[2 * PAGE + 8]);
  TOUCH(p, p[3 * PAGE] = 1);
  TOUCH(q, c = q[2 * PAGE]);
  TOUCH(q, q[4 * PAGE - 1] = 1);
}

CONTRACT(what_is_written_after_the_end_is_not_in_the_file) {
  int fd = file_of("f", 100);
  char *p = map(fd, 1, RW, MAP_SHARED), buf[200];
  p[99] = 'Y';
  p[100] = 'N';
  struct stat st;
  fstat(fd, &st);
  SAY("size %ld, read %zd, last %c", (long)st.st_size, pread(fd, buf, 200, 0), buf[99]);
}

CONTRACT(a_file_that_grows_fills_its_map) {
  int fd = file_of("f", 10);
  char *p = map(fd, 3, RW, MAP_SHARED);
  TOUCH(p, p[PAGE] = 1);
  ftruncate(fd, 2 * PAGE);
  TOUCH(p, p[PAGE] = 'G');
  SAY("in the file: %c", byte_at(fd, PAGE));
  pwrite(fd, "end", 3, 3 * PAGE - 3);
  SAY("%.3s", p + 3 * PAGE - 3);
}

CONTRACT(a_file_that_shrinks_takes_its_pages_away) {
  int fd = file_of("f", 3 * PAGE);
  char *p = map(fd, 3, RW, MAP_SHARED), *q = map(fd, 3, RW, MAP_PRIVATE);
  p[2 * PAGE] = 'X';
  q[PAGE] = 'Q';
  q[2 * PAGE] = 'Q';
  volatile char c = p[PAGE] + q[0];
  ftruncate(fd, 100);
  TOUCH(p, c = p[PAGE]);
  TOUCH(p, c = p[2 * PAGE]);
  TOUCH(q, c = q[2 * PAGE]);
  SAY("kept %c, cut %d", p[99], p[100]);
  ftruncate(fd, 3 * PAGE);
  SAY("grown again: %d %d", p[100], p[2 * PAGE]);
}

CONTRACT(the_mode_of_the_descriptor_limits_the_map) {
  close(file_of("f", PAGE));
  int r = open("f", O_RDONLY), w = open("f", O_WRONLY), path = open("f", O_PATH);
  CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, r, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, r, 0));
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, w, 0));
  CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, w, 0));
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0));
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
  char *p = map(r, 1, PROT_READ, MAP_SHARED);
  CHECK(mprotect(p, PAGE, RW));
  CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
  char *q = map(r, 1, PROT_READ, MAP_PRIVATE);
  CHECK(mprotect(q, PAGE, RW));
}

CONTRACT(what_is_no_file_cannot_be_mapped) {
  int pipes[2];
  MUST(pipe(pipes));
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, pipes[0], 0));
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0));
  close(pipes[0]);
  CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
}

CONTRACT(map_shared_validate_takes_files_and_known_flags_only) {
  int fd = file_of("f", PAGE);
  CHECK(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | (1 << 28), fd, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | (1 << 25), fd, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_SHARED | (1 << 25), fd, 0));
}

CONTRACT(system_calls_beyond_the_end_of_the_file_fail) {
  int fd = file_of("f", PAGE), out = open("g", O_RDWR | O_CREAT, 0644);
  char *p = map(fd, 3, RW, MAP_SHARED);
  CHECK(write(out, p + PAGE, 10));
  VALUE(write(out, p + PAGE - 5, 10));
  CHECK(pread(out, p + 2 * PAGE, 3, 0));
}

CONTRACT(a_file_copied_from_its_own_map) {
  int fd = file_of("f", 3 * PAGE);
  char *p = map(fd, 3, RW, MAP_SHARED);
  VALUE(pwrite(fd, p, PAGE, PAGE));
  VALUE(pread(fd, p + 2 * PAGE, PAGE, 0));
  SAY("%c %c %c", p[0], p[PAGE], p[2 * PAGE]);
}

CONTRACT(msync_checks_its_arguments) {
  int fd = file_of("f", 3 * PAGE);
  char *p = map(fd, 3, RW, MAP_SHARED);
  p[0] = 'M';
  CHECK(msync(p, 3 * PAGE, MS_SYNC));
  CHECK(msync(p, 3 * PAGE, MS_ASYNC | MS_INVALIDATE));
  CHECK(msync(p, PAGE, MS_SYNC | MS_ASYNC));
  CHECK(msync(p, PAGE, 64));
  CHECK(msync(p + 1, PAGE, MS_SYNC));
  CHECK(msync(p, 0, MS_SYNC));
  munmap(p + PAGE, PAGE);
  CHECK(msync(p, 3 * PAGE, MS_SYNC));
  CHECK(msync(p + PAGE, PAGE, MS_ASYNC));
}

CONTRACT(maps_shows_the_parts_of_a_file_map) {
  int fd = file_of("f", 6 * PAGE);
  char *p = island(6, PROT_NONE, MAP_PRIVATE);
  MUST(mmap(p, 6 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0));
  mprotect(p + PAGE, PAGE, PROT_READ);
  munmap(p + 3 * PAGE, PAGE);
  say_areas("split", p, 6);
  mprotect(p + PAGE, PAGE, RW);
  MUST(mmap(p + 3 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 3 * PAGE));
  say_areas("merged", p, 6);
  MUST(mmap(p + 3 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0));
  say_areas("another page of it", p, 6);
}
