/* eventfd(2), timerfd_create(2), signalfd(2). */
#include "../contract.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static int revents(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT};
  poll(&p, 1, 0);
  return p.revents;
}

static void say_count(const char *what, int fd) {
  uint64_t n = 0;
  long r = read(fd, &n, 8);
  if (r < 0) SAY("%s: errno %d", what, errno);
  else SAY("%s: %ld bytes, %llu", what, r, (unsigned long long)n);
}

static long put(int fd, uint64_t n) { return write(fd, &n, 8); }

CONTRACT(eventfd_counter) {
  int fd = MUST(eventfd(3, EFD_NONBLOCK));
  SAY("revents %x", revents(fd));
  say_count("initial", fd);
  say_count("empty", fd);
  SAY("revents %x", revents(fd));
  VALUE(put(fd, 5));
  VALUE(put(fd, 7));
  say_count("sum", fd);
  VALUE(put(fd, 0));
  say_count("zero", fd);
  VALUE(put(fd, ~0ULL));
  VALUE(put(fd, ~0ULL - 1));
  SAY("revents %x", revents(fd));
  VALUE(put(fd, 1));
  say_count("most", fd);
  char small[4];
  VALUE(read(fd, small, 4));
  VALUE(write(fd, small, 4));
  char large[16];
  VALUE(eventfd(0, 4));
  VALUE(pread(fd, large, 8, 0));
}

CONTRACT(eventfd_semaphore) {
  int fd = MUST(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC));
  SAY("descriptor flags %d", fcntl(fd, F_GETFD));
  say_count("one", fd);
  say_count("two", fd);
  say_count("none", fd);
  put(fd, 2);
  say_count("one", fd);
  SAY("revents %x", revents(fd));
}

CONTRACT(eventfd_blocks) {
  int fd = MUST(eventfd(0, 0));
  if (fork() == 0) { usleep(20000); put(fd, 9); _exit(0); }
  say_count("waited", fd);
  put(fd, ~0ULL - 1);
  if (fork() == 0) { uint64_t n; usleep(20000); _exit(read(fd, &n, 8) == 8 && n == ~0ULL - 1 ? 0 : 1); }
  VALUE(put(fd, 4));
  int first, second;
  wait(&first);
  wait(&second);
  SAY("children %d %d", first, second);
  say_count("rest", fd);
}

static void set(int fd, int flags, long ms, long interval) {
  struct itimerspec t = {{interval / 1000, interval % 1000 * 1000000}, {ms / 1000, ms % 1000 * 1000000}};
  CHECK(timerfd_settime(fd, flags, &t, 0));
}

CONTRACT(timerfd_once) {
  int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  struct itimerspec now;
  say_count("unarmed", fd);
  set(fd, 0, 20, 0);
  timerfd_gettime(fd, &now);
  SAY("armed: %d, interval %ld", now.it_value.tv_nsec > 0, now.it_interval.tv_nsec);
  say_count("early", fd);
  poll(&(struct pollfd){fd, POLLIN}, 1, 5000);
  SAY("revents %x", revents(fd));
  say_count("expired", fd);
  say_count("again", fd);
  timerfd_gettime(fd, &now);
  SAY("left %ld %ld", (long)now.it_value.tv_sec, now.it_value.tv_nsec);
  char small[4];
  CHECK(read(fd, small, 4));
  CHECK(write(fd, small, 4));
}

CONTRACT(timerfd_interval_and_disarm) {
  int fd = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
  uint64_t n = 0;
  set(fd, 0, 5, 5);
  usleep(40000);
  VALUE(read(fd, &n, 8));
  SAY("several: %d", n >= 5);
  struct itimerspec off = {0}, old;
  CHECK(timerfd_settime(fd, 0, &off, &old));
  SAY("interval was %ld", old.it_interval.tv_nsec);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  say_count("disarmed", fd);
  set(fd, 0, 10, 0);
  usleep(20000);
  set(fd, 0, 60000, 0);
  say_count("set again after it expired", fd);
}

CONTRACT(timerfd_absolute) {
  int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct itimerspec t = {{0, 0}, {now.tv_sec, now.tv_nsec}};
  CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, 0));
  say_count("in the past", fd);
  int real = MUST(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  t.it_value.tv_sec = 1;
  t.it_value.tv_nsec = 0;
  CHECK(timerfd_settime(real, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, 0));
  poll(&(struct pollfd){real, POLLIN}, 1, 1000);
  say_count("1970", real);
  CHECK(timerfd_settime(fd, 8, &t, 0));
  t.it_value.tv_nsec = 1000000000;
  CHECK(timerfd_settime(fd, 0, &t, 0));
  CHECK(timerfd_settime(fd, 0, 0, 0));
  CHECK(timerfd_create(99, 0));
  CHECK(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  CHECK(timerfd_create(CLOCK_MONOTONIC, 1));
  CHECK(timerfd_create(CLOCK_BOOTTIME, 0));
  CHECK(timerfd_gettime(MUST(eventfd(0, 0)), &t));
}

CONTRACT(signalfd_reads_signals) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  struct signalfd_siginfo info[4];
  CHECK(read(fd, info, sizeof info));
  SAY("revents %x", revents(fd));
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  union sigval v = {.sival_int = 42};
  sigqueue(getpid(), SIGRTMIN, v);
  sigqueue(getpid(), SIGRTMIN, v);
  SAY("revents %x", revents(fd));
  CHECK(read(fd, info, 100));
  long n = read(fd, info, sizeof info);
  SAY("%ld", n / (long)sizeof info[0]);
  for (int i = 0; i < n / (long)sizeof info[0]; i++)
    SAY("%s code %d own %d int %d", info[i].ssi_signo == SIGUSR1 ? "USR1" : "RTMIN", info[i].ssi_code,
        info[i].ssi_pid == getpid(), info[i].ssi_int);
  CHECK(read(fd, info, sizeof info));
  sigemptyset(&set);
  SAY("same: %d", signalfd(fd, &set, 0) == fd);
  raise(SIGUSR1);
  SAY("revents %x", revents(fd));
  CHECK(signalfd(0, &set, 0));
  CHECK(signalfd(-1, &set, 1));
}

CONTRACT(signalfd_sees_children) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = MUST(signalfd(-1, &set, 0));
  pid_t child = fork();
  if (child == 0) _exit(5);
  struct signalfd_siginfo info;
  VALUE(read(fd, &info, sizeof info));
  SAY("signal %d code %d child %d status %d", info.ssi_signo, info.ssi_code, info.ssi_pid == (unsigned)child,
      info.ssi_status);
}
