/* What execve(2) keeps and what it resets. The program executes itself: PROBE names what the new image prints. */
#define main contract_main
#include "../contract.h"
#undef main

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static void probe(const char *what) {
  if (strcmp(what, "signals") == 0) {
    struct sigaction sa;
    sigset_t set;
    stack_t stack;
    sigaction(SIGUSR1, NULL, &sa);
    SAY("caught before: %s", sa.sa_handler == SIG_DFL ? "default" : "other");
    sigaction(SIGUSR2, NULL, &sa);
    SAY("ignored before: %s", sa.sa_handler == SIG_IGN ? "ignored" : "other");
    sigprocmask(SIG_BLOCK, NULL, &set);
    SAY("blocked: %d %d", sigismember(&set, SIGTERM), sigismember(&set, SIGHUP));
    sigpending(&set);
    SAY("pending: %d %d", sigismember(&set, SIGTERM), sigismember(&set, SIGHUP));
    sigaltstack(NULL, &stack);
    SAY("alternate stack: %s", stack.ss_flags == SS_DISABLE ? "none" : "some");
  } else if (strcmp(what, "files") == 0) {
    for (int fd = 100; fd < 104; fd++) VALUE(fcntl(fd, F_GETFD));
    VALUE(lseek(100, 0, SEEK_CUR));
  } else if (strcmp(what, "timers") == 0) {
    struct itimerval it;
    struct itimerspec its;
    getitimer(ITIMER_REAL, &it);
    SAY("interval timer runs: %d, interval %ld", it.it_value.tv_sec > 0, (long)it.it_interval.tv_sec);
    CHECK(timer_gettime((timer_t)0, &its));
    SAY("alarm: %d", alarm(0) > 0);
  } else if (strcmp(what, "memory") == 0) {
    int locked = mlock(&locked, 1);
    SAY("old mapping: %d", msync((void *)0x100000000UL, 4096, MS_ASYNC));
    unsigned char vec;
    CHECK(mincore((void *)0x100000000UL, 4096, &vec));
  } else if (strcmp(what, "identity") == 0) {
    char name[17] = "";
    struct rlimit limit;
    prctl(PR_GET_NAME, name);
    SAY("name: %s", name);
    SAY("same pid: %d", getpid() == atoi(getenv("PID")));
    SAY("same group: %d", getpgrp() == atoi(getenv("GROUP")));
    getrlimit(RLIMIT_NOFILE, &limit);
    SAY("files: %ld", (long)limit.rlim_cur);
    SAY("umask: %o", umask(0));
    char here[100];
    SAY("directory: %s", strrchr(getcwd(here, 100), '/'));
    VALUE(prctl(PR_GET_PDEATHSIG, here) == 0 ? *(int *)here : -1);
    VALUE(prctl(PR_GET_DUMPABLE));
    VALUE(prctl(PR_GET_KEEPCAPS));
    VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    VALUE(prctl(PR_GET_TIMERSLACK) == atol(getenv("SLACK")));
  } else if (strcmp(what, "threads") == 0) {
    SAY("the leader: %d", syscall(SYS_gettid) == getpid());
    SAY("same pid: %d", getpid() == atoi(getenv("PID")));
    int n = 0;
    char line[200];
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f)) if (strncmp(line, "Threads:", 8) == 0) SAY("threads: %d", atoi(line + 8));
  } else if (strcmp(what, "arguments") == 0) {
    SAY("environment: %s", getenv("X") ? getenv("X") : "none");
  }
  exit(0);
}

int main(int argc, char **argv) {
  if (getenv("PROBE")) probe(getenv("PROBE"));
  return contract_main(argc, argv);
}

static void become(const char *what) {
  setenv("PROBE", what, 1);
  char *argv[] = {"probe", NULL};
  extern char **environ;
  MUST(execve("/proc/self/exe", argv, environ));
}

static void nothing(int sig) {}

CONTRACT(exec_resets_handlers_and_keeps_masks) {
  static char alternate[8192];
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigset_t set;
  signal(SIGUSR1, nothing);
  signal(SIGUSR2, SIG_IGN);
  sigaltstack(&stack, NULL);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGTERM);
  become("signals");
}

CONTRACT(exec_closes_what_is_marked) {
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  write(fd, "12345", 5);
  dup2(fd, 100);
  dup2(fd, 101);
  fcntl(101, F_SETFD, FD_CLOEXEC);
  dup3(fd, 102, O_CLOEXEC);
  fcntl(fd, F_DUPFD_CLOEXEC, 103);
  become("files");
}

CONTRACT(a_failed_exec_changes_nothing) {
  int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0755);
  char *argv[] = {"x", NULL};
  signal(SIGUSR1, nothing);
  CHECK(execve("missing", argv, argv + 1));
  write(fd, "nonsense", 8);
  close(open("g", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  fd = open("g", O_RDWR | O_CLOEXEC);
  CHECK(execve("g", argv, argv + 1));
  CHECK(execve(".", argv, argv + 1));
  CHECK(execve("f/x", argv, argv + 1));
  CHECK(execve((char *)1, argv, argv + 1));
  CHECK(execve("/proc/self/exe", (char **)1, argv + 1));
  VALUE(fcntl(fd, F_GETFD));
  struct sigaction sa;
  sigaction(SIGUSR1, NULL, &sa);
  SAY("handler: %d", sa.sa_handler == nothing);
  close(fd);
  chmod("f", 0755);
  close(open("f", O_RDONLY));
  CHECK(execve("g", argv, argv + 1));
}

CONTRACT(exec_keeps_interval_timers_and_drops_posix_timers) {
  struct itimerval it = {{50, 0}, {100, 0}};
  struct itimerspec its = {.it_value = {100, 0}};
  timer_t timer;
  MUST(timer_create(CLOCK_MONOTONIC, NULL, &timer));
  timer_settime(timer, 0, &its, NULL);
  setitimer(ITIMER_REAL, &it, NULL);
  become("timers");
}

CONTRACT(exec_drops_all_memory) {
  MUST(mmap((void *)0x100000000UL, 4096, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  become("memory");
}

CONTRACT(exec_keeps_the_processs_attributes) {
  char text[20];
  struct rlimit limit = {200, 200};
  snprintf(text, sizeof text, "%d", getpid());
  setenv("PID", text, 1);
  snprintf(text, sizeof text, "%d", getpgrp());
  setenv("GROUP", text, 1);
  setrlimit(RLIMIT_NOFILE, &limit);
  mkdir("here", 0755);
  chdir("here");
  umask(027);
  prctl(PR_SET_NAME, "somebody");
  prctl(PR_SET_PDEATHSIG, SIGHUP);
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_KEEPCAPS, 1);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_TIMERSLACK, 123456);
  setenv("SLACK", "123456", 1);
  prctl(PR_SET_DUMPABLE, 1);
  become("identity");
}

static void *executes(void *arg) {
  become("threads");
  return NULL;
}
static void *sleeps(void *arg) {
  for (;;) pause();
}

#include <pthread.h>
CONTRACT(exec_from_a_thread_ends_the_others) {
  char text[20];
  pthread_t t;
  snprintf(text, sizeof text, "%d", getpid());
  setenv("PID", text, 1);
  for (int i = 0; i < 3; i++) pthread_create(&t, NULL, sleeps, NULL);
  pthread_create(&t, NULL, executes, NULL);
  pause();
}

CONTRACT(exec_after_vfork_leaves_the_parent_alone) {
  int status, pid = vfork();
  if (pid == 0) {
    char *argv[] = {"probe", NULL}, *envp[] = {"PROBE=arguments", "X=given", NULL};
    execve("/proc/self/exe", argv, envp);
    _exit(1);
  }
  waitpid(pid, &status, 0);
  say_status("child", status);
}

CONTRACT(a_vforking_parent_waits_for_exec_or_exit) {
  int fds[2], status;
  char c = '-';
  pipe2(fds, O_NONBLOCK);
  int pid = vfork();
  if (pid == 0) {
    struct timespec ts = {0, 30000000};
    nanosleep(&ts, NULL);
    write(fds[1], "x", 1);
    _exit(3);
  }
  VALUE(read(fds[0], &c, 1));
  waitpid(pid, &status, 0);
  say_status("child", status);
}

static void script(const char *name, const char *text) {
  int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
  write(fd, text, strlen(text));
  close(fd);
}

CONTRACT(scripts_and_their_interpreters) {
  char *argv[] = {"s", NULL};
  script("s", "#!/does/not/exist\n");
  CHECK(execve("./s", argv, argv + 1));
  script("t", "#!\n");
  CHECK(execve("./t", argv, argv + 1));
  script("u", "#!./u\n");
  CHECK(execve("./u", argv, argv + 1));
  script("v", "");
  CHECK(execve("./v", argv, argv + 1));
}

CONTRACT(too_many_arguments) {
  long n = 1 << 17;
  char *big = malloc(n + 1), *argv[] = {"x", big, NULL};
  memset(big, 'x', n);
  big[n] = 0;
  CHECK(execve("/proc/self/exe", argv, argv + 2));
  setenv("PROBE", "arguments", 1);
  big[n - 1] = 0;
  extern char **environ;
  MUST(execve("/proc/self/exe", argv, environ));
}

CONTRACT(execveat_by_descriptor) {
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), dir = open("/", O_RDONLY);
  char *argv[] = {"x", NULL}, *envp[] = {"PROBE=arguments", "X=by descriptor", NULL};
  CHECK(syscall(SYS_execveat, fd, "", argv, envp, 0));
  CHECK(syscall(SYS_execveat, dir, "missing", argv, envp, 0));
  CHECK(syscall(SYS_execveat, 1000, "missing", argv, envp, 0));
  CHECK(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH | AT_REMOVEDIR));
  CHECK(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH));
}
