/*
 * Loops of scalar arithmetic into which denormals, infinities, NaNs and zeros come now and then, by way of memory, of
 * registers that last from one iteration to the next, and of bits that were integers. Prints results and MXCSR.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xmmintrin.h>

#define LENGTH 2500
#define NOINLINE __attribute__((noinline))
/** Default environment in which the inexact flag is set already. */
#define PRECISE 0x1fa0

static double doubles[LENGTH];
static float floats[LENGTH];

static double special(int k) {
  static const uint64_t bits[] = {
      0, 1ull << 63, 1, 0x000fffffffffffff, 0x0010000000000000, 0x8010000000000001, 0x001fffffffffffff,
      0x0020000000000000, 0x7fe0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
      0x7ff8000000000000, 0x7ff0000000000001, 0x3ff0000000000000, 0x3fe0000000000000};
  double d;
  memcpy(&d, &bits[k % 16], 8);
  return d;
}

static float special_single(int k) {
  static const uint32_t bits[] = {0,          1u << 31,   1,          0x007fffff, 0x00800000, 0x80800001,
                                  0x00ffffff, 0x01000000, 0x7f000000, 0x7f7fffff, 0x7f800000, 0xff800000,
                                  0x7fc00000, 0x7f800001, 0x3f800000, 0x3f000000};
  float f;
  memcpy(&f, &bits[k % 16], 4);
  return f;
}

static void fill(int k, int every) {
  for (int i = 0; i < LENGTH; i++) {
    doubles[i] = 0.5 + (i % 13) * 0.125;
    floats[i] = 0.5f + (i % 11) * 0.125f;
    if (every > 0 && i % every == every - 1) {
      doubles[i] = special(k + i / every % 3);
      floats[i] = special_single(k + i / every % 3);
    }
  }
}

static NOINLINE double chain(double s, int n) {
  for (int i = 0; i < n; i++) s = s * doubles[i] + 0.25;
  return s;
}

static NOINLINE double difference(double s, int n) {
  for (int i = 0; i < n; i++) s = (s - doubles[i]) / 1.5;
  return s;
}

static NOINLINE double forgets(double s, int n) {
  double t = s;
  for (int i = 0; i < n; i++) {
    const double u = doubles[i];
    t = u * u - u;
    s = u;
  }
  return t + s;
}

static NOINLINE double branches(double s, int n) {
  double t = 1;
  for (int i = 0; i < n; i++) {
    if (i % 5 == 4) s = doubles[i];
    else if (i % 7 == 3) t = s + doubles[i];
    s = s * 0.75 + t * (double)i;
    for (int k = 0; k < 9 && s > 1e3; k++) s *= doubles[i % 100] * 0.01;
  }
  return s + t;
}

/** Leads to the loop's first block from itself, and from one that loads what need not be ordinary. */
static NOINLINE double returns(double s, int n) {
  const double half = 0.5, more = 1.25;
  long i = n & ~3;
  __asm__ volatile(
      "1: addsd %3, %0; mulsd %2, %0; dec %1; test $3, %b1; jnz 1b;"
      "test %1, %1; jle 2f; movsd -8(%4, %1, 8), %0; jmp 1b; 2:"
      : "+x"(s), "+r"(i)
      : "x"(half), "x"(more), "r"(doubles)
      : "cc", "memory");
  return s;
}

static NOINLINE double bits(double s, int n) {
  uint64_t u;
  for (int i = 0; i < n; i++) {
    memcpy(&u, &s, 8);
    u ^= (uint64_t)i << 40;
    memcpy(&s, &u, 8);
    s = s * 0.5 + doubles[i];
  }
  return s;
}

static NOINLINE float single(float s, int n) {
  float t = 2;
  for (int i = 0; i < n; i++) {
    s = s * floats[i] + t / 3;
    t = floats[i] - 0.5f * (float)i;
  }
  return s + t;
}

static NOINLINE double both(double s, int n) {
  float f = 1;
  for (int i = 0; i < n; i++) {
    f = f * 0.5f + (float)s;
    s = s * 0.25 + f;
    s += doubles[i];
  }
  return s + f;
}

static void show(const char *name, double d) {
  const unsigned csr = _mm_getcsr();
  uint64_t u;
  memcpy(&u, &d, 8);
  printf("%s %016llx %04x\n", name, (unsigned long long)u, csr);
}

static void run(double s, int n) {
  static double (*const programs[])(double, int) = {chain, difference, forgets, branches,
                                                    returns, bits, both};
  static const char *const names[] = {"chain", "difference", "forgets", "branches", "returns",
                                      "bits", "both"};
  for (int p = 0; p < 7; p++) {
    _mm_setcsr(PRECISE);
    show(names[p], programs[p](s, n));
  }
  _mm_setcsr(PRECISE);
  show("single", single((float)s, n));
}

int main(void) {
  fill(0, 0);
  run(1, LENGTH);
  for (int k = 0; k < 16; k++) {
    fill(0, 0);
    printf("start %d\n", k);
    run(special(k), LENGTH);
    for (int every = 400; every < 1500; every += 700) {
      printf("special %d every %d\n", k, every);
      fill(k, every);
      run(0.75, every * 2 < LENGTH ? every * 2 : LENGTH);
      run(special(k + 5), LENGTH);
    }
  }
  return 0;
}
