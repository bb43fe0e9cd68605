/*
 * The transcendental functions of x87 are within 1 ulp of the exact result (SDM vol. 1, 8.3.10). The exact ones
 * are computed with series in __float128, whose arithmetic is in libgcc. Only whether the bound holds is
 * printed, and results that are defined exactly: processors differ in the last bit.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef __float128 quad;

#define VALUES 20
static const quad LN2 = 0.693147180559945309417232121458176568075500134360255Q;
static const quad PI = 3.14159265358979323846264338327950288419716939937511Q;

static quad absolute(quad x) { return x < 0 ? -x : x; }

/* Sum of x^k / k! for k = first, first + step, …, with the sign changing at each term. */
static quad sine_series(quad x, int first) {
  quad term = first == 0 ? 1 : x, sum = 0;
  for (int k = first; absolute(term) > 1e-40Q; k += 2) {
    sum += term;
    term *= -x * x / ((k + 1) * (k + 2));
  }
  return sum;
}

static quad exact_sin(quad x) { return sine_series(x, 1); }
static quad exact_cos(quad x) { return sine_series(x, 0); }
static quad exact_tan(quad x) { return exact_sin(x) / exact_cos(x); }

static quad exact_f2xm1(quad x) {
  quad t = x * LN2, term = t, sum = 0;
  for (int k = 2; absolute(term) > absolute(t) * 1e-38Q; k++) {
    sum += term;
    term *= t / k;
  }
  return sum;
}

static quad root(quad x) {
  long double seed = (long double)x;
  __asm__("fsqrt" : "+t"(seed));
  quad r = seed;
  for (int i = 0; i < 2; i++) r = (r + x / r) / 2;
  return r;
}

/* atan(t) = 2 atan(t / (1 + sqrt(1 + t²))), and the series once t is small. */
static quad exact_atan(quad t) {
  int halved = 0;
  for (; absolute(t) > 0.05Q; halved++) t = t / (1 + root(1 + t * t));
  quad power = t, sum = 0;
  for (int k = 1; absolute(power) > absolute(t) * 1e-38Q; k += 2) {
    sum += power / k;
    power *= -t * t;
  }
  for (; halved > 0; halved--) sum *= 2;
  return sum;
}

static quad exact_patan(quad y, quad x) {
  quad a = exact_atan(absolute(y) / absolute(x));
  if (x < 0) a = PI - a;
  return y < 0 ? -a : a;
}

/* log(1 + z) = 2 atanh(z / (2 + z)) */
static quad exact_log1p(quad z) {
  quad t = z / (2 + z), power = t, sum = 0;
  for (int k = 1; absolute(power) > absolute(t) * 1e-38Q; k += 2) {
    sum += power / k;
    power *= t * t;
  }
  return 2 * sum;
}

static quad exact_yl2xp1(quad y, quad x) { return y * exact_log1p(x) / LN2; }

static quad exact_yl2x(quad y, quad x) {
  int e = 0;
  for (; x > 1.5Q; e++) x /= 2;
  for (; x < 0.75Q; e--) x *= 2;
  return y * (exact_log1p(x - 1) / LN2 + e);
}

/* The distance of long doubles at a value. */
static quad ulp(quad v) {
  quad u = 0x1p-63Q;
  v = absolute(v);
  if (v == 0) return 0x1p-16445Q;
  for (; v >= 2; v /= 2) u *= 2;
  for (; v < 1; v *= 2) u /= 2;
  return u;
}

static uint64_t state = 88172645463325252;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* A number of either sign below `most`, one in four of them much smaller. */
static long double below(long double most) {
  long double v = (long double)next() * 0x1p-64L * most;
  if (next() % 4 == 0) v *= 1.0L / (1ULL << next() % 60);
  return next() % 2 ? v : -v;
}

static quad worst;
static void compare(long double got, quad exact) {
  quad error = absolute((quad)got - exact) / ulp(exact);
  if (error > worst) worst = error;
}

static void verdict(const char *name) {
  if (worst <= 1) printf("%s: ok\n", name);
  else printf("%s: %d/1000 ulps\n", name, (int)(worst * 1000));
  worst = 0;
}

#define UNARY(name, insn, most, exact)                     \
  for (int i = 0; i < VALUES; i++) {                       \
    long double x = below(most), r = x;                    \
    __asm__ volatile(insn : "+t"(r));                      \
    compare(r, exact(x));                                  \
  }                                                        \
  verdict(name)

/* ST(1) = y, ST(0) = x; the result replaces y. */
#define BINARY(name, insn, make_y, make_x, exact)                           \
  for (int i = 0; i < VALUES; i++) {                                        \
    long double y = make_y, x = make_x, r;                                  \
    __asm__ volatile(insn : "=t"(r) : "0"(x), "u"(y) : "st(1)");            \
    compare(r, exact(y, x));                                                \
  }                                                                         \
  verdict(name)

static void accuracy(void) {
  UNARY("fsin", "fsin", 0.78L, exact_sin);
  UNARY("fcos", "fcos", 0.78L, exact_cos);
  for (int i = 0; i < VALUES; i++) {
    long double x = below(0.78L), c, s;
    __asm__ volatile("fsincos" : "=t"(c), "=u"(s) : "0"(x));
    compare(c, exact_cos(x));
    compare(s, exact_sin(x));
  }
  verdict("fsincos");
  for (int i = 0; i < VALUES; i++) {
    long double x = below(0.78L), one, t;
    __asm__ volatile("fptan" : "=t"(one), "=u"(t) : "0"(x));
    compare(t, exact_tan(x));
    if (one != 1) printf("fptan pushed %La\n", one);
  }
  verdict("fptan");
  UNARY("f2xm1", "f2xm1", 1.0L, exact_f2xm1);
  BINARY("fpatan", "fpatan", below(100), below(100), exact_patan);
  BINARY("fyl2xp1", "fyl2xp1", below(10), below(0.29L), exact_yl2xp1);
  BINARY("fyl2x", "fyl2x", below(10), (long double)(next() % 1000000 + 1) / 1000, exact_yl2x);
}

#define SPECIAL(text, insn, y, x)                                                           \
  do {                                                                                      \
    long double r, y_ = y, x_ = x;                                                          \
    uint16_t sw;                                                                            \
    __asm__ volatile("fnclex; " insn "; fnstsw %1" : "=t"(r), "=a"(sw) : "0"(x_), "u"(y_) : "st(1)"); \
    printf("%s: %La exceptions %x\n", text, r, sw & 0x1f);                                  \
  } while (0)

static void out_of_range(void) {
  long double big = 0x1p63L, r = big;
  uint16_t sw;
  __asm__ volatile("fsin; fnstsw %1" : "+t"(r), "=a"(sw));
  printf("fsin of 2^63: unchanged %d C2 %d\n", r == big, sw >> 10 & 1);
  __asm__ volatile("fcos; fnstsw %1" : "+t"(r), "=a"(sw));
  printf("fcos of 2^63: unchanged %d C2 %d\n", r == big, sw >> 10 & 1);
  r = 0.5L;
  __asm__ volatile("fsin; fnstsw %1" : "+t"(r), "=a"(sw));
  printf("fsin of 0.5: C2 %d\n", sw >> 10 & 1);
}

int main(void) {
  accuracy();
  out_of_range();
  long double inf = __builtin_infl();
  SPECIAL("log2 of 8", "fyl2x", 1.0L, 8.0L);
  SPECIAL("3 log2 of 1/4", "fyl2x", 3.0L, 0.25L);
  SPECIAL("log2 of 0", "fyl2x", 1.0L, 0.0L);
  SPECIAL("log2 of -1", "fyl2x", 1.0L, -1.0L);
  SPECIAL("log2 of infinity", "fyl2x", -2.0L, inf);
  SPECIAL("0 log2 of infinity", "fyl2x", 0.0L, inf);
  SPECIAL("infinity log2 of 1", "fyl2x", inf, 1.0L);
  SPECIAL("log2 of 1 + 0", "fyl2xp1", 1.0L, -0.0L);
  SPECIAL("atan2 of 0, 1", "fpatan", 0.0L, 1.0L);
  SPECIAL("atan2 of -0, -1", "fpatan", -0.0L, -1.0L);
  SPECIAL("atan2 of 0, -0", "fpatan", 0.0L, -0.0L);
  SPECIAL("atan2 of 1, 0", "fpatan", 1.0L, 0.0L);
  SPECIAL("atan2 of infinities", "fpatan", inf, -inf);
  return 0;
}
