/*
 * What programs do with long doubles nearly always: normal numbers of all exponents, usual control word. Sums over
 * results, status words and comparisons; significands are random, or have few bits, or are nearly a power of two.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u, hash;

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static long double make(uint64_t significand, uint64_t sign_exponent) {
  unsigned char bytes[16] = {0};
  long double x;
  significand |= 1ull << 63;
  memcpy(bytes, &significand, 8);
  memcpy(bytes + 8, &sign_exponent, 2);
  memcpy(&x, bytes, 10);
  return x;
}

static void add(uint64_t word) { hash = hash * 1099511628211u + word; }

static void add_number(long double x) {
  uint64_t significand;
  uint16_t sign_exponent;
  memcpy(&significand, &x, 8);
  memcpy(&sign_exponent, (char *)&x + 8, 2);
  add(significand);
  add(sign_exponent);
}

static uint16_t status(void) {
  uint16_t sw;
  __asm__ volatile("fnstsw %0" : "=a"(sw));
  return sw;
}

int main(int argc, char **argv) {
  const int numbers = argc > 1 ? atoi(argv[1]) : 100000;
  for (int i = 0; i < numbers; i++) {
    uint64_t m = next();
    const unsigned cut = (unsigned)(m % 63);
    if (i % 5 == 0) m &= ~0ull << cut;
    if (i % 7 == 0) m |= (1ull << cut) - 1;
    const unsigned e = i % 3 ? 16383 + (state >> 20) % 64 - 32 : 1 + (state >> 20) % 32766;
    unsigned f = e + (unsigned)((state >> 40) % 140) - 70;
    if (f - 1 >= 32766) f = 16383;
    const long double x = make(m, e), y = make(m * 0x9e3779b97f4a7c15u, f | (state >> 60 & 1) << 15);
    long double root;
    __asm__ volatile("fnclex");
    __asm__ volatile("fsqrt" : "=t"(root) : "0"(x));
    add(status());
    add_number(root);
    add_number(x * y);
    add_number(x / y);
    add_number(y / x);
    add_number(x + y);
    add(status());
    add_number(x - y);
    add_number(y - x);
    add_number((double)x + (float)y);
    add_number(x * 3 + (short)i);
    add((uint64_t)(x < y) << 2 | (x == y) << 1 | (x > -y));
    if (x < 1e15L) add((uint64_t)(int64_t)x);
    if (y < 1e9L && y > -1e9L) add((uint64_t)(int)y);
    add(status());
    if (i % (numbers / 10) == 0) printf("%d %llx\n", i, (unsigned long long)hash);
  }
  printf("%llx\n", (unsigned long long)hash);
  return 0;
}
