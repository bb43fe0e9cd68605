/* Thread-local variables of libraries that are loaded while threads run. */
#include "check.h"
#include <pthread.h>

#define THREADS 8
#define LIBRARIES 3

static pthread_barrier_t barrier;
static void *handles[LIBRARIES];
static uintptr_t addresses[THREADS + 1][LIBRARIES];
static int wrong;

static void use(int thread) {
  for (int i = 0; i < LIBRARIES; i++) {
    void *h = handles[i];
    int *one = find(h, "tl_one"), *zero = find(h, "tl_zero");
    char *aligned = find(h, "tl_aligned"), *large = find(h, "tl_large");
    int *(*hidden)(void) = find(h, "tl_hidden");
    char *(*large_at)(int) = find(h, "tl_large_at");
    int (*sum)(void) = find(h, "tl_sum");
    wrong += *one != 1 || *zero != 0 || *hidden() != 11 || sum() != 15;
    wrong += (uintptr_t)aligned % 64 != 0 || strcmp(aligned, "aligned") != 0;
    wrong += large_at(49999) != large + 49999 || large[49999] != 0;
    *one = thread;
    *zero = thread * 2;
    *hidden() = i;
    large[49999] = 1;
    wrong += sum() != thread * 3 + i + 3 + 1;
    addresses[thread][i] = (uintptr_t)one;
  }
}

static void *run(void *arg) {
  pthread_barrier_wait(&barrier); /* the thread is there */
  pthread_barrier_wait(&barrier); /* the libraries are */
  use((int)(intptr_t)arg);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, run, (void *)(i + 1));
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < LIBRARIES; i++) {
    char path[256];
    snprintf(path, sizeof path, "%s/libtls-%d.so", argv[1], i);
    handles[i] = open_library(path, RTLD_NOW);
  }
  pthread_barrier_wait(&barrier);
  use(0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  OK(wrong == 0, "each thread has its own values");
  int same = 0;
  for (int a = 0; a <= THREADS; a++)
    for (int b = 0; b < a; b++)
      for (int i = 0; i < LIBRARIES; i++)
        for (int k = 0; k < LIBRARIES; k++) same += addresses[a][i] == addresses[b][k];
  OK(same == 0, "at their own addresses");
  return finish();
}
