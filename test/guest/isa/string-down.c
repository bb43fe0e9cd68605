/*
 * REP MOVS and STOS with DF set: all sizes, overlapping either way at distances up to some pages, at all offsets in a
 * page; then those that fault part of the way.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096ul
#define AREA ((uint8_t *)0x20000000)
#define SIZE (8 * PAGE)

static uint64_t state = 88172645463325252u, hash;

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static void add(uint64_t word) { hash = hash * 1099511628211u + word; }

static sigjmp_buf back;
static volatile uint64_t left, from, to;

static void handler(int signo, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  left = r[REG_RCX];
  from = r[REG_RSI];
  to = r[REG_RDI];
  add(signo);
  add((uint64_t)info->si_addr);
  add(r[REG_ERR]);
  __asm__ volatile("cld");
  siglongjmp(back, 1);
}

#define DOWN(insn) __asm__ volatile("std; rep " insn "; cld" : "+c"(n), "+S"(s), "+D"(d) : "a"(0x123456789abcdef0) : "memory")

static void run(int which, uint64_t n, uint8_t *s, uint8_t *d) {
  if (sigsetjmp(back, 1)) {
    add(left);
    add(from);
    add(to);
    return;
  }
  switch (which) {
    case 0: DOWN("movsb"); break;
    case 1: DOWN("movsw"); break;
    case 2: DOWN("movsl"); break;
    case 3: DOWN("movsq"); break;
    case 4: DOWN("stosb"); break;
    case 5: DOWN("stosw"); break;
    case 6: DOWN("stosl"); break;
    default: DOWN("stosq"); break;
  }
  add(n);
  add((uint64_t)s);
  add((uint64_t)d);
}

int main(void) {
  mmap(AREA, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  for (int i = 0; i < 6000; i++) {
    for (int k = 0; k < 64; k++) ((uint64_t *)AREA)[next() % (3 * PAGE / 8)] = next();
    const int which = next() % 8, size = 1 << which % 4;
    /* Every fourth time near the lower end, below which nothing is. */
    uint8_t *d = AREA + (i % 4 ? SIZE / 2 : 0) + next() % (SIZE / 4);
    const int64_t distance = i % 3 ? (int64_t)(next() % 65) - 32 : (int64_t)(next() % (SIZE / 2)) - (int64_t)SIZE / 4;
    uint8_t *s = d + distance < AREA ? AREA + size : d + distance;
    run(which, next() % (i % 2 ? 3 * PAGE / size : 40), s, d);
    for (unsigned at = 0; at < SIZE / 8; at += 7) add(((uint64_t *)AREA)[at]);
    if (i == 3000) mprotect(AREA + 5 * PAGE, PAGE, PROT_READ);
    if (i == 4500) mprotect(AREA + 3 * PAGE, PAGE, PROT_READ);
    if (i % 600 == 0) printf("%d %llx\n", i, (unsigned long long)hash);
  }
  printf("%llx\n", (unsigned long long)hash);
  return 0;
}
