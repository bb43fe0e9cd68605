/* System calls that a signal interrupts: which restart, which fail with EINTR. */
#include "../contract.h"
#include "../futex.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static volatile int caught;
static int fds[2];
static void count(int sig) { caught++; }

static void nap(long ms) {
  struct timespec ts = {0, ms * 1000000};
  while (nanosleep(&ts, &ts) != 0) {}
}

/* Sends SIGUSR1 every few milliseconds until it is over, then writes to the pipe. */
static void disturb(int flags, int signals) {
  struct sigaction sa = {.sa_handler = count, .sa_flags = flags};
  sigaction(SIGUSR1, &sa, NULL);
  pid_t parent = getpid();
  if (fds[1] == 0) pipe(fds);
  if (fork() == 0) {
    for (int i = 0; i < signals; i++) {
      nap(60);
      kill(parent, SIGUSR1);
    }
    nap(60);
    write(fds[1], "x", 1);
    _exit(4);
  }
}

static void say_caught(void) { SAY("caught: %d", caught > 0); }

CONTRACT(read_restarts_if_it_shall) {
  char c;
  disturb(SA_RESTART, 2);
  VALUE(read(fds[0], &c, 1));
  say_caught();
}

CONTRACT(read_is_interrupted_otherwise) {
  char c;
  disturb(0, 1);
  VALUE(read(fds[0], &c, 1));
  say_caught();
  VALUE(read(fds[0], &c, 1));
}

CONTRACT(wait_restarts_if_it_shall) {
  int status;
  disturb(SA_RESTART, 2);
  SAY("waited: %d", wait(&status) > 0);
  say_status("child", status);
  say_caught();
}

CONTRACT(wait_is_interrupted_otherwise) {
  disturb(0, 1);
  CHECK(wait(NULL));
  say_caught();
}

CONTRACT(poll_and_its_kin_never_restart) {
  struct pollfd p = {-1, 0, 0};
  fd_set none;
  FD_ZERO(&none);
  struct epoll_event event;
  int epoll = epoll_create1(0);
  disturb(SA_RESTART, 5);
  CHECK(poll(&p, 1, 5000));
  CHECK(select(1, &none, NULL, NULL, NULL));
  CHECK(epoll_wait(epoll, &event, 1, -1));
  CHECK(pause());
  sigset_t set;
  sigemptyset(&set);
  CHECK(sigsuspend(&set));
  say_caught();
}

CONTRACT(nanosleep_never_restarts_and_tells_the_rest) {
  struct timespec ts = {20, 0}, left = {0, 0};
  disturb(SA_RESTART, 1);
  CHECK(nanosleep(&ts, &left));
  SAY("left: %d", left.tv_sec >= 15 && left.tv_sec < 20);
}

CONTRACT(an_absolute_sleep_leaves_the_rest_alone) {
  struct timespec ts, left = {7, 7};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_sec += 20;
  disturb(SA_RESTART, 1);
  VALUE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, &left));
  SAY("left: %ld %ld", (long)left.tv_sec, left.tv_nsec);
}

CONTRACT(an_ignored_signal_interrupts_nothing) {
  char c;
  disturb(0, 2);
  signal(SIGUSR1, SIG_IGN);
  VALUE(read(fds[0], &c, 1));
}

CONTRACT(stopping_and_continuing_interrupts_no_sleep) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    struct timespec ts = {0, 200000000};
    CHECK(nanosleep(&ts, NULL));
    char c;
    pipe(fds);
    struct pollfd p = {fds[0], POLLIN, 0};
    VALUE(poll(&p, 1, 100));
    _exit(3);
  }
  for (int i = 0; i < 3; i++) {
    nap(40);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGCONT);
  }
  waitpid(pid, &status, 0);
  say_status("child", status);
}

CONTRACT(futex_waits_restart_unless_they_have_a_timeout) {
  int word = 1;
  struct timespec ts = {10, 0};
  disturb(0, 1);
  CHECK(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
  say_caught();
  wait(NULL);
  disturb(SA_RESTART, 1);
  CHECK(futex(&word, FUTEX_WAIT, 1, &ts, NULL, 0));
}

CONTRACT(locks_restart_or_not) {
  int fd = open("f", O_RDWR | O_CREAT, 0644), other = open("f", O_RDWR);
  flock(fd, LOCK_EX);
  disturb(0, 1);
  CHECK(flock(other, LOCK_EX));
  say_caught();
}

CONTRACT(sockets_restart_unless_they_have_a_timeout) {
  int s[2];
  char c;
  struct timeval tv = {10, 0};
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  fds[0] = s[0], fds[1] = s[1];
  disturb(SA_RESTART, 1);
  VALUE(recv(s[0], &c, 1, 0));
  say_caught();
  wait(NULL);
  setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  disturb(SA_RESTART, 1);
  CHECK(recv(s[0], &c, 1, 0));
}

CONTRACT(a_partial_write_counts) {
  static char much[200000];
  pipe(fds);
  disturb(0, 1);
  SAY("part of it: %d", write(fds[1], much, sizeof much) == 65536);
  say_caught();
}

CONTRACT(sigtimedwait_takes_signals_without_handlers) {
  sigset_t set;
  siginfo_t info;
  struct timespec no = {0, 0}, some = {0, 20000000};
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGRTMIN);
  signal(SIGUSR1, count);
  sigprocmask(SIG_BLOCK, &set, NULL);
  CHECK(sigtimedwait(&set, &info, &no));
  CHECK(sigtimedwait(&set, &info, &some));
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 11});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10});
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 9});
  for (int i = 0; i < 3; i++) {
    int sig = sigwaitinfo(&set, &info);
    SAY("%d: value %d, code %d, sender %d", sig, info.si_value.sival_int, info.si_code, info.si_pid == getpid());
  }
  SAY("caught: %d", caught);
  struct timespec bad = {0, -1};
  CHECK(sigtimedwait(&set, &info, &bad));
  sigset_t other;
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  sigaddset(&other, SIGKILL);
  disturb(SA_RESTART, 1);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  CHECK(syscall(SYS_rt_sigtimedwait, &other, &info, NULL, 8));
}

CONTRACT(signalfd_reads_what_is_blocked) {
  sigset_t set;
  struct signalfd_siginfo info[3];
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  CHECK(read(fd, info, sizeof info));
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
  kill(getpid(), SIGUSR1);
  struct pollfd p = {fd, POLLIN, 0};
  VALUE(poll(&p, 1, 0));
  VALUE(read(fd, info, sizeof info) / (long)sizeof info[0]);
  for (int i = 0; i < 2; i++)
    SAY("%d: code %d, value %d, sender %d", info[i].ssi_signo, info[i].ssi_code, info[i].ssi_int,
        info[i].ssi_pid == getpid());
  VALUE(poll(&p, 1, 0));
  CHECK(read(fd, info, 10));
  CHECK(signalfd(0, &set, 0));
  sigdelset(&set, SIGUSR1);
  SAY("the same descriptor: %d", signalfd(fd, &set, 0) == fd);
  kill(getpid(), SIGUSR1);
  CHECK(read(fd, info, sizeof info));
}

CONTRACT(sigsuspend_delivers_and_restores) {
  sigset_t set, old;
  signal(SIGUSR1, count);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  SAY("before: %d", caught);
  sigemptyset(&set);
  CHECK(sigsuspend(&set));
  SAY("after: %d", caught);
  sigprocmask(SIG_BLOCK, NULL, &old);
  SAY("blocked again: %d", sigismember(&old, SIGUSR1));
}

CONTRACT(ppoll_delivers_and_restores) {
  sigset_t set;
  signal(SIGUSR1, count);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  sigemptyset(&set);
  struct timespec ts = {5, 0};
  CHECK(ppoll(NULL, 0, &ts, &set));
  sigprocmask(SIG_BLOCK, NULL, &set);
  SAY("caught %d, blocked again %d", caught, sigismember(&set, SIGUSR1));
}

CONTRACT(sigpipe_comes_with_epipe) {
  signal(SIGPIPE, count);
  pipe(fds);
  close(fds[0]);
  CHECK(write(fds[1], "x", 1));
  SAY("caught: %d", caught);
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  close(s[0]);
  CHECK(send(s[1], "x", 1, MSG_NOSIGNAL));
  SAY("caught: %d", caught);
  CHECK(send(s[1], "x", 1, 0));
  SAY("caught: %d", caught);
  signal(SIGPIPE, SIG_DFL);
  write(fds[1], "x", 1);
  SAY("not reached");
}

static void chld(int sig, siginfo_t *info, void *context) {
  caught++;
  fds[0] = info->si_code;
  fds[1] = info->si_status;
}

CONTRACT(sigchld_tells_what_happened) {
  struct sigaction sa = {.sa_sigaction = chld, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGCHLD, &sa, NULL);
  pid_t pid = fork();
  if (pid == 0) for (;;) pause();
  int signals[] = {SIGSTOP, SIGCONT, SIGTERM};
  for (int i = 0; i < 3; i++) {
    int before = caught;
    kill(pid, signals[i]);
    while (caught == before) nap(1);
    SAY("code %d, status %d", fds[0], fds[1]);
  }
  waitpid(pid, NULL, 0);
  pid = fork();
  if (pid == 0) _exit(9);
  waitpid(pid, NULL, 0);
  SAY("code %d, status %d", fds[0], fds[1]);
  sa.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &sa, NULL);
  pid = fork();
  if (pid == 0) for (;;) pause();
  caught = 0;
  kill(pid, SIGSTOP);
  waitpid(pid, NULL, WUNTRACED);
  kill(pid, SIGCONT);
  waitpid(pid, NULL, WCONTINUED);
  SAY("without stops: %d", caught);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  SAY("its end: %d", caught);
}
