/* Pid 1 of a PID name space, natively; of a system, in the guest: signals, orphans. Prints what it sees. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int got;
static void handler(int sig) { got = sig; }

static void say(const char *what, long result) {
  if (result < 0) printf("%s: errno %d\n", what, errno);
  else printf("%s: %ld\n", what, result);
  fflush(stdout);
}

/* A child sends a signal to init, which then says what reached it. */
static void from_child(int sig) {
  got = 0;
  pid_t pid = fork();
  if (pid == 0) _exit(kill(1, sig) == 0 ? 0 : errno);
  int status;
  while (waitpid(pid, &status, 0) < 0) {}
  printf("signal %d: kill %d, got %d\n", sig, WEXITSTATUS(status), got);
  fflush(stdout);
}

static void signals(void) {
  say("pid", getpid());
  from_child(SIGTERM);
  from_child(SIGKILL);
  from_child(SIGSTOP);
  from_child(SIGTSTP);
  say("raise", raise(SIGUSR1));
  say("kill self", kill(getpid(), SIGKILL));
  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  from_child(SIGUSR1);
  sigpending(&pending);
  say("blocked, pending", sigismember(&pending, SIGUSR1));
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  say("unblocked", got);
  signal(SIGUSR2, handler);
  from_child(SIGUSR2);
}

static void orphans(void) {
  int pipes[2];
  if (pipe(pipes) != 0) exit(1);
  if (fork() == 0) {
    if (fork() == 0) {
      while (getppid() != 1) usleep(1000);
      write(pipes[1], "x", 1);
      _exit(7);
    }
    _exit(0);
  }
  char c;
  say("orphan", read(pipes[0], &c, 1));
  int status, n = 0, sum = 0;
  while (wait(&status) > 0) n++, sum += WEXITSTATUS(status);
  printf("waited for %d, %d\n", n, sum);
}

static void stops(void) {
  say("magic", syscall(SYS_reboot, 1, 672274793, 0x4321fedc, 0));
  say("magic2", syscall(SYS_reboot, 0xfee1dead, 1, 0x4321fedc, 0));
  say("command", syscall(SYS_reboot, 0xfee1dead, 672274793, 5, 0));
  if (fork() == 0) {
    if (setuid(1000) != 0) _exit(1);
    say("without CAP_SYS_BOOT", syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0));
    _exit(0);
  }
  wait(NULL);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "signals") == 0) signals();
  else if (strcmp(what, "orphans") == 0) orphans();
  else if (strcmp(what, "stops") == 0) stops();
  else if (strcmp(what, "off") == 0) reboot(RB_POWER_OFF);
  else if (strcmp(what, "restart") == 0) reboot(RB_AUTOBOOT);
  else if (strcmp(what, "halt") == 0) reboot(RB_HALT_SYSTEM);
  else if (strcmp(what, "exit") == 0) return 3;
  else if (strcmp(what, "fault") == 0) *(volatile int *)0 = 1;
  else if (strcmp(what, "child-off") == 0) {
    if (fork() == 0) reboot(RB_POWER_OFF);
    for (;;) pause();
  } else if (strcmp(what, "keys") == 0) {
    if (argc > 2) reboot(RB_DISABLE_CAD), signal(SIGINT, handler);
    puts("ready");
    fflush(stdout);
    while (!got) pause();
    puts("Ctrl-Alt-Del");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
  }
  return 0;
}
