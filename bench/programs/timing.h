/*
 * Every kernel prints "NAME CHECKSUM MILLISECONDS", timed inside the program; nothing while `quiet`. Those that
 * are named run; with no names, all but those that need a newer processor.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

__attribute__((unused)) static int quiet;
static char **wanted_names;

static int named(const char *name) {
  for (char **w = wanted_names; w && *w; w++)
    if (!strcmp(*w, name)) return 1;
  return 0;
}

__attribute__((unused)) static int wanted(const char *name) { return !wanted_names || !*wanted_names || named(name); }

/* The sum is volatile: worked out between the two clocks, and not where it is printed. */
#define MEASURE(name, expr)                                                       \
  do {                                                                            \
    double start = now_ms();                                                      \
    volatile uint64_t sum = (expr);                                               \
    double ms = now_ms() - start;                                                 \
    if (!quiet) printf("%s %llu %.3f\n", name, (unsigned long long)sum, ms);      \
    fflush(stdout);                                                               \
  } while (0)

#define BENCH(name, expr) do { if (wanted(name)) MEASURE(name, expr); } while (0)
#define BENCH_IF_NAMED(name, expr) do { if (named(name)) MEASURE(name, expr); } while (0)
