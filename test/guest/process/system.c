/* What concerns the whole system, as far as anybody may ask: names, clocks, the log, barriers, randomness. */
#include "../contract.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

CONTRACT_AS_ROOT(only_root_changes_the_system) {
  MUST(setgid(1000));
  MUST(setuid(1000));
  struct timeval tv = {1000, 0};
  CHECK(sethostname("other", 5));
  CHECK(sethostname("other", -1));
  CHECK(syscall(SYS_setdomainname, "other", 5L));
  CHECK(settimeofday(&tv, NULL));
  tv.tv_usec = 1000000;
  CHECK(settimeofday(&tv, NULL));
  CHECK(settimeofday(NULL, &(struct timezone){10000, 0}));
  CHECK(clock_settime(CLOCK_REALTIME, &(struct timespec){1000, 0}));
  CHECK(clock_settime(CLOCK_MONOTONIC, &(struct timespec){1000, 0}));
  CHECK(reboot(RB_AUTOBOOT));
  CHECK(syscall(SYS_reboot, 1, 2, 3, 4));
  CHECK(mount("none", ".", "tmpfs", 0, NULL));
  CHECK(mount("none", "missing", "tmpfs", 0, NULL));
  CHECK(umount("."));
  CHECK(umount2(".", 0x100));
  CHECK(chroot("."));
  CHECK(chroot("missing"));
  CHECK(syscall(SYS_syslog, 5, NULL, 0));
}

CONTRACT(syslog_checks) {
  char text[16];
  CHECK(syscall(SYS_syslog, 99, text, 16));
  CHECK(syscall(SYS_syslog, 3, text, -1));
  CHECK(syscall(SYS_syslog, 3, NULL, 16));
  VALUE(syscall(SYS_syslog, 3, text, 0));
  SAY("size: %d", syscall(SYS_syslog, 10, NULL, 0) > 0);
}

CONTRACT(personality_is_kept) {
  struct utsname u;
  int status, old = personality(0xffffffff);
  SAY("%x", old);
  VALUE(personality(ADDR_NO_RANDOMIZE));
  VALUE(personality(0xffffffff));
  if (fork() == 0) {
    VALUE(personality(PER_LINUX32));
    uname(&u);
    SAY("%s %s", u.sysname, u.machine);
    _exit(0);
  }
  wait(&status);
  VALUE(personality(old));
}

CONTRACT(scheduler_questions) {
  struct timespec ts = {-1, -1};
  unsigned cpu = 9999, node = 9999;
  CHECK(sched_rr_get_interval(0, &ts));
  SAY("an interval: %d", ts.tv_sec == 0 && ts.tv_nsec >= 0);
  CHECK(syscall(SYS_sched_rr_get_interval, -1, &ts));
  CHECK(syscall(SYS_sched_rr_get_interval, 99999999, &ts));
  CHECK(syscall(SYS_sched_rr_get_interval, 0, 1));
  CHECK(syscall(SYS_getcpu, &cpu, &node, NULL));
  SAY("%d %u", cpu < 1024, node);
  CHECK(syscall(SYS_getcpu, NULL, NULL, NULL));
  CHECK(syscall(SYS_getcpu, 1, NULL, NULL));
}

CONTRACT(randomness) {
  char a[64] = "", b[64] = "";
  VALUE(getrandom(a, 64, 0));
  VALUE(getrandom(b, 64, GRND_NONBLOCK));
  SAY("different: %d", memcmp(a, b, 64) != 0);
  VALUE(getrandom(NULL, 0, 0));
  CHECK(getrandom((void *)1, 8, 0));
  CHECK(getrandom(a, 8, 0x80));
  CHECK(getrandom(a, 8, GRND_RANDOM | 4));
}

CONTRACT(barriers) {
  long known = syscall(SYS_membarrier, 0, 0, 0);
  SAY("known: %d", (known & 0x19) == 0x19);
  CHECK(syscall(SYS_membarrier, 0, 1, 0));
  CHECK(syscall(SYS_membarrier, 1, 0, 0));
  CHECK(syscall(SYS_membarrier, 8, 0, 0));
  CHECK(syscall(SYS_membarrier, 16, 0, 0));
  CHECK(syscall(SYS_membarrier, 8, 0, 0));
  CHECK(syscall(SYS_membarrier, 1 << 20, 0, 0));
}

CONTRACT_AS_ROOT(ids_of_groups_and_for_files) {
  gid_t r, e, s;
  VALUE(setregid(-1, 7));
  SAY("%d %d", getgid(), getegid());
  VALUE(setregid(8, -1));
  getresgid(&r, &e, &s);
  SAY("%d %d %d", r, e, s);
  VALUE(syscall(SYS_setfsgid, 9));
  VALUE(syscall(SYS_setfsgid, -1));
  VALUE(syscall(SYS_setfsuid, 1000));
  CHECK(open("of-another", O_CREAT | O_WRONLY, 0600));
  VALUE(syscall(SYS_setfsuid, -1));
  VALUE(syscall(SYS_setfsuid, 0));
  CHECK(open("mine", O_CREAT | O_WRONLY, 0600));
  struct stat st;
  stat("mine", &st);
  SAY("%d %d", st.st_uid, st.st_gid);
  MUST(setuid(1000));
  CHECK(setregid(12, 13));
  CHECK(setregid(7, 8));
  VALUE(syscall(SYS_setfsuid, 5));
  VALUE(syscall(SYS_setfsuid, -1));
}

CONTRACT(thread_id_address) {
  static int tid = 1;
  SAY("%d", syscall(SYS_set_tid_address, &tid) == syscall(SYS_gettid));
  int *at = NULL;
  CHECK(prctl(PR_GET_TID_ADDRESS, &at));
  SAY("%d", at == &tid);
  CHECK(syscall(SYS_restart_syscall));
}

CONTRACT(calls_that_libraries_replace) {
  struct rlimit r = {7, 9}, old;
  struct timeval tv;
  struct timespec ts;
  time_t t = 0;
  SAY("%d", syscall(SYS_getpgrp) == getpgid(0));
  CHECK(syscall(SYS_setrlimit, RLIMIT_CORE, &r));
  CHECK(syscall(SYS_getrlimit, RLIMIT_CORE, &old));
  SAY("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
  r.rlim_cur = 10;
  CHECK(syscall(SYS_setrlimit, RLIMIT_CORE, &r));
  CHECK(syscall(SYS_getrlimit, 99, &old));
  CHECK(syscall(SYS_getrlimit, RLIMIT_CORE, 1));
  CHECK(syscall(SYS_alarm, 20));
  CHECK(syscall(SYS_alarm, 30));
  CHECK(syscall(SYS_gettimeofday, &tv, NULL));
  clock_gettime(CLOCK_REALTIME, &ts);
  SAY("now: %d", ts.tv_sec - tv.tv_sec <= 1);
  CHECK(syscall(SYS_gettimeofday, 1, NULL));
  SAY("now: %d", syscall(SYS_time, &t) - tv.tv_sec <= 1);
  SAY("stored: %d", t - tv.tv_sec <= 1);
  CHECK(syscall(SYS_time, 1));
  tv.tv_usec = 1000000;
  CHECK(syscall(SYS_settimeofday, &tv, NULL));
  CHECK(syscall(SYS_settimeofday, 1, NULL));
  CHECK(syscall(SYS_settimeofday, NULL, (int[2]){901, 0}));
}
