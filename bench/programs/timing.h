/* Every kernel prints "NAME CHECKSUM MILLISECONDS", timed inside the program. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

#define BENCH(name, expr)                                                         \
  do {                                                                            \
    double start = now_ms();                                                      \
    uint64_t sum = (expr);                                                        \
    printf("%s %llu %.3f\n", name, (unsigned long long)sum, now_ms() - start);    \
    fflush(stdout);                                                               \
  } while (0)
