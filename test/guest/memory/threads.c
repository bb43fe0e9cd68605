/* Threads see what others do to the memory they share at once; stacks grow; accesses to nothing fault. */
#include "../contract.h"
#include "../fault.h"
#include "areas.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static volatile int phase;
static char *shared;

static void wait_for(int n) {
  while (__atomic_load_n(&phase, __ATOMIC_SEQ_CST) < n) sched_yield();
}
static void enter(int n) { __atomic_store_n(&phase, n, __ATOMIC_SEQ_CST); }

static void *remapper(void *arg) {
  for (int i = 0; i < 20; i++) {
    wait_for(2 * i + 1);
    mmap(shared, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    *shared = i;
    enter(2 * i + 2);
  }
  return NULL;
}

CONTRACT(a_replaced_page_is_seen_by_the_other_thread) {
  pthread_t t;
  int wrong = 0;
  shared = fresh(1, RW, MAP_PRIVATE);
  pthread_create(&t, NULL, remapper, NULL);
  for (int i = 0; i < 20; i++) {
    *shared = 100;
    enter(2 * i + 1);
    wait_for(2 * i + 2);
    wrong += *(volatile char *)shared != i;
  }
  pthread_join(t, NULL);
  SAY("wrong: %d", wrong);
}

static void *protector(void *arg) {
  wait_for(1);
  mprotect(shared, PAGE, PROT_READ);
  enter(2);
  wait_for(3);
  munmap(shared, PAGE);
  enter(4);
  return NULL;
}

CONTRACT(rights_taken_by_one_thread_are_gone_for_all) {
  pthread_t t;
  volatile char c;
  shared = fresh(1, RW, MAP_PRIVATE);
  pthread_create(&t, NULL, protector, NULL);
  TOUCH(shared, *shared = 1);
  enter(1);
  wait_for(2);
  TOUCH(shared, c = *shared);
  TOUCH(shared, *shared = 1);
  enter(3);
  wait_for(4);
  TOUCH(shared, c = *shared);
  pthread_join(t, NULL);
}

static void *child_maker(void *arg) {
  wait_for(1);
  int pid = fork();
  if (pid == 0) {
    wait_for(1);
    *shared = 'c';
    _exit(*shared);
  }
  enter(2);
  int status;
  waitpid(pid, &status, 0);
  say_status("child", status);
  return NULL;
}

CONTRACT(pages_become_copies_under_a_running_thread) {
  pthread_t t;
  shared = fresh(1, RW, MAP_PRIVATE);
  *shared = 'p';
  pthread_create(&t, NULL, child_maker, NULL);
  *shared = 'q';
  enter(1);
  wait_for(2);
  *shared = 'r';
  pthread_join(t, NULL);
  SAY("parent: %c", *shared);
}

static void *toucher(void *arg) {
  long n = (long)arg;
  for (int i = 0; i < 64; i++) __atomic_fetch_add((int *)(shared + i * PAGE) + n, 1 + n, __ATOMIC_SEQ_CST);
  return NULL;
}

CONTRACT(eight_threads_fault_in_the_same_pages) {
  pthread_t t[8];
  long sum = 0;
  shared = fresh(64, RW, MAP_PRIVATE);
  for (long i = 0; i < 8; i++) pthread_create(&t[i], NULL, toucher, (void *)i);
  for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < 8; j++) sum += ((int *)(shared + i * PAGE))[j];
  SAY("sum: %ld", sum);
}

static int __attribute__((noinline)) deep(int n) {
  volatile char frame[2000];
  frame[0] = n;
  return n == 0 ? frame[0] : deep(n - 1) + frame[0] - (char)n;
}

CONTRACT(the_stack_grows_by_itself) { SAY("%d", deep(2000)); }

CONTRACT(the_stack_grows_up_to_its_limit) {
  struct rlimit limit = {1 << 20, 1 << 20};
  IN_CHILD("deep enough") {
    setrlimit(RLIMIT_STACK, &limit);
    deep(300);
  }
  IN_CHILD("too deep") {
    setrlimit(RLIMIT_STACK, &limit);
    deep(3000);
  }
}

CONTRACT(overflow_is_caught_on_the_alternate_stack) {
  static char alternate[65536];
  struct rlimit limit = {1 << 20, 1 << 20};
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  struct sigaction sa = {.sa_sigaction = fault_catch, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  setrlimit(RLIMIT_STACK, &limit);
  sigaltstack(&stack, NULL);
  sigaction(SIGSEGV, &sa, NULL);
  if (sigsetjmp(fault_return, 1) == 0) deep(3000);
  SAY("signal %d, in the stack: %d", fault_info.si_signo,
      labs((char *)fault_info.si_addr - (char *)&limit) < (2 << 20));
}

CONTRACT(a_growsdown_mapping_grows_down) {
  char *all = fresh(600, PROT_NONE, MAP_PRIVATE);
  munmap(all, 600 * PAGE);
  char *p = mmap(all + 580 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  TOUCH(p, p[0] = 1);
  TOUCH(p, p[-1] = 1);
  TOUCH(p, p[-3 * PAGE] = 1);
  say_areas("areas", p - 4 * PAGE, 6);
}

CONTRACT(what_faults_and_how) {
  volatile char *null = NULL, c;
  TOUCH(NULL, c = *null);
  TOUCH(NULL, null[PAGE] = 1);
  TOUCH(NULL, c = *(volatile char *)0x7fffffffe000UL);
  TOUCH(NULL, c = *(volatile char *)0x8000000000000000UL);
  TOUCH(NULL, c = *(volatile char *)0xffffffff81000000UL);
  TOUCH(what_faults_and_how, *(volatile char *)what_faults_and_how = 1);
}

CONTRACT(accesses_across_pages_fault_as_a_whole) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  memset(p, 1, 2 * PAGE);
  mprotect(p + PAGE, PAGE, PROT_READ);
  TOUCH(p, *(long *)(p + PAGE - 4) = -1);
  SAY("nothing was written: %d", p[PAGE - 4]);
  TOUCH(p, __asm__ volatile("cld; rep stosb" ::"D"(p + PAGE - 3), "c"(8L), "a"(7) : "memory"));
  SAY("as far as it came: %d %d", p[PAGE - 4], p[PAGE - 3]);
  mprotect(p + PAGE, PAGE, PROT_NONE);
  volatile long l;
  TOUCH(p, l = *(volatile long *)(p + PAGE - 1));
}
