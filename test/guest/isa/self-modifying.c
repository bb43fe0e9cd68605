/*
 * Code that changes while it is hot: by its own stores, string instructions, another mapping, system calls,
 * another thread, or by what is mapped where it is. Each case runs code often enough to be compiled between
 * two changes, and sums up what it returned. The argument says how often.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define RX (PROT_READ | PROT_EXEC)
#define RW (PROT_READ | PROT_WRITE)
#define CHANGES 6

static int calls; /* between two changes */

typedef uint64_t (*function)(uint64_t);

/* mov eax, imm32; add rax, rdi; ret */
static const uint8_t returns[] = {0xb8, 0, 0, 0, 0, 0x48, 0x01, 0xf8, 0xc3};

static void make(uint8_t *at, uint32_t v) {
  memcpy(at, returns, sizeof returns);
  memcpy(at + 1, &v, 4);
}

static void check(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(2);
}

static uint8_t *map_at(void *at, int prot, int flags, int fd) {
  uint8_t *p = mmap(at, PAGE, prot, flags, fd, 0);
  check(p != MAP_FAILED, "mmap");
  return p;
}

static uint8_t *anonymous(int prot) { return map_at(NULL, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1); }

static uint64_t call(const void *code) {
  uint64_t sum = 0;
  for (int i = 0; i < calls; i++) sum = sum * 3 + ((function)code)(i);
  return sum;
}

static uint64_t hash;
static void note(uint64_t v) { hash = hash * 0x9e3779b97f4a7c15UL + v; }
static void done(const char *name) {
  printf("%s: %lx\n", name, hash);
  hash = 0;
}

/* ── stores of the code's own thread ── */

static void patched_between(void) {
  uint8_t *p = anonymous(RWX);
  for (uint32_t i = 0; i < CHANGES; i++) {
    make(p, i * 1000);
    note(call(p));
  }
  for (uint32_t i = 0; i < CHANGES; i++) { /* one byte of the immediate, as a whole and across its words */
    p[1 + i % 4] = i;
    note(call(p));
  }
  for (uint32_t i = 0; i < CHANGES; i++) { /* the operation: add, sub, xor, or */
    p[6] = "\x01\x29\x31\x09"[i % 4];
    note(call(p));
  }
  done("patched between calls");
}

/* Data in the code's page, right behind it and on its other side, written by the code. */
static void data_beside(void) {
  uint8_t *p = anonymous(RWX);
  static const uint8_t code[] = {0x48, 0x01, 0x3d, 0x02, 0x00, 0x00, 0x00, /* add [rip + 2], rdi */
                                 0xeb, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,       /* jmp over the counter */
                                 0x48, 0x8b, 0x05, 0xf1, 0xff, 0xff, 0xff, /* mov rax, [rip - 15] */
                                 0xc3};
  memcpy(p, code, sizeof code);
  for (int i = 0; i < 4; i++) note(call(p));
  uint64_t *data = (uint64_t *)(p + 2048);
  for (int i = 0; i < CHANGES; i++) {
    make(p + 512, i);
    for (int k = 0; k < calls; k++) data[k % 16] += ((function)(p + 512))(k);
    for (int k = 0; k < 16; k++) note(data[k]);
  }
  done("data beside code");
}

/*
 * A loop that patches itself every few thousand rounds, its next instruction among others:
 *   loop: add rax, imm32 at `immediate`; when rcx & rdx is 0, store rcx to the immediate that follows
 */
extern uint8_t patching[], patching_end[], jump_patching[], jump_patching_end[], string_patching[],
    string_patching_end[];
__asm__(
    ".data\n"
    "patching:\n" /* rdi rounds, rsi mask: returns the sum */
    "xor %eax, %eax\n"
    "1: test %rsi, %rdi\n"
    "jnz 2f\n"
    "mov %edi, 3f+2(%rip)\n" /* patches the next instruction */
    "3: add $0x11111111, %rax\n"
    "2: add $0x1, %rax\n"
    "test %rsi, %rdi\n"
    "jnz 4f\n"
    "mov %dil, 2b+3(%rip)\n" /* patches one behind, in this block's loop */
    "4: dec %rdi\n"
    "jnz 1b\n"
    "ret\n"
    "patching_end:\n"
    "jump_patching:\n" /* the same with a jump in between, the target of which it changes */
    "xor %eax, %eax\n"
    "1: test %rsi, %rdi\n"
    "jnz 2f\n"
    "xorb $3, 2f+1(%rip)\n" /* jmp +0 or +3 */
    "jmp 2f\n"
    "2: .byte 0xeb, 0x00\n"
    "inc %rax\n"
    "lea 2(%rax), %rax\n"
    "dec %rdi\n"
    "jnz 1b\n"
    "ret\n"
    "jump_patching_end:\n"
    "string_patching:\n" /* copies one of two instructions over the next one with rep movsb */
    "mov %rdi, %rdx\n"
    "mov %rsi, %r8\n"
    "xor %eax, %eax\n"
    "1: test %r8, %rdx\n"
    "jnz 2f\n"
    "lea 3f(%rip), %rsi\n"
    "bt $13, %rdx\n"
    "jc 4f\n"
    "lea 5f(%rip), %rsi\n"
    "4: lea 2f(%rip), %rdi\n"
    "mov $4, %ecx\n"
    "rep movsb\n"
    "2: add $1, %rax\n"
    "dec %rdx\n"
    "jnz 1b\n"
    "ret\n"
    "3: add $5, %rax\n"
    "5: sub $9, %rax\n"
    "string_patching_end:\n"
    ".text\n");

static void patches_itself(void) {
  static const uint64_t masks[] = {0xffff, 0x1fff, 0x7ff, 0x1ff, 0};
  for (int i = 0; i < 5; i++) {
    uint8_t *p = anonymous(RWX);
    uint64_t rounds = i < 4 ? calls * 12 : 300;
    memcpy(p, patching, patching_end - patching);
    note(((uint64_t(*)(uint64_t, uint64_t))p)(rounds, masks[i]));
    memcpy(p, jump_patching, jump_patching_end - jump_patching);
    note(((uint64_t(*)(uint64_t, uint64_t))p)(rounds, masks[i]));
    memcpy(p, string_patching, string_patching_end - string_patching);
    note(((uint64_t(*)(uint64_t, uint64_t))p)(rounds, masks[i]));
    munmap(p, PAGE);
  }
  done("patches itself");
}

/* Code that crosses into the next page, changed there. */
static void across_pages(void) {
  uint8_t *p = mmap(NULL, 2 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (uint32_t off = 1; off < sizeof returns; off++) {
    make(p + PAGE - off, 7);
    note(call(p + PAGE - off));
    p[PAGE] ^= off == 6 || off == 7 ? 0x28 : off < 5 && off > 1 ? 0x11 : 0;
    if (off != 6) note(call(p + PAGE - off));
    make(p + PAGE - off, 9);
    note(call(p + PAGE - off));
  }
  done("across pages");
}

/* ── through other mappings and system calls ── */

static void aliased(void) {
  int fd = memfd_create("code", 0);
  check(ftruncate(fd, PAGE) == 0, "ftruncate");
  uint8_t *w = map_at(NULL, RW, MAP_SHARED, fd), *x = map_at(NULL, RX, MAP_SHARED, fd);
  uint8_t *second = map_at(NULL, RX, MAP_SHARED, fd);
  for (uint32_t i = 0; i < CHANGES; i++) {
    make(w, i * 77);
    note(call(x));
    note(call(second));
  }
  for (uint32_t i = 0; i < CHANGES; i++) {
    uint8_t code[sizeof returns];
    make(code, i * 33);
    check(pwrite(fd, code, sizeof code, 0) == sizeof code, "pwrite");
    note(call(x));
    w[1] = 0xee;
    note(call(second));
  }
  check(ftruncate(fd, 0) == 0 && ftruncate(fd, PAGE) == 0, "ftruncate");
  make(w, 5);
  note(call(x));
  /* A private mapping of the same code keeps its own copy once it is written to. */
  uint8_t *own = map_at(NULL, RWX, MAP_PRIVATE, fd);
  note(call(own));
  make(w, 6);
  note(call(own));
  make(own, 1000);
  note(call(own));
  make(w, 7);
  note(call(own));
  note(call(x));
  close(fd);
  done("aliased mappings");
}

static void by_system_calls(void) {
  uint8_t *p = anonymous(RWX), code[sizeof returns];
  int fds[2], sockets[2], file = memfd_create("code", 0);
  check(pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "pipe");
  for (uint32_t i = 0; i < CHANGES; i++) {
    make(code, i * 3);
    check(write(fds[1], code, sizeof code) == sizeof code, "write");
    check(read(fds[0], p, sizeof code) == sizeof code, "read");
    note(call(p));
    make(code, i * 5);
    check(write(sockets[1], code, sizeof code) == sizeof code, "write");
    check(recv(sockets[0], p, sizeof code, 0) == sizeof code, "recv");
    note(call(p));
    make(code, i * 7);
    check(pwrite(file, code, sizeof code, 0) == sizeof code, "pwrite");
    struct iovec parts[] = {{p, 2}, {p + 2, sizeof code - 2}};
    check(preadv(file, parts, 2, 0) == sizeof code, "preadv");
    note(call(p));
  }
  close(file);
  done("system calls");
}

/* ── what is mapped changes ── */

static void protection(void) {
  uint8_t *p = anonymous(RW);
  for (uint32_t i = 0; i < CHANGES; i++) {
    make(p, i);
    mprotect(p, PAGE, RX);
    note(call(p));
    mprotect(p, PAGE, RW);
  }
  for (uint32_t i = 0; i < CHANGES; i++) {
    mprotect(p, PAGE, RWX);
    p[1] = i * 3;
    note(call(p));
    mprotect(p, PAGE, RX);
    note(call(p));
  }
  done("mprotect");
}

static void mapped_anew(void) {
  uint8_t *p = anonymous(RWX);
  for (uint32_t i = 0; i < CHANGES; i++) {
    munmap(p, PAGE);
    check(map_at(p, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1) == p, "mmap");
    make(p, i);
    note(call(p));
    map_at(p, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
    note(p[0]);
    make(p, i + 100);
    note(call(p));
    madvise(p, PAGE, MADV_DONTNEED);
    note(p[0]);
    make(p, i + 200);
    note(call(p));
  }
  int fds[2];
  for (uint32_t i = 0; i < 2; i++) {
    uint8_t code[sizeof returns];
    fds[i] = memfd_create("code", 0);
    make(code, i * 1000);
    check(ftruncate(fds[i], PAGE) == 0 && pwrite(fds[i], code, sizeof code, 0) > 0, "pwrite");
  }
  for (uint32_t i = 0; i < CHANGES; i++) {
    map_at(p, RX, (i & 2 ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fds[i & 1]);
    note(call(p));
  }
  done("mapped anew");
}

static void moved(void) {
  uint8_t *a = mmap(NULL, 4 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint8_t *b = mmap(NULL, 4 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (uint32_t i = 0; i < CHANGES; i++) {
    make(a, i);
    make(b, i + 50);
    note(call(a));
    note(call(b));
    check(mremap(a, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b) == b, "mremap");
    note(call(b)); /* what was at a */
    b[1] = 99;
    note(call(b));
    a = mmap(a, 4 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  }
  done("mremap");
}

/* ── other processes and threads ── */

static void forked(void) {
  uint8_t *p = anonymous(RWX);
  uint64_t *result = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  make(p, 1);
  note(call(p));
  for (uint32_t i = 0; i < 4; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      result[0] = call(p);
      make(p, 1000 + i);
      result[1] = call(p);
      _exit(0);
    }
    waitpid(pid, NULL, 0);
    note(result[0]);
    note(result[1]);
    note(call(p));
    make(p, i + 2);
    note(call(p));
  }
  done("fork");
}

/* The child runs its own version while the parent runs another one at the same address, taking turns. */
static void forked_together(void) {
  uint8_t *p = anonymous(RWX);
  int up[2], down[2];
  uint64_t v;
  check(pipe(up) == 0 && pipe(down) == 0, "pipe");
  make(p, 1);
  note(call(p));
  pid_t pid = fork();
  if (pid == 0) {
    for (uint32_t i = 0; i < CHANGES; i++) {
      check(read(down[0], &v, 8) == 8, "read");
      if (i > 2) make(p, 500 + i);
      v = call(p);
      check(write(up[1], &v, 8) == 8, "write");
    }
    _exit(0);
  }
  for (uint32_t i = 0; i < CHANGES; i++) {
    check(write(down[1], &v, 8) == 8, "write");
    check(read(up[0], &v, 8) == 8, "read");
    note(v);
    note(call(p));
    if (i > 6) make(p, 2 + i);
  }
  waitpid(pid, NULL, 0);
  done("fork, taking turns");
}

static uint8_t *shared_code;
static volatile int turn;

/* What another processor has written is executed after a serializing instruction (SDM vol. 3, 9.1.3). */
static void *patcher(void *arg) {
  (void)arg;
  for (int i = 1; i <= CHANGES; i++) {
    while (turn != 2 * i - 1) sched_yield();
    make(shared_code, i * 10);
    turn = 2 * i;
  }
  return NULL;
}

static void other_thread(void) {
  pthread_t t;
  shared_code = anonymous(RWX);
  make(shared_code, 0);
  pthread_create(&t, NULL, patcher, NULL);
  for (int i = 1; i <= CHANGES; i++) {
    note(call(shared_code));
    turn = 2 * i - 1;
    while (turn != 2 * i) sched_yield();
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)::"memory");
    note(call(shared_code));
  }
  pthread_join(t, NULL);
  done("another thread");
}

/* The loop itself waits until another thread patches the jump it goes round by. */
static void *breaker(void *arg) {
  uint8_t *jump = arg;
  while (turn == 0) sched_yield();
  for (int i = 0; i < 100; i++) sched_yield();
  __atomic_store_n(jump, 0, __ATOMIC_SEQ_CST); /* jmp to the next instruction */
  return NULL;
}

static void broken_loop(void) {
  /* 1: inc dword [rdi]; mfence; jmp 1b; ret */
  static const uint8_t code[] = {0xff, 0x07, 0x0f, 0xae, 0xf0, 0xeb, 0xf9, 0xc3};
  pthread_t t;
  for (int i = 0; i < 3; i++) {
    uint8_t *p = anonymous(RWX);
    memcpy(p, code, sizeof code);
    turn = 0;
    pthread_create(&t, NULL, breaker, p + 6);
    ((void (*)(volatile int *))p)(&turn);
    pthread_join(t, NULL);
    note(p[6]);
  }
  done("a loop that another thread breaks");
}

int main(int argc, char **argv) {
  calls = argc > 1 ? atoi(argv[1]) : 1500;
  setvbuf(stdout, NULL, _IONBF, 0);
  patched_between();
  data_beside();
  patches_itself();
  across_pages();
  aliased();
  by_system_calls();
  protection();
  mapped_anew();
  moved();
  forked();
  forked_together();
  other_thread();
  broken_loop();
  return 0;
}
