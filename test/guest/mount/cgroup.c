/* cgroups(7): the basic files of cgroup v2, and processes in groups. */
#include "../contract.h"
#include "mounts.h"
#include "../ipc/asleep.h"

#include <poll.h>
#include <time.h>

/* In a group of the contract's own: the machine has one tree. */
static void mount_groups(void) {
  char own[40];
  private_mounts();
  mkdir("c", 0755);
  MUST(mount("none", "c", "cgroup2", 0, NULL));
  MUST(chdir("c"));
  sprintf(own, "contract.%d", getpid());
  MUST(mkdir(own, 0755));
  MUST(chdir(own));
  MUST(mkdir("kevlar", 0755));
}

static void unmount_groups(void) {
  char own[40];
  rmdir("kevlar/a/b");
  rmdir("kevlar/a");
  CHECK(rmdir("kevlar"));
  MUST(chdir(".."));
  sprintf(own, "contract.%d", getpid());
  CHECK(rmdir(own));
}

static long put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return fd;
  long n = write(fd, text, strlen(text));
  int e = errno;
  close(fd);
  errno = e;
  return n;
}

static void show(const char *path) {
  char text[1000];
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    SAY("%s: errno %d", path, errno);
    return;
  }
  int n = read(fd, text, sizeof text - 1);
  if (n < 0) SAY("%s: read: errno %d", path, errno);
  close(fd);
  if (n < 0) return;
  text[n] = 0;
  SAY("%s:%s", path, n == 0 ? " empty" : "");
  /* Lines about controllers differ with the kernel's configuration. */
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    if (!strstr(line, "_subsys_")) SAY("  %s", line);
  }
}

/* How many lines, and whether one is the number. */
static void show_members(const char *path, int wanted) {
  FILE *f = fopen(path, "r");
  int n = 0, pid, found = 0;
  while (f && fscanf(f, "%d", &pid) == 1) {
    n++;
    found |= pid == wanted;
  }
  if (f) fclose(f);
  SAY("%s: %d, %s", path, n, found ? "with it" : "without it");
}

// It sleeps when this returns: a child that is killed at once would not have called pause.
static int sleeper(void) {
  int pid = fork();
  if (pid == 0) {
    for (;;) pause();
  }
  until_asleep(pid);
  return pid;
}

CONTRACT_AS_ROOT(a_new_group) {
  mount_groups();
  struct stat st;
  MUST(stat("kevlar", &st));
  SAY("mode %o, links %d", st.st_mode, (int)st.st_nlink);
  show("kevlar/cgroup.procs");
  show("kevlar/cgroup.threads");
  show("kevlar/cgroup.type");
  show("kevlar/cgroup.events");
  show("kevlar/cgroup.max.depth");
  show("kevlar/cgroup.max.descendants");
  show("kevlar/cgroup.stat");
  show("kevlar/cgroup.controllers");
  show("kevlar/cgroup.subtree_control");
  show("kevlar/cgroup.kill");
  show("kevlar/cgroup.freeze");
  show("kevlar/missing");
  CHECK(open("kevlar/new", O_WRONLY | O_CREAT, 0600));
  CHECK(unlink("kevlar/cgroup.procs"));
  CHECK(mkdir("kevlar", 0755));
  CHECK(mkdir("kevlar/a\nb", 0755));
  CHECK(symlink("x", "kevlar/l"));
  CHECK(rename("kevlar", "other"));
  CHECK(rmdir("kevlar/cgroup.procs"));
  unmount_groups();
}

CONTRACT_AS_ROOT(processes_move) {
  mount_groups();
  char pid[20];
  MUST(mkdir("kevlar/a", 0755));
  int child = sleeper();
  sprintf(pid, "%d\n", child);
  VALUE(put("kevlar/a/cgroup.procs", pid) == (long)strlen(pid));
  show_members("kevlar/a/cgroup.procs", child);
  show_members("kevlar/a/cgroup.threads", child);
  show_members("kevlar/cgroup.procs", child);
  show("kevlar/cgroup.events");
  show("kevlar/a/cgroup.events");
  show("kevlar/cgroup.stat");
  sprintf(pid, "/proc/%d/cgroup", child);
  FILE *f = fopen(pid, "r");
  char line[200];
  while (fgets(line, sizeof line, f)) {
    if (strncmp(line, "0::", 3) == 0) SAY("%.*s", (int)strcspn(line, "\n"), strstr(line, "/kevlar"));
  }
  fclose(f);
  CHECK(rmdir("kevlar/a"));
  VALUE(put("kevlar/a/cgroup.procs", "x"));
  VALUE(put("kevlar/a/cgroup.procs", "-1"));
  VALUE(put("kevlar/a/cgroup.procs", "4000000"));
  VALUE(put("kevlar/a/cgroup.procs", ""));
  VALUE(put("kevlar/a/cgroup.procs", "0"));
  show_members("kevlar/a/cgroup.procs", getpid());
  int later = sleeper();
  show_members("kevlar/a/cgroup.procs", later);
  VALUE(put("../cgroup.procs", "0"));
  show_members("kevlar/a/cgroup.procs", later);
  kill(child, SIGKILL);
  kill(later, SIGKILL);
  waitpid(child, NULL, 0);
  waitpid(later, NULL, 0);
  show("kevlar/cgroup.events");
  show_members("kevlar/a/cgroup.procs", later);
  unmount_groups();
}

CONTRACT_AS_ROOT(a_group_is_killed_as_a_whole) {
  mount_groups();
  char pid[20];
  int status, a = sleeper(), b = sleeper();
  MUST(mkdir("kevlar/a", 0755));
  sprintf(pid, "%d", a);
  MUST(put("kevlar/cgroup.procs", pid));
  sprintf(pid, "%d", b);
  MUST(put("kevlar/a/cgroup.procs", pid));
  VALUE(put("kevlar/cgroup.kill", "0"));
  VALUE(put("kevlar/cgroup.kill", "x"));
  VALUE(put("../cgroup.kill", "1"));
  VALUE(put("kevlar/cgroup.kill", "1\n"));
  waitpid(a, &status, 0);
  say_status("a", status);
  waitpid(b, &status, 0);
  say_status("b", status);
  unmount_groups();
}

CONTRACT_AS_ROOT(events_are_told) {
  mount_groups();
  char pid[20], text[100];
  int child = sleeper();
  int fd = MUST(open("kevlar/cgroup.events", O_RDONLY));
  struct pollfd p = {fd, POLLPRI, 0};
  VALUE(read(fd, text, sizeof text));
  VALUE(poll(&p, 1, 0));
  sprintf(pid, "%d", child);
  MUST(put("kevlar/cgroup.procs", pid));
  VALUE(poll(&p, 1, 5000));
  SAY("%x", p.revents);
  lseek(fd, 0, SEEK_SET);
  int n = read(fd, text, sizeof text);
  SAY("%.*s", n, text);
  VALUE(poll(&p, 1, 0));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  VALUE(poll(&p, 1, 5000));
  close(fd);
  unmount_groups();
}

CONTRACT_AS_ROOT(groups_freeze) {
  mount_groups();
  char pid[20];
  int fds[2];
  MUST(pipe(fds));
  int child = fork();
  if (child == 0) {
    for (;;) {
      char c;
      if (read(fds[0], &c, 1) == 1) _exit(3);
    }
  }
  sprintf(pid, "%d", child);
  MUST(put("kevlar/cgroup.procs", pid));
  VALUE(put("kevlar/cgroup.freeze", "2"));
  VALUE(put("kevlar/cgroup.freeze", "1"));
  show("kevlar/cgroup.freeze");
  usleep(300000);
  show("kevlar/cgroup.events");
  MUST(write(fds[1], "x", 1));
  usleep(300000);
  VALUE(waitpid(child, NULL, WNOHANG));
  VALUE(put("kevlar/cgroup.freeze", "0"));
  int status;
  MUST(waitpid(child, &status, 0));
  say_status("child", status);
  show("kevlar/cgroup.events");
  child = sleeper();
  sprintf(pid, "%d", child);
  VALUE(put("kevlar/cgroup.freeze", "1"));
  MUST(put("kevlar/cgroup.procs", pid));
  usleep(200000);
  show("kevlar/cgroup.events");
  kill(child, SIGKILL);
  MUST(waitpid(child, &status, 0));
  say_status("child", status);
  unmount_groups();
}

CONTRACT_AS_ROOT(limits_of_the_tree) {
  mount_groups();
  VALUE(put("kevlar/cgroup.max.depth", "0"));
  CHECK(mkdir("kevlar/a", 0755));
  VALUE(put("kevlar/cgroup.max.depth", "max\n"));
  VALUE(put("kevlar/cgroup.max.descendants", "1"));
  CHECK(mkdir("kevlar/a", 0755));
  CHECK(mkdir("kevlar/a/b", 0755));
  VALUE(put("kevlar/cgroup.max.descendants", "-1"));
  VALUE(put("kevlar/cgroup.max.descendants", "x"));
  show("kevlar/cgroup.max.descendants");
  show("kevlar/cgroup.stat");
  VALUE(put("kevlar/cgroup.subtree_control", "+nothing"));
  VALUE(put("kevlar/cgroup.subtree_control", ""));
  VALUE(put("kevlar/cgroup.subtree_control", "cpu"));
  unmount_groups();
}

static double cpu_stat(const char *path, const char *key) {
  char name[40];
  double value, found = -1;
  FILE *f = fopen(path, "r");
  while (f && fscanf(f, "%39s %lf", name, &value) == 2) {
    if (strcmp(name, key) == 0) found = value;
  }
  if (f) fclose(f);
  return found;
}

static void say_used(const char *what, const char *path) {
  double usage = cpu_stat(path, "usage_usec"), user = cpu_stat(path, "user_usec");
  double system = cpu_stat(path, "system_usec");
  double difference = usage - user - system;
  SAY("%s: %s, %s", what, usage >= 100e3 ? "counted" : usage == 0 ? "none" : "little",
      difference >= -2 && difference <= 2 ? "the sum" : "not the sum");
}

/* What a process used before it came is not counted, and stays when it and its group are no more. */
CONTRACT_AS_ROOT(processor_time) {
  mount_groups();
  MUST(mkdir("kevlar/a", 0755));
  say_used("new", "kevlar/a/cpu.stat");
  int child = fork();
  if (child == 0) {
    put("kevlar/a/cgroup.procs", "0");
    struct timespec used = {0};
    while (used.tv_sec == 0 && used.tv_nsec < 200e6) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    _exit(0);
  }
  int status;
  MUST(waitpid(child, &status, 0));
  say_used("its group", "kevlar/a/cpu.stat");
  say_used("the group above", "kevlar/cpu.stat");
  MUST(mkdir("kevlar/a/b", 0755));
  say_used("the group below", "kevlar/a/b/cpu.stat");
  CHECK(rmdir("kevlar/a/b"));
  CHECK(rmdir("kevlar/a"));
  say_used("after it", "kevlar/cpu.stat");
  unmount_groups();
}
