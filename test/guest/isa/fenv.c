/*
 * <fenv.h>: rounding modes, exceptions, environments, and arithmetic in float, double and long double under
 * each of them. Values go through volatile variables, so that the compiler computes nothing.
 */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#pragma STDC FENV_ACCESS ON

static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
static const char *const mode_names[] = {"nearest", "down", "up", "zero"};

/* Results are summed up, and the sum printed for each first operand: printf takes longer than arithmetic. */
static uint64_t sum;

static void note(const volatile void *p, int size) {
  for (int i = 0; i < size; i++) sum = (sum ^ ((const volatile uint8_t *)p)[i]) * 0x100000001b3UL;
}

#define NOTE(x) note(&(x), sizeof(x) == 16 ? 10 : sizeof(x))

static void note_exceptions(void) {
  int e = fetestexcept(FE_ALL_EXCEPT);
  NOTE(e);
  feclearexcept(FE_ALL_EXCEPT);
}

static void show_exceptions(void) {
  int e = fetestexcept(FE_ALL_EXCEPT);
  printf(" [%s%s%s%s%s]", e & FE_INVALID ? "V" : "", e & FE_DIVBYZERO ? "Z" : "", e & FE_OVERFLOW ? "O" : "",
         e & FE_UNDERFLOW ? "U" : "", e & FE_INEXACT ? "X" : "");
  feclearexcept(FE_ALL_EXCEPT);
}

static void show_sum(const char *what, double of) {
  printf("%s %a: %lx\n", what, of, sum);
  sum = 0;
  feclearexcept(FE_ALL_EXCEPT);
}

#define ARITHMETIC(type, suffix, ...)                                                    \
  static void arithmetic_##suffix(void) {                                                      \
    static volatile type values[] = {__VA_ARGS__};                                             \
    const int n = sizeof values / sizeof *values;                                              \
    for (int i = 0; i < n; i++) {                                                              \
      for (int j = 0; j < n; j++) {                                                            \
        volatile type x = values[i], y = values[j];                                            \
        volatile type r[4];                                                                    \
        r[0] = x + y, r[1] = x - y, r[2] = x * y, r[3] = x / y;                                \
        for (int k = 0; k < 4; k++) NOTE(r[k]);                                                \
        note_exceptions();                                                                     \
        int order = (x < y) | (x == y) << 1 | !(x >= y) << 2;                                  \
        NOTE(order);                                                                           \
        note_exceptions();                                                                     \
      }                                                                                        \
      show_sum(#type, i);                                                                      \
    }                                                                                          \
  }

ARITHMETIC(float, f, 0.0f, -0.0f, 1.0f, 3.0f, 0.1f, 0x1p-126f, 0x1p-149f, 0x1.fffffep127f, INFINITY, NAN)
ARITHMETIC(double, d, 0.0, -1.0, 3.0, 0.1, 0x1p-1022, 0x1p-1074, 0x1.fffffffffffffp1023, -INFINITY, NAN)
ARITHMETIC(long double, ld, 0.0L, -1.0L, 3.0L, 0.1L, 0x1p-16382L, 0x1p-16445L, 0x1.fffffffffffffffep16383L,
           (long double)INFINITY, (long double)NAN)

static void conversions(void) {
  static volatile double values[] = {0.5,   1.5,       2.5,  -0.5,   -1.5, 0.49999999999999994, 1e9 + 0.5, -2147483648.5,
                                     3e9,   -3e9,      1e18, 9.3e18, -0.0, 0x1.fffffffffffffp-1, NAN,       INFINITY,
                                     1e308, 0x1p-1074, 16777217.0};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    double x = values[i];
    volatile long n = lrint(x);
    NOTE(n);
    note_exceptions();
    n = llrintl((long double)x);
    NOTE(n);
    note_exceptions();
    volatile double r[] = {rint(x), nearbyint(x), floor(x), ceil(x), trunc(x), round(x)};
    note(r, sizeof r);
    feclearexcept(FE_ALL_EXCEPT);
    volatile float f = (float)x;
    NOTE(f);
    note_exceptions();
    volatile int k = (int)x;
    NOTE(k);
    note_exceptions();
    volatile long double l = (long double)x / 3;
    volatile double back = (double)l;
    NOTE(l);
    NOTE(back);
    note_exceptions();
    show_sum("conversions", x);
  }
  static volatile long integers[] = {0, 1, -1, 16777217, 9007199254740993, -9007199254740993, INT64_MAX, INT64_MIN};
  for (unsigned i = 0; i < sizeof integers / sizeof *integers; i++) {
    volatile float f = (float)integers[i];
    volatile double d = (double)integers[i], u = (double)(uint64_t)integers[i];
    volatile long double l = (long double)integers[i];
    NOTE(f);
    NOTE(d);
    NOTE(u);
    NOTE(l);
    note_exceptions();
    show_sum("integers", i);
  }
}

static void roots(void) {
  static volatile double values[] = {2, 3, 0x1p-1074, 1e308, -1, -0.0, 0.1};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    volatile double d = sqrt(values[i]);
    volatile float f = sqrtf((float)values[i]);
    volatile long double l = sqrtl((long double)values[i]);
    volatile double r[] = {fma(values[i], 0.1, -0.2), remainder(values[i], 0.3), fmod(values[i], 0.3)};
    NOTE(d);
    NOTE(f);
    NOTE(l);
    note(r, sizeof r);
    note_exceptions();
    show_sum("roots", values[i]);
  }
}

/* Decimal conversion rounds as the mode says. */
static void text(void) {
  static volatile double values[] = {0.5, 1.5, 2.5, 0.1, -0.1, 1e23, 0x1p-1074};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    printf("%.0f %.1f %.3e %.16g %.2a\n", values[i], values[i], values[i], values[i], values[i]);
  }
  volatile int denominator = 3;
  for (int i = 1; i < 6; i++) printf("%.30Lf\n", (long double)i / denominator);
}

static void raised(void) {
  static const int one[] = {FE_INVALID, FE_DIVBYZERO, FE_OVERFLOW, FE_UNDERFLOW, FE_INEXACT};
  for (int i = 0; i < 5; i++) {
    feraiseexcept(one[i]);
    fexcept_t saved;
    fegetexceptflag(&saved, FE_ALL_EXCEPT);
    printf("raised %x:", one[i]);
    show_exceptions();
    fesetexceptflag(&saved, FE_ALL_EXCEPT);
    show_exceptions();
    printf("\n");
  }
}

/* feholdexcept, feupdateenv, and what a caller's environment keeps. */
static void environments(void) {
  fenv_t held, got;
  volatile double zero = 0, one = 1, r;
  fesetround(FE_UPWARD);
  feraiseexcept(FE_INEXACT);
  feholdexcept(&held);
  printf("held: round %x", fegetround());
  show_exceptions();
  r = one / zero;
  fesetround(FE_DOWNWARD);
  feupdateenv(&held);
  printf(" updated: %a round %x", r, fegetround());
  show_exceptions();
  fegetenv(&got);
  fesetenv(FE_DFL_ENV);
  printf(" default: round %x", fegetround());
  fesetenv(&got);
  printf(" set: round %x\n", fegetround());
  uint16_t cw;
  uint32_t mxcsr;
  __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(cw), "=m"(mxcsr));
  printf("cw %x mxcsr %x\n", cw & 0x1f3f, mxcsr & 0xff80);
  fesetenv(FE_DFL_ENV);
}

/* x87 precision control: results of 24 and 53 bits in a long double. */
static void precision(void) {
  for (int pc = 0; pc < 4; pc++) {
    if (pc == 1) continue; /* reserved */
    for (int rc = 0; rc < 4; rc++) {
      uint16_t cw = 0x7f | pc << 8 | rc << 10, usual = 0x37f;
      volatile long double x = 1, y = 3, big = 0x1.ffffffffffp4000L;
      long double r[4];
      __asm__ volatile("fldcw %0" ::"m"(cw));
      r[0] = x / y, r[1] = x + 0x1p-30L, r[2] = big * y, r[3] = sqrtl(y);
      __asm__ volatile("" : "+m"(r));
      __asm__ volatile("fldcw %0" ::"m"(usual));
      printf("pc %d rc %d: %La %La %La %La\n", pc, rc, r[0], r[1], r[2], r[3]);
    }
  }
}

/* Flush to zero and denormals are zeros. */
static void flushing(void) {
  for (uint32_t bits = 0; bits < 4; bits++) {
    uint32_t mxcsr = 0x1f80 | (bits & 1) << 15 | (bits & 2) << 5, usual = 0x1f80, after;
    volatile float small = 0x1p-140f, tiny = 0x1p-126f, half = 0.5f;
    volatile double d = 0x1p-1060, dtiny = 0x1p-1022;
    volatile float r[3];
    volatile double s[3];
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    r[0] = small + small, r[1] = tiny * half, r[2] = small * 0x1p100f;
    s[0] = d - dtiny, s[1] = dtiny * 0.3, s[2] = d == 0;
    __asm__ volatile("stmxcsr %0; ldmxcsr %1" : "=m"(after) : "m"(usual));
    printf("ftz, daz %x: %a %a %a %a %a %a mxcsr %x\n", bits, r[0], r[1], r[2], s[0], s[1], s[2], after);
  }
}

int main(void) {
  for (int m = 0; m < 4; m++) {
    fesetround(modes[m]);
    printf("── %s: %x\n", mode_names[m], fegetround());
    feclearexcept(FE_ALL_EXCEPT);
    arithmetic_f();
    arithmetic_d();
    arithmetic_ld();
    conversions();
    roots();
    text();
    raised();
  }
  environments();
  precision();
  flushing();
  return 0;
}
