/*
 * Many areas in one address space, and the most there can be. Audit: off; it would look at the whole TLB after each
 * of 80,000 calls.
 */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

static long areas(void) {
  long n = 0, got;
  char buf[65536];
  int fd = open("/proc/self/maps", O_RDONLY);
  while ((got = read(fd, buf, sizeof buf)) > 0)
    for (long i = 0; i < got; i++) n += buf[i] == '\n';
  close(fd);
  return n;
}

CONTRACT(ten_thousand_areas_come_and_go) {
  long before = areas(), sum = 0, n = 10000;
  char *p = island(n, PROT_NONE, MAP_PRIVATE);
  for (long i = 0; i < n; i += 2) MUST(mprotect(p + i * PAGE, PAGE, RW));
  SAY("more: %ld", areas() - before);
  for (long i = 0; i < n; i += 100) p[i * PAGE] = i / 100;
  for (long i = 0; i < n; i += 2) sum += (unsigned char)p[i * PAGE];
  SAY("sum: %ld", sum);
  TOUCH(p, p[5001 * PAGE] = 1);
  MUST(munmap(p + PAGE, (n - 2) * PAGE));
  SAY("more: %ld", areas() - before);
}

CONTRACT(fork_copies_a_thousand_areas) {
  long n = 1000;
  char *p = island(2 * n, PROT_NONE, MAP_PRIVATE);
  for (long i = 0; i < 2 * n; i += 2) MUST(mprotect(p + i * PAGE, PAGE, RW));
  for (long i = 0; i < 2 * n; i += 2) p[i * PAGE] = i;
  IN_CHILD("child") {
    long wrong = 0;
    for (long i = 0; i < 2 * n; i += 2) wrong += p[i * PAGE]++ != (char)i;
    SAY("wrong: %ld", wrong);
  }
  long wrong = 0;
  for (long i = 0; i < 2 * n; i += 2) wrong += p[i * PAGE] != (char)i;
  SAY("wrong: %ld", wrong);
}

CONTRACT(holes_in_a_large_mapping) {
  long n = 2000;
  char *p = island(n, RW, MAP_PRIVATE);
  for (long i = 1; i < n; i += 2) MUST(munmap(p + i * PAGE, PAGE));
  say_areas("first ten", p, 10);
  for (long i = 1; i < n; i += 2) MUST(mmap(p + i * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  say_areas("filled", p, n);
}

CONTRACT(there_are_at_most_max_map_count) {
  long limit = 0, made = 0, n;
  FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
  fscanf(f, "%ld", &limit);
  fclose(f);
  n = limit + 64;
  char *p = mmap(NULL, n * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
  for (long i = 1; i < n; i += 2) {
    if (mprotect(p + i * PAGE, PAGE, PROT_READ) != 0) {
      SAY("mprotect: %s", contract_errno(errno));
      break;
    }
    made += 2;
  }
  SAY("about as many as the limit: %d", made > limit - 50 && made <= limit);
  CHECK(munmap(p + (n - 8) * PAGE, PAGE));
  CHECK(munmap(p, 2 * PAGE));
  munmap(p, n * PAGE);
  CHECK(mmap(NULL, PAGE, RW, ANON, -1, 0));
}
