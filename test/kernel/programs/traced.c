// System calls whose strace lines are compared with those of strace(1); begins after umask(0123).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void handler(int sig) {}
static void info_handler(int sig, siginfo_t *si, void *uc) {}

int main(void) {
  char buffer[100];
  struct stat st;
  int status, fds[2];
  umask(0123);
  open("/tmp", O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK);
  close(3);
  open("/nonexistent/x", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0640);
  open((void *)1, O_WRONLY);
  open("/dev/null", O_RDWR | 0x40000000);
  write(3, "a\001\0021\"\\\n\t\x80 and a long string that is cut", 45);
  write(3, "short", 5);
  read(3, buffer, 10);
  stat("/dev/null", &st);
  stat("/nonexistent", &st);
  fstat(77, &st);
  lseek(3, 0, SEEK_SET);
  close(3);
  close(-1);
  pipe(fds);
  dup2(fds[0], 9);
  fcntl(9, F_GETFD);
  fcntl(9, F_NOTIFY, DN_CREATE | DN_RENAME | DN_MULTISHOT);
  fcntl(9, F_NOTIFY, 0);
  fcntl(9, F_SETSIG, SIGUSR1);
  fcntl(9, F_SETSIG, 0);
  write(fds[1], "hello", 5);
  read(fds[0], buffer, sizeof buffer);
  access("/", R_OK | X_OK);
  getppid() == 0;
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = handler;
  sa.sa_flags = SA_RESTART | SA_NODEFER | SA_RESETHAND;
  sigaddset(&sa.sa_mask, SIGINT);
  sigaddset(&sa.sa_mask, 40);
  struct { void *h; unsigned long fl; void *r; unsigned long m; } k = {handler, SA_RESTART, 0, 0xfffffffffffffffful}, old;
  syscall(SYS_rt_sigaction, SIGUSR2, &k, &old, 8);
  syscall(SYS_rt_sigaction, SIGKILL, &k, 0, 8);
  syscall(SYS_rt_sigaction, 65, 0, 0, 8);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, 0);
  sigprocmask(SIG_SETMASK, 0, &set);
  struct timespec ts = {0, 1000};
  syscall(SYS_nanosleep, &ts, 0);
  syscall(SYS_clock_gettime, 77, &ts);
  syscall(SYS_clock_getres, CLOCK_MONOTONIC, &ts);
  struct rlimit rl = {16384, 1048576};
  syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, &rl);
  syscall(SYS_setpgid, -1, -1);
  syscall(SYS_kill, 999999, SIGTERM);
  syscall(SYS_futex, &status, 0x81, 1, 0, 0, 0);
  syscall(SYS_futex, &status, 0x80, status + 1, 0, 0, 0);
  syscall(SYS_getrandom, buffer, 8, 0xff);
  syscall(SYS_wait4, -1, &status, WNOHANG | WUNTRACED, 0);
  syscall(SYS_waitid, 0, 0, 0, WEXITED, 0);
  syscall(SYS_setitimer, 9, 0, 0);
  struct itimerval it = {{0, 0}, {0, 0}};
  syscall(SYS_setitimer, ITIMER_REAL, &it, 0);
  syscall(SYS_exit_group, 5);
}
