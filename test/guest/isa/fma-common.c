/*
 * Fused multiply-adds of moderate numbers, often enough to be compiled: random ones, sums in which the product goes
 * away but for its error, ties, zeros. Scalars and vectors, all combinations of signs.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t state = 88172645463325252u, hash;

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static double make(int few_bits) {
  const uint64_t m = next();
  uint64_t bits = (m & 0xfffffffffffffu) | (1023 + next() % 60 - 30) << 52 | (m >> 63) << 63;
  if (few_bits) bits &= ~0ull << (next() % 52);
  double d;
  memcpy(&d, &bits, 8);
  return d;
}

static void add(double d) {
  uint64_t bits;
  memcpy(&bits, &d, 8);
  hash = hash * 1099511628211u + bits;
}

static __m256d vector(int i, __m256d a, __m256d b, __m256d c) {
  switch (i % 6) {
    case 0: return _mm256_fmadd_pd(a, b, c);
    case 1: return _mm256_fmsub_pd(a, b, c);
    case 2: return _mm256_fnmadd_pd(a, b, c);
    case 3: return _mm256_fnmsub_pd(a, b, c);
    case 4: return _mm256_fmaddsub_pd(a, b, c);
    default: return _mm256_fmsubadd_pd(a, b, c);
  }
}

int main(void) {
  for (int i = 0; i < 60000; i++) {
    double a[4], b[4], c[4], r[4];
    float f[4], g[4], h[4];
    for (int k = 0; k < 4; k++) {
      a[k] = make((i + k) % 3 == 0);
      b[k] = make(i % 3 == 0);
      c[k] = i % 4 == 0 ? -a[k] * b[k] : i % 11 == 0 ? 0.0 : make(i % 3 == 1);
      if (i % 13 == k) a[k] = i % 2 ? 0.0 : -0.0;
      if (i % 17 == k) b[k] = i % 2 ? -0.0 : 0.0;
      f[k] = (float)a[k];
      g[k] = (float)b[k];
      h[k] = i % 4 == 0 ? -f[k] * g[k] : (float)c[k];
    }
    const __m256d v = vector(i, _mm256_loadu_pd(a), _mm256_loadu_pd(b), _mm256_loadu_pd(c));
    _mm256_storeu_pd(r, v);
    for (int k = 0; k < 4; k++) add(r[k]);
    add(__builtin_fma(a[0], b[1], c[2]));
    add(__builtin_fmaf(f[0], g[1], h[2]));
    _mm_storeu_ps(f, _mm_fmaddsub_ps(_mm_loadu_ps(f), _mm_loadu_ps(g), _mm_loadu_ps(h)));
    for (int k = 0; k < 4; k++) add(f[k]);
    if (i % 10000 == 0) printf("%d %llx\n", i, (unsigned long long)hash);
  }
  printf("%llx\n", (unsigned long long)hash);
  return 0;
}
