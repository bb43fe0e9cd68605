/* madvise(2): advice that changes what programs see. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

#include <sys/resource.h>

CONTRACT(dontneed_drops_private_pages) {
  char *p = fresh(4, RW, MAP_PRIVATE);
  memset(p, 'x', 4 * PAGE);
  CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
  SAY("%d %d %d %d", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE]);
  p[PAGE] = 5;
  SAY("%d %d", p[PAGE], p[PAGE + 1]);
}

CONTRACT(dontneed_brings_back_the_file) {
  int fd = file_of("f", 2 * PAGE);
  char *mine = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
  char *ours = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  mine[0] = 'X';
  ours[PAGE] = 'Y';
  CHECK(madvise(mine, PAGE, MADV_DONTNEED));
  CHECK(madvise(ours, 2 * PAGE, MADV_DONTNEED));
  SAY("%c%c %c%c", mine[0], mine[PAGE], ours[0], ours[PAGE]);
}

CONTRACT(dontneed_in_the_child_leaves_the_parent_alone) {
  char *p = fresh(1, RW, MAP_PRIVATE);
  strcpy(p, "kept");
  IN_CHILD("child") {
    madvise(p, PAGE, MADV_DONTNEED);
    SAY("child: '%s'", p);
  }
  SAY("parent: '%s'", p);
}

CONTRACT(dontneed_of_readable_memory_needs_no_right_to_write) {
  char *p = fresh(1, RW, MAP_PRIVATE);
  *p = 3;
  mprotect(p, PAGE, PROT_READ);
  CHECK(madvise(p, PAGE, MADV_DONTNEED));
  SAY("%d", *p);
}

CONTRACT(dontneed_and_locked_memory) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  *p = 3;
  CHECK(mlock(p, PAGE));
  CHECK(madvise(p, PAGE, MADV_DONTNEED));
  CHECK(madvise(p, PAGE, MADV_FREE));
  SAY("%d", *p);
  CHECK(munlock(p, PAGE));
  CHECK(madvise(p, PAGE, MADV_DONTNEED));
  SAY("%d", *p);
}

CONTRACT(free_keeps_what_is_written_after_it) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  memset(p, 'x', 2 * PAGE);
  CHECK(madvise(p, 2 * PAGE, MADV_FREE));
  p[PAGE] = 'n';
  SAY("old or zero: %d, new: %c", p[0] == 0 || p[0] == 'x', p[PAGE]);
  int fd = file_of("f", PAGE);
  CHECK(madvise(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0), PAGE, MADV_FREE));
  CHECK(madvise(fresh(1, RW, MAP_SHARED), PAGE, MADV_FREE));
}

CONTRACT(wipeonfork_empties_the_childs_copy) {
  char *p = fresh(3, RW, MAP_PRIVATE);
  memset(p, 'x', 3 * PAGE);
  CHECK(madvise(p + PAGE, PAGE, MADV_WIPEONFORK));
  IN_CHILD("child") {
    SAY("child: %d %d %d", p[0], p[PAGE], p[2 * PAGE]);
    p[PAGE] = 'c';
    IN_CHILD("grandchild") SAY("grandchild: %d", p[PAGE]);
    madvise(p + PAGE, PAGE, MADV_KEEPONFORK);
    IN_CHILD("another") SAY("another: %d", p[PAGE]);
  }
  SAY("parent: %d", p[PAGE]);
  CHECK(madvise(fresh(1, RW, MAP_SHARED), PAGE, MADV_WIPEONFORK));
}

CONTRACT(dontfork_leaves_a_hole_in_the_child) {
  char *p = island(3, RW, MAP_PRIVATE);
  memset(p, 'x', 3 * PAGE);
  CHECK(madvise(p + PAGE, PAGE, MADV_DONTFORK));
  IN_CHILD("child") {
    say_areas("child", p, 3);
    TOUCH(p, p[PAGE]++);
    p[0] = p[2 * PAGE] = 1;
  }
  SAY("parent: %d %d %d", p[0], p[PAGE], p[2 * PAGE]);
  CHECK(madvise(p + PAGE, PAGE, MADV_DOFORK));
  IN_CHILD("second child") SAY("%d", p[PAGE]);
}

CONTRACT(areas_with_different_advice_do_not_merge) {
  char *p = island(3, RW, MAP_PRIVATE);
  memset(p, 'x', 3 * PAGE);
  madvise(p + PAGE, PAGE, MADV_DONTFORK);
  say_areas("split", p, 3);
  madvise(p + PAGE, PAGE, MADV_DOFORK);
  say_areas("merged", p, 3);
}

CONTRACT(remove_punches_a_hole_into_shared_memory) {
  char *p = fresh(3, RW, MAP_SHARED);
  memset(p, 'x', 3 * PAGE);
  CHECK(madvise(p + PAGE, PAGE, MADV_REMOVE));
  SAY("%d %d %d", p[0], p[PAGE], p[2 * PAGE]);
  CHECK(madvise(fresh(1, RW, MAP_PRIVATE), PAGE, MADV_REMOVE));
}

CONTRACT(willneed_and_orders_change_nothing) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  strcpy(p, "kept");
  CHECK(madvise(p, 2 * PAGE, MADV_WILLNEED));
  CHECK(madvise(p, 2 * PAGE, MADV_RANDOM));
  CHECK(madvise(p, 2 * PAGE, MADV_SEQUENTIAL));
  CHECK(madvise(p, 2 * PAGE, MADV_NORMAL));
  CHECK(madvise(p, 2 * PAGE, 20 /* MADV_COLD */));
  CHECK(madvise(p, 2 * PAGE, MADV_DONTDUMP));
  CHECK(madvise(p, 2 * PAGE, MADV_DODUMP));
  SAY("%s", p);
}

CONTRACT(madvise_refuses_what_makes_no_sense) {
  char *p = island(4, RW, MAP_PRIVATE);
  memset(p, 'x', 4 * PAGE);
  CHECK(madvise(p + 1, PAGE, MADV_DONTNEED));
  CHECK(madvise(p, PAGE, 12345));
  CHECK(madvise(p, 0, MADV_DONTNEED));
  CHECK(madvise(p, -1L, MADV_DONTNEED));
  munmap(p + PAGE, PAGE);
  CHECK(madvise(p, 4 * PAGE, MADV_DONTNEED));
  SAY("both sides of the hole: %d %d", p[0], p[3 * PAGE]);
  CHECK(madvise(p + PAGE, PAGE, MADV_NORMAL));
}

CONTRACT(mincore_tells_what_is_in_memory) {
  unsigned char vec[5] = {0};
  char *p = island(5, RW, MAP_PRIVATE);
  p[PAGE] = p[3 * PAGE] = 1;
  CHECK(mincore(p, 5 * PAGE, vec));
  SAY("%d%d%d%d%d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1, vec[4] & 1);
  madvise(p, 2 * PAGE, MADV_DONTNEED);
  CHECK(mincore(p, 4 * PAGE + 1, vec));
  SAY("%d%d%d%d%d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1, vec[4] & 1);
  CHECK(mincore(p + 1, PAGE, vec));
  CHECK(mincore(p, PAGE, (void *)1));
  CHECK(mincore(p, 0, vec));
  munmap(p + 2 * PAGE, PAGE);
  CHECK(mincore(p, 5 * PAGE, vec));
  CHECK(mincore(p, 1L << 48, vec));
}

CONTRACT(populate_brings_pages_in) {
  unsigned char vec[4] = {0};
  char *p = fresh(4, RW, MAP_PRIVATE | MAP_POPULATE);
  CHECK(mincore(p, 4 * PAGE, vec));
  SAY("%d%d%d%d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1);
  p = fresh(4, RW, MAP_PRIVATE | MAP_LOCKED);
  mincore(p, 4 * PAGE, vec);
  SAY("%d%d%d%d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1);
}

CONTRACT(mlock_brings_pages_in_and_splits_areas) {
  unsigned char vec[4] = {0};
  char *p = fresh(4, RW, MAP_PRIVATE);
  CHECK(mlock(p + PAGE + 5, PAGE));
  mincore(p, 4 * PAGE, vec);
  SAY("%d%d%d%d", vec[0] & 1, vec[1] & 1, vec[2] & 1, vec[3] & 1);
  p = island(4, RW, MAP_PRIVATE);
  memset(p, 1, 4 * PAGE);
  MUST(mlock(p + PAGE + 5, PAGE));
  say_areas("locked", p, 4);
  CHECK(munlock(p, 4 * PAGE));
  say_areas("unlocked", p, 4);
  munmap(p + 3 * PAGE, PAGE);
  CHECK(mlock(p + 2 * PAGE, 2 * PAGE));
  CHECK(munlock(p + 2 * PAGE, 2 * PAGE));
  CHECK(mlock(p + 3 * PAGE, PAGE));
  CHECK(mlock(fresh(1, PROT_NONE, MAP_PRIVATE), PAGE));
}

CONTRACT(mlockall_checks_its_flags) {
  CHECK(mlockall(0));
  CHECK(mlockall(64));
  CHECK(mlockall(MCL_FUTURE));
  unsigned char vec[2];
  char *p = fresh(2, RW, MAP_PRIVATE);
  mincore(p, 2 * PAGE, vec);
  SAY("in memory: %d%d", vec[0] & 1, vec[1] & 1);
  CHECK(munlockall());
  p = fresh(2, RW, MAP_PRIVATE);
  mincore(p, 2 * PAGE, vec);
  SAY("in memory: %d%d", vec[0] & 1, vec[1] & 1);
  IN_CHILD("locks are not inherited") CHECK(madvise(p, PAGE, MADV_DONTNEED));
}

CONTRACT_AS_ROOT(who_may_lock_how_much) {
  struct rlimit limit = {4 * PAGE, 4 * PAGE};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  MUST(setresuid(1234, 1234, 1234));
  char *p = fresh(8, RW, MAP_PRIVATE);
  CHECK(mlock(p, 4 * PAGE));
  CHECK(mlock(p, 4 * PAGE));
  CHECK(mlock(p + 4 * PAGE, PAGE));
  CHECK(mmap(NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
  CHECK(mlockall(MCL_CURRENT));
  CHECK(mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
  munlock(p, 4 * PAGE);
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_MEMLOCK, &limit);
  CHECK(mlock(p, PAGE));
}
