/*
 * Whether operations stay as fast when there is more of everything. Usage: growth processes|mappings|blocks FEW MANY.
 * Prints "NAME few NANOSECONDS many NANOSECONDS" for each operation: the time of one, with FEW and with MANY
 * processes, mappings or executed blocks about.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "timing.h"

enum { PAGE = 4096, SETTLED_MS = 500, LONGEST_MS = 4000, WARM_UP_BLOCKS = 1000, SAMPLES = 5, NEW_BLOCKS = 400 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double burst_ns(void (*op)(long), long burst) {
  double start = now_ms();
  op(burst);
  return (now_ms() - start) * 1e6 / burst;
}

/* Nanoseconds for one `op`: the fastest burst, once they have got no faster for a while. */
static double one(void (*op)(long), long burst) {
  double best = 1e300, begin = now_ms(), improved = begin;
  for (double now = begin; now - improved < SETTLED_MS && now - begin < LONGEST_MS; now = now_ms()) {
    double ns = burst_ns(op, burst);
    if (ns < best * 0.95) improved = now_ms();
    if (ns < best) best = ns;
  }
  return best;
}

/* What is measured first must not be slower because a translator was still cold: all is measured twice. */
enum { PASSES = 2 };

static void report(const char *name, double few, double many) {
  printf("%s few %.0f many %.0f\n", name, few, many);
  fflush(stdout);
}

/* Processes: children that wait on a pipe until it is closed. */
static int gate[2];

static void more_children(long n) {
  for (long i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      char c;
      close(gate[1]);
      _exit(read(gate[0], &c, 1) != 0);
    }
  }
}

static void fork_and_wait(long n) {
  for (long i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) _exit(0);
    if (waitpid(pid, NULL, 0) != pid) fail("waitpid");
  }
}

static int ping[2], pong[2];

static void switch_over(long n) {
  char c = 1;
  for (long i = 0; i < n; i++)
    if (write(ping[1], &c, 1) != 1 || read(pong[0], &c, 1) != 1) fail("pipe");
}

static void signal_self(long n) {
  for (long i = 0; i < n; i++)
    if (kill(getpid(), 0)) fail("kill");
}

static pid_t echo(void) {
  if (pipe(ping) || pipe(pong)) fail("pipe");
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    char c;
    close(gate[1]);
    close(ping[1]);
    while (read(ping[0], &c, 1) == 1)
      if (write(pong[1], &c, 1) != 1) break;
    _exit(0);
  }
  return pid;
}

static void processes(long few, long many) {
  if (pipe(gate)) fail("pipe");
  echo();
  more_children(few);
  double f = 0, s = 0, k = 0;
  for (int pass = 0; pass < PASSES; pass++) {
    f = one(fork_and_wait, 10);
    s = one(switch_over, 50);
    k = one(signal_self, 200);
  }
  more_children(many - few);
  report("fork", f, one(fork_and_wait, 10));
  report("switch", s, one(switch_over, 50));
  report("kill", k, one(signal_self, 200));
  close(gate[1]);
  close(ping[1]);
  while (wait(NULL) > 0) {}
}

/* Mappings: single pages, of two kinds by turns, so that they stay apart. */
static void more_mappings(long n) {
  for (long i = 0; i < n; i++) {
    char *p = mmap(NULL, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail("mmap");
    if (i % 8 == 0) *p = 1;
  }
}

static void map_and_unmap(long n) {
  for (long i = 0; i < n; i++) {
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail("mmap");
    p[0] = p[PAGE] = 1;
    if (munmap(p, 2 * PAGE)) fail("munmap");
  }
}

static char *area;

static void protect(long n) {
  for (long i = 0; i < n; i++)
    if (mprotect(area + PAGE, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE)) fail("mprotect");
}

static void fault(long n) {
  for (long i = 0; i < n; i++) {
    if (madvise(area, 3 * PAGE, MADV_DONTNEED)) fail("madvise");
    area[0] = area[2 * PAGE] = 1;
  }
}

static void mappings(long few, long many) {
  area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) fail("mmap");
  more_mappings(few);
  double m = 0, p = 0, f = 0;
  for (int pass = 0; pass < PASSES; pass++) {
    m = one(map_and_unmap, 50);
    p = one(protect, 50);
    f = one(fault, 50);
  }
  more_mappings(many - few);
  report("mmap", m, one(map_and_unmap, 50));
  report("mprotect", p, one(protect, 50));
  report("fault", f, one(fault, 50));
}

/* Blocks: lea rax, [rdi + I]; ret, 16 bytes each, made before any runs. */
typedef long (*block)(long);
static uint8_t *code;
static long next_block;

static long make_blocks(long count) {
  static const uint8_t body[8] = {0x48, 0x8d, 0x87, 0, 0, 0, 0, 0xc3};
  long size = count * 16;
  code = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) fail("mmap");
  for (long i = 0; i < count; i++) {
    int displacement = (int)i;
    memcpy(code + i * 16, body, 8);
    memcpy(code + i * 16 + 3, &displacement, 4);
  }
  if (mprotect(code, size, PROT_READ | PROT_EXEC)) fail("mprotect");
  next_block = 0;
  return size;
}

static long call(long i) { return ((block)(code + i * 16))(1); }

static void translate(long n) {
  for (long i = 0; i < n; i++, next_block++)
    if (call(next_block) != 1 + next_block) fail("block");
}

static void run_again(long n) {
  for (long i = 0; i < n; i++) {
    long k = i * 7919 % 512;
    if (call(k) != 1 + k) fail("block");
  }
}

/* Another set of new blocks, and away with them. */
static void translate_and_drop(long n) {
  long size = make_blocks(n);
  translate(n);
  if (munmap(code, size)) fail("munmap");
}

static double translate_ns(void) {
  double best = 1e300;
  for (int i = 0; i < SAMPLES; i++) {
    double ns = burst_ns(translate, NEW_BLOCKS);
    if (ns < best) best = ns;
  }
  return best;
}

static void blocks(long few, long many) {
  for (int pass = 0; pass < PASSES; pass++) one(translate_and_drop, WARM_UP_BLOCKS);
  make_blocks(many + 2 * SAMPLES * NEW_BLOCKS);
  translate(few);
  double t = translate_ns(), r = one(run_again, 1000);
  translate(many - next_block);
  report("translate", t, translate_ns());
  report("run", r, one(run_again, 1000));
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long few = atol(argv[2]), many = atol(argv[3]);
  if (!strcmp(argv[1], "processes")) processes(few, many);
  else if (!strcmp(argv[1], "mappings")) mappings(few, many);
  else if (!strcmp(argv[1], "blocks")) blocks(few, many);
  else return 2;
  return 0;
}
