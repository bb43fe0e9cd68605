/* Scheduling calls and clocks. */
#include "../contract.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

/* musl's are stubs. */
#define setscheduler(pid, policy, param) syscall(SYS_sched_setscheduler, pid, policy, param)
#define getscheduler(pid) syscall(SYS_sched_getscheduler, pid)
#define setparam(pid, param) syscall(SYS_sched_setparam, pid, param)
#define getparam(pid, param) syscall(SYS_sched_getparam, pid, param)

static long long ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }
static long long now(int clock) {
  struct timespec t;
  MUST(clock_gettime(clock, &t));
  return ns(t);
}

CONTRACT(yielding_succeeds_always) { for (int i = 0; i < 3; i++) CHECK(sched_yield()); }

CONTRACT(priorities_have_ranges) {
  for (int policy = 0; policy < 7; policy++) {
    VALUE(syscall(SYS_sched_get_priority_min, policy));
    VALUE(syscall(SYS_sched_get_priority_max, policy));
  }
  CHECK(syscall(SYS_sched_get_priority_max, -1));
}

CONTRACT(ordinary_policies_are_free_to_choose) {
  struct sched_param zero = {0}, one = {1}, got = {77};
  VALUE(getscheduler(0));
  VALUE(getscheduler(getpid()));
  CHECK(setscheduler(0, SCHED_BATCH, &zero));
  VALUE(getscheduler(0));
  CHECK(getparam(0, &got));
  SAY("priority %d", got.sched_priority);
  if (fork() == 0) {
    VALUE(getscheduler(0));
    _exit(0);
  }
  wait(NULL);
  CHECK(setscheduler(0, SCHED_OTHER, &one));
  CHECK(setscheduler(0, 99, &zero));
  CHECK(setscheduler(0, SCHED_OTHER, NULL));
  CHECK(setscheduler(0, SCHED_OTHER, (void *)8));
  CHECK(setscheduler(-1, SCHED_OTHER, &zero));
  CHECK(setscheduler(99999999, SCHED_OTHER, &zero));
  CHECK(getscheduler(-1));
  CHECK(getscheduler(99999999));
  CHECK(getparam(0, NULL));
  CHECK(setparam(0, &one));
  CHECK(setparam(0, &zero));
}

CONTRACT_AS_ROOT(real_time_needs_a_privilege) {
  struct sched_param one = {1};
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_RTPRIO, &none);
  MUST(setresuid(1234, 1234, 1234));
  CHECK(setscheduler(0, SCHED_FIFO, &one));
  CHECK(setscheduler(0, SCHED_RR, &one));
  CHECK(setscheduler(1, SCHED_BATCH, &(struct sched_param){0}));
}

CONTRACT(affinity_is_kept_and_inherited) {
  cpu_set_t all, one, got;
  CPU_ZERO(&all);
  SAY("bytes: %d", sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) > 0);
  int first = 0;
  while (!CPU_ISSET(first, &all)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one));
  CHECK(sched_getaffinity(0, sizeof got, &got));
  SAY("kept: %d", CPU_EQUAL(&one, &got));
  SAY("there: %d", sched_getcpu() == first);
  if (fork() == 0) {
    sched_getaffinity(0, sizeof got, &got);
    SAY("inherited: %d", CPU_EQUAL(&one, &got));
    _exit(0);
  }
  wait(NULL);
  CPU_ZERO(&one);
  CHECK(sched_setaffinity(0, sizeof one, &one));
  CHECK(syscall(SYS_sched_getaffinity, 0, 1, &got));
  CHECK(syscall(SYS_sched_getaffinity, 0, 12, &got));
  CHECK(sched_setaffinity(99999999, sizeof all, &all));
  CHECK(sched_getaffinity(99999999, sizeof all, &all));
  CHECK(syscall(SYS_sched_getaffinity, 0, 128, (void *)8));
}

CONTRACT(nice_values) {
  CHECK(setpriority(PRIO_PROCESS, 0, 10));
  VALUE(getpriority(PRIO_PROCESS, 0));
  VALUE(getpriority(PRIO_PROCESS, getpid()));
  VALUE(getpriority(PRIO_PGRP, 0));
  errno = 0;
  VALUE(nice(3));
  VALUE(syscall(SYS_getpriority, PRIO_PROCESS, 0));
  if (fork() == 0) {
    VALUE(getpriority(PRIO_PROCESS, 0));
    CHECK(setpriority(PRIO_PROCESS, 0, 100));
    VALUE(getpriority(PRIO_PROCESS, 0));
    _exit(0);
  }
  wait(NULL);
  CHECK(getpriority(7, 0));
  CHECK(setpriority(7, 0, 0));
  CHECK(getpriority(PRIO_PROCESS, 99999999));
  CHECK(setpriority(PRIO_PROCESS, 99999999, 0));
  CHECK(getpriority(PRIO_PGRP, 99999999));
}

CONTRACT_AS_ROOT(who_may_be_nicer_to_himself) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_NICE, &none);
  pid_t other = fork();
  if (other == 0) for (;;) pause();
  MUST(setresuid(1234, 1234, 1234));
  CHECK(setpriority(PRIO_PROCESS, 0, 5));
  CHECK(setpriority(PRIO_PROCESS, 0, 4));
  CHECK(setpriority(PRIO_PROCESS, other, 5));
  VALUE(getpriority(PRIO_PROCESS, 0));
  CHECK(nice(-1));
}

CONTRACT(clocks_have_resolutions) {
  struct timespec r;
  int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                  CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
  for (int i = 0; i < 6; i++) {
    CHECK(clock_getres(clocks[i], &r));
    SAY("%d: %ld ns", clocks[i], (long)ns(r));
  }
  CHECK(syscall(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, &r));
  SAY("coarse: %d", ns(r) >= 1000000 && ns(r) <= 10000000);
  CHECK(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
  CHECK(syscall(SYS_clock_getres, 99, &r));
  CHECK(syscall(SYS_clock_gettime, 99, &r));
  CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, NULL));
  CHECK(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &r));
  CHECK(syscall(SYS_clock_settime, 99, &r));
}

CONTRACT(clocks_never_go_back) {
  int clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
                  CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
  for (int i = 0; i < 6; i++) {
    long long last = now(clocks[i]);
    int back = 0;
    for (int j = 0; j < 500; j++) {
      long long t = now(clocks[i]);
      back += t < last;
      last = t;
    }
    SAY("%d: back %d times", clocks[i], back);
  }
  long long mono = now(CLOCK_MONOTONIC);
  SAY("boot time is not behind: %d", now(CLOCK_BOOTTIME) >= mono);
  long long coarse = now(CLOCK_REALTIME_COARSE), fine = now(CLOCK_REALTIME);
  SAY("coarse is close behind: %d", coarse <= fine && fine - coarse < 100000000);
  struct timeval tv;
  gettimeofday(&tv, NULL);
  SAY("the same time: %d", llabs(tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL - fine) < 5000000000LL);
  SAY("the same second: %d", labs(time(NULL) - tv.tv_sec) <= 1);
}

CONTRACT(sleeps_last_at_least_as_long) {
  struct timespec ts = {0, 15000000};
  long long start = now(CLOCK_MONOTONIC);
  CHECK(nanosleep(&ts, NULL));
  SAY("long enough: %d", now(CLOCK_MONOTONIC) - start >= 15000000);
  for (int i = 0; i < 2; i++) {
    int clock = i ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    clock_gettime(clock, &ts);
    ts.tv_nsec += 15000000;
    if (ts.tv_nsec >= 1000000000) ts.tv_nsec -= 1000000000, ts.tv_sec++;
    VALUE(clock_nanosleep(clock, TIMER_ABSTIME, &ts, NULL));
    SAY("late enough: %d", now(clock) >= ns(ts));
  }
  ts.tv_sec = 1;
  VALUE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
  ts.tv_sec = 0, ts.tv_nsec = 0;
  CHECK(nanosleep(&ts, NULL));
}

CONTRACT(sleeps_refuse_what_makes_no_sense) {
  struct timespec bad[] = {{0, -1}, {0, 1000000000}, {-1, 0}}, fine = {0, 1};
  for (int i = 0; i < 3; i++) {
    CHECK(nanosleep(&bad[i], NULL));
    VALUE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &bad[i], NULL));
  }
  CHECK(syscall(SYS_nanosleep, NULL, NULL));
  CHECK(syscall(SYS_clock_nanosleep, 99, 0, &fine, NULL));
  CHECK(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &fine, NULL));
}

CONTRACT(cpu_clocks_stand_still_while_asleep) {
  struct timespec ts = {0, 300000000};
  long long process = now(CLOCK_PROCESS_CPUTIME_ID), thread = now(CLOCK_THREAD_CPUTIME_ID);
  nanosleep(&ts, NULL);
  SAY("process: %d, thread: %d", now(CLOCK_PROCESS_CPUTIME_ID) - process < 250000000,
      now(CLOCK_THREAD_CPUTIME_ID) - thread < 250000000);
  while (now(CLOCK_THREAD_CPUTIME_ID) - thread < 30000000) {}
  SAY("process: %d", now(CLOCK_PROCESS_CPUTIME_ID) - process >= 29000000);
  struct tms t;
  struct rusage u;
  SAY("ticks: %d", times(&t) != (clock_t)-1 && t.tms_utime + t.tms_stime >= 1);
  getrusage(RUSAGE_SELF, &u);
  SAY("usage: %d", u.ru_utime.tv_usec + u.ru_stime.tv_usec >= 20000 || u.ru_utime.tv_sec > 0);
  CHECK(getrusage(77, &u));
  CHECK(syscall(SYS_getrusage, RUSAGE_SELF, (void *)8));
}

static char order[10];
static volatile int fired;
static void fires(int sig, siginfo_t *info, void *context) { order[fired++] = info->si_value.sival_int; }

CONTRACT(timers_fire_in_the_order_of_their_times) {
  struct sigaction sa = {.sa_sigaction = fires, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &sa, NULL);
  int delays[] = {220, 140, 260, 180};
  struct timespec base;
  clock_gettime(CLOCK_MONOTONIC, &base);
  for (int i = 0; i < 4; i++) {
    timer_t t;
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 'a' + i};
    long nsec = base.tv_nsec + delays[i] * 1000000L;
    struct itimerspec when = {.it_value = {base.tv_sec + nsec / 1000000000, nsec % 1000000000}};
    MUST(timer_create(CLOCK_MONOTONIC, &e, &t));
    MUST(timer_settime(t, TIMER_ABSTIME, &when, NULL));
  }
  while (fired < 4) pause();
  SAY("%s", order);
}

CONTRACT(posix_timers_count_overruns) {
  timer_t t;
  sigset_t set;
  siginfo_t info;
  struct itimerspec when = {{0, 5000000}, {0, 5000000}}, got;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  CHECK(timer_create(CLOCK_MONOTONIC, &e, &t));
  CHECK(timer_settime(t, 0, &when, NULL));
  struct timespec ts = {0, 60000000};
  nanosleep(&ts, NULL);
  VALUE(sigwaitinfo(&set, &info));
  SAY("code %d, value %d, overruns: %d, the same: %d", info.si_code, info.si_value.sival_int, info.si_overrun >= 5,
      timer_getoverrun(t) == info.si_overrun);
  CHECK(timer_gettime(t, &got));
  SAY("interval %ld, rest: %d", got.it_interval.tv_nsec, got.it_value.tv_nsec > 0 && got.it_value.tv_nsec <= 5000000);
  CHECK(timer_delete(t));
  CHECK(syscall(SYS_timer_delete, 77));
  CHECK(syscall(SYS_timer_gettime, 77, &got));
  e.sigev_signo = 99;
  CHECK(timer_create(CLOCK_MONOTONIC, &e, &t));
  CHECK(syscall(SYS_timer_create, 99, NULL, &t));
}

CONTRACT(a_timer_can_signal_one_thread) {
  struct { int value, pad, signo, notify, tid; int rest[11]; } e = {5, 0, SIGRTMIN, 4 /* SIGEV_THREAD_ID */, getpid()};
  struct sigaction sa = {.sa_sigaction = fires, .sa_flags = SA_SIGINFO};
  struct itimerspec when = {.it_value = {0, 10000000}};
  int t;
  sigaction(SIGRTMIN, &sa, NULL);
  CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t));
  CHECK(syscall(SYS_timer_settime, t, 0, &when, NULL));
  while (!fired) usleep(1000);
  SAY("value %d", order[0]);
  e.tid = 99999999;
  CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &t));
}

static volatile int alarms;
static void counts(int sig) { alarms++; }

CONTRACT(interval_timers_repeat) {
  struct itimerval it = {{0, 10000}, {0, 10000}}, got, none = {0};
  signal(SIGALRM, counts);
  alarm(0);
  CHECK(setitimer(ITIMER_REAL, &it, NULL));
  while (alarms < 3) pause();
  CHECK(setitimer(ITIMER_REAL, &none, &got));
  SAY("interval %ld, rest: %d", (long)got.it_interval.tv_usec, got.it_value.tv_usec <= 10000);
  signal(SIGVTALRM, counts);
  alarms = 0;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  while (alarms < 2) {}
  SAY("virtual");
  it.it_value.tv_usec = 1000000;
  CHECK(setitimer(ITIMER_REAL, &it, NULL));
  CHECK(setitimer(77, &none, NULL));
  CHECK(getitimer(77, &got));
}

CONTRACT(alarm_tells_the_rest) {
  alarm(100);
  SAY("rest: %d", alarm(50) >= 99);
  SAY("rest: %d", alarm(0) >= 49);
  SAY("rest: %d", alarm(0));
  if (fork() == 0) {
    SAY("not inherited: %d", alarm(0));
    _exit(0);
  }
  wait(NULL);
}
