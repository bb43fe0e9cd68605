/* open(2): what each flag does. */
#include "../contract.h"

#include <sys/syscall.h>

static void put(const char *name, const char *text) {
  int fd = MUST(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  MUST(write(fd, text, strlen(text)));
  close(fd);
}

static long size(const char *name) {
  struct stat st;
  return stat(name, &st) == 0 ? st.st_size : -1;
}

/* Without the C library's O_LARGEFILE. */
static void say_flags(const char *what, int fd) {
  SAY("%s: flags %o", what, fcntl(fd, F_GETFL) & ~0100000);
}

CONTRACT(open_creates_exclusively) {
  CHECK(open("f", O_RDONLY));
  CHECK(open("f", O_CREAT | O_EXCL | O_WRONLY, 0640));
  CHECK(open("f", O_CREAT | O_EXCL | O_WRONLY, 0640));
  CHECK(open("f", O_EXCL | O_WRONLY));
  symlink("nowhere", "dangling");
  CHECK(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0640));
  SAY("size of the target: %ld", size("nowhere"));
  CHECK(open("dangling", O_CREAT | O_WRONLY, 0640));
  SAY("size of the target: %ld", size("nowhere"));
  mkdir("d", 0755);
  CHECK(open("d", O_CREAT | O_EXCL | O_RDWR, 0640));
}

CONTRACT(open_creates_with_umask) {
  struct stat st;
  umask(027);
  MUST(open("a", O_CREAT | O_RDWR, 0777));
  stat("a", &st);
  SAY("mode %o", st.st_mode);
  umask(0);
  MUST(open("b", O_CREAT | O_RDWR, 07666));
  stat("b", &st);
  SAY("mode %o, nlink %d", st.st_mode, (int)st.st_nlink);
  int fd = MUST(open("readonly", O_CREAT | O_RDWR, 0400));
  CHECK(write(fd, "x", 1));
  SAY("umask was %o", umask(0777));
  SAY("umask was %o", umask(07777));
  SAY("umask was %o", umask(0));
}

CONTRACT(open_truncates) {
  put("f", "hello");
  MUST(open("f", O_RDONLY));
  SAY("size %ld", size("f"));
  MUST(open("f", O_RDWR));
  SAY("size %ld", size("f"));
  struct stat before, after;
  stat("f", &before);
  usleep(20000);
  MUST(open("f", O_WRONLY | O_TRUNC));
  stat("f", &after);
  SAY("size %ld, modified later: %d", size("f"), after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
  mkdir("d", 0755);
  CHECK(open("d", O_RDONLY | O_TRUNC));
  CHECK(open("d", O_WRONLY));
}

CONTRACT(open_append_writes_at_the_end) {
  put("f", "hello");
  int fd = MUST(open("f", O_WRONLY | O_APPEND));
  SAY("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  VALUE(write(fd, "abc", 3));
  SAY("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  lseek(fd, 0, SEEK_SET);
  VALUE(write(fd, "def", 3));
  SAY("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  VALUE(pwrite(fd, "X", 1, 0));
  SAY("offset %ld, size %ld", (long)lseek(fd, 0, SEEK_CUR), size("f"));
  char text[32] = "";
  VALUE(read(open("f", O_RDONLY), text, 31));
  SAY("%s", text);
  fcntl(fd, F_SETFL, 0);
  VALUE(pwrite(fd, "Y", 1, 0));
  SAY("size %ld", size("f"));
}

CONTRACT(open_directory) {
  mkdir("d", 0755);
  put("f", "x");
  symlink("d", "l");
  symlink("f", "lf");
  CHECK(open("d", O_DIRECTORY));
  CHECK(open("l", O_DIRECTORY));
  CHECK(open("f", O_DIRECTORY));
  CHECK(open("lf", O_DIRECTORY));
  CHECK(open("l", O_DIRECTORY | O_NOFOLLOW));
  CHECK(open("l/", O_DIRECTORY | O_NOFOLLOW));
  CHECK(open("none", O_DIRECTORY));
  CHECK(open("d", O_DIRECTORY | O_RDWR));
  CHECK(open("d", O_CREAT | O_RDONLY, 0644));
  int fd = MUST(open("d", O_RDONLY | O_DIRECTORY));
  char byte;
  CHECK(read(fd, &byte, 1));
  CHECK(write(fd, &byte, 1));
  CHECK(pread(fd, &byte, 1, 0));
  CHECK(ftruncate(fd, 0));
  say_flags("directory", fd);
}

CONTRACT(open_trailing_slashes) {
  put("f", "x");
  mkdir("d", 0755);
  symlink("d", "l");
  symlink("f", "lf");
  CHECK(open("f/", O_RDONLY));
  CHECK(open("f/.", O_RDONLY));
  CHECK(open("f/../f", O_RDONLY));
  CHECK(open("d/", O_RDONLY));
  CHECK(open("d/./../d//", O_RDONLY));
  CHECK(open("new/", O_CREAT | O_RDWR, 0644));
  CHECK(open("none/f", O_CREAT | O_RDWR, 0644));
  CHECK(open("f/g", O_CREAT | O_RDWR, 0644));
  CHECK(open("lf/", O_RDONLY));
  CHECK(open("", O_RDONLY));
  CHECK(open("d/", O_CREAT | O_RDWR, 0644));
}

CONTRACT(open_nofollow) {
  put("f", "x");
  mkdir("d", 0755);
  put("d/g", "y");
  symlink("f", "l");
  symlink("d", "ld");
  symlink("none", "dangling");
  CHECK(open("l", O_RDONLY | O_NOFOLLOW));
  CHECK(open("dangling", O_RDONLY | O_NOFOLLOW));
  CHECK(open("dangling", O_RDONLY | O_NOFOLLOW | O_CREAT, 0644));
  CHECK(open("ld/g", O_RDONLY | O_NOFOLLOW));
  CHECK(open("f", O_RDONLY | O_NOFOLLOW));
}

CONTRACT(open_symlink_loops) {
  symlink("b", "a");
  symlink("a", "b");
  symlink("self", "self");
  symlink("self/x", "through");
  struct stat st;
  CHECK(open("a", O_RDONLY));
  CHECK(open("a", O_CREAT | O_RDWR, 0644));
  CHECK(open("self/f", O_RDONLY));
  CHECK(open("through", O_RDONLY));
  CHECK(stat("a", &st));
  CHECK(lstat("a", &st));
  CHECK(lstat("a/", &st));
  put("f", "x");
  char name[16], target[16];
  strcpy(target, "f");
  for (int i = 0; i < 41; i++) {
    sprintf(name, "link%d", i);
    MUST(symlink(target, name));
    strcpy(target, name);
  }
  CHECK(open("link38", O_RDONLY));
  CHECK(open("link39", O_RDONLY));
  CHECK(open("link40", O_RDONLY));
}

CONTRACT(open_path_only_names) {
  put("f", "hello");
  mkdir("d", 0755);
  symlink("f", "l");
  struct stat st;
  char byte;
  int fd = MUST(open("f", O_PATH | O_RDWR | O_APPEND));
  SAY("flags %o", fcntl(fd, F_GETFL));
  CHECK(read(fd, &byte, 1));
  CHECK(write(fd, &byte, 1));
  CHECK(lseek(fd, 0, SEEK_SET));
  CHECK(ftruncate(fd, 0));
  CHECK(fchmod(fd, 0600));
  CHECK(fchown(fd, -1, -1));
  CHECK(fsync(fd));
  CHECK(fcntl(fd, F_SETFL, O_NONBLOCK));
  CHECK(fcntl(fd, F_GETFD));
  CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC));
  CHECK(fcntl(fd, F_DUPFD, 0));
  CHECK(fcntl(fd, F_GETOWN));
  CHECK(fstat(fd, &st));
  SAY("size %ld", (long)st.st_size);
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fd);
  int again = CHECK(open(path, O_RDWR));
  VALUE(read(again, &byte, 1));
  int link = CHECK(open("l", O_PATH | O_NOFOLLOW));
  fstat(link, &st);
  SAY("type %o", st.st_mode & S_IFMT);
  char target[16] = "";
  VALUE(readlinkat(link, "", target, 15));
  SAY("%s", target);
  int dir = CHECK(open("d", O_PATH));
  CHECK(openat(dir, "g", O_CREAT | O_RDWR, 0644));
  CHECK(fchdir(dir));
  CHECK(open("g", O_RDONLY));
  CHECK(open("g", O_PATH | O_CREAT | O_EXCL, 0644));
  CHECK(open("none", O_PATH | O_CREAT, 0644));
}

/* A tmpfs: not every file system below /tmp can. */
CONTRACT(open_tmpfile) {
  char folder[] = "/dev/shm/contract.XXXXXX";
  MUST(mkdtemp(folder) ? 0 : -1);
  MUST(chdir(folder));
  mkdir("d", 0755);
  int fd = CHECK(open("d", O_TMPFILE | O_RDWR, 0600));
  struct stat st;
  fstat(fd, &st);
  SAY("mode %o, nlink %d", st.st_mode, (int)st.st_nlink);
  CHECK(rmdir("d"));
  mkdir("d", 0755);
  CHECK(open("d", O_TMPFILE | O_RDONLY, 0600));
  CHECK(open("none", O_TMPFILE | O_RDWR, 0600));
  put("f", "x");
  CHECK(open("f", O_TMPFILE | O_RDWR, 0600));
  fd = MUST(open(".", O_TMPFILE | O_RDWR, 0644));
  VALUE(write(fd, "hello", 5));
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fd);
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  fstat(fd, &st);
  SAY("nlink %d, size %ld", (int)st.st_nlink, size("named"));
  fd = MUST(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0644));
  sprintf(path, "/proc/self/fd/%d", fd);
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "unnameable", AT_SYMLINK_FOLLOW));
  say_flags("tmpfile", fd);
  unlink("f");
  unlink("named");
  rmdir("d");
  CHECK(rmdir(folder));
}

CONTRACT(open_cloexec) {
  put("f", "x");
  int a = MUST(open("f", O_RDONLY | O_CLOEXEC));
  int b = MUST(open("f", O_RDONLY));
  SAY("%d %d", fcntl(a, F_GETFD), fcntl(b, F_GETFD));
  say_flags("cloexec is not a status flag", a);
  int c = MUST(dup(a));
  SAY("dup: %d", fcntl(c, F_GETFD));
  SAY("dup3: %d", fcntl(MUST(dup3(b, 20, O_CLOEXEC)), F_GETFD));
}

CONTRACT(open_keeps_status_flags) {
  put("f", "x");
  say_flags("r", MUST(open("f", O_RDONLY)));
  say_flags("w", MUST(open("f", O_WRONLY)));
  say_flags("rw", MUST(open("f", O_RDWR)));
  say_flags("3", MUST(open("f", 3)));
  say_flags("append", MUST(open("f", O_WRONLY | O_APPEND)));
  say_flags("nonblock", MUST(open("f", O_RDONLY | O_NONBLOCK)));
  say_flags("sync", MUST(open("f", O_RDONLY | O_SYNC)));
  say_flags("dsync", MUST(open("f", O_RDONLY | O_DSYNC)));
  say_flags("noatime", MUST(open("f", O_RDONLY | O_NOATIME)));
  say_flags("creation flags go", MUST(open("f", O_RDWR | O_CREAT | O_TRUNC | O_NOCTTY)));
  say_flags("directory stays", MUST(open(".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)));
}

CONTRACT(open_access_mode_three) {
  put("f", "x");
  int fd = MUST(open("f", 3));
  char byte;
  CHECK(read(fd, &byte, 1));
  CHECK(write(fd, &byte, 1));
  int r = MUST(open("f", O_RDONLY)), w = MUST(open("f", O_WRONLY));
  CHECK(write(r, "y", 1));
  CHECK(read(w, &byte, 1));
  CHECK(ftruncate(r, 0));
  CHECK(ftruncate(w, 0));
}

CONTRACT(open_bad_names) {
  char name[5000];
  CHECK(open(0, O_RDONLY));
  CHECK(open((char *)-4096L, O_RDONLY));
  memset(name, 'n', sizeof name);
  name[255] = 0;
  CHECK(open(name, O_CREAT | O_WRONLY, 0644));
  name[255] = 'n';
  name[256] = 0;
  CHECK(open(name, O_CREAT | O_WRONLY, 0644));
  CHECK(open(name, O_RDONLY));
  memset(name, '/', sizeof name);
  name[4095] = 0;
  CHECK(open(name, O_RDONLY));
  name[4095] = '/';
  name[4096] = 0;
  CHECK(open(name, O_RDONLY));
}

CONTRACT(open_takes_the_lowest_descriptor) {
  put("f", "x");
  int a = MUST(open("f", O_RDONLY)), b = MUST(open("f", O_RDONLY)), c = MUST(open("f", O_RDONLY));
  SAY("in a row: %d %d", b == a + 1, c == a + 2);
  close(a);
  close(b);
  SAY("lowest: %d", MUST(open("f", O_RDONLY)) == a);
  SAY("dup: %d", MUST(dup(c)) == b);
  SAY("above: %d", (int)MUST(fcntl(c, F_DUPFD, 50)));
  SAY("next above: %d", (int)MUST(fcntl(c, F_DUPFD, 50)));
}

CONTRACT(open_kernel_ignores_unknown_flags) {
  put("f", "x");
  CHECK(syscall(SYS_openat, AT_FDCWD, "f", 0x40000000 | O_RDONLY, 0));
  CHECK(syscall(SYS_openat, 99, "f", O_RDONLY, 0));
  CHECK(syscall(SYS_openat, 0, "f", O_RDONLY, 0));
  CHECK(syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY | 020000000, 0));
}

CONTRACT(open_device_and_missing_driver) {
  char byte = 1;
  int null = MUST(open("/dev/null", O_RDWR | O_TRUNC));
  VALUE(read(null, &byte, 1));
  VALUE(write(null, &byte, 1));
  int zero = MUST(open("/dev/zero", O_RDWR));
  VALUE(read(zero, &byte, 1));
  SAY("byte %d", byte);
  int full = MUST(open("/dev/full", O_RDWR));
  VALUE(write(full, &byte, 1));
  VALUE(read(full, &byte, 1));
  CHECK(lseek(null, 100, SEEK_SET));
  CHECK(open("/dev/null", O_RDONLY | O_DIRECTORY));
  CHECK(ftruncate(null, 0));
  CHECK(fsync(null));
}

CONTRACT(open_unlinked_file_lives) {
  put("f", "hello");
  int fd = MUST(open("f", O_RDWR));
  unlink("f");
  struct stat st;
  fstat(fd, &st);
  SAY("nlink %d", (int)st.st_nlink);
  char text[8] = "", path[64], link[300] = "";
  VALUE(pread(fd, text, 5, 0));
  VALUE(pwrite(fd, "world", 5, 5));
  sprintf(path, "/proc/self/fd/%d", fd);
  CHECK(readlink(path, link, 299));
  SAY("%s", strrchr(link, '/'));
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
  int again = CHECK(open(path, O_RDONLY));
  VALUE(lseek(again, 0, SEEK_END));
}

CONTRACT(open_busy_program) {
  int in = MUST(open("/proc/self/exe", O_RDONLY)), out = MUST(open("p", O_WRONLY | O_CREAT, 0755));
  static char buffer[65536];
  long n;
  while ((n = read(in, buffer, sizeof buffer)) > 0) MUST(write(out, buffer, n));
  CHECK(execl("./p", "p", "none", (char *)0));
  close(out);
  pid_t pid = fork();
  if (pid == 0) {
    execl("./p", "p", "-none-", (char *)0);
    _exit(1);
  }
  int status;
  waitpid(pid, &status, 0);
  say_status("runs", status);
  CHECK(open("/proc/self/exe", O_WRONLY));
  CHECK(open("/proc/self/exe", O_RDWR | O_TRUNC));
  CHECK(truncate("/proc/self/exe", 0));
}
