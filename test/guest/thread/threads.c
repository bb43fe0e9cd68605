/* Threads: what clone(2) shares, how they end, pthread's tools, many of them. */
#include "../contract.h"
#include "../futex.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

static void nap(long ms) {
  struct timespec ts = {0, ms * 1000000};
  while (nanosleep(&ts, &ts) != 0) {}
}

static char stack[65536] __attribute__((aligned(16)));
static volatile int value;
static int fd;

static int sets(void *arg) {
  value = 7;
  fd = open("/dev/null", O_RDONLY);
  chdir("/");
  umask(077);
  return 3;
}

static void clone_with(const char *what, int flags) {
  int status;
  char here[100];
  value = 0;
  mkdir("d", 0755);
  pid_t pid = MUST(clone(sets, stack + sizeof stack, flags | SIGCHLD, NULL));
  waitpid(pid, &status, 0);
  say_status(what, status);
  getcwd(here, sizeof here);
  mode_t mask = umask(022);
  SAY("memory %d, files %d, directory %d, umask %o", value == 7, fd > 0 && fcntl(fd, F_GETFD) == 0,
      strcmp(here, "/") == 0, mask);
}

CONTRACT(clone_flags_say_what_is_shared) {
  clone_with("nothing", 0);
  clone_with("memory", CLONE_VM);
  clone_with("memory and files", CLONE_VM | CLONE_FILES);
  clone_with("directory and umask", CLONE_FS);
}

CONTRACT(clone_refuses_what_makes_no_sense) {
  CHECK(syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, 0));
  CHECK(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL, 0));
  CHECK(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, 0));
  CHECK(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0));
}

static int gives_its_tid(void *arg) {
  value = *(int *)arg == syscall(SYS_gettid) && getpid() == *(int *)arg;
  return 0;
}

CONTRACT(settid_and_cleartid) {
  int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = MUST(clone(gives_its_tid, stack + sizeof stack,
                         CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, shared, shared, NULL, shared));
  waitpid(pid, NULL, 0);
  SAY("seen by the child: %d, cleared: %d", value, *shared == 0);
}

static int its_parent(void *arg) {
  value = getppid();
  return 0;
}

CONTRACT(clone_parent_makes_a_sibling) {
  int status;
  if (fork() == 0) {
    clone(its_parent, stack + sizeof stack, CLONE_PARENT | SIGCHLD, NULL);
    _exit(1);
  }
  int n = 0;
  while (wait(&status) > 0) n += WEXITSTATUS(status) + 10;
  SAY("children: %d", n);
}

static __thread int local = 5;
static void *locals(void *arg) {
  local += (long)arg;
  nap(5);
  return (void *)(long)local;
}

CONTRACT(thread_local_variables) {
  pthread_t t[4];
  void *r;
  for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, locals, (void *)i);
  for (int i = 0; i < 4; i++) {
    pthread_join(t[i], &r);
    SAY("%ld", (long)r);
  }
  SAY("mine: %d", local);
}

CONTRACT(arch_prctl_sets_segment_bases) {
  static long data = 1234, got;
  CHECK(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &data));
  CHECK(syscall(SYS_arch_prctl, 0x1004 /* ARCH_GET_GS */, &got));
  long through;
  __asm__ volatile("mov %%gs:0, %0" : "=r"(through));
  SAY("same: %d, through it: %ld", got == (long)&data, through);
  CHECK(syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &got));
  SAY("the thread: %d", got == (long)pthread_self());
  CHECK(syscall(SYS_arch_prctl, 0x1001, 1L << 62));
  CHECK(syscall(SYS_arch_prctl, 0x1003, 8L));
  CHECK(syscall(SYS_arch_prctl, 0x999, 8L));
}

static void *exits_alone(void *arg) {
  syscall(SYS_exit, 5);
  return NULL;
}
static void *exits_all(void *arg) {
  nap(20);
  exit(6);
}
static void *sleeps(void *arg) {
  for (;;) pause();
}

CONTRACT(exit_of_a_thread_is_not_the_processs) {
  pthread_t t;
  pthread_create(&t, NULL, exits_alone, NULL);
  nap(20);
  SAY("still here");
}

CONTRACT(exit_group_ends_all) {
  pthread_t t;
  for (int i = 0; i < 5; i++) pthread_create(&t, NULL, sleeps, NULL);
  pthread_create(&t, NULL, exits_all, NULL);
  for (;;) pause();
}

CONTRACT(the_leader_may_leave_first) {
  int status;
  siginfo_t info;
  pid_t pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, exits_all, NULL);
    syscall(SYS_exit, 9);
  }
  VALUE(waitpid(pid, &status, WNOHANG));
  waitpid(pid, &status, 0);
  say_status("child", status);
}

static volatile int handled_by;
static void handler(int sig) { handled_by = syscall(SYS_gettid); }
static volatile int its_tid;
static void *tells(void *arg) {
  its_tid = syscall(SYS_gettid);
  for (;;) pause();
}

CONTRACT(signals_to_one_thread) {
  pthread_t t;
  signal(SIGUSR1, handler);
  pthread_create(&t, NULL, tells, NULL);
  while (its_tid == 0) nap(1);
  CHECK(syscall(SYS_tgkill, getpid(), its_tid, SIGUSR1));
  while (handled_by == 0) nap(1);
  SAY("handled by it: %d", handled_by == its_tid);
  CHECK(syscall(SYS_tgkill, getppid(), its_tid, SIGUSR1));
  handled_by = 0;
  VALUE(pthread_kill(t, SIGUSR1));
  while (handled_by == 0) nap(1);
  SAY("handled by it: %d", handled_by == its_tid);
}

CONTRACT(signals_to_the_process_go_to_a_thread_that_lets_them) {
  pthread_t t;
  sigset_t set;
  signal(SIGUSR1, handler);
  pthread_create(&t, NULL, tells, NULL);
  while (its_tid == 0) nap(1);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  kill(getpid(), SIGUSR1);
  while (handled_by == 0) nap(1);
  SAY("handled by it: %d", handled_by == its_tid);
}

static void cleanup(void *arg) { value += (long)arg; }
static void *cancelled(void *arg) {
  pthread_cleanup_push(cleanup, (void *)1);
  pthread_cleanup_push(cleanup, (void *)10);
  char c;
  read(fd, &c, 1);
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return NULL;
}
static void *spins(void *arg) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  value = 100;
  for (;;) {}
}

CONTRACT(cancellation) {
  pthread_t t;
  void *r;
  int fds[2];
  pipe(fds);
  fd = fds[0];
  pthread_create(&t, NULL, cancelled, NULL);
  nap(10);
  VALUE(pthread_cancel(t));
  pthread_join(t, &r);
  SAY("cancelled: %d, cleaned up: %d", r == PTHREAD_CANCELED, value);
  pthread_create(&t, NULL, spins, NULL);
  while (value != 100) nap(1);
  VALUE(pthread_cancel(t));
  pthread_join(t, &r);
  SAY("cancelled: %d", r == PTHREAD_CANCELED);
}

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int serial, rounds[8], turn, readers, most, torn, pair[2];

static void *meets(void *arg) {
  for (int i = 0; i < 20; i++) {
    rounds[(long)arg]++;
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
    for (int j = 0; j < 4; j++) if (rounds[j] != i + 1) torn++;
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

CONTRACT(barriers_hold_everybody) {
  pthread_t t[4];
  pthread_barrier_init(&barrier, NULL, 4);
  for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, meets, (void *)i);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  SAY("serial: %d, early: %d", serial, torn);
}

static char order[100];
static void *takes_turns(void *arg) {
  for (int i = 0; i < 5; i++) {
    pthread_mutex_lock(&mutex);
    while (turn % 4 != (long)arg) pthread_cond_wait(&cond, &mutex);
    order[turn++] = 'a' + (long)arg;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

CONTRACT(conditions_wake_everybody) {
  pthread_t t[4];
  for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, takes_turns, (void *)i);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  SAY("%s", order);
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  pthread_mutex_lock(&mutex);
  VALUE(pthread_cond_timedwait(&cond, &mutex, &ts));
  VALUE(pthread_mutex_trylock(&mutex));
}

static void *reads(void *arg) {
  for (int i = 0; i < 200; i++) {
    pthread_rwlock_rdlock(&rwlock);
    if (pair[0] != pair[1]) torn++;
    pthread_rwlock_unlock(&rwlock);
  }
  return NULL;
}
static void *writes(void *arg) {
  for (int i = 0; i < 200; i++) {
    pthread_rwlock_wrlock(&rwlock);
    pair[0]++;
    if (i % 50 == 0) sched_yield();
    pair[1]++;
    pthread_rwlock_unlock(&rwlock);
  }
  return NULL;
}

CONTRACT(writers_exclude_readers) {
  pthread_t t[6];
  for (long i = 0; i < 6; i++) pthread_create(&t[i], NULL, i & 1 ? writes : reads, NULL);
  for (int i = 0; i < 6; i++) pthread_join(t[i], NULL);
  SAY("torn: %d, written: %d %d", torn, pair[0], pair[1]);
}

static sem_t full, empty;
static int box;
static void *produces(void *arg) {
  for (int i = 1; i <= 50; i++) {
    sem_wait(&empty);
    box = i;
    sem_post(&full);
  }
  return NULL;
}

CONTRACT(semaphores_pass_things_on) {
  pthread_t t;
  long sum = 0;
  sem_init(&full, 0, 0);
  sem_init(&empty, 0, 1);
  pthread_create(&t, NULL, produces, NULL);
  for (int i = 0; i < 50; i++) {
    sem_wait(&full);
    sum += box;
    sem_post(&empty);
  }
  SAY("sum: %ld", sum);
}

static int *progress;
static volatile int *go_on;

static void *advances(void *arg) {
  int *mine = &progress[(long)arg];
  while (*go_on == 0) futex((void *)go_on, FUTEX_WAIT, 0, NULL, NULL, 0);
  while (*go_on == 1) __atomic_fetch_add(mine, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void say_progress(int n) {
  int moved = 0;
  *go_on = 1;
  futex((void *)go_on, FUTEX_WAKE, n, NULL, NULL, 0);
  for (int i = 0; i < 2000 && moved < n; i++) {
    nap(1);
    moved = 0;
    for (int j = 0; j < n; j++) moved += __atomic_load_n(&progress[j], __ATOMIC_RELAXED) > 0;
  }
  SAY("made progress: %d", moved);
}

static void shared_progress(void) {
  progress = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  go_on = progress + 1024;
}

CONTRACT(two_hundred_busy_threads_all_make_progress) {
  pthread_t t[200];
  pthread_attr_t attr;
  shared_progress();
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 16384);
  for (long i = 0; i < 200; i++) MUST(pthread_create(&t[i], &attr, advances, (void *)i) ? -1 : 0);
  say_progress(200);
  *go_on = 2;
  for (int i = 0; i < 200; i++) pthread_join(t[i], NULL);
}

CONTRACT(two_hundred_busy_processes_all_make_progress) {
  shared_progress();
  for (long i = 0; i < 200; i++) {
    if (MUST(fork()) == 0) {
      advances((void *)i);
      _exit(0);
    }
  }
  say_progress(200);
  *go_on = 2;
  int n = 0, status;
  while (wait(&status) > 0) n += status == 0;
  SAY("ended: %d", n);
}
