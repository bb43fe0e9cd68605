// Makes the system calls whose numbers are its arguments, twice, without arguments, and prints what they return.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((noinline)) void ask(long nr) {
  for (int i = 0; i < 2; i++) {
    errno = 0;
    long result = syscall(nr, 0L, 0L, 0L, 0L, 0L, 0L);
    printf("%ld: %ld %d\n", nr, result, errno);
  }
}

int main(int argc, char **argv) {
  prctl(PR_SET_NAME, "by\x1bnumber");
  for (int i = 1; i < argc; i++) ask(atol(argv[i]));
  return 0;
}
