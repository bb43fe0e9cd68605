/*
 * A hundred libraries and a hundred anonymous mappings, with malloc between them, so that the heap grows up to where
 * they are: nothing may lie over anything else, and everything keeps its contents.
 */
#include "check.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N 100
#define SMALL 4000

static void *handles[N];
static unsigned char *mapped[N];
static size_t lengths[N];
static unsigned char *blocks[N * 10];

static void fill(unsigned char *p, size_t n, unsigned seed) {
  for (size_t i = 0; i < n; i++) p[i] = (seed * 2654435761u + i * 31) >> 8;
}

static int filled(const unsigned char *p, size_t n, unsigned seed) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != (unsigned char)((seed * 2654435761u + i * 31) >> 8)) return 0;
  return 1;
}

/* Areas are in order, and overlap nowhere. @returns how many, or -1; the heap's end in *heap */
static int areas(uintptr_t *heap) {
  FILE *f = fopen("/proc/self/maps", "r");
  char line[512];
  uintptr_t last = 0, start, end;
  int n = 0;
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx", &start, &end) != 2 || start < last || end <= start) return -1;
    last = end;
    if (strstr(line, "[heap]")) *heap = end;
    n++;
  }
  fclose(f);
  return n;
}

static void make(int i, const char *directory) {
  char path[128];
  snprintf(path, sizeof path, "%s/libsmall-%d.so", directory, i);
  handles[i] = open_library(path, i % 2 ? RTLD_NOW | RTLD_GLOBAL : RTLD_LAZY);
  lengths[i] = 4096 * (1 + i % 7);
  int prot = PROT_READ | PROT_WRITE;
  mapped[i] = mmap(NULL, lengths[i], prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped[i] == MAP_FAILED) must(NULL, "mmap");
  fill(mapped[i], lengths[i], i);
  for (int k = 0; k < 10; k++) {
    blocks[i * 10 + k] = must(malloc(SMALL + k * 999), "malloc");
    fill(blocks[i * 10 + k], SMALL + k * 999, i * 10 + k);
  }
  /* Every other area has other rights, so that neighbours stay apart. */
  if (i % 2) mprotect(mapped[i], lengths[i], PROT_READ);
}

static void check(const char *when) {
  int functions = 0, libraries = 0, mappings = 0, heap = 0;
  for (int i = 0; i < N; i++) {
    if (handles[i]) {
      unsigned long (*magic)(void) = find(handles[i], "small_magic");
      int (*right)(void) = find(handles[i], "small_check");
      functions += magic() == 0x1000000ul + i;
      libraries += right() == 702;
    }
    mappings += mapped[i] && filled(mapped[i], lengths[i], i);
    for (int k = 0; k < 10; k++)
      heap += blocks[i * 10 + k] && filled(blocks[i * 10 + k], SMALL + k * 999, i * 10 + k);
  }
  OK(functions == N, "%s: each handle has its own functions", when);
  OK(libraries == N, "%s: libraries", when);
  OK(mappings == N, "%s: mappings", when);
  OK(heap == N * 10, "%s: heap", when);
}

int main(int argc, char **argv) {
  uintptr_t before = 0, after = 0;
  char *brk_before = sbrk(0);
  for (int i = 0; i < N; i++) make(i, argv[1]);
  check("made");
  /* A megabyte more by brk itself, page by page (musl's sbrk only tells), and back: malloc knows nothing of it. */
  char *top = sbrk(0);
  int grown = 0, kept = 0;
  for (int i = 1; i <= 256; i++) {
    if ((char *)syscall(SYS_brk, top + i * 4096) != top + i * 4096) break;
    memset(top + (i - 1) * 4096, i, 4096);
    grown++;
  }
  OK(grown == 256 && sbrk(0) == top + (256 << 12), "brk grows by a megabyte");
  for (int i = 1; i <= grown; i++) kept += top[i * 4096 - 1] == (char)i;
  OK(kept == 256, "and keeps it");
  check("grown");
  OK((char *)syscall(SYS_brk, top) == top, "brk goes back");
  OK((char *)sbrk(0) > brk_before, "the heap has grown");
  OK(areas(&before) > 2 * N, "areas do not overlap");
  for (int i = 0; i < N; i += 2) {
    munmap(mapped[i], lengths[i]);
    mapped[i] = mmap(NULL, lengths[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = 1;
    for (size_t k = 0; k < lengths[i]; k++) zero &= mapped[i][k] == 0;
    if (!zero) OK(0, "mapping %d is not empty", i);
    fill(mapped[i], lengths[i], i);
    for (int k = 0; k < 10; k++) {
      blocks[i * 10 + k] = realloc(blocks[i * 10 + k], 200000);
      fill(blocks[i * 10 + k], SMALL + k * 999, i * 10 + k);
    }
  }
  check("mapped again");
  OK(areas(&after) > N, "areas still do not overlap");
  for (int i = 0; i < N; i++) dlclose(handles[i]);
  check("closed");
  return finish();
}
