/* wait4(2), waitid(2), and who waits for whom. */
#include "../contract.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static void nap(long ms) {
  struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&ts, &ts) != 0) {}
}

static pid_t exits(int code) {
  pid_t pid = MUST(fork());
  if (pid == 0) _exit(code);
  return pid;
}

static pid_t pauses(void) {
  pid_t pid = MUST(fork());
  if (pid == 0) for (;;) pause();
  return pid;
}

static void say_info(const char *what, siginfo_t *info, pid_t pid) {
  SAY("%s: signo %d, code %d, status %d, pid %s", what, info->si_signo, info->si_code, info->si_status,
      info->si_pid == pid ? "right" : info->si_pid == 0 ? "0" : "wrong");
}

CONTRACT(exit_codes_and_signals_in_the_status) {
  int status;
  waitpid(exits(0), &status, 0);
  say_status("zero", status);
  waitpid(exits(255), &status, 0);
  say_status("255", status);
  waitpid(exits(256 + 7), &status, 0);
  say_status("more than a byte", status);
  pid_t pid = pauses();
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  say_status("killed", status);
  pid = pauses();
  kill(pid, SIGTERM);
  waitpid(pid, &status, 0);
  say_status("terminated", status);
}

CONTRACT(wnohang_returns_zero_while_nobody_ended) {
  int status = 99;
  pid_t pid = pauses();
  VALUE(waitpid(pid, &status, WNOHANG));
  SAY("status untouched: %d", status);
  VALUE(waitpid(-1, NULL, WNOHANG));
  kill(pid, SIGKILL);
  SAY("waited: %d", waitpid(pid, &status, 0) == pid);
  VALUE(waitpid(-1, NULL, WNOHANG));
}

CONTRACT(whom_one_cannot_wait_for) {
  pid_t pid = exits(1);
  waitpid(pid, NULL, 0);
  CHECK(waitpid(pid, NULL, 0));
  CHECK(waitpid(1, NULL, 0));
  CHECK(waitpid(getpid(), NULL, 0));
  CHECK(waitpid(-99999999, NULL, 0));
  CHECK(waitpid(-1, NULL, 1 << 20));
  CHECK(waitpid(-1, NULL, 0));
  CHECK(waitpid(0, NULL, 0));
  CHECK(waitid(P_PID, 99999999, NULL, WEXITED));
  CHECK(waitid(P_ALL, 0, NULL, 0));
  CHECK(waitid(77, 0, NULL, WEXITED));
  CHECK(waitid(P_PID, 0, NULL, WEXITED));
  exits(1);
  CHECK(wait4(-1, (int *)1, 0, NULL));
  CHECK(wait4(-1, NULL, 0, NULL));
}

CONTRACT(stops_and_continuations_are_reported_once) {
  int status;
  pid_t pid = pauses();
  kill(pid, SIGSTOP);
  SAY("stopped: %d", waitpid(pid, &status, WUNTRACED) == pid);
  say_status("child", status);
  VALUE(waitpid(pid, &status, WUNTRACED | WNOHANG));
  kill(pid, SIGCONT);
  SAY("continued: %d", waitpid(pid, &status, WCONTINUED) == pid);
  say_status("child", status);
  VALUE(waitpid(pid, &status, WCONTINUED | WNOHANG));
  kill(pid, SIGTSTP);
  waitpid(pid, &status, WUNTRACED);
  say_status("child", status);
  kill(pid, SIGTERM);
  VALUE(waitpid(pid, &status, WNOHANG));
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);
  say_status("child", status);
}

CONTRACT(without_wuntraced_stops_are_not_reported) {
  int status;
  pid_t pid = pauses();
  kill(pid, SIGSTOP);
  siginfo_t info = {0};
  MUST(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
  VALUE(waitpid(pid, &status, WNOHANG));
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  say_status("child", status);
}

CONTRACT(waitid_tells_how_a_child_ended) {
  siginfo_t info = {0};
  pid_t pid = exits(300);
  CHECK(waitid(P_PID, pid, &info, WEXITED));
  say_info("exited", &info, pid);
  SAY("uid: %d", info.si_uid == getuid());
  pid = pauses();
  kill(pid, SIGKILL);
  waitid(P_ALL, 0, &info, WEXITED);
  say_info("killed", &info, pid);
  pid = pauses();
  kill(pid, SIGSTOP);
  waitid(P_PID, pid, &info, WSTOPPED);
  say_info("stopped", &info, pid);
  kill(pid, SIGCONT);
  waitid(P_PID, pid, &info, WCONTINUED);
  say_info("continued", &info, pid);
  memset(&info, 1, sizeof info);
  CHECK(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  SAY("nothing yet: %d %d", info.si_signo, info.si_pid);
  kill(pid, SIGKILL);
  CHECK(waitid(P_PGID, getpgrp(), &info, WEXITED));
  say_info("by group", &info, pid);
}

CONTRACT(wnowait_leaves_the_child_waitable) {
  siginfo_t info = {0};
  int status;
  pid_t pid = exits(5);
  for (int i = 0; i < 3; i++) {
    MUST(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    say_info("still there", &info, pid);
  }
  SAY("waited: %d", waitpid(pid, &status, 0) == pid);
  CHECK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
}

CONTRACT(waiting_for_a_group) {
  int status;
  pid_t a = pauses(), b = pauses();
  setpgid(a, a);
  setpgid(b, b);
  kill(b, SIGTERM);
  SAY("b's group: %d", waitpid(-b, &status, 0) == b);
  CHECK(waitpid(-b, &status, 0));
  CHECK(waitpid(0, &status, WNOHANG));
  kill(a, SIGTERM);
  SAY("a's group: %d", waitpid(-a, &status, 0) == a);
}

CONTRACT(a_zombie_can_be_signalled_and_has_a_group) {
  pid_t pid = exits(3);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  CHECK(kill(pid, 0));
  CHECK(kill(pid, SIGKILL));
  SAY("group: %d", getpgid(pid) == getpgrp());
  int status;
  waitpid(pid, &status, 0);
  say_status("child", status);
  CHECK(kill(pid, 0));
}

CONTRACT(ignored_sigchld_leaves_no_zombies) {
  signal(SIGCHLD, SIG_IGN);
  pid_t pid = exits(3);
  CHECK(waitpid(pid, NULL, 0));
  CHECK(kill(pid, 0));
  struct sigaction sa = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
  sigaction(SIGCHLD, &sa, NULL);
  pid = exits(4);
  CHECK(waitpid(-1, NULL, 0));
  CHECK(kill(pid, 0));
}

CONTRACT(clone_children_need_wclone) {
  int status;
  pid_t pid = syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
  if (pid == 0) _exit(6);
  nap(20);
  CHECK(waitpid(pid, &status, 0));
  SAY("with __WCLONE: %d", waitpid(pid, &status, __WCLONE) == pid);
  say_status("child", status);
  signal(SIGUSR1, SIG_IGN);
  pid = syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, 0);
  if (pid == 0) _exit(7);
  SAY("with __WALL: %d", waitpid(pid, &status, __WALL) == pid);
  say_status("child", status);
  exits(8);
  CHECK(waitpid(-1, &status, __WCLONE));
  CHECK(waitpid(-1, &status, __WALL));
}

CONTRACT(orphans_go_to_the_subreaper) {
  int fds[2], flag = 0, status;
  pid_t pid;
  pipe(fds);
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1));
  prctl(PR_GET_CHILD_SUBREAPER, &flag);
  SAY("subreaper: %d", flag);
  if (fork() == 0) {
    pid_t child = getpid();
    if (fork() == 0) {
      while (getppid() == child) nap(1);
      int mine = getppid();
      pid = getpid();
      write(fds[1], &mine, sizeof mine);
      write(fds[1], &pid, sizeof pid);
      _exit(9);
    }
    _exit(0);
  }
  int parent;
  wait(&status);
  say_status("child", status);
  read(fds[0], &parent, sizeof parent);
  read(fds[0], &pid, sizeof pid);
  SAY("its parent is me: %d", parent == getpid());
  SAY("waited: %d", waitpid(pid, &status, 0) == pid);
  say_status("orphan", status);
}

CONTRACT(pdeathsig_comes_when_the_parent_dies) {
  int fds[2];
  char c;
  pipe(fds);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t middle = fork();
  if (middle == 0) {
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGUSR2);
      write(fds[1], "r", 1);
      for (;;) pause();
    }
    for (;;) pause();
  }
  read(fds[0], &c, 1);
  kill(middle, SIGKILL);
  int status;
  waitpid(middle, &status, 0);
  say_status("parent", status);
  wait(&status);
  say_status("child", status);
}

CONTRACT(children_cpu_time_counts_after_waiting) {
  struct rusage before, after;
  pid_t pid = fork();
  if (pid == 0) {
    for (;;) {
      getrusage(RUSAGE_SELF, &after);
      if (after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec + after.ru_stime.tv_usec > 30000) _exit(0);
    }
  }
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  getrusage(RUSAGE_CHILDREN, &before);
  struct rusage its;
  wait4(pid, NULL, 0, &its);
  getrusage(RUSAGE_CHILDREN, &after);
#define US(r) ((r).ru_utime.tv_sec * 1000000 + (r).ru_utime.tv_usec + (r).ru_stime.tv_usec)
  SAY("before: %d, after: %d, its own: %d", US(before) >= 25000, US(after) >= 25000, US(its) >= 25000);
}
