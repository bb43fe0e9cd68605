/* proc(5): what a process sees of itself. */
#include "../contract.h"
#include "slurp.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The line that begins with `key`, without it. */
static const char *field(const char *key) {
  static char line[512];
  for (char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : 0) {
    if (strncmp(p, key, strlen(key)) != 0) continue;
    snprintf(line, sizeof line, "%s", p + strlen(key));
    line[strcspn(line, "\n")] = 0;
    return line;
  }
  return "(none)";
}

CONTRACT(self_stat_fields) {
  slurp("/proc/self/stat");
  char *end = strrchr(text, ')'), *p = end + 2;
  int fields = 2;
  SAY("pid: %d, newline: %d", atoi(text) == getpid(), text[strlen(text) - 1] == '\n');
  for (char *f = strtok(p, " \n"); f; f = strtok(0, " \n")) {
    fields++;
    if (fields == 3) SAY("state %s", f);
    if (fields == 4) SAY("parent: %d", atoi(f) == getppid());
    if (fields == 5) SAY("group: %d", atoi(f) == getpgrp());
    if (fields == 6) SAY("session: %d", atoi(f) == getsid(0));
    if (fields == 20) SAY("threads %s", f);
    if (fields == 38) SAY("exit signal %s", f);
  }
  SAY("%d fields", fields);
}

CONTRACT(self_status_fields) {
  prctl(PR_SET_NAME, "na\tme\\x");
  slurp("/proc/self/status");
  SAY("Name:%s", field("Name:"));
  SAY("State:%s", field("State:"));
  SAY("Tgid: %d", atoi(field("Tgid:")) == getpid());
  SAY("PPid: %d", atoi(field("PPid:")) == getppid());
  SAY("TracerPid:%s", field("TracerPid:"));
  SAY("Threads:%s", field("Threads:"));
  static const char *const names[] = {"Umask", "Ngid", "Uid", "Gid", "FDSize", "Groups", "VmPeak", "VmSize",
    "VmRSS", "VmData", "VmStk", "VmExe", "VmLib", "VmSwap", "SigQ", "SigPnd", "ShdPnd", "SigBlk",
    "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
    "Cpus_allowed", "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    char key[40];
    sprintf(key, "%s:\t", names[i]);
    SAY("%s: %d", names[i], strcmp(field(key), "(none)") != 0);
  }
  SAY("Umask:%s", field("Umask:"));
  int ids[4];
  SAY("Uid: %d %d", sscanf(field("Uid:"), "%d %d %d %d", ids, ids + 1, ids + 2, ids + 3), ids[1] == (int)geteuid());
}

CONTRACT(self_status_signals) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMAX);
  sigprocmask(SIG_SETMASK, &set, 0);
  for (int i = 1; i < 32; i++) signal(i, SIG_DFL);
  signal(SIGUSR2, SIG_IGN);
  raise(SIGUSR1);
  kill(getpid(), SIGRTMAX);
  slurp("/proc/self/status");
  SAY("%s", field("SigBlk:"));
  SAY("%s", field("SigIgn:"));
  SAY("%s", field("SigCgt:"));
  SAY("%s", field("SigPnd:"));
  SAY("%s", field("ShdPnd:"));
}

CONTRACT(self_names) {
  char link[512], cwd[512];
  long n = readlink("/proc/self/cwd", link, 511);
  link[n < 0 ? 0 : n] = 0;
  SAY("cwd: %d", strcmp(link, getcwd(cwd, 512)) == 0);
  mkdir("gone", 0755);
  chdir("gone");
  rmdir("../gone");
  n = readlink("/proc/self/cwd", link, 511);
  link[n] = 0;
  SAY("%s", strrchr(link, '/'));
  CHECK(getcwd(cwd, 512) ? 0 : -1);
  CHECK(open("x", O_CREAT | O_RDWR, 0600));
  CHECK(open(".", O_RDONLY));
  n = readlink("/proc/self/root", link, 511);
  link[n] = 0;
  SAY("root %s", link);
  n = readlink("/proc/self", link, 511);
  link[n] = 0;
  SAY("self: %d", atoi(link) == getpid());
  n = readlink("/proc/thread-self", link, 511);
  link[n] = 0;
  char expected[64];
  sprintf(expected, "%d/task/%d", getpid(), getpid());
  SAY("thread-self: %d", strcmp(link, expected) == 0);
  n = readlink("/proc/self/exe", link, 3);
  SAY("cut to %ld", n);
}

CONTRACT(self_comm_can_be_written) {
  CHECK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
  slurp("/proc/self/comm");
  SAY("%s", text);
  int fd = MUST(open("/proc/self/comm", O_RDWR));
  VALUE(write(fd, "another-name-too-long", 21));
  char name[17] = "";
  prctl(PR_GET_NAME, name);
  SAY("%s", name);
  VALUE(write(fd, "short\n", 6));
  prctl(PR_GET_NAME, name);
  SAY("%s|", name);
  slurp("/proc/self/stat");
  SAY("%.*s", (int)(strrchr(text, ')') - strchr(text, '(')) + 1, strchr(text, '('));
}

CONTRACT(self_arguments_and_environment) {
  int p[2];
  MUST(pipe(p));
  slurp("/proc/self/cmdline");
  SAY("ends with a zero: %d", strlen(text) > 0);
  pid_t child = fork();
  if (child == 0) {
    char *const argv[] = {"first", "", "third arg", 0}, *const envp[] = {"A=1", "PATH=/bin", "EMPTY=", 0};
    dup2(p[0], 0);
    close(p[1]);
    execve("/proc/self/exe", argv, envp);
    _exit(1);
  }
  int status;
  close(p[1]);
  waitpid(child, &status, 0);
  say_status("run", status);
  char path[64];
  child = fork();
  if (child == 0) { pause(); _exit(0); }
  sprintf(path, "/proc/%d/cmdline", child);
  long n = slurp(path);
  char own[4096];
  memcpy(own, text, n);
  SAY("same as the parent's: %d", slurp("/proc/self/cmdline") == n && memcmp(own, text, n) == 0);
  sprintf(path, "/proc/%d/environ", child);
  slurp(path);
  SAY("%s", text);
  kill(child, SIGKILL);
  siginfo_t dead;
  MUST(waitid(P_PID, child, &dead, WEXITED | WNOWAIT));
  sprintf(path, "/proc/%d/cmdline", child);
  SAY("zombie's: %ld", slurp(path));
  sprintf(path, "/proc/%d/stat", child);
  slurp(path);
  SAY("state %c", strrchr(text, ')')[2]);
  sprintf(path, "/proc/%d/exe", child);
  CHECK(readlink(path, own, 100));
  waitpid(child, 0, 0);
  CHECK(open(path, O_RDONLY));
}

CONTRACT(self_descriptors) {
  int f = MUST(open("f", O_CREAT | O_RDWR | O_APPEND, 0600)), p[2];
  write(f, "hello", 5);
  MUST(pipe(p));
  MUST(fcntl(p[0], F_SETFD, FD_CLOEXEC));
  MUST(dup2(f, 50));
  MUST(dup2(p[0], 51));
  char path[64], link[256];
  sprintf(path, "/proc/self/fd/%d", 50);
  long n = readlink(path, link, 255);
  link[n] = 0;
  SAY("%s", strrchr(link, '/'));
  n = readlink("/proc/self/fd/51", link, 255);
  link[n] = 0;
  SAY("%.6s", link);
  slurp("/proc/self/fdinfo/50");
  SAY("pos%s", field("pos:"));
  SAY("flags%s", field("flags:"));
  sprintf(path, "/proc/self/fdinfo/%d", p[0]);
  slurp(path);
  SAY("flags%s", field("flags:"));
  struct stat st;
  lstat("/proc/self/fd/50", &st);
  SAY("mode %o", st.st_mode);
  lstat("/proc/self/fd/51", &st);
  SAY("mode %o", st.st_mode);
  CHECK(lstat("/proc/self/fd/99", &st));
  CHECK(lstat("/proc/self/fd/050", &st));
  CHECK(lstat("/proc/self/fd/x", &st));
  CHECK(unlink("/proc/self/fd/50"));
  CHECK(open("/proc/self/fd/new", O_CREAT | O_RDWR, 0600));
  DIR *d = opendir("/proc/self/fd");
  int own = 0, dots = 0;
  for (struct dirent *e; (e = readdir(d));) {
    if (e->d_name[0] == '.') dots++;
    if (atoi(e->d_name) == 50 || atoi(e->d_name) == 51) own++;
  }
  SAY("%d dots, %d own", dots, own);
}

CONTRACT(self_limits) {
  struct rlimit l = {100, 200};
  setrlimit(RLIMIT_NOFILE, &l);
  l.rlim_cur = l.rlim_max = RLIM_INFINITY;
  slurp("/proc/self/limits");
  SAY("Limit%s", field("Limit"));
  SAY("Max open files%s", field("Max open files"));
  static const char *const names[] = {"Max cpu time", "Max file size", "Max data size", "Max stack size",
    "Max core file size", "Max resident set", "Max processes", "Max locked memory", "Max address space",
    "Max file locks", "Max pending signals", "Max msgqueue size", "Max nice priority", "Max realtime priority",
    "Max realtime timeout"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *line = field(names[i]);
    char unit[16] = "";
    sscanf(line, " %*s %*s %15s", unit);
    SAY("%s [%s] %zu", names[i], unit, strlen(line) + strlen(names[i]));
  }
}

CONTRACT(self_maps_lines) {
  int f = MUST(open("mapped file", O_CREAT | O_RDWR, 0600));
  ftruncate(f, 8192);
  char *m = mmap(0, 8192, PROT_READ, MAP_SHARED, f, 0), key[32];
  char *a = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  slurp("/proc/self/maps");
  sprintf(key, "%08lx-", (long)m);
  char mode[8], offset[16], name[256];
  SAY("%d", sscanf(field(key), "%*s %7s %15s %*s %*s %255[^\n]", mode, offset, name));
  SAY("%s %s %s", mode, offset, strrchr(name, '/'));
  sprintf(key, "%08lx-", (long)a);
  SAY("%s", strchr(field(key), ' '));
  SAY("stack: %d", strstr(text, "[stack]\n") != 0);
  unlink("mapped file");
  slurp("/proc/self/maps");
  SAY("deleted: %d", strstr(text, "mapped file (deleted)\n") != 0);
  slurp("/proc/self/smaps");
  sprintf(key, "%08lx-", (long)m);
  char *p = strstr(text, key);
  static const char *const names[] = {"Size:", "KernelPageSize:", "MMUPageSize:", "Rss:", "Pss:", "Shared_Clean:",
    "Shared_Dirty:", "Private_Clean:", "Private_Dirty:", "Referenced:", "Anonymous:", "Swap:", "Locked:", "VmFlags:"};
  for (unsigned i = 0; p && i < sizeof names / sizeof names[0]; i++) SAY("%s %d", names[i], strstr(p, names[i]) != 0);
  int kb = -1;
  if (p && strstr(p, "\nSize:")) sscanf(strstr(p, "\nSize:") + 6, "%d", &kb);
  SAY("%d kB", kb);
}

CONTRACT(self_task_and_oom) {
  char path[64];
  struct stat st;
  sprintf(path, "/proc/self/task/%d/comm", getpid());
  SAY("comm: %d", slurp(path) > 0);
  sprintf(path, "/proc/%d/task", getppid());
  CHECK(stat(path, &st));
  SAY("mode %o, links %d", st.st_mode, (int)st.st_nlink);
  slurp("/proc/self/oom_score_adj");
  SAY("a number: %d", text[strspn(text, "-0123456789")] == '\n');
  int fd = MUST(open("/proc/self/oom_score_adj", O_RDWR));
  VALUE(write(fd, "500", 3));
  slurp("/proc/self/oom_score_adj");
  SAY("%s", text);
  CHECK(write(fd, "2000", 4));
  CHECK(write(fd, "x", 1));
  CHECK(stat("/proc/self/task/1x", &st));
  CHECK(mkdir("/proc/self/x", 0755));
  CHECK(mkdir("/proc/x", 0755));
  CHECK(unlink("/proc/self/comm"));
  CHECK(chmod("/proc/self/comm", 0600));
  CHECK(open("/proc/0", O_RDONLY));
  CHECK(open("/proc/99999999", O_RDONLY));
}
