/* Processes with different code at the same address, which becomes hot in all of them while they take turns. */

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ADDRESS ((void *)0x10000000)
#define PROCESSES 3
#define CALLS 400
#define ROUNDS 300

/* mov rax, rdi; L: imul rax, rax, K; add rax, C; (nops); dec rsi; jnz L; ret */
static void make(uint8_t *p, uint32_t k, uint32_t c, int nops) {
  static const uint8_t begin[] = {0x48, 0x89, 0xf8, 0x48, 0x69, 0xc0};
  static const uint8_t end[] = {0x48, 0xff, 0xce, 0x75};
  memcpy(p, begin, sizeof begin);
  p += sizeof begin;
  memcpy(p, &k, 4);
  p += 4;
  *p++ = 0x48;
  *p++ = 0x05;
  memcpy(p, &c, 4);
  p += 4;
  memset(p, 0x90, nops);
  p += nops;
  memcpy(p, end, sizeof end);
  p += sizeof end;
  *p++ = (uint8_t)-(18 + nops);
  *p = 0xc3;
}

static uint64_t child(int i) {
  uint8_t *p = mmap(ADDRESS, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  make(p, 0x9e3779b1u % 0x7fffffff + 2 * i, 17 + 1000 * i, i);
  uint64_t h = i;
  for (int n = 0; n < CALLS; n++) {
    h = ((uint64_t(*)(uint64_t, uint64_t))p)(h, ROUNDS);
    sched_yield();
  }
  return h;
}

int main(void) {
  uint64_t *results = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < PROCESSES; i++) {
    if (fork() == 0) {
      results[i] = child(i);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) {
  }
  for (int i = 0; i < PROCESSES; i++) printf("%d: %016lx\n", i, results[i]);
  return 0;
}
