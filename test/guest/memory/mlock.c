/* mlock(2), munlock(2): lengths that wrap around when they are rounded up to pages. */
#include "../contract.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

CONTRACT(mlock_of_lengths_that_wrap) {
  char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(mlock(p, -1));
  CHECK(mlock(p, -4095));
  CHECK(mlock(p, -4096));
  CHECK(mlock(p, -4097));
  CHECK(mlock(p + 1, -1));
  CHECK(mlock(p + 2, -1));
  CHECK(mlock(p + 5, -4096));
  CHECK(mlock(p, -1L << 20));
  CHECK(mlock(p, 1L << 47));
  CHECK(mlock(p, 1L << 62));
  CHECK(mlock(p, 0));
  CHECK(mlock((void *)-4096L, 4096));
  CHECK(mlock((void *)-4096L, 8192));
  CHECK(mlock((void *)-1L, 1));
  CHECK(munlock(p, -1));
  CHECK(munlock(p, -4096));
  CHECK(munlock(p, 1L << 62));
  CHECK(munlock(p + 2, -1));
  CHECK(syscall(SYS_mlock2, p, -1L, 1));
  CHECK(syscall(SYS_mlock2, p, -1L, 2));
}

CONTRACT_AS_ROOT(mlock_of_lengths_that_wrap_counts_against_the_limit) {
  char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct rlimit one = {4096, 4096};
  MUST(setrlimit(RLIMIT_MEMLOCK, &one));
  MUST(setuid(1234));
  CHECK(mlock(p, -1));
  CHECK(mlock(p, -4096));
  CHECK(mlock(p, 4096));
  CHECK(mlock(p, 8192));
  CHECK(mlock(p, -8192));
  CHECK(mlock(p + 4096, 1));
}
