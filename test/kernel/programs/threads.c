// Threads over futexes: mutex, condition, join, barrier, exec from a thread, robust locks, timers.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long total;
static int turn;
static __thread int tls = 3;

static void *adder(void *arg) {
  tls += (long)arg;
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&lock);
    total += i;
    pthread_mutex_unlock(&lock);
    if (i % 500 == 0) sched_yield();
  }
  return (void *)(long)tls;
}

static void *pingpong(void *arg) {
  int me = (long)arg;
  for (int i = 0; i < 50; i++) {
    pthread_mutex_lock(&lock);
    while (turn != me) pthread_cond_wait(&cond, &lock);
    turn = !me;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&lock);
  }
  return 0;
}

static void *die_holding(void *m) {
  pthread_mutex_lock(m);
  return 0;
}

static void *sleeper(void *arg) {
  pause();
  return 0;
}

static volatile int fired;
static void on_timer(int sig, siginfo_t *si, void *uc) { fired += si->si_value.sival_int; }

static void *executes(void *arg) {
  char *av[] = {"prog", "child", 0}, *ev[] = {0};
  execve("/proc/self/exe", av, ev);
  return 0;
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IONBF, 0);
  if (argc > 1 && !strcmp(argv[1], "child")) {
    printf("exec in thread: leader %d\n", getpid() == gettid());
    return 4;
  }
  pthread_t t[4];
  for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, adder, (void *)i);
  for (int i = 0; i < 4; i++) {
    void *r;
    pthread_join(t[i], &r);
    printf("joined %ld\n", (long)r);
  }
  printf("total %ld tls %d\n", total, tls);
  for (long i = 0; i < 2; i++) pthread_create(&t[i], 0, pingpong, (void *)i);
  for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
  printf("pingpong done\n");

  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  ts.tv_nsec += 5000000;
  if (ts.tv_nsec >= 1000000000) ts.tv_nsec -= 1000000000, ts.tv_sec++;
  pthread_mutex_lock(&lock);
  printf("timedwait %d\n", pthread_cond_timedwait(&cond, &lock, &ts) == ETIMEDOUT);
  pthread_mutex_unlock(&lock);

  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_t robust;
  pthread_mutex_init(&robust, &a);
  pthread_create(&t[0], 0, die_holding, &robust);
  pthread_join(t[0], 0);
  printf("robust %d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);

  // A semaphore in shared memory wakes another process.
  sem_t *sem = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(sem, 1, 0);
  sem_init(sem + 1, 1, 0);
  if (fork() == 0) {
    sem_wait(sem);
    sem_post(sem + 1);
    _exit(0);
  }
  usleep(2000);
  sem_post(sem);
  sem_wait(sem + 1);
  wait(0);
  printf("shared semaphore\n");

  struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &sa, 0);
  struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  ev.sigev_value.sival_int = 7;
  timer_t timer;
  printf("timer_create %d\n", timer_create(CLOCK_MONOTONIC, &ev, &timer));
  struct itimerspec it = {{0, 1000000}, {0, 1000000}}, cur;
  timer_settime(timer, 0, &it, 0);
  while (fired < 21) pause();
  timer_gettime(timer, &cur);
  printf("fired interval %ld\n", cur.it_interval.tv_nsec);
  timer_delete(timer);

  if (fork() == 0) {
    pthread_create(&t[0], 0, sleeper, 0);
    pthread_create(&t[1], 0, executes, 0);
    pause();
  }
  int s;
  wait(&s);
  printf("exec status %d\n", WEXITSTATUS(s));
  if (fork() == 0) {
    pthread_create(&t[0], 0, sleeper, 0);
    exit(6);
  }
  wait(&s);
  printf("exit with threads %d\n", WEXITSTATUS(s));
  return 0;
}
