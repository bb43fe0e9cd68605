/* fcntl(F_NOTIFY): a signal when a directory's entries change (dnotify). */
#include "../contract.h"

static volatile int arrived, of_fd, of_code, band;

static void note(int sig, siginfo_t *info, void *context) {
  arrived = sig;
  of_fd = info->si_fd;
  of_code = info->si_code;
  band = info->si_band;
}

static void listen_to(int sig) {
  struct sigaction act = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
  sigaction(sig, &act, 0);
}

static void after(const char *what) {
  SAY("%s: %d", what, arrived);
  arrived = 0;
}

static void create(const char *path) { close(MUST(open(path, O_CREAT | O_RDWR, 0644))); }

CONTRACT(a_directory_tells_of_each_kind) {
  listen_to(SIGIO);
  mkdir("d", 0755);
  mkdir("d/sub", 0755);
  int fd = MUST(open("d", O_RDONLY));
  CHECK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  create("d/a");
  after("create");
  MUST(mkdir("d/e", 0755));
  after("mkdir");
  MUST(symlink("x", "d/l"));
  after("symlink");
  create("b");
  MUST(rename("b", "d/b"));
  after("moved in");
  MUST(unlink("d/l"));
  after("unlink");
  CHECK(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
  MUST(unlink("d/b"));
  after("unlink");
  create("d/c");
  after("create, still");
  MUST(rename("d/c", "c"));
  after("moved out");
  CHECK(fcntl(fd, F_NOTIFY, 0));
  MUST(rename("c", "d/c"));
  after("no longer");
  CHECK(fcntl(fd, F_NOTIFY, DN_RENAME | DN_MULTISHOT));
  MUST(rename("d/c", "d/f"));
  after("renamed");
  CHECK(fcntl(fd, F_NOTIFY, 0));
  CHECK(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT));
  MUST(chmod("d/f", 0600));
  after("mode");
  MUST(chmod("d", 0700));
  after("mode of itself");
  MUST(chmod("d/sub", 0700));
  after("mode of a directory");
  CHECK(fcntl(fd, F_NOTIFY, 0));
  CHECK(fcntl(fd, F_NOTIFY, DN_MODIFY | DN_ACCESS));
  int f = MUST(open("d/f", O_RDWR));
  MUST(write(f, "x", 1));
  after("write");
  MUST(write(f, "x", 1));
  after("only once");
  CHECK(fcntl(fd, F_NOTIFY, DN_ACCESS));
  char c;
  MUST(pread(f, &c, 1, 0));
  after("read");
  CHECK(fcntl(fd, F_NOTIFY, DN_MODIFY));
  create("d/sub/deep");
  after("deeper");
  MUST(truncate("d/f", 0));
  after("truncate");
}

CONTRACT(the_signal_says_which_directory) {
  listen_to(SIGRTMIN);
  mkdir("d", 0755);
  int fd = MUST(open("d", O_RDONLY));
  CHECK(fcntl(fd, F_SETSIG, SIGRTMIN));
  CHECK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_DELETE));
  SAY("owner: %d", fcntl(fd, F_GETOWN) == getpid());
  create("d/a");
  SAY("the signal: %d, its directory: %d, code %d, band %x", arrived == SIGRTMIN, of_fd == fd, of_code, band);
}

CONTRACT(who_may_listen) {
  listen_to(SIGIO);
  create("f");
  mkdir("d", 0755);
  int f = MUST(open("f", O_RDONLY));
  CHECK(fcntl(f, F_NOTIFY, DN_CREATE));
  CHECK(fcntl(f, F_NOTIFY, 0));
  int p[2];
  MUST(pipe(p));
  CHECK(fcntl(p[0], F_NOTIFY, DN_CREATE));
  int o = MUST(open("d", O_PATH));
  CHECK(fcntl(o, F_NOTIFY, DN_CREATE));
  int fd = MUST(open("d", O_RDONLY)), twin = dup(fd), other = MUST(open("d", O_RDONLY));
  CHECK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  CHECK(fcntl(other, F_NOTIFY, DN_DELETE | DN_MULTISHOT));
  close(twin);
  create("d/a");
  after("after a twin was closed");
  MUST(unlink("d/a"));
  after("the other");
  close(other);
  create("d/a");
  MUST(unlink("d/a"));
  after("after both were closed");
}

CONTRACT(a_child_does_not_inherit) {
  listen_to(SIGIO);
  mkdir("d", 0755);
  int status, fd = MUST(open("d", O_RDONLY));
  CHECK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  if (fork() == 0) {
    create("d/a");
    SAY("in the child: %d", arrived);
    close(fd);
    create("d/b");
    _exit(0);
  }
  // The signal interrupts it.
  while (wait(&status) < 0 && errno == EINTR) continue;
  SAY("in the parent: %d", arrived);
  arrived = 0;
  create("d/c");
  after("still");
}
