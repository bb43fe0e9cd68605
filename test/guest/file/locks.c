/* flock(2), locks of processes and of open file descriptions (fcntl_locking(2)). */
#include "../contract.h"

#include <sys/file.h>

static int status;

#define IN_CHILD(body)                                                                  \
  do {                                                                                  \
    fflush(stdout);                                                                     \
    pid_t pid_ = fork();                                                                \
    if (pid_ == 0) { body; fflush(stdout); _exit(0); }                                  \
    waitpid(pid_, &status, 0);                                                          \
    if (status) say_status("child", status);                                            \
  } while (0)

static int file(int flags) { return MUST(open("f", flags | O_CREAT, 0644)); }

static long lock(int fd, int cmd, int type, int whence, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
  return fcntl(fd, cmd, &l);
}

static pid_t known[4];
static void say_lock(int fd, int cmd, int type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  if (fcntl(fd, cmd, &l) != 0) { SAY("get: errno %d", errno); return; }
  int who = -1;
  for (int i = 0; i < 4; i++) if (known[i] && known[i] == l.l_pid) who = i;
  SAY("[%ld,+%ld]: type %d whence %d start %ld length %ld %s%d", start, length, l.l_type, l.l_whence,
      (long)l.l_start, (long)l.l_len, l.l_pid == -1 ? "pid " : "process ", who);
}

CONTRACT(flock_conflicts) {
  int a = file(O_RDWR), b = file(O_RDONLY);
  CHECK(flock(a, LOCK_SH));
  CHECK(flock(b, LOCK_SH | LOCK_NB));
  CHECK(flock(a, LOCK_EX | LOCK_NB));
  CHECK(flock(b, LOCK_UN));
  CHECK(flock(a, LOCK_EX | LOCK_NB));
  CHECK(flock(b, LOCK_SH | LOCK_NB));
  CHECK(flock(b, LOCK_EX | LOCK_NB));
  CHECK(flock(b, LOCK_UN));
  CHECK(flock(a, 0));
  CHECK(flock(a, LOCK_SH | LOCK_EX));
  CHECK(flock(99, LOCK_SH));
}

CONTRACT(flock_belongs_to_the_description) {
  int a = file(O_RDWR), b = file(O_RDWR), c = MUST(dup(a));
  CHECK(flock(a, LOCK_EX));
  CHECK(flock(c, LOCK_EX | LOCK_NB));
  close(a);
  CHECK(flock(b, LOCK_EX | LOCK_NB));
  IN_CHILD(CHECK(flock(c, LOCK_UN)));
  CHECK(flock(b, LOCK_EX | LOCK_NB));
  IN_CHILD(CHECK(flock(file(O_RDWR), LOCK_SH | LOCK_NB)));
  close(b);
  CHECK(flock(c, LOCK_EX | LOCK_NB));
}

CONTRACT(flock_failed_conversion_keeps_nothing_lost) {
  int a = file(O_RDWR), b = file(O_RDWR), c = file(O_RDWR);
  CHECK(flock(a, LOCK_SH));
  CHECK(flock(b, LOCK_SH));
  CHECK(flock(a, LOCK_EX | LOCK_NB));
  CHECK(flock(b, LOCK_UN));
  CHECK(flock(c, LOCK_EX | LOCK_NB));
}

CONTRACT(flock_on_other_kinds) {
  int p[2];
  MUST(pipe(p));
  CHECK(flock(p[0], LOCK_EX | LOCK_NB));
  CHECK(flock(p[1], LOCK_EX | LOCK_NB));
  int d = MUST(open(".", O_RDONLY)), e = MUST(open(".", O_RDONLY));
  CHECK(flock(d, LOCK_EX));
  CHECK(flock(e, LOCK_EX | LOCK_NB));
  file(O_RDWR);
  CHECK(flock(MUST(open("f", O_PATH)), LOCK_EX | LOCK_NB));
}

static void no_op(int sig) {}

CONTRACT(flock_waits_and_is_interrupted) {
  int a = file(O_RDWR), b = file(O_RDWR), p[2];
  MUST(pipe(p));
  CHECK(flock(a, LOCK_EX));
  pid_t child = fork();
  if (child == 0) {
    close(b);
    int own = file(O_RDWR);
    write(p[1], "r", 1);
    int r = flock(own, LOCK_EX);
    _exit(r == 0 ? 7 : errno);
  }
  char byte;
  read(p[0], &byte, 1);
  usleep(20000);
  SAY("still waiting: %d", waitpid(child, &status, WNOHANG) == 0);
  flock(a, LOCK_UN);
  /* The child has the parent's description too: nobody else holds the lock. */
  waitpid(child, &status, 0);
  say_status("child", status);
  CHECK(flock(a, LOCK_EX));
  struct sigaction act = {.sa_handler = no_op};
  sigaction(SIGALRM, &act, 0);
  ualarm(20000, 0);
  CHECK(flock(b, LOCK_EX));
}

CONTRACT(posix_lock_conflicts_between_processes) {
  int a = file(O_RDWR);
  known[0] = getpid();
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 10, 10));
  CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 30, 0));
  IN_CHILD({
    CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 19, 1));
    CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 20, 10));
    CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 35, 1));
    CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 35, 1));
    say_lock(a, F_GETLK, F_RDLCK, 0, 0);
    say_lock(a, F_GETLK, F_WRLCK, 15, 1);
    say_lock(a, F_GETLK, F_RDLCK, 40, 1);
    say_lock(a, F_GETLK, F_WRLCK, 1000, 1);
    say_lock(a, F_GETLK, F_WRLCK, 0, 10);
  });
  say_lock(a, F_GETLK, F_WRLCK, 0, 0);
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  IN_CHILD(say_lock(a, F_GETLK, F_RDLCK, 5, 1));
}

CONTRACT(posix_lock_ranges_split_and_merge) {
  int a = file(O_RDWR);
  known[0] = getpid();
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 100);
  lock(a, F_SETLK, F_UNLCK, SEEK_SET, 40, 20);
  IN_CHILD({
    say_lock(a, F_GETLK, F_WRLCK, 0, 0);
    say_lock(a, F_GETLK, F_WRLCK, 40, 20);
    say_lock(a, F_GETLK, F_WRLCK, 40, 21);
  });
  lock(a, F_SETLK, F_RDLCK, SEEK_SET, 10, 10);
  IN_CHILD({
    say_lock(a, F_GETLK, F_RDLCK, 10, 10);
    say_lock(a, F_GETLK, F_WRLCK, 10, 10);
    say_lock(a, F_GETLK, F_WRLCK, 20, 10);
  });
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 10, 60);
  IN_CHILD(say_lock(a, F_GETLK, F_WRLCK, 50, 1));
}

CONTRACT(posix_lock_whence_and_negative_lengths) {
  int a = file(O_RDWR);
  known[0] = getpid();
  write(a, "0123456789", 10);
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_END, -3, 2));
  IN_CHILD(say_lock(a, F_GETLK, F_WRLCK, 0, 0));
  CHECK(lock(a, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
  lseek(a, 5, SEEK_SET);
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_CUR, 0, -2));
  IN_CHILD(say_lock(a, F_GETLK, F_WRLCK, 0, 0));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_CUR, -6, 2));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 3, -4));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, -1, 0));
  CHECK(lock(a, F_SETLK, F_WRLCK, 3, 0, 0));
  CHECK(lock(a, F_SETLK, 9, SEEK_SET, 0, 0));
  CHECK(lock(a, F_GETLK, F_UNLCK, SEEK_SET, 0, 0));
  CHECK(fcntl(a, F_SETLK, 0));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 1));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0x7fffffffffffffff, 2));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_CUR, 0x7fffffffffffffff, 1));
}

CONTRACT(posix_lock_needs_the_mode) {
  file(O_RDWR);
  CHECK(lock(file(O_RDONLY), F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  CHECK(lock(file(O_RDONLY), F_SETLK, F_RDLCK, SEEK_SET, 0, 1));
  CHECK(lock(file(O_WRONLY), F_SETLK, F_RDLCK, SEEK_SET, 0, 1));
  CHECK(lock(file(O_WRONLY), F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  CHECK(lock(file(O_RDONLY), F_GETLK, F_WRLCK, SEEK_SET, 0, 1));
  CHECK(lock(MUST(open("f", O_PATH)), F_SETLK, F_RDLCK, SEEK_SET, 0, 1));
}

CONTRACT(posix_lock_goes_with_any_close) {
  int a = file(O_RDWR), b = file(O_RDONLY);
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  IN_CHILD(CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 0, 0)));
  close(b);
  IN_CHILD(CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 0, 0)));
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  close(dup(a));
  IN_CHILD(CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 0, 0)));
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  IN_CHILD(close(a));
  IN_CHILD(CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 0, 0)));
}

CONTRACT(posix_lock_goes_at_exit) {
  int a = file(O_RDWR);
  IN_CHILD(CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)));
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0));
  IN_CHILD(CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0)));
}

CONTRACT(posix_lock_deadlock_is_found) {
  int a = file(O_RDWR), p[2], q[2];
  char byte;
  MUST(pipe(p));
  MUST(pipe(q));
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 1);
  pid_t child = fork();
  if (child == 0) {
    lock(a, F_SETLK, F_WRLCK, SEEK_SET, 1, 1);
    write(p[1], "x", 1);
    int r = lock(a, F_SETLKW, F_WRLCK, SEEK_SET, 0, 1);
    _exit(r == 0 ? 5 : errno);
  }
  read(p[0], &byte, 1);
  usleep(50000);
  CHECK(lock(a, F_SETLKW, F_WRLCK, SEEK_SET, 1, 1));
  lock(a, F_SETLK, F_UNLCK, SEEK_SET, 0, 1);
  waitpid(child, &status, 0);
  say_status("child", status);
}

CONTRACT(posix_lock_waits) {
  int a = file(O_RDWR), p[2];
  char byte;
  MUST(pipe(p));
  pid_t child = fork();
  if (child == 0) {
    lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 10);
    write(p[1], "x", 1);
    usleep(50000);
    write(a, "done", 4);
    _exit(0);
  }
  read(p[0], &byte, 1);
  CHECK(lock(a, F_SETLK, F_RDLCK, SEEK_SET, 5, 1));
  CHECK(lock(a, F_SETLKW, F_RDLCK, SEEK_SET, 5, 1));
  char text[8] = "";
  pread(a, text, 4, 0);
  SAY("%s", text);
}

CONTRACT(posix_lock_wait_is_interrupted) {
  int a = file(O_RDWR);
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 0);
  IN_CHILD({
    struct sigaction act = {.sa_handler = no_op};
    sigaction(SIGALRM, &act, 0);
    ualarm(20000, 0);
    CHECK(lock(a, F_SETLKW, F_WRLCK, SEEK_SET, 0, 1));
  });
}

CONTRACT(ofd_lock_belongs_to_the_description) {
  int a = file(O_RDWR), b = file(O_RDWR), c = MUST(dup(a));
  CHECK(lock(a, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 10));
  CHECK(lock(b, F_OFD_SETLK, F_RDLCK, SEEK_SET, 5, 1));
  CHECK(lock(c, F_OFD_SETLK, F_RDLCK, SEEK_SET, 5, 1));
  CHECK(lock(b, F_OFD_SETLK, F_RDLCK, SEEK_SET, 5, 1));
  say_lock(b, F_OFD_GETLK, F_WRLCK, 0, 0);
  say_lock(a, F_OFD_GETLK, F_WRLCK, 0, 0);
  IN_CHILD(CHECK(lock(a, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 5)));
  close(a);
  CHECK(lock(b, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 5));
  close(c);
  CHECK(lock(b, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 5));
  struct flock l = {.l_type = F_WRLCK, .l_pid = 1};
  CHECK(fcntl(b, F_OFD_SETLK, &l));
  CHECK(fcntl(b, F_OFD_GETLK, &l));
}

CONTRACT(ofd_and_posix_locks_conflict) {
  int a = file(O_RDWR), b = file(O_RDWR);
  known[0] = getpid();
  CHECK(lock(a, F_SETLK, F_WRLCK, SEEK_SET, 0, 10));
  CHECK(lock(b, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  CHECK(lock(a, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  say_lock(b, F_OFD_GETLK, F_WRLCK, 0, 0);
  CHECK(lock(a, F_SETLK, F_UNLCK, SEEK_SET, 0, 0));
  CHECK(lock(b, F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  CHECK(lock(b, F_SETLK, F_WRLCK, SEEK_SET, 0, 1));
  say_lock(a, F_GETLK, F_RDLCK, 0, 1);
  CHECK(flock(a, LOCK_EX | LOCK_NB));
}

CONTRACT(locks_are_listed) {
  int a = file(O_RDWR), b = MUST(open("g", O_RDWR | O_CREAT, 0644));
  flock(a, LOCK_SH);
  lock(a, F_SETLK, F_WRLCK, SEEK_SET, 3, 4);
  lock(b, F_OFD_SETLK, F_RDLCK, SEEK_SET, 8, 0);
  for (int i = 0; i < 2; i++) {
    char path[64], line[256];
    sprintf(path, "/proc/self/fdinfo/%d", i ? b : a);
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
      char kind[16], mode[16], type[16], start[24], end[24];
      int pid;
      if (sscanf(line, "lock: %*d: %15s %15s %15s %d %*s %23s %23s", kind, mode, type, &pid, start, end) == 6)
        SAY("%s %s %s %s-%s own %d", kind, mode, type, start, end, pid == getpid());
    }
    fclose(f);
    if (i == 0) SAY("the process's lock went with this close of another file: no");
  }
}
