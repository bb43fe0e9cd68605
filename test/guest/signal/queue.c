/* Signals with a value: rt_sigqueueinfo(2) and rt_tgsigqueueinfo(2). */
#include "../contract.h"

#include <sys/syscall.h>

static siginfo_t seen;
static void handler(int sig, siginfo_t *info, void *context) { seen = *info; }

static void say_seen(void) {
  SAY("signal %d code %d pid mine %d value %d", seen.si_signo, seen.si_code, seen.si_pid == getpid(), seen.si_value.sival_int);
  memset(&seen, 0, sizeof seen);
}

CONTRACT(queued_values_arrive) {
  struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  siginfo_t info = {.si_code = SI_QUEUE};
  sigaction(SIGUSR1, &act, NULL);
  sigaction(SIGRTMIN, &act, NULL);
  info.si_pid = getpid();
  info.si_value.sival_int = 42;
  CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
  say_seen();
  info.si_value.sival_int = 43;
  CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGRTMIN, &info));
  say_seen();
  CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){44}));
  say_seen();
}

CONTRACT(realtime_signals_keep_their_order) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (int i = 0; i < 3; i++) {
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){10 + i});
    sigqueue(getpid(), SIGRTMIN, (union sigval){i});
    sigqueue(getpid(), SIGUSR1, (union sigval){20 + i});
  }
  siginfo_t info;
  for (int sig; (sig = sigtimedwait(&set, &info, &(struct timespec){0, 0})) > 0;) {
    SAY("%s %d: %d", sig == SIGUSR1 ? "standard" : "realtime", sig == SIGUSR1 ? 0 : sig - SIGRTMIN, info.si_value.sival_int);
  }
}

CONTRACT(what_may_be_queued) {
  siginfo_t info = {.si_code = SI_USER};
  int status;
  pid_t pid = fork();
  if (pid == 0) for (;;) pause();
  CHECK(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info));
  info.si_code = SI_TKILL;
  CHECK(syscall(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &info));
  info.si_code = SI_QUEUE;
  CHECK(syscall(SYS_rt_sigqueueinfo, pid, 65, &info));
  CHECK(syscall(SYS_rt_sigqueueinfo, 99999999, SIGUSR1, &info));
  CHECK(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, 1));
  CHECK(syscall(SYS_rt_tgsigqueueinfo, -1, pid, SIGUSR1, &info));
  CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), pid, SIGUSR1, &info));
  CHECK(syscall(SYS_rt_sigqueueinfo, pid, 0, &info));
  CHECK(syscall(SYS_rt_sigqueueinfo, pid, SIGTERM, &info));
  waitpid(pid, &status, 0);
  say_status("child", status);
}
