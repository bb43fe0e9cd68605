// Processes: fork, vfork, exec, wait in all forms, groups, sessions, orphans, job control.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void status(const char *what, int s) {
  if (WIFEXITED(s)) printf("%s: exit %d\n", what, WEXITSTATUS(s));
  else if (WIFSIGNALED(s)) printf("%s: signal %d\n", what, WTERMSIG(s));
  else if (WIFSTOPPED(s)) printf("%s: stopped %d\n", what, WSTOPSIG(s));
  else if (WIFCONTINUED(s)) printf("%s: continued\n", what);
  fflush(stdout);
}

static volatile int counter = 1;

// The result and the error of a call, which printf's arguments cannot show in order.
static void result(const char *what, long r) {
  int e = errno;
  printf("%s: %ld %s\n", what, r, r < 0 ? strerror(e) : "");
}

int main(int argc, char **argv) {
  int s;
  setvbuf(stdout, 0, _IONBF, 0);
  if (argc > 3 && !strcmp(argv[1], "exec")) {
    printf("executed %s %s\n", argv[2], getenv("X"));
    return 42;
  }
  pid_t p = fork();
  if (p == 0) {
    counter = 99;
    _exit(3);
  }
  waitpid(p, &s, 0);
  status("fork", s);
  printf("counter %d\n", counter);
  result("no child", waitpid(-1, &s, 0));

  p = vfork();
  if (p == 0) {
    counter = 7;
    char *av[] = {"prog", "exec", "one", "two", 0}, *ev[] = {"X=y", 0};
    execve("/proc/self/exe", av, ev);
    _exit(127);
  }
  wait(&s);
  printf("after vfork %d\n", counter);
  status("vfork", s);

  p = fork();
  if (p == 0) {
    raise(SIGKILL);
  }
  siginfo_t si;
  memset(&si, 0, sizeof si);
  printf("waitid %d\n", waitid(P_PID, p, &si, WEXITED | WNOWAIT));
  printf("code %d status %d same %d\n", si.si_code, si.si_status, si.si_pid == p);
  waitpid(p, &s, 0);
  status("killed", s);

  // The child waits, so that it has not ended when it is asked whether it goes on.
  int go[2];
  char byte = 0;
  pipe(go);
  p = fork();
  if (p == 0) {
    raise(SIGSTOP);
    read(go[0], &byte, 1);
    _exit(5);
  }
  waitpid(p, &s, WUNTRACED);
  status("stop", s);
  printf("nohang %d\n", waitpid(p, &s, WNOHANG));
  kill(p, SIGCONT);
  waitpid(p, &s, WCONTINUED);
  status("cont", s);
  write(go[1], &byte, 1);
  waitpid(p, &s, 0);
  status("end", s);
  close(go[0]);
  close(go[1]);

  // Job control reaches a child that sleeps in a system call.
  int pipes[2];
  pipe(pipes);
  p = fork();
  if (p == 0) {
    char c;
    setpgid(0, 0);
    close(pipes[1]);
    read(pipes[0], &c, 1);
    _exit(c);
  }
  close(pipes[0]);
  usleep(10000);
  kill(p, SIGTSTP);
  waitpid(p, &s, WUNTRACED);
  status("blocked stop", s);
  write(pipes[1], "\6", 1);
  printf("still stopped %d\n", waitpid(p, &s, WNOHANG));
  kill(p, SIGCONT);
  waitpid(p, &s, 0);
  status("blocked end", s);
  close(pipes[1]);

  // Orphans go to the nearest subreaper.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t me = getpid();
  pipe(pipes);
  p = fork();
  if (p == 0) {
    if (fork() == 0) {
      while (getppid() != me) usleep(1000);
      write(pipes[1], "o", 1);
      _exit(9);
    }
    _exit(1);
  }
  waitpid(p, &s, 0);
  status("middle", s);
  char c = 0;
  read(pipes[0], &c, 1);
  printf("orphan says %c\n", c);
  p = wait(&s);
  status("orphan", s);

  // Groups and sessions.
  p = fork();
  if (p == 0) {
    printf("setpgid %d leader %d\n", setpgid(0, 0), getpgrp() == getpid());
    result("setsid of leader", setsid());
    if (fork() == 0) {
      pid_t sid = setsid();
      printf("setsid %d %d %d\n", sid == getpid(), getsid(0) == sid, getpgrp() == sid);
      _exit(0);
    }
    wait(&s);
    _exit(0);
  }
  wait(&s);

  // SIGCHLD ignored: no zombies.
  signal(SIGCHLD, SIG_IGN);
  p = fork();
  if (p == 0) _exit(0);
  result("ignored", waitpid(p, &s, 0));
  signal(SIGCHLD, SIG_DFL);

  // CLOEXEC and rlimits.
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  struct rlimit rl = {100, 200};
  printf("setrlimit %d\n", setrlimit(RLIMIT_NOFILE, &rl));
  getrlimit(RLIMIT_NOFILE, &rl);
  printf("rlimit %d %d\n", (int)rl.rlim_cur, (int)rl.rlim_max);
  result("dup", fcntl(fd, F_DUPFD, 150));

  p = fork();
  if (p == 0) {
    char *av[] = {"x", 0};
    result("exec nothing", execv("/nonexistent", av));
    result("exec directory", execv("/", av));
    result("exec device", execv("/dev/null", av));
    result("exec below file", execv("/dev/null/x", av));
    prctl(PR_SET_NAME, "a-long-name-that-is-cut");
    char name[16];
    prctl(PR_GET_NAME, name);
    printf("name %s\n", name);
    result("prctl", prctl(9999));
    abort();
  }
  wait(&s);
  status("abort", s);
  return 0;
}
