/* Anonymous memory: where mmap(2) puts it, what it replaces, which requests it refuses. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

#include <sys/resource.h>

CONTRACT(anonymous_pages_are_zero_and_stay_written) {
  char *p = fresh(16, RW, MAP_PRIVATE);
  long sum = 0;
  for (long i = 0; i < 16 * PAGE; i++) sum += p[i];
  SAY("sum before: %ld", sum);
  for (int i = 0; i < 16; i++) p[i * PAGE + i] = i + 1;
  for (long i = 0; i < 16 * PAGE; i++) sum += p[i];
  SAY("sum after: %ld", sum);
}

CONTRACT(a_page_read_first_can_be_written_later) {
  volatile char *p = fresh(2, RW, MAP_PRIVATE);
  SAY("read: %d %d", p[0], p[PAGE]);
  p[0] = 5;
  SAY("written: %d, its neighbour: %d", p[0], p[PAGE]);
}

CONTRACT(mmap_refuses_what_makes_no_sense) {
  char *p = fresh(1, RW, MAP_PRIVATE);
  CHECK(mmap(NULL, 0, RW, ANON, -1, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
  CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, 1000, 0));
  CHECK(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  CHECK(mmap(NULL, -1L, RW, ANON, -1, 0));
  CHECK(mmap(NULL, 1L << 47, RW, ANON | MAP_NORESERVE, -1, 0));
  CHECK(mmap((void *)-PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  CHECK(mmap((void *)(1L << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0));
}

CONTRACT(mmap_rounds_the_length_up) {
  char *p = (char *)MUST(mmap(NULL, PAGE + 1, RW, ANON, -1, 0));
  TOUCH(p, p[2 * PAGE - 1] = 1);
  say_areas("areas", p, 2);
}

CONTRACT(a_free_hint_is_taken_and_rounded_down) {
  char *p = fresh(4, RW, MAP_PRIVATE);
  munmap(p, 4 * PAGE);
  SAY("at the hint: %d", mmap(p, PAGE, RW, ANON, -1, 0) == p);
  SAY("rounded down: %d", mmap(p + 2 * PAGE + 123, PAGE, RW, ANON, -1, 0) == p + 2 * PAGE);
}

CONTRACT(a_taken_hint_moves_the_mapping_elsewhere) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  *p = 7;
  char *q = (char *)MUST(mmap(p, PAGE, RW, ANON, -1, 0));
  SAY("elsewhere: %d, aligned: %d", q != p, (long)q % PAGE == 0);
  SAY("the first one's: %d, the second one's: %d", *p, *q);
}

CONTRACT(map_fixed_replaces_the_middle) {
  char *p = island(5, RW, MAP_PRIVATE);
  memset(p, 'x', 5 * PAGE);
  SAY("there: %d", mmap(p + 2 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
  for (int i = 0; i < 5; i++) SAY("page %d: %d", i, p[i * PAGE]);
  say_areas("areas", p, 5);
  TOUCH(p, p[2 * PAGE] = 1);
}

CONTRACT(map_fixed_replaces_several_areas_and_a_hole) {
  char *p = island(8, RW, MAP_PRIVATE);
  mprotect(p + PAGE, PAGE, PROT_READ);
  munmap(p + 4 * PAGE, PAGE);
  say_areas("before", p, 8);
  CHECK(mmap(p, 8 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
  say_areas("after", p, 8);
}

CONTRACT(map_fixed_noreplace_takes_only_what_is_free) {
  char *p = island(4, RW, MAP_PRIVATE);
  strcpy(p, "kept");
  CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  CHECK(mmap(p - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  SAY("%s", p);
  munmap(p + PAGE, PAGE);
  CHECK(mmap(p + PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  SAY("there: %d", mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
  CHECK(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
}

CONTRACT(map_32bit_is_below_2_gib) {
  char *p = (char *)MUST(mmap(NULL, 16 * PAGE, RW, ANON | MAP_32BIT, -1, 0));
  SAY("below: %d", (uintptr_t)p + 16 * PAGE <= 0x80000000UL);
}

CONTRACT(munmap_of_the_ends_and_the_middle) {
  char *p = island(7, RW, MAP_PRIVATE);
  for (int i = 0; i < 7; i++) p[i * PAGE] = i;
  CHECK(munmap(p, PAGE));
  CHECK(munmap(p + 6 * PAGE, PAGE));
  CHECK(munmap(p + 3 * PAGE, 1));
  say_areas("areas", p, 7);
  SAY("left: %d %d %d %d", p[PAGE], p[2 * PAGE], p[4 * PAGE], p[5 * PAGE]);
  TOUCH(p, p[3 * PAGE]++);
  CHECK(munmap(p, 7 * PAGE));
  say_areas("areas", p, 7);
}

CONTRACT(munmap_of_nothing_succeeds_and_of_nonsense_fails) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  munmap(p, 2 * PAGE);
  CHECK(munmap(p, 2 * PAGE));
  CHECK(munmap(p + 1, PAGE));
  CHECK(munmap(p, 0));
  CHECK(munmap(p, 1L << 47));
  CHECK(munmap(p, -1L));
  CHECK(munmap((void *)(1L << 48), PAGE));
}

CONTRACT(memory_mapped_again_is_zero_again) {
  char *p = island(1, RW, MAP_PRIVATE);
  for (int round = 0; round < 50; round++) {
    if (*p != 0) SAY("round %d: %d", round, *p);
    memset(p, 'z', PAGE);
    munmap(p, PAGE);
    MUST(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0));
  }
  SAY("in the end: %d", *p);
}

CONTRACT(shared_anonymous_memory_is_shared_with_children) {
  int *p = (int *)fresh(2, RW, MAP_SHARED);
  IN_CHILD("child") {
    p[0] = 42;
    p[1024] = 43;
  }
  SAY("the child wrote %d and %d", p[0], p[1024]);
  munmap(p, PAGE);
  SAY("the rest is still there: %d", p[1024]);
}

CONTRACT(the_address_space_limit_refuses_more) {
  struct rlimit limit = {1 << 20, 1 << 20};
  char *p = fresh(4, RW, MAP_PRIVATE);
  CHECK(setrlimit(RLIMIT_AS, &limit));
  CHECK(mmap(NULL, 2 << 20, RW, ANON, -1, 0));
  CHECK(mmap(NULL, 2 << 20, PROT_NONE, ANON, -1, 0));
  SAY("replacing needs no room: %d", mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
  SAY("sbrk: %d", sbrk(4 << 20) == (void *)-1);
}
