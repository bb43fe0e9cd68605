/*
 * 200 processes and 200 threads.
 *   crowd busy:    each counts until every one has counted LEAST; prints how unequal they are
 *   crowd blocked: they wait for a pipe while the first process computes
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EACH 200
#define ALL (2 * EACH)
/* Some quanta of each, also in a fast engine: on a busy host single ones get little done. */
#define LEAST 400000

static struct shared {
  volatile long counts[ALL];
  volatile int stop;
} *shared;
static int start[2], busy;

static void work(long i) {
  char c;
  read(start[0], &c, 1);
  if (!busy) return;
  while (!shared->stop) shared->counts[i]++;
}

static void *thread(void *i) {
  work((long)i);
  return NULL;
}

static long least(void) {
  long min = shared->counts[0];
  for (int i = 1; i < ALL; i++) if (shared->counts[i] < min) min = shared->counts[i];
  return min;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  pid_t children[EACH];
  pthread_t threads[EACH];
  pthread_attr_t attr;
  busy = argc > 1 && strcmp(argv[1], "busy") == 0;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pipe(start);
  for (long i = 0; i < EACH; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      work(i);
      _exit(0);
    }
  }
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 16384);
  for (long i = 0; i < EACH; i++) pthread_create(&threads[i], &attr, thread, (void *)(EACH + i));
  double begun = now();
  if (busy) {
    static char all[ALL];
    write(start[1], all, ALL);
    while (least() < LEAST) usleep(10000);
    shared->stop = 1;
    long max = 0, min = least();
    for (int i = 0; i < ALL; i++) if (shared->counts[i] > max) max = shared->counts[i];
    printf("most to least: %s\n", max <= 10 * min ? "within 10" : "unfair");
    printf("%ld %ld\n", min, max);
  } else {
    while (now() - begun < 1) {}
    static char all[ALL];
    write(start[1], all, ALL);
  }
  for (int i = 0; i < EACH; i++) {
    pthread_join(threads[i], NULL);
    waitpid(children[i], NULL, 0);
  }
  puts("all ended");
  return 0;
}
