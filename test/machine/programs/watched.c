// Changes watched memory in the way that argv[1] names; test/machine/watch.test.ts says what is to be reported.
// `target` is watched by name, and what is at FIXED by address.
#define _GNU_SOURCE
#include <emmintrin.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define FIXED ((char *)0x20000000)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

// `target` is in the middle of a page; the same page and its neighbours are written to all the time.
__asm__(
    ".data\n.balign 4096\nbefore: .fill 6144, 1, 1\n"
    ".globl target\n.type target, @object\n.size target, 64\ntarget: .fill 64, 1, 1\n"
    "after: .fill 10176, 1, 1\n.text\n");
extern char before[], target[], after[];
static volatile int sink;

static void must(int ok) {
  if (!ok) _exit(99);
}

// 120 passes of byte stores over whole pages: 7,680 of them into `target`, from hot code.
__attribute__((noinline)) static void fill(char *p, char *end, char v) {
  for (; p < end; p++) *(volatile char *)p = v;
}

static void hot(void) {
  for (int i = 0; i < 120; i++) fill(before, after + PAGE, i);
}

// Hot code that never comes near.
static void elsewhere(void) {
  static char far[64 * PAGE];
  for (int i = 0; i < 12; i++) fill(far, far + sizeof far, i);
}

__attribute__((noinline)) static void sizes(volatile char *p) {
  *(volatile unsigned char *)(p + 1) = 0xa1;
  *(volatile unsigned short *)(p + 2) = 0xb2b1;
  *(volatile unsigned *)(p + 4) = 0xc4c3c2c1;
  *(volatile unsigned long *)(p + 8) = 0xd8d7d6d5d4d3d2d1;
}

// From a page that is not watched into FIXED, which is.
static void crossing(void) {
  char *p = mmap(FIXED - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
  *(volatile unsigned long *)(p + PAGE - 3) = 0x8877665544332211;
}

static void strings(void) {
  char from[24];
  memset(from, 'm', sizeof from);
  void *to = target + 8, *src = from;
  long n = 24;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n)::"memory");
  to = target + 40, n = 2;
  __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0x5353535353535353) : "memory");
}

static void vectors(void) {
  __m128i v = _mm_set1_epi8(7);
  _mm_storeu_si128((__m128i *)(target + 3), v);
  _mm_stream_si128((__m128i *)(target + 32), v);
  __asm__ volatile("fldpi; fstpt %0" : "=m"(*(char(*)[10])(target + 50)));
}

static void locked(void) {
  __atomic_add_fetch((int *)(target + 4), 5, __ATOMIC_SEQ_CST);
  __atomic_exchange_n((int *)(target + 8), 9, __ATOMIC_SEQ_CST);
  int expected = 9;
  __atomic_compare_exchange_n((int *)(target + 8), &expected, 11, 0, 5, 5);
}

// FXSAVE writes 416 bytes, of which `target` is the last.
static void fxsave(void) {
  char *image = target - 384;
  __asm__ volatile("fxsave (%0)" ::"r"(image) : "memory");
}

static void pushes(void) {
  __asm__ volatile(
      "mov %%rsp, %%rbx; mov %0, %%rsp; push $0x1234; mov %%rbx, %%rsp" ::"r"(target + 64)
      : "rbx", "memory");
}

static void reads(void) {
  int fds[2];
  must(pipe(fds) == 0 && write(fds[1], "kernel", 6) == 6);
  must(read(fds[0], target + 16, 64) == 6);
  must(getcwd(target + 32, 8) != 0);
}

static void handler(int n) { sink = n; }

static void frame(void) {
  char *stack = mmap(FIXED - 4 * PAGE, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
  stack_t alt = {.ss_sp = stack, .ss_size = 4 * PAGE + 900};
  struct sigaction act = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  must(sigaltstack(&alt, 0) == 0 && sigaction(SIGUSR1, &act, 0) == 0);
  raise(SIGUSR1);
}

static void areas(void) {
  char *p = mmap(FIXED, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
  p[0] = 1;
  must(mprotect(p, PAGE, PROT_READ) == 0);
  must(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
  p[1] = 2;
  must(madvise(p, PAGE, MADV_DONTNEED) == 0);
  must(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, FIXED + 16 * PAGE) != MAP_FAILED);
  must(mremap(FIXED + 16 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, FIXED) == FIXED);
  must(munmap(p, PAGE) == 0);
}

static void forks(void) {
  target[0] = 5;
  if (fork() == 0) {
    target[1] = 6;
    _exit(0);
  }
  wait(0);
  target[2] = 7;
}

// Written through another mapping, and by another process through that.
static void shared(void) {
  int fd = memfd_create("shared", 0);
  must(ftruncate(fd, PAGE) == 0);
  char *p = mmap(FIXED, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
  char *alias = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
  sink = p[0];
  alias[2] = 'a';
  if (fork() == 0) {
    munmap(FIXED, PAGE);
    alias[3] = 'b';
    _exit(0);
  }
  wait(0);
}

// A file changes behind a mapping: before its page was looked at, and afterwards.
static void file(void) {
  int fd = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  must(write(fd, "0123456789", 10) == 10);
  char *p = mmap(FIXED, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  must(pwrite(fd, "AB", 2, 1) == 2);
  sink = p[0];
  must(pwrite(fd, "CD", 2, 4) == 2);
  must(ftruncate(fd, 3) == 0);
}

// The store faults: nothing is written.
static void faults(void) {
  if (fork() == 0) {
    mmap(FIXED, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    *(volatile char *)FIXED = 1;
  }
  wait(0);
}

static const struct {
  const char *name;
  void (*run)(void);
} ways[] = {
    {"hot", hot},         {"elsewhere", elsewhere}, {"crossing", crossing}, {"strings", strings},
    {"vectors", vectors}, {"locked", locked},       {"fxsave", fxsave},     {"pushes", pushes},
    {"reads", reads},     {"frame", frame},         {"areas", areas},       {"forks", forks},
    {"shared", shared},   {"file", file},           {"faults", faults},
};

int main(int argc, char **argv) {
  if (!strcmp(argv[1], "sizes")) sizes(target);
  for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (!strcmp(ways[i].name, argv[1])) ways[i].run();
  }
  return 0;
}
