/* Who a process is: groups and sessions, users, capabilities, limits, prctl(2). */
#include "../contract.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

CONTRACT(process_groups) {
  pid_t pid = fork();
  if (pid == 0) for (;;) pause();
  SAY("mine: %d", getpgid(pid) == getpgrp());
  CHECK(setpgid(pid, pid));
  SAY("its own: %d", getpgid(pid) == pid);
  CHECK(setpgid(pid, 0));
  CHECK(setpgid(pid, getpgrp()));
  CHECK(setpgid(pid, 99999999));
  CHECK(setpgid(pid, -1));
  CHECK(setpgid(99999999, 0));
  CHECK(setpgid(getppid(), 0));
  CHECK(getpgid(99999999));
  CHECK(kill(-99999999, 0));
  setpgid(pid, pid);
  CHECK(killpg(pid, SIGTERM));
  int status;
  waitpid(pid, &status, 0);
  say_status("child", status);
}

CONTRACT(sessions) {
  int status;
  CHECK(setsid());
  pid_t pid = fork();
  if (pid == 0) {
    SAY("new: %d", setsid() == getpid());
    SAY("leader of all: %d %d", getsid(0) == getpid(), getpgrp() == getpid());
    CHECK(setsid());
    CHECK(setpgid(0, 0));
    pid_t other = fork();
    if (other == 0) {
      SAY("inherited: %d", getsid(0) == getppid());
      _exit(0);
    }
    waitpid(other, NULL, 0);
    CHECK(open("/dev/tty", O_RDWR));
    _exit(0);
  }
  waitpid(pid, &status, 0);
  say_status("child", status);
  CHECK(getsid(99999999));
}

CONTRACT(a_child_that_has_executed_keeps_its_group) {
  int fds[2];
  char c;
  pipe2(fds, O_CLOEXEC);
  pid_t pid = fork();
  if (pid == 0) {
    char *argv[] = {"program", "no_contract_has_this_name", NULL}, *envp[] = {NULL};
    execve("/proc/self/exe", argv, envp);
    _exit(1);
  }
  close(fds[1]);
  read(fds[0], &c, 1);
  CHECK(setpgid(pid, pid));
  waitpid(pid, NULL, 0);
}

static void say_ids(const char *what) {
  uid_t r, e, s;
  getresuid(&r, &e, &s);
  SAY("%s: %d %d %d", what, r, e, s);
}

CONTRACT_AS_ROOT(users_real_effective_and_saved) {
  say_ids("root");
  CHECK(setresuid(-1, 1000, -1));
  say_ids("effective");
  CHECK(setresuid(-1, 2000, -1));
  CHECK(setresuid(-1, 0, -1));
  say_ids("back");
  CHECK(setresuid(1000, 2000, 3000));
  say_ids("three");
  CHECK(setuid(1000));
  say_ids("real");
  CHECK(setuid(3000));
  say_ids("saved");
  CHECK(setuid(0));
  CHECK(setresuid(3000, 2000, 1000));
  CHECK(setreuid(3000, 1000));
  say_ids("swapped");
  CHECK(seteuid(2000));
}

CONTRACT_AS_ROOT(setreuid_moves_the_saved_id) {
  CHECK(setreuid(1000, -1));
  say_ids("real");
  CHECK(setreuid(-1, 2000));
  say_ids("effective");
  CHECK(setreuid(2000, 1000));
  say_ids("swapped");
}

CONTRACT_AS_ROOT(setuid_of_root_is_for_ever) {
  CHECK(setuid(1000));
  say_ids("all");
  CHECK(setuid(0));
  CHECK(setresuid(0, -1, -1));
  CHECK(setgroups(0, NULL));
  CHECK(setgid(5));
}

CONTRACT_AS_ROOT(groups) {
  gid_t list[] = {5, 3, 9, 3}, got[10];
  CHECK(setgroups(4, list));
  VALUE(getgroups(0, NULL));
  int n = getgroups(10, got);
  for (int i = 0; i < n; i++) SAY("%d", got[i]);
  CHECK(getgroups(2, got));
  CHECK(getgroups(-1, got));
  CHECK(setgroups(70000, list));
  CHECK(setresgid(1, 2, 3));
  gid_t r, e, s;
  getresgid(&r, &e, &s);
  SAY("%d %d %d", r, e, s);
  close(open("f", O_RDWR | O_CREAT, 0600));
  struct stat st;
  stat("f", &st);
  SAY("new files': %d", st.st_gid);
  setresuid(1000, 1000, 1000);
  CHECK(setgid(3));
  CHECK(setgid(9));
}

CONTRACT_AS_ROOT(effective_users_and_files) {
  close(open("mine", O_RDWR | O_CREAT, 0600));
  chmod(".", 0777);
  MUST(seteuid(1000));
  CHECK(open("mine", O_RDONLY));
  close(open("theirs", O_RDWR | O_CREAT, 0600));
  struct stat st;
  stat("theirs", &st);
  SAY("owner: %d", st.st_uid);
  CHECK(access("mine", R_OK));
  CHECK(faccessat(AT_FDCWD, "mine", R_OK, AT_EACCESS));
  CHECK(chown("theirs", 0, 0));
  seteuid(0);
  CHECK(open("mine", O_RDONLY));
}

CONTRACT_AS_ROOT(signals_to_other_users) {
  pid_t pid = fork();
  if (pid == 0) {
    setresuid(2000, 2000, 2000);
    for (;;) pause();
  }
  MUST(setresuid(1000, 1000, 1000));
  while (kill(pid, 0) == 0) usleep(1000);
  CHECK(kill(pid, SIGTERM));
  CHECK(kill(pid, 0));
  CHECK(kill(1, SIGTERM));
  CHECK(kill(getpid(), 0));
}

struct cap { unsigned version; int pid; };
static unsigned long caps(int which) {
  struct cap head = {0x20080522, 0};
  unsigned data[6] = {0};
  MUST(syscall(SYS_capget, &head, data));
  return data[which] | (unsigned long)data[which + 3] << 32;
}

CONTRACT_AS_ROOT(capabilities_follow_users) {
  SAY("has some: %d %d", caps(0) != 0, caps(1) != 0);
  seteuid(1000);
  SAY("effective %d, permitted %d", caps(0) != 0, caps(1) != 0);
  seteuid(0);
  SAY("effective %d, permitted %d", caps(0) != 0, caps(1) != 0);
  prctl(PR_SET_KEEPCAPS, 1);
  setuid(1000);
  SAY("kept: effective %d, permitted %d", caps(0) != 0, caps(1) != 0);
  struct cap head = {0x20080522, 0};
  unsigned data[6] = {0}, wrong = 5;
  data[0] = data[1] = 1 << 6 /* CAP_SETGID */;
  CHECK(syscall(SYS_capset, &head, data));
  SAY("%lx %lx", caps(0), caps(1));
  CHECK(setgid(77));
  data[0] = data[1] = 1 << 7;
  CHECK(syscall(SYS_capset, &head, data));
  head.version = 1;
  CHECK(syscall(SYS_capget, &head, data));
  SAY("the version to use: %x", head.version);
}

CONTRACT(prctl_names_and_flags) {
  char name[17] = "";
  int value;
  CHECK(prctl(PR_SET_NAME, "a name that is too long"));
  prctl(PR_GET_NAME, name);
  SAY("%s", name);
  CHECK(prctl(PR_SET_NAME, 8L));
  CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
  CHECK(prctl(PR_GET_PDEATHSIG, &value));
  SAY("%d", value);
  if (fork() == 0) {
    prctl(PR_GET_PDEATHSIG, &value);
    prctl(PR_GET_NAME, name);
    SAY("child: %d %s", value, name);
    _exit(0);
  }
  wait(NULL);
  CHECK(prctl(PR_SET_PDEATHSIG, 99));
  VALUE(prctl(PR_GET_DUMPABLE));
  CHECK(prctl(PR_SET_DUMPABLE, 2));
  CHECK(prctl(PR_SET_DUMPABLE, 0));
  VALUE(prctl(PR_GET_DUMPABLE));
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  VALUE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  CHECK(prctl(PR_SET_KEEPCAPS, 2));
  CHECK(prctl(99999));
  CHECK(prctl(PR_CAPBSET_READ, 99));
}

CONTRACT(umask_is_applied_and_inherited) {
  struct stat st;
  SAY("%o", umask(0345));
  SAY("%o", umask(077777));
  SAY("%o", umask(027));
  close(open("f", O_RDWR | O_CREAT, 0777));
  mkdir("d", 0777);
  stat("f", &st);
  SAY("file %o", st.st_mode);
  stat("d", &st);
  SAY("directory %o", st.st_mode);
  if (fork() == 0) {
    SAY("child %o", umask(0));
    _exit(0);
  }
  wait(NULL);
  SAY("%o", umask(0));
}

static void limit(int what, long soft, long hard) {
  struct rlimit l = {soft, hard};
  MUST(setrlimit(what, &l));
}

CONTRACT(the_number_of_files_is_limited) {
  limit(RLIMIT_NOFILE, 20, 20);
  int fd, last = 0;
  while ((fd = dup(0)) >= 0) last = fd;
  SAY("last: %d, %s", last, contract_errno(errno));
  CHECK(open("/", O_RDONLY));
  CHECK(dup2(0, 20));
  CHECK(fcntl(0, F_DUPFD, 20));
  CHECK(dup2(0, 19));
  int fds[2];
  CHECK(pipe(fds));
}

static volatile int caught;
static void counts(int sig) { caught++; }

CONTRACT(the_size_of_files_is_limited) {
  int fd = open("f", O_RDWR | O_CREAT, 0600);
  signal(SIGXFSZ, counts);
  limit(RLIMIT_FSIZE, 100, 1000);
  char much[200] = "";
  VALUE(write(fd, much, 200));
  CHECK(write(fd, much, 1));
  SAY("signals: %d", caught);
  CHECK(ftruncate(fd, 101));
  CHECK(pwrite(fd, much, 10, 95) == 5 ? 0 : -1);
  SAY("signals: %d", caught);
  signal(SIGXFSZ, SIG_DFL);
  write(fd, much, 1);
  SAY("not reached");
}

CONTRACT(cpu_time_is_limited) {
  signal(SIGXCPU, counts);
  limit(RLIMIT_CPU, 1, 2);
  while (!caught) {}
  SAY("warned");
  struct rlimit l;
  getrlimit(RLIMIT_CPU, &l);
  SAY("next: %ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
}

CONTRACT_AS_ROOT(the_number_of_processes_is_limited) {
  limit(RLIMIT_NPROC, 3, 3);
  MUST(setresuid(54321, 54321, 54321));
  int n = 0;
  pid_t pid;
  while (n < 10 && (pid = fork()) > 0) n++;
  if (pid == 0) for (;;) pause();
  SAY("children: %d, %s", n, contract_errno(errno));
}

CONTRACT(limits_go_down_freely) {
  struct rlimit l, old;
  limit(RLIMIT_NOFILE, 50, 60);
  l.rlim_cur = 61, l.rlim_max = 60;
  CHECK(setrlimit(RLIMIT_NOFILE, &l));
  CHECK(getrlimit(99, &l));
  CHECK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &old));
  SAY("%ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
  if (fork() == 0) {
    getrlimit(RLIMIT_NOFILE, &l);
    SAY("inherited: %ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
    _exit(0);
  }
  wait(NULL);
  CHECK(syscall(SYS_prlimit64, 99999999, RLIMIT_NOFILE, NULL, &old));
}

CONTRACT_AS_ROOT(hard_limits_need_a_privilege) {
  struct rlimit l = {50, 60};
  setrlimit(RLIMIT_NOFILE, &l);
  setresuid(1000, 1000, 1000);
  l.rlim_max = 61;
  CHECK(setrlimit(RLIMIT_NOFILE, &l));
  l.rlim_cur = 60, l.rlim_max = 60;
  CHECK(setrlimit(RLIMIT_NOFILE, &l));
  CHECK(syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &l));
}
