/* Reading /proc/PID/mem. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[100] = "the parent's";

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static int mem_of(pid_t pid, int flags) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  return open(path, flags);
}

int main(int argc, char **argv) {
  char got[10000] = "", c;
  struct stat st;
  if (argc > 1) {
    write(1, "", 1);
    for (;;) pause();
  }
  int fd = mem_of(getpid(), O_RDONLY);
  fstat(fd, &st);
  printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
  show("own", pread(fd, got, 13, (intptr_t)text));
  printf("%s\n", got);
  printf("seek %d\n", lseek(fd, (intptr_t)text + 4, SEEK_SET) == (intptr_t)text + 4);
  memset(got, 0, 20);
  show("read", read(fd, got, 6));
  printf("%s, position %ld\n", got, (long)(lseek(fd, 0, SEEK_CUR) - (intptr_t)text));
  show("SEEK_END", lseek(fd, 0, SEEK_END));
  char *map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(map + 4096, 4096);
  memset(map, 'm', 4096);
  show("to the end of a mapping", pread(fd, got, 5000, (intptr_t)map + 100));
  show("nothing mapped", pread(fd, got, 10, (intptr_t)map + 4096));
  show("page 0", pread(fd, got, 10, 0));
  show("kernel half", pread(fd, got, 10, 0x7fffffffffff0000));
  show("no bytes", pread(fd, got, 0, (intptr_t)map));
  show("write", write(fd, got, 1));
  close(fd);
  fflush(stdout);
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    strcpy(text, "the child's");
    dup2(p[1], 1);
    write(1, "", 1);
    for (;;) {
      sigset_t none;
      sigemptyset(&none);
      sigsuspend(&none);
    }
  }
  read(p[0], &c, 1);
  fd = mem_of(pid, O_RDONLY);
  memset(got, 0, 20);
  show("child", pread(fd, got, 12, (intptr_t)text));
  printf("%s\n", got);
  kill(pid, SIGKILL);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  show("of a zombie", pread(fd, got, 12, (intptr_t)text));
  waitpid(pid, 0, 0);
  show("of nobody", pread(fd, got, 12, (intptr_t)text));
  close(fd);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    setgid(54321);
    setuid(54321);
    show("another user's", mem_of(getppid(), O_RDONLY));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  return 0;
}
