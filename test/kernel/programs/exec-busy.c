/* Text file busy: what may be written while it runs, and executed while it is written. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/busyXXXXXX", copy[64], script[64], other[64];

static void show(const char *what, long r) {
  printf("%s: %s\n", what, r < 0 ? strerror(errno) : "ok");
  fflush(stdout);
}

static void copy_self(const char *to) {
  static char buffer[65536];
  int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  for (ssize_t n; (n = read(in, buffer, sizeof buffer)) > 0;)
    if (write(out, buffer, n) != n) abort();
  close(in);
  close(out);
}

/* Runs `path arg` in a child: its exit status, or the errno of execve. */
static void run(const char *what, const char *path) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, "child", (char *)0);
    _exit(100 + errno);
  }
  int status;
  waitpid(pid, &status, 0);
  int code = WEXITSTATUS(status);
  printf("%s: %s\n", what, code > 100 ? strerror(code - 100) : "ran");
}

static void open_and_close(const char *what, const char *path, int flags) {
  int fd = open(path, flags);
  show(what, fd);
  if (fd >= 0) close(fd);
}

/* A child that runs `copy` until its pipe is closed. */
static pid_t sleeper(int *end) {
  int p[2], ready[2];
  char c;
  if (pipe(p) < 0 || pipe(ready) < 0) abort();
  pid_t pid = fork();
  if (pid == 0) {
    dup2(p[0], 0);
    dup2(ready[1], 3);
    for (int fd = 4; fd < 20; fd++) close(fd);
    execl(copy, copy, "sleep", (char *)0);
    _exit(1);
  }
  close(p[0]);
  close(ready[1]);
  read(ready[0], &c, 1);
  close(ready[0]);
  *end = p[1];
  return pid;
}

static void while_running(void) {
  int end, status;
  pid_t pid = sleeper(&end);
  struct stat st;
  open_and_close("open O_RDONLY", copy, O_RDONLY);
  open_and_close("open O_WRONLY", copy, O_WRONLY);
  open_and_close("open O_RDWR", copy, O_RDWR);
  open_and_close("open O_TRUNC", copy, O_WRONLY | O_TRUNC);
  show("truncate", truncate(copy, 0));
  stat(copy, &st);
  printf("still there: %d\n", st.st_size > 1000);
  show("chmod", chmod(copy, 0700));
  run("run it twice", copy);
  copy_self(other);
  show("rename over it", rename(other, copy));
  open_and_close("open the new one", copy, O_WRONLY);
  close(end);
  waitpid(pid, &status, 0);
  printf("exit %d\n", WEXITSTATUS(status));
}

static void after_end(void) {
  int end;
  pid_t pid = sleeper(&end);
  open_and_close("running", copy, O_WRONLY);
  kill(pid, SIGKILL);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  open_and_close("zombie", copy, O_WRONLY);
  waitpid(pid, 0, 0);
  open_and_close("reaped", copy, O_WRONLY);
  close(end);
}

static void while_written(void) {
  int fd = open(copy, O_RDWR);
  run("open for writing", copy);
  int twice = dup(fd);
  close(fd);
  run("dup is open", copy);
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, twice, 0);
  close(twice);
  run("mapped for writing", copy);
  munmap(map, 4096);
  run("unmapped", copy);
  fd = open(copy, O_RDONLY);
  run("open for reading", copy);
  close(fd);
  fd = open(script, O_WRONLY | O_CREAT, 0755);
  dprintf(fd, "#!%s child\n", copy);
  run("script open for writing", script);
  close(fd);
  run("script", script);
  fd = open(copy, O_WRONLY);
  run("interpreter open for writing", script);
  close(fd);
}

static void memory_file(void) {
  char path[64];
  int fd = memfd_create("x", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  copy_self(path);
  run("memfd", path);
  int again = open(path, O_RDWR);
  run("memfd opened again for writing", path);
  close(again);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "sleep")) {
    char c;
    write(3, "r", 1);
    return read(0, &c, 1);
  }
  if (argc > 1) return 0;
  mkdtemp(dir);
  snprintf(copy, sizeof copy, "%s/copy", dir);
  snprintf(script, sizeof script, "%s/script", dir);
  snprintf(other, sizeof other, "%s/other", dir);
  copy_self(copy);
  while_running();
  after_end();
  while_written();
  memory_file();
  open_and_close("the program itself", "/proc/self/exe", O_WRONLY);
  unlink(copy);
  unlink(script);
  rmdir(dir);
  return 0;
}
