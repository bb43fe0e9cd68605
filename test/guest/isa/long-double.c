/*
 * Printing and parsing pseudo-random numbers, as many as the argument says of each of long double, double and
 * float: every exponent, denormals, infinities, NaNs. 20 checksums for each, and some samples.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int numbers;

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static uint64_t sum;
static void note(const void *p, size_t n) {
  for (size_t i = 0; i < n; i++) sum = (sum ^ ((const uint8_t *)p)[i]) * 0x100000001b3;
}

static void group_done(const char *type, int i) {
  if ((i + 1) % (numbers / 20) != 0) return;
  printf("%s %d: %" PRIx64 "\n", type, i + 1, sum);
  sum = 0;
}

/* Bits of a number: few exponents are rare, one in 16 numbers is at an end of their range. */
static int exponent(int i, int bits) {
  int most = (1 << bits) - 1;
  if (i % 16 == 0) return 0;
  if (i % 16 == 1) return i % 64 == 1 ? most : most - 1;
  if (i % 4 == 2) return (most >> 1) + (int)(next() % 128) - 64;
  return (int)(next() % (uint64_t)most);
}

static uint64_t mantissa(int i) {
  uint64_t m = next();
  if (i % 7 == 0) m &= next() & next() & next(); /* few bits */
  if (i % 31 == 0) m = 0;
  if (i % 37 == 0) m = ~0ULL;
  return m;
}

static long double random_ld(int i) {
  int e = exponent(i, 15);
  uint64_t m = mantissa(i);
  /* Only encodings that operations make: the integer bit is that of the exponent, NaNs are quiet. */
  if (e == 0) m &= ~(1ULL << 63);
  else m |= 1ULL << 63;
  if (e == 0x7fff && m << 1 != 0) m |= 1ULL << 62;
  uint16_t high = (uint16_t)((next() & 1) << 15 | (uint64_t)e);
  long double v = 0;
  memcpy(&v, &m, 8);
  memcpy((uint8_t *)&v + 8, &high, 2);
  return v;
}

static double random_double(int i) {
  uint64_t m = mantissa(i) >> 12 | (uint64_t)exponent(i, 11) << 52 | next() << 63;
  if ((m >> 52 & 0x7ff) == 0x7ff && m << 12 != 0) m |= 1ULL << 51;
  double v;
  memcpy(&v, &m, 8);
  return v;
}

static float random_float(int i) {
  uint32_t m = (uint32_t)(mantissa(i) >> 41) | (uint32_t)exponent(i, 8) << 23 | (uint32_t)next() << 31;
  if ((m >> 23 & 0xff) == 0xff && m << 9 != 0) m |= 1U << 22;
  float v;
  memcpy(&v, &m, 4);
  return v;
}

static char text[16384];
#define PRINT(format, v) note(text, (size_t)snprintf(text, sizeof text, format, v))
#define SAMPLE(i) ((i) % 997 == 16 || (i) < 4)

/* A NaN's text says neither its payload nor, in all libraries, its sign. */
static void same(const char *type, int i, const void *a, const void *b, size_t n, int is_nan) {
  if (!is_nan && memcmp(a, b, n) != 0) printf("%s %d: read back differently: %s\n", type, i, text);
  note(b, is_nan ? 0 : n);
}

static void long_doubles(void) {
  for (int i = 0; i < numbers; i++) {
    long double v = random_ld(i), back;
    PRINT("%La", v);
    back = strtold(text, NULL);
    same("%La", i, &v, &back, 10, v != v);
    if (i % 2 == 0) { /* these take the longest */
      PRINT("%.40Le", v);
    }
    PRINT("%.20Lg", v);
    if (SAMPLE(i)) printf("  %s %La\n", text, v);
    PRINT("%.21Lg", v);
    back = strtold(text, NULL);
    same("%.21Lg", i, &v, &back, 10, v != v);
    group_done("long double", i);
  }
}

static void doubles(void) {
  for (int i = 0; i < numbers; i++) {
    double v = random_double(i), back;
    PRINT("%.17g", v);
    if (SAMPLE(i)) printf("  %s\n", text);
    back = strtod(text, NULL);
    same("%.17g", i, &v, &back, 8, v != v);
    PRINT("%a", v);
    back = strtod(text, NULL);
    same("%a", i, &v, &back, 8, v != v);
    group_done("double", i);
  }
}

static void floats(void) {
  for (int i = 0; i < numbers; i++) {
    float v = random_float(i), back;
    PRINT("%.9g", v);
    if (SAMPLE(i)) printf("  %s\n", text);
    back = strtof(text, NULL);
    same("%.9g", i, &v, &back, 4, v != v);
    group_done("float", i);
  }
}

int main(int argc, char **argv) {
  numbers = argc > 1 ? atoi(argv[1]) : 10000;
  long_doubles();
  doubles();
  floats();
  return 0;
}
