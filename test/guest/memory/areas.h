/* Memory to try things in, and what /proc/self/maps says about it. */
#include <sys/mman.h>

#define PAGE 4096L
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

/* Pages of anonymous memory. */
static char *fresh(long pages, int prot, int flags) {
  return (char *)MUST(mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0));
}

/* The same between two holes, so that nothing outside merges with it. */
static char *island(long pages, int prot, int flags) {
  char *all = fresh(pages + 2, PROT_NONE, MAP_PRIVATE);
  munmap(all, (pages + 2) * PAGE);
  return (char *)MUST(mmap(all + PAGE, pages * PAGE, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

/* The areas in a range: "rw-p 2, hole 1, r--s 3" with sizes in pages. */
static void say_areas(const char *what, void *from, long pages) {
  uintptr_t at = (uintptr_t)from, end = at + pages * PAGE, lo, hi;
  char line[512], rights[5], text[4096] = "";
  FILE *f = fopen("/proc/self/maps", "r");
  if (!f) exit(97);
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx %4s", &lo, &hi, rights) != 3 || hi <= at || lo >= end) continue;
    if (lo > at) sprintf(text + strlen(text), "hole %ld, ", (long)(lo - at) / PAGE);
    if (lo < at) lo = at;
    if (hi > end) hi = end;
    sprintf(text + strlen(text), "%s %ld, ", rights, (long)(hi - lo) / PAGE);
    at = hi;
  }
  fclose(f);
  if (at < end) sprintf(text + strlen(text), "hole %ld, ", (long)(end - at) / PAGE);
  text[strlen(text) - 2] = 0;
  SAY("%s: %s", what, text);
}

/* A new file of that many bytes, each page filled with its letter. */
static int file_of(const char *name, long bytes) {
  int fd = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
  char page[4096];
  for (long at = 0; at < bytes; at += PAGE) {
    memset(page, 'a' + at / PAGE % 26, sizeof page);
    MUST(write(fd, page, bytes - at < PAGE ? bytes - at : PAGE));
  }
  return fd;
}

/* Runs the block that follows in a child, and says how it ended. */
#define IN_CHILD(what)                                                                  \
  for (int status_, pid_ = MUST(fork()), once_ = 1; once_; once_ = 0,                   \
       pid_ == 0 ? (fflush(stdout), _exit(0)) : (waitpid(pid_, &status_, 0), say_status(what, status_))) \
    if (pid_ == 0)
