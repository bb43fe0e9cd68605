/* mprotect(2): rights taken and given back, areas that split and merge. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

#include <sys/syscall.h>

CONTRACT(rights_are_taken_and_given_back) {
  volatile char *p = island(3, RW, MAP_PRIVATE), c;
  for (int i = 0; i < 3; i++) p[i * PAGE] = i + 1;
  MUST(mprotect((void *)(p + PAGE), PAGE, PROT_READ));
  TOUCH(p, c = p[PAGE]);
  TOUCH(p, p[PAGE + 5] = 1);
  MUST(mprotect((void *)(p + PAGE), PAGE, PROT_NONE));
  TOUCH(p, c = p[PAGE + 7]);
  MUST(mprotect((void *)p, 3 * PAGE, RW));
  TOUCH(p, p[PAGE]++);
  SAY("%d %d %d", p[0], p[PAGE], p[2 * PAGE]);
}

CONTRACT(areas_split_and_merge) {
  char *p = island(9, RW, MAP_PRIVATE);
  memset(p, 1, 9 * PAGE);
  CHECK(mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ));
  say_areas("middle", p, 9);
  CHECK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_NONE));
  say_areas("across two", p, 9);
  CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
  CHECK(mprotect(p + 8 * PAGE, PAGE, PROT_READ));
  say_areas("ends", p, 9);
  CHECK(mprotect(p, 9 * PAGE, RW));
  say_areas("all", p, 9);
}

CONTRACT(every_second_page_and_back) {
  char *p = island(64, RW, MAP_PRIVATE);
  memset(p, 1, 64 * PAGE);
  for (int i = 0; i < 64; i += 2) MUST(mprotect(p + i * PAGE, PAGE, PROT_READ));
  say_areas("first eight", p, 8);
  for (int i = 0; i < 64; i += 2) MUST(mprotect(p + i * PAGE, PAGE, RW));
  say_areas("back", p, 64);
}

CONTRACT(up_to_a_hole_rights_change) {
  char *p = island(4, RW, MAP_PRIVATE);
  munmap(p + 2 * PAGE, PAGE);
  CHECK(mprotect(p, 4 * PAGE, PROT_READ));
  say_areas("areas", p, 4);
  CHECK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
}

CONTRACT(mprotect_refuses_what_makes_no_sense) {
  char *p = island(2, RW, MAP_PRIVATE);
  CHECK(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ));
  CHECK(syscall(SYS_mprotect, p, PAGE, 1 << 20));
  CHECK(syscall(SYS_mprotect, p, 0L, PROT_NONE));
  CHECK(syscall(SYS_mprotect, p, PAGE, PROT_READ | PROT_GROWSDOWN));
  CHECK(syscall(SYS_mprotect, p, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
  CHECK(syscall(SYS_mprotect, 1L << 47, PAGE, PROT_READ));
  p[0] = 1;
  CHECK(syscall(SYS_mprotect, p, 1L, PROT_READ));
  say_areas("rounded up", p, 2);
}

CONTRACT(memory_without_rights_keeps_its_contents) {
  char *p = fresh(2, PROT_NONE, MAP_PRIVATE);
  TOUCH(p, *p = 1);
  mprotect(p, 2 * PAGE, RW);
  strcpy(p, "kept");
  mprotect(p, 2 * PAGE, PROT_NONE);
  int fds[2];
  pipe(fds);
  CHECK(write(fds[1], p, 5));
  CHECK(open(p, O_RDONLY));
  mprotect(p, 2 * PAGE, PROT_READ);
  SAY("%s", p);
  VALUE(write(fds[1], p, 5));
  CHECK(read(fds[0], p, 5));
}

CONTRACT(system_calls_stop_where_rights_end) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  int fds[2];
  pipe(fds);
  memset(p, 'a', 2 * PAGE);
  mprotect(p + PAGE, PAGE, PROT_NONE);
  VALUE(write(open("f", O_RDWR | O_CREAT, 0644), p + PAGE - 10, 20));
  write(fds[1], "0123456789", 10);
  CHECK(read(fds[0], p + PAGE - 4, 10));
  VALUE(read(fds[0], p, 20));
  memcpy(p + PAGE - 3, "/no", 3);
  CHECK(open(p + PAGE - 3, O_RDONLY));
}

CONTRACT(code_is_executed_where_it_may_be) {
  unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
  unsigned char *p = (unsigned char *)fresh(1, RW, MAP_PRIVATE);
  int (*f)(void) = (int (*)(void))p;
  memcpy(p, code, sizeof code);
  TOUCH(p, f());
  mprotect(p, PAGE, PROT_READ | PROT_EXEC);
  SAY("%d", f());
  TOUCH(p, p[1] = 43);
  mprotect(p, PAGE, RW | PROT_EXEC);
  for (int i = 0; i < 3; i++) {
    p[1] = 50 + i;
    SAY("%d", f());
  }
  mprotect(p, PAGE, RW);
  TOUCH(p, f());
}

CONTRACT(write_alone_lets_programs_read) {
  volatile char *p = fresh(1, PROT_WRITE, MAP_PRIVATE), c;
  TOUCH(p, p[0] = 3);
  TOUCH(p, c = p[0]);
}

CONTRACT(a_large_aligned_area_split_and_joined) {
  char *all = fresh(2048, RW, MAP_PRIVATE);
  char *p = (char *)(((uintptr_t)all + (2 << 20) - 1) & -(2L << 20));
  madvise(p, 2 << 20, MADV_HUGEPAGE);
  for (long i = 0; i < 512; i++) *(long *)(p + i * PAGE) = i;
  MUST(mprotect(p + 100 * PAGE, PAGE, PROT_READ));
  TOUCH(p, p[100 * PAGE] = 1);
  TOUCH(p, p[101 * PAGE + 8] = 1);
  MUST(munmap(p + 200 * PAGE, PAGE));
  TOUCH(p, p[200 * PAGE] = 1);
  MUST(mmap(p + 300 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
  long sum = 0;
  for (long i = 0; i < 512; i++) sum += i == 200 ? 0 : *(long *)(p + i * PAGE);
  SAY("sum %ld", sum);
  MUST(mprotect(p + 100 * PAGE, PAGE, RW));
  MUST(mmap(p + 200 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  MUST(mprotect(p, 2 << 20, PROT_READ));
  TOUCH(p, p[511 * PAGE] = 1);
  MUST(munmap(p, 2 << 20));
  TOUCH(p, p[511 * PAGE] = 1);
  SAY("its neighbour: %d", p[512 * PAGE]);
}
