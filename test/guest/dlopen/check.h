/*
 * For programs that only check: one line a check, `ok` or what is wrong. Nothing that differs between a native run and a
 * guest (addresses, times, process ids) is printed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

/* OK(condition, "what %d", n) */
#define OK(condition, ...)                                                              \
  do {                                                                                  \
    int good_ = (condition);                                                            \
    int errno_ = errno;                                                                 \
    printf(good_ ? "ok " : "FAILED (line %d, errno %d) ", __LINE__, errno_);            \
    printf(__VA_ARGS__);                                                                \
    putchar('\n');                                                                      \
    if (!good_) failures++;                                                             \
  } while (0)

/* What is needed to go on. */
static inline void *must(void *p, const char *what) {
  if (p) return p;
  const char *why = dlerror();
  printf("FAILED %s: %s\n", what, why ? why : strerror(errno));
  exit(1);
}

static inline void *open_library(const char *path, int flags) {
  return must(dlopen(path, flags), path);
}

static inline void *find(void *handle, const char *name) {
  return must(dlsym(handle, name), name);
}

static inline int finish(void) {
  printf("%s\n", failures ? "FAILED" : "ok, all");
  return failures != 0;
}
