/* futex(2): waiting and waking, requeueing, bit sets, priority inheritance, robust lists. */
#include "../contract.h"
#include "../futex.h"

#include <pthread.h>
#include <sys/mman.h>

static unsigned word, other;
static int awake;

static void nap(long ms) {
  struct timespec ts = {0, ms * 1000000};
  while (nanosleep(&ts, &ts) != 0) {}
}

static struct timespec in(int clock, long ms) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  ts.tv_sec += ms / 1000;
  ts.tv_nsec += ms % 1000 * 1000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
  return ts;
}

static void *waits(void *arg) {
  long mask = (long)arg;
  long r = mask ? futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, mask) : futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0);
  if (r == 0) __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

/* The letter of a thread's state, from /proc. */
static int sleeping(void) {
  int n = 0;
  char path[64], line[256];
  for (long tid = getpid() + 1; tid < getpid() + 400; tid++) {
    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    FILE *f = fopen(path, "r");
    if (!f) continue;
    if (fgets(line, sizeof line, f) && strstr(line, ") S")) n++;
    fclose(f);
  }
  return n;
}

static void start(pthread_t *t, int n, const long *masks) {
  for (int i = 0; i < n; i++) pthread_create(&t[i], NULL, waits, (void *)(masks ? masks[i] : 0));
  while (sleeping() < n) nap(5);
}

static int woken(int n) {
  for (int i = 0; i < 500 && __atomic_load_n(&awake, __ATOMIC_SEQ_CST) < n; i++) nap(1);
  nap(10);
  return awake;
}

CONTRACT(wait_compares_first) {
  word = 5;
  CHECK(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
  struct timespec ts = {0, 10000000};
  CHECK(futex(&word, FUTEX_WAIT, 5, &ts, NULL, 0));
  CHECK(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
}

CONTRACT(wake_wakes_as_many_as_asked_for) {
  pthread_t t[5];
  start(t, 5, NULL);
  VALUE(futex(&word, FUTEX_WAKE, 2, NULL, NULL, 0));
  SAY("awake: %d", woken(2));
  VALUE(futex(&word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0));
  SAY("awake: %d", woken(5));
}

CONTRACT(bit_sets_choose_whom_to_wake) {
  pthread_t t[4];
  long masks[] = {1, 2, 4, 6};
  start(t, 4, masks);
  VALUE(futex(&word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 8));
  VALUE(futex(&word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 2));
  VALUE(futex(&word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 5));
  CHECK(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
  SAY("awake: %d", woken(4));
}

CONTRACT(requeue_moves_waiters_to_the_other_word) {
  pthread_t t[5];
  start(t, 5, NULL);
  CHECK(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)10, &other, 1));
  VALUE(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)2, &other, 0));
  SAY("awake: %d", woken(1));
  VALUE(futex(&other, FUTEX_WAKE, 1, NULL, NULL, 0));
  VALUE(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
  VALUE(futex(&other, FUTEX_WAKE, 10, NULL, NULL, 0));
  SAY("awake: %d", woken(5));
}

CONTRACT(requeue_without_comparing) {
  pthread_t t[3];
  start(t, 3, NULL);
  VALUE(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0));
  VALUE(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
  VALUE(futex(&other, FUTEX_WAKE, 10, NULL, NULL, 0));
}

#define OP(op, oparg, cmp, cmparg) ((op) << 28 | (cmp) << 24 | ((oparg) & 0xfff) << 12 | ((cmparg) & 0xfff))

CONTRACT(wake_op_changes_the_second_word) {
  pthread_t t[2];
  start(t, 2, NULL);
  other = 6;
  VALUE(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &other, OP(1 /* add */, 3, 0 /* == */, 7)));
  SAY("other: %u", other);
  VALUE(futex(&other, FUTEX_WAKE_OP, 0, (void *)1, &word, OP(0 /* set */, 3, 0, 0)));
  SAY("word: %u, awake: %d", word, woken(2));
  other = 12;
  futex(&word, FUTEX_WAKE_OP, 0, 0, &other, OP(2 /* or */, 3, 0, 0));
  SAY("or: %u", other);
  futex(&word, FUTEX_WAKE_OP, 0, 0, &other, OP(3 /* andn */, 5, 0, 0));
  SAY("andn: %u", other);
  futex(&word, FUTEX_WAKE_OP, 0, 0, &other, OP(4 /* xor */, 15, 0, 0));
  SAY("xor: %u", other);
  futex(&word, FUTEX_WAKE_OP, 0, 0, &other, OP(8 | 2 /* or 1 << */, 9, 0, 0));
  SAY("shifted: %u", other);
  CHECK(futex(&word, FUTEX_WAKE_OP, 0, 0, &other, OP(7, 1, 0, 0)));
}

CONTRACT(what_futex_refuses) {
  char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct timespec bad = {0, 1000000000}, negative = {-1, 0};
  CHECK(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
  CHECK(futex((char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
  CHECK(futex(none, FUTEX_WAIT, 0, NULL, NULL, 0));
  CHECK(futex(none, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0));
  CHECK(futex((void *)8, FUTEX_WAKE, 1, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
  CHECK(futex(&word, FUTEX_WAIT, 0, &negative, NULL, 0));
  CHECK(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0));
  CHECK(futex(&word, 99, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_REQUEUE, -1, (void *)1, &other, 0));
  CHECK(futex(&word, FUTEX_REQUEUE, 1, (void *)-1, &other, 0));
}

CONTRACT(absolute_timeouts) {
  struct timespec ts = in(CLOCK_MONOTONIC, 20), real = in(CLOCK_REALTIME, 20), past = {0, 1};
  CHECK(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, -1));
  ts = in(CLOCK_MONOTONIC, 0);
  CHECK(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &real, NULL, -1));
  CHECK(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, -1));
}

CONTRACT(shared_words_wake_other_processes) {
  unsigned *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status;
  if (fork() == 0) {
    while (*shared == 0) futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(*shared);
  }
  nap(20);
  *shared = 7;
  futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0);
  wait(&status);
  say_status("child", status);
}

CONTRACT(a_file_mapped_twice_is_one_word) {
  int fd = open("f", O_RDWR | O_CREAT, 0644), status;
  ftruncate(fd, 4096);
  unsigned *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fork() == 0) {
    unsigned *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    while (*b == 0) futex(b, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(*b);
  }
  nap(20);
  *a = 8;
  futex(a, FUTEX_WAKE, 1, NULL, NULL, 0);
  wait(&status);
  say_status("child", status);
}

CONTRACT(private_waiters_are_the_processs_own) {
  unsigned *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status;
  if (fork() == 0) {
    struct timespec ts = {0, 150000000};
    _exit(futex(shared, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &ts, NULL, 0) == 0 ? 1 : errno);
  }
  nap(50);
  VALUE(futex(shared, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
  VALUE(futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0));
  wait(&status);
  say_status("child", status);
}

static unsigned tid(void) { return syscall(SYS_gettid); }

CONTRACT(pi_locks_hold_their_owner) {
  CHECK(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  SAY("mine: %d", word == tid());
  CHECK(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  SAY("word: %u", word);
  CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  SAY("mine: %d", word == tid());
  word = 99999999;
  CHECK(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}

static void *locks(void *arg) {
  long r = futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  awake = r == 0 && (word & FUTEX_TID_MASK) == tid() ? 1 : 2;
  while (other == 0) nap(1);
  if (other == 1) futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

CONTRACT(pi_locks_are_handed_over) {
  pthread_t t;
  futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  pthread_create(&t, NULL, locks, NULL);
  while (!(word & FUTEX_WAITERS)) nap(1);
  SAY("mine, with waiters: %d", word == (tid() | FUTEX_WAITERS));
  CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  while (awake == 0) nap(1);
  SAY("locked by the other: %d", awake);
  CHECK(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  struct timespec ts = in(CLOCK_REALTIME, 20);
  CHECK(futex(&word, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
  other = 1;
  pthread_join(t, NULL);
  CHECK(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
}

static void *dies_with_the_lock(void *arg) {
  futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  while (!(word & FUTEX_WAITERS)) nap(1);
  nap(5);
  syscall(SYS_exit, 0);
  return NULL;
}

CONTRACT(a_dead_owners_pi_lock_goes_to_a_waiter) {
  pthread_t t;
  pthread_create(&t, NULL, dies_with_the_lock, NULL);
  while (word == 0) nap(1);
  CHECK(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  SAY("mine: %d, owner died: %d", (word & FUTEX_TID_MASK) == tid(), (word & FUTEX_OWNER_DIED) != 0);
  CHECK(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

static pthread_mutex_t inheriting;
static long counted;
static void *counts(void *arg) {
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&inheriting);
    long before = counted;
    if (i % 20 == 0) nap(1);
    counted = before + 1;
    pthread_mutex_unlock(&inheriting);
  }
  return NULL;
}

CONTRACT(mutexes_that_inherit_priority_exclude) {
  pthread_mutexattr_t attr;
  pthread_t t[5];
  pthread_mutexattr_init(&attr);
  VALUE(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
  pthread_mutex_init(&inheriting, &attr);
  for (int i = 0; i < 5; i++) pthread_create(&t[i], NULL, counts, NULL);
  for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);
  SAY("%ld", counted);
}

struct node { struct node *next; };
static struct { struct node list; long offset; struct node *pending; } head;
static struct { struct node node; unsigned word; } robust, second;

static void *dies(void *arg) {
  head.list.next = &robust.node;
  robust.node.next = &second.node;
  second.node.next = &head.list;
  head.offset = (char *)&robust.word - (char *)&robust.node;
  CHECK(syscall(SYS_set_robust_list, &head, sizeof head));
  robust.word = tid() | FUTEX_WAITERS;
  second.word = 0x12345;
  syscall(SYS_exit, 0);
  return NULL;
}

CONTRACT(robust_words_are_marked_when_their_owner_dies) {
  pthread_t t;
  struct timespec ts = {5, 0};
  pthread_create(&t, NULL, dies, NULL);
  while (!(__atomic_load_n(&robust.word, __ATOMIC_SEQ_CST) & FUTEX_OWNER_DIED)) nap(1);
  SAY("%x, not its own: %x", robust.word, second.word);
  CHECK(syscall(SYS_set_robust_list, &head, 3));
  long size;
  void *list;
  CHECK(syscall(SYS_get_robust_list, 0, &list, &size));
  SAY("size %ld", size);
  CHECK(syscall(SYS_get_robust_list, 99999999, &list, &size));
}

static pthread_mutex_t mutex;
static void *takes_the_mutex(void *arg) {
  pthread_mutex_lock(&mutex);
  return NULL;
}

CONTRACT(robust_mutexes_report_dead_owners) {
  pthread_mutexattr_t attr;
  pthread_t t;
  pthread_mutexattr_init(&attr);
  pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attr);
  pthread_create(&t, NULL, takes_the_mutex, NULL);
  pthread_join(t, NULL);
  VALUE(pthread_mutex_lock(&mutex));
  VALUE(pthread_mutex_consistent(&mutex));
  VALUE(pthread_mutex_unlock(&mutex));
  VALUE(pthread_mutex_lock(&mutex));
}
