/* The program break: brk(2). */
#include "../contract.h"

#include <sys/syscall.h>

static char *set(char *to) { return (char *)syscall(SYS_brk, to); }

CONTRACT(brk_of_zero_tells_the_break) {
  char *now = set(0);
  SAY("same: %d", set(0) == now);
}

CONTRACT(brk_grows_with_zeroed_pages) {
  char *now = set(0);
  SAY("grown: %d", set(now + 10000) == now + 10000);
  int zero = 1;
  for (int i = 0; i < 10000; i++) zero &= now[i] == 0;
  SAY("zero: %d", zero);
}

CONTRACT(brk_shrinks_and_grows_with_zeroed_pages) {
  char *now = set(0);
  char *page = (char *)(((uintptr_t)now + 4095) & -4096L);
  set(page + 8192);
  memset(page, 'x', 8192);
  SAY("shrunk: %d", set(page) == page);
  SAY("grown: %d", set(page + 8192) == page + 8192);
  SAY("first byte %d, last byte %d", page[0], page[8191]);
}

CONTRACT(brk_below_its_start_is_refused) {
  char *now = set(0);
  SAY("unchanged: %d", set((char *)4096) == now);
  SAY("still: %d", set(0) == now);
}

CONTRACT(page_beyond_the_break_faults) {
  char *now = set(0);
  char *page = (char *)(((uintptr_t)now + 4095) & -4096L);
  set(page + 4096);
  page[4095] = 1;
  set(page);
  page[0] = 1;
  SAY("not reached");
}
