/*
 * What Linux promises programs, said by what they print: every contract is a function that runs in a process of its
 * own, in an empty directory of its own, and prints what it sees. It must print the same in a guest as natively, so
 * addresses, inode numbers, times and process ids are compared in the program, not printed.
 *
 *   #include "../contract.h"
 *   CONTRACT(brk_grows) { SAY("grown: %d", sbrk(4096) != (void *)-1); CHECK(sbrk(-4096)); }
 *
 * CONTRACT_AS_ROOT is left out where the native run is not root's. A contract has thirty seconds; what it
 * leaves running in its process group is killed. No main is written: this header has it.
 *
 * Usage: PROGRAM [NAME...]
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct contract {
  const char *name;
  void (*run)(void);
  long needs_root;
};
extern const struct contract __start_contracts[], __stop_contracts[];

#define CONTRACT_(id, root)                                                             \
  static void id(void);                                                                 \
  static const struct contract contract_##id                                            \
      __attribute__((section("contracts"), used, aligned(8))) = {#id, id, root};        \
  static void id(void)
#define CONTRACT(id) CONTRACT_(id, 0)
#define CONTRACT_AS_ROOT(id) CONTRACT_(id, 1)

/* A line of output. */
#define SAY(...) (printf(__VA_ARGS__), putchar('\n'), fflush(stdout))
/* The call's text, and what it returned: 0, a positive number, or -1 and the error. */
#define CHECK(call)                                                                     \
  ({                                                                                    \
    errno = 0;                                                                          \
    long result_ = (long)(call);                                                        \
    if (result_ == -1) SAY("%s: -1 %s", #call, contract_errno(errno));                  \
    else SAY("%s: %s", #call, result_ == 0 ? "0" : "positive");                         \
    result_;                                                                            \
  })
/* The same, with the number. */
#define VALUE(call)                                                                     \
  ({                                                                                    \
    errno = 0;                                                                          \
    long result_ = (long)(call);                                                        \
    if (result_ == -1 && errno != 0) SAY("%s: -1 %s", #call, contract_errno(errno));    \
    else SAY("%s: %ld", #call, result_);                                                \
    result_;                                                                            \
  })
/* For what the contract itself needs: ends it loudly. */
#define MUST(call)                                                                      \
  ({                                                                                    \
    errno = 0;                                                                          \
    long result_ = (long)(call);                                                        \
    if (result_ == -1) {                                                                \
      SAY("line %d: %s: %s", __LINE__, #call, contract_errno(errno));                   \
      exit(99);                                                                         \
    }                                                                                   \
    result_;                                                                            \
  })

/* Numbers, since C libraries differ in their texts. */
static inline const char *contract_errno(int e) {
  static char text[8][16];
  static int next;
  char *t = text[next++ & 7];
  snprintf(t, sizeof text[0], "errno %d", e);
  return t;
}

/* How a child ended, as text. */
static inline void say_status(const char *what, int status) {
  if (WIFEXITED(status)) SAY("%s: exit %d", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) SAY("%s: signal %d", what, WTERMSIG(status));
  else if (WIFSTOPPED(status)) SAY("%s: stopped by %d", what, WSTOPSIG(status));
  else if (WIFCONTINUED(status)) SAY("%s: continued", what);
  else SAY("%s: status %x", what, status);
}

static int contract_remove(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  remove(path);
  return 0;
}

static void contract_run(const struct contract *c) {
  char folder[] = "/tmp/contract.XXXXXX";
  int status;
  printf("== %s\n", c->name);
  fflush(stdout);
  if (c->needs_root && geteuid() != 0) {
    printf("-> needs root\n");
    return;
  }
  if (!mkdtemp(folder)) { perror("/tmp"); exit(1); }
  chmod(folder, 0755);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    if (chdir(folder) != 0) exit(98);
    umask(022);
    alarm(30);
    c->run();
    fflush(stdout);
    exit(0);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  kill(-pid, SIGKILL);
  if (WIFEXITED(status)) printf("-> exit %d\n", WEXITSTATUS(status));
  else printf("-> signal %d\n", WTERMSIG(status));
  fflush(stdout);
  nftw(folder, contract_remove, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv) {
  for (const struct contract *c = __start_contracts; c < __stop_contracts; c++) {
    int chosen = argc == 1;
    for (int i = 1; i < argc; i++) chosen |= strcmp(argv[i], c->name) == 0;
    if (chosen) contract_run(c);
  }
  return 0;
}
