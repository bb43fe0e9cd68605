/*
 * Hot loops of one kind each. Usage: kernels [SCALE [WARM-UP [NAME...]]]. SCALE 1 takes about 0.05 s natively per
 * line; the same loops run for WARM-UP (a scale too, by default 0) first, untimed. `avx2` (which needs AVX2 and
 * FMA) runs only if it is named.
 */
#include <string.h>
#include "timing.h"

#define NOINLINE __attribute__((noinline))

static NOINLINE uint64_t integer32(long n) {
  uint32_t a = 1, b = 7, c = 0;
  for (long i = 0; i < n; i++) {
    a = a * 1664525u + 1013904223u;
    b ^= a >> 13;
    b = (b << 5) | (b >> 27);
    c += b & 0xff;
  }
  return c ^ a;
}

static NOINLINE uint64_t integer64(long n) {
  uint64_t h = 0xcbf29ce484222325u;
  for (long i = 0; i < n; i++) {
    h ^= (uint64_t)i & 0xff;
    h *= 0x100000001b3u;
    h ^= h >> 29;
  }
  return h;
}

static NOINLINE uint64_t memory_seq(uint32_t *p, long words, long rounds) {
  uint64_t s = 0;
  for (long r = 0; r < rounds; r++)
    for (long i = 0; i < words; i++) {
      s += p[i];
      p[i] = (uint32_t)(s ^ (s >> 7));
    }
  return s;
}

struct node { struct node *next; uint64_t value; };

static NOINLINE uint64_t memory_list(struct node *n, long steps) {
  uint64_t s = 0;
  for (long i = 0; i < steps; i++) {
    s += n->value;
    n = n->next;
  }
  return s;
}

static NOINLINE uint64_t branches(const uint8_t *p, long size, long rounds) {
  uint64_t a = 0, b = 0, c = 0;
  for (long r = 0; r < rounds; r++)
    for (long i = 0; i < size; i++) {
      if (p[i] < 64) a += p[i];
      else if (p[i] & 1) b ^= a + i;
      else if (p[i] > 200) c++;
      else a -= c;
    }
  return a ^ b ^ c;
}

static NOINLINE uint64_t fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static NOINLINE uint32_t leaf(uint32_t x, uint32_t y) { return (x ^ y) * 31 + (y >> 3); }
static NOINLINE uint64_t calls(long n) {
  uint32_t s = 1;
  for (long i = 0; i < n; i++) s = leaf(s, (uint32_t)i);
  return s;
}

static NOINLINE uint64_t sse2_scalar(long n) {
  double x = 0.5, s = 0;
  for (long i = 1; i <= n; i++) {
    x = x * 1.0000001 + 0.25 / (double)i;
    s += x * x - x;
  }
  uint64_t bits;
  memcpy(&bits, &s, 8);
  return bits;
}

static NOINLINE uint64_t sse2_matrix(double *a, double *b, double *c, long n, long rounds) {
  for (long r = 0; r < rounds; r++)
    for (long i = 0; i < n; i++)
      for (long j = 0; j < n; j++) {
        double s = 0;
        for (long k = 0; k < n; k++) s += a[i * n + k] * b[k * n + j];
        c[i * n + j] = s;
      }
  uint64_t bits;
  memcpy(&bits, &c[n + 1], 8);
  return bits;
}

typedef double double2 __attribute__((vector_size(16)));
typedef float float4 __attribute__((vector_size(16)));
typedef double double4 __attribute__((vector_size(32)));

/* Packed doubles and packed floats: y += a x, and a sum of products. */
static NOINLINE uint64_t sse2_packed(double2 *x, double2 *y, float4 *f, long n, long rounds) {
  const double2 a = {0.5, 0.25};
  double2 s = {0, 0};
  float4 t = {0, 0, 0, 0};
  for (long r = 0; r < rounds; r++)
    for (long i = 0; i < n; i++) {
      y[i] = a * x[i] + y[i] * a;
      s += y[i] * x[i];
      t = t * 0.5f + f[i] / (f[i] * f[i] + 1.0f);
    }
  double sum = s[0] + s[1] + t[0] + t[1] + t[2] + t[3];
  uint64_t bits;
  memcpy(&bits, &sum, 8);
  return bits;
}

__attribute__((target("avx2,fma"))) static NOINLINE uint64_t avx2(double4 *x, double4 *y, long n, long rounds) {
  double4 s = {0, 0, 0, 0};
  for (long r = 0; r < rounds; r++)
    for (long i = 0; i < n; i++) {
      double4 v = x[i] * y[i] + s;
      y[i] = v * 0.015625 + x[i];
      s = s * 0.5 + y[i];
    }
  double sum = s[0] + s[1] + s[2] + s[3];
  uint64_t bits;
  memcpy(&bits, &sum, 8);
  return bits;
}

/* long double: a continued fraction and a square root, as musl's printf and strtod use the x87. */
static NOINLINE uint64_t x87(long n) {
  long double x = 0.5L, s = 0;
  for (long i = 1; i <= n; i++) {
    x = 1.0L / (x + (long double)i * 0.001L);
    s += __builtin_sqrtl(x) * 1.000001L - x;
  }
  double d = (double)s;
  uint64_t bits;
  memcpy(&bits, &d, 8);
  return bits;
}

/* The C library's string functions on buffers of 16 bytes to 4 KB. */
static NOINLINE uint64_t string(char *a, char *b, long rounds) {
  uint64_t s = 0;
  for (long r = 0; r < rounds; r++)
    for (long n = 16; n <= 4096; n *= 4) {
      memset(a, 'a' + (int)(r % 20), n);
      a[n] = 0;
      a[n - 1] = 'z';
      memcpy(b, a, n + 1);
      s += strlen(b) + (uint64_t)(strchr(b, 'z') - b);
      s += (uint64_t)((char *)memchr(a, 'z', n + 1) - a) + (strcmp(a, b) == 0) + (memcmp(a, b, n) == 0);
    }
  return s;
}

static NOINLINE uint64_t interpreter(long n) {
  static const uint8_t program[] = {0, 1, 2, 3, 4, 1, 0, 5, 2, 6, 3, 7};
  uint64_t acc = 1, x = 3;
  unsigned pc = 0;
  for (long i = 0; i < n; i++) {
    switch (program[pc]) {
      case 0: acc += x; break;
      case 1: x ^= acc; break;
      case 2: acc = (acc << 3) | (acc >> 61); break;
      case 3: x += 17; break;
      case 4: acc ^= 0x55; break;
      case 5: x >>= 1; break;
      case 6: acc -= i; break;
      default: acc *= 3; break;
    }
    pc = pc + 1 == sizeof program ? 0 : pc + 1;
  }
  return acc ^ x;
}

static void integer_kernels(double scale) {
  long n = (long)(scale * 1e6);
  BENCH("integer32", integer32(n * 50));
  BENCH("integer64", integer64(n * 50));
  uint32_t *p = malloc(1 << 20);
  for (int i = 0; i < 1 << 18; i++) p[i] = i * 2654435761u;
  BENCH("memory_seq", memory_seq(p, 1 << 18, (long)(300 * scale)));
  enum { NODES = 4096 };
  struct node *nodes = malloc(NODES * sizeof *nodes);
  for (int i = 0; i < NODES; i++) {
    nodes[i].next = &nodes[(i * 1597 + 51) % NODES];
    nodes[i].value = i;
  }
  BENCH("memory_list", memory_list(nodes, n * 40));
  uint8_t *bytes = (uint8_t *)p;
  for (int i = 0; i < 1 << 14; i++) bytes[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
  BENCH("branches", branches(bytes, 1 << 14, (long)(1500 * scale)));
  BENCH("calls", calls(n * 50));
  BENCH("fib", fib(scale >= 1 ? 40 : 32));
  BENCH("interpreter", interpreter(n * 40));
  BENCH("string", string((char *)p, (char *)p + (1 << 16), n / 200));
  free(nodes);
  free(p);
}

static void float_kernels(double scale) {
  long n = (long)(scale * 1e6);
  enum { CELLS = 3 * 64 * 64 };
  BENCH("sse2_scalar", sse2_scalar(n * 15));
  double *m = aligned_alloc(32, CELLS * sizeof *m);
  for (int i = 0; i < CELLS; i++) m[i] = (i % 97) * 0.1;
  BENCH("sse2_matrix", sse2_matrix(m, m + 4096, m + 8192, 64, (long)(300 * scale)));
  float f[1024] __attribute__((aligned(16)));
  for (int i = 0; i < 1024; i++) f[i] = (float)(i % 31) * 0.25f;
  BENCH("sse2_packed", sse2_packed((double2 *)m, (double2 *)(m + 4096), (float4 *)f, 256, n / 25));
  BENCH("x87", x87(n * 3));
  BENCH_IF_NAMED("avx2", avx2((double4 *)m, (double4 *)(m + 4096), 1024, n / 200));
  free(m);
}

static void run(double scale) {
  integer_kernels(scale);
  float_kernels(scale);
}

int main(int argc, char **argv) {
  double scale = argc > 1 ? atof(argv[1]) : 1;
  double warm_up = argc > 2 ? atof(argv[2]) : 0;
  if (argc > 3) wanted_names = argv + 3;
  quiet = 1;
  if (warm_up > 0) run(warm_up);
  quiet = 0;
  run(scale);
  return 0;
}
