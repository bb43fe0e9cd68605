/* mremap(2): growing, shrinking, moving. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

static void letters(char *p, int pages) {
  for (int i = 0; i < pages; i++) memset(p + i * PAGE, 'a' + i, PAGE);
}

static void say_letters(char *p, int pages) {
  for (int i = 0; i < pages; i++) putchar(p[i * PAGE] ? p[i * PAGE] : '0');
  SAY("");
}

CONTRACT(a_mapping_grows_in_place_into_a_hole) {
  char *p = island(4, RW, MAP_PRIVATE);
  letters(p, 2);
  munmap(p + 2 * PAGE, 2 * PAGE);
  SAY("in place: %d", mremap(p, 2 * PAGE, 4 * PAGE, 0) == p);
  say_letters(p, 4);
  say_areas("areas", p, 4);
}

CONTRACT(a_mapping_without_room_moves_only_if_it_may) {
  char *p = island(3, RW, MAP_PRIVATE);
  letters(p, 3);
  mprotect(p + 2 * PAGE, PAGE, PROT_READ);
  CHECK(mremap(p, 2 * PAGE, 3 * PAGE, 0));
  char *q = mremap(p, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
  SAY("moved: %d", q != p);
  say_letters(q, 6);
  say_areas("old", p, 3);
  say_areas("new", q, 6);
  TOUCH(p, *p = 1);
}

CONTRACT(a_mapping_shrinks_in_place) {
  char *p = island(4, RW, MAP_PRIVATE);
  letters(p, 4);
  SAY("in place: %d", mremap(p, 4 * PAGE, PAGE + 1, 0) == p);
  say_areas("areas", p, 4);
  say_letters(p, 2);
}

CONTRACT(mremap_fixed_replaces_its_target) {
  char *p = island(2, RW, MAP_PRIVATE), *q = island(6, PROT_READ, MAP_PRIVATE);
  letters(p, 2);
  SAY("there: %d", mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE) == q + PAGE);
  say_letters(q, 6);
  say_areas("target", q, 6);
  say_areas("source", p, 2);
}

CONTRACT(mremap_fixed_shrinks_on_its_way) {
  char *p = island(4, RW, MAP_PRIVATE), *q = island(4, PROT_NONE, MAP_PRIVATE);
  letters(p, 4);
  SAY("there: %d", mremap(p, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
  say_letters(q, 2);
  say_areas("target", q, 4);
  say_areas("source", p, 4);
}

CONTRACT(the_middle_of_a_mapping_moves) {
  char *p = island(5, RW, MAP_PRIVATE);
  letters(p, 5);
  char *q = mremap(p + PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
  say_letters(q, 3);
  say_areas("left", p, 5);
  SAY("%c %c %c", p[0], p[3 * PAGE], p[4 * PAGE]);
}

CONTRACT(dontunmap_leaves_an_empty_mapping) {
  char *p = island(2, RW, MAP_PRIVATE);
  letters(p, 2);
  char *q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  SAY("moved: %d", q != p && q != MAP_FAILED);
  say_letters(q, 2);
  say_letters(p, 2);
  say_areas("old", p, 2);
  CHECK(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
  CHECK(mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP));
}

CONTRACT(a_shared_mapping_moves_with_its_file) {
  int fd = file_of("f", 4 * PAGE);
  char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE);
  p[0] = 'X';
  char *q = mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
  say_letters(q, 3);
  q[2 * PAGE] = 'Y';
  char c;
  pread(fd, &c, 1, 3 * PAGE);
  SAY("file: %c", c);
}

CONTRACT(old_size_zero_maps_shared_memory_twice) {
  char *p = fresh(2, RW, MAP_SHARED);
  letters(p, 2);
  char *q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
  q[0] = 'Z';
  say_letters(p, 2);
  CHECK(mremap(fresh(1, RW, MAP_PRIVATE), 0, PAGE, MREMAP_MAYMOVE));
}

CONTRACT(mremap_refuses_what_makes_no_sense) {
  char *p = island(4, RW, MAP_PRIVATE);
  CHECK(mremap(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  CHECK(mremap(p, PAGE, 0, MREMAP_MAYMOVE));
  CHECK(mremap(p, PAGE, PAGE, 64));
  CHECK(mremap(p, 2 * PAGE, PAGE, MREMAP_FIXED, p + 3 * PAGE));
  CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
  CHECK(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE + 1));
  munmap(p + 2 * PAGE, 2 * PAGE);
  CHECK(mremap(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  CHECK(mremap(p, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
  say_areas("unchanged", p, 4);
}

CONTRACT(moved_pages_stay_copies_of_their_own) {
  char *p = island(2, RW, MAP_PRIVATE);
  letters(p, 2);
  IN_CHILD("child") {
    char *q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    q[0] = 'C';
    say_letters(q, 4);
  }
  say_letters(p, 2);
}

CONTRACT(growing_little_by_little_keeps_everything) {
  long pages = 1, *p = (long *)fresh(1, RW, MAP_PRIVATE);
  p[0] = 0;
  for (; pages < 200; pages++) {
    p = mremap(p, pages * PAGE, (pages + 1) * PAGE, MREMAP_MAYMOVE);
    p[pages * 512] = pages;
  }
  long wrong = 0;
  for (long i = 0; i < pages; i++) wrong += p[i * 512] != i;
  SAY("wrong: %ld", wrong);
}

/* Sizes that differ in bytes but not in pages, with more of the mapping behind. */
CONTRACT(mremap_within_the_last_page) {
  char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  p[2 * 4096] = 1;
  SAY("longer: %d", mremap(p, 4096 + 100, 4096 + 200, 0) == p);
  SAY("shorter: %d", mremap(p, 4096 + 200, 4096 + 100, MREMAP_MAYMOVE) == p);
  SAY("behind: %d", p[2 * 4096]);
}
