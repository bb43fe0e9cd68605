/* Every kernel prints "NAME CHECKSUM MILLISECONDS", timed inside the program; nothing while `quiet`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int quiet;

/* The sum is volatile: worked out between the two clocks, and not where it is printed. */
#define BENCH(name, expr)                                                         \
  do {                                                                            \
    double start = now_ms();                                                      \
    volatile uint64_t sum = (expr);                                               \
    double ms = now_ms() - start;                                                 \
    if (!quiet) printf("%s %llu %.3f\n", name, (unsigned long long)sum, ms);      \
    fflush(stdout);                                                               \
  } while (0)
