/* read(2), write(2), their vector and positional forms, lseek(2), sendfile(2), copy_file_range(2), fsync(2). */
#include "../contract.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static int filled(const char *name, const char *text) {
  int fd = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
  MUST(pwrite(fd, text, strlen(text), 0));
  return fd;
}

static void say_file(int fd) {
  char text[256] = "";
  long n = pread(fd, text, 255, 0);
  for (int i = 0; i < n; i++) if (text[i] == 0) text[i] = '.';
  SAY("%ld bytes at %ld: %s", n, (long)lseek(fd, 0, SEEK_CUR), text);
}

CONTRACT(pread_and_pwrite_leave_the_offset) {
  int fd = filled("f", "0123456789");
  char text[16] = "";
  VALUE(pread(fd, text, 4, 8));
  SAY("%s", text);
  VALUE(pread(fd, text, 4, 10));
  VALUE(pread(fd, text, 4, 1L << 40));
  VALUE(pwrite(fd, "ab", 2, 12));
  say_file(fd);
  CHECK(pread(fd, text, 1, -1));
  CHECK(pwrite(fd, text, 1, -1));
  VALUE(pread(fd, text, 0, 100));
  VALUE(pwrite(fd, text, 0, 100));
  say_file(fd);
  int p[2];
  MUST(pipe(p));
  CHECK(pread(p[0], text, 1, 0));
  CHECK(pwrite(p[1], text, 1, 0));
}

CONTRACT(lseek_whence) {
  int fd = filled("f", "0123456789");
  VALUE(lseek(fd, 3, SEEK_SET));
  VALUE(lseek(fd, 3, SEEK_CUR));
  VALUE(lseek(fd, -7, SEEK_CUR));
  VALUE(lseek(fd, -1, SEEK_END));
  VALUE(lseek(fd, 100, SEEK_END));
  VALUE(lseek(fd, -11, SEEK_END));
  VALUE(lseek(fd, -1, SEEK_SET));
  VALUE(lseek(fd, 0, 17));
  VALUE(lseek(fd, 0, SEEK_CUR));
  char byte;
  VALUE(read(fd, &byte, 1));
  VALUE(write(fd, "x", 1));
  SAY("size %ld", (long)lseek(fd, 0, SEEK_END));
  int p[2];
  MUST(pipe(p));
  VALUE(lseek(p[0], 0, SEEK_CUR));
  VALUE(lseek(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), 0, SEEK_CUR));
  VALUE(lseek(99, 0, SEEK_CUR));
}

CONTRACT(vectors) {
  int fd = filled("f", "0123456789");
  char a[4] = "", b[4] = "", c[8] = "";
  struct iovec v[3] = {{a, 3}, {b, 0}, {c, 5}};
  VALUE(readv(fd, v, 3));
  SAY("%s %s %s", a, b, c);
  VALUE(readv(fd, v, 0));
  VALUE(readv(fd, v, -1));
  VALUE(readv(fd, v, 1025));
  VALUE(readv(fd, 0, 1));
  v[1].iov_base = 0;
  lseek(fd, 0, SEEK_SET);
  VALUE(readv(fd, v, 3));
  v[1].iov_len = 4;
  lseek(fd, 0, SEEK_SET);
  VALUE(readv(fd, v, 3));
  SAY("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
  v[2].iov_len = -1;
  VALUE(readv(fd, v, 3));
  struct iovec w[2] = {{"ab", 2}, {"cde", 3}};
  VALUE(writev(fd, w, 2));
  VALUE(pwritev(fd, w, 2, 20));
  VALUE(preadv(fd, w, 2, -1));
  v[0].iov_len = 2;
  VALUE(preadv(fd, v, 1, 21));
  SAY("%.2s", a);
  say_file(fd);
}

CONTRACT(preadv2_and_its_flags) {
  int fd = filled("f", "0123456789");
  char text[16] = "";
  struct iovec v = {text, 3};
  lseek(fd, 2, SEEK_SET);
  VALUE(syscall(SYS_preadv2, fd, &v, 1, -1L, 0L, 0));
  SAY("%s, offset %ld", text, (long)lseek(fd, 0, SEEK_CUR));
  VALUE(syscall(SYS_preadv2, fd, &v, 1, 7L, 0L, 0));
  SAY("%s", text);
  VALUE(syscall(SYS_preadv2, fd, &v, 1, -2L, 0L, 0));
  VALUE(syscall(SYS_preadv2, fd, &v, 1, 0L, 0L, 0x10000));
  v.iov_base = "abc";
  VALUE(syscall(SYS_pwritev2, fd, &v, 1, 1L, 0L, 16));
  say_file(fd);
  VALUE(syscall(SYS_pwritev2, fd, &v, 1, 1L, 0L, 2));
  VALUE(syscall(SYS_pwritev2, fd, &v, 1, -1L, 0L, 4));
  say_file(fd);
  SAY("flags %o", fcntl(fd, F_GETFL) & ~0100000);
}

CONTRACT(bad_buffers) {
  int fd = filled("f", "0123456789");
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  CHECK(read(fd, 0, 1));
  CHECK(read(fd, (char *)-1L, 1));
  CHECK(read(fd, page + 4096, 4));
  VALUE(read(fd, 0, 0));
  VALUE(read(fd, page + 4092, 10));
  VALUE(lseek(fd, 0, SEEK_CUR));
  memcpy(page + 4092, "abcd", 4);
  VALUE(pwrite(fd, page + 4092, 10, 0));
  CHECK(pwrite(fd, page + 4096, 10, 0));
  say_file(fd);
  int p[2];
  MUST(pipe(p));
  CHECK(write(p[1], page + 4096, 10));
  VALUE(write(p[1], "hello", 5));
  CHECK(read(p[0], page + 4096, 10));
  VALUE(read(p[0], page, 10));
  mprotect(page, 4096, PROT_READ);
  lseek(fd, 0, SEEK_SET);
  CHECK(read(fd, page, 4));
}

CONTRACT(bad_descriptors) {
  char byte;
  CHECK(read(99, &byte, 1));
  CHECK(write(-1, &byte, 1));
  CHECK(lseek(99, 0, SEEK_SET));
  CHECK(fsync(99));
  CHECK(ftruncate(99, 0));
  CHECK(fstat(99, (void *)&byte));
  CHECK(read(99, 0, 0));
  int p[2];
  MUST(pipe(p));
  CHECK(read(p[1], &byte, 1));
  CHECK(write(p[0], &byte, 1));
}

CONTRACT(sendfile_moves_one_offset) {
  int in = filled("in", "0123456789"), out = filled("out", "");
  off_t at = 2;
  VALUE(sendfile(out, in, &at, 3));
  SAY("at %ld, in at %ld, out at %ld", (long)at, (long)lseek(in, 0, SEEK_CUR), (long)lseek(out, 0, SEEK_CUR));
  lseek(in, 8, SEEK_SET);
  VALUE(sendfile(out, in, 0, 100));
  SAY("in at %ld", (long)lseek(in, 0, SEEK_CUR));
  VALUE(sendfile(out, in, 0, 100));
  say_file(out);
  at = -1;
  CHECK(sendfile(out, in, &at, 3));
  int p[2], s[2];
  MUST(pipe(p));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  at = 0;
  VALUE(sendfile(p[1], in, &at, 4));
  VALUE(sendfile(s[0], in, &at, 4));
  char text[16] = "";
  VALUE(read(p[0], text, 15));
  VALUE(read(s[1], text + 4, 10));
  SAY("%s, at %ld", text, (long)at);
  CHECK(sendfile(in, p[0], 0, 4));
  CHECK(sendfile(p[0], in, 0, 4));
  CHECK(sendfile(99, in, 0, 4));
  int append = MUST(open("out", O_WRONLY | O_APPEND));
  lseek(in, 0, SEEK_SET);
  CHECK(sendfile(append, in, 0, 4));
  CHECK(sendfile(out, MUST(open(".", O_RDONLY)), 0, 4));
}

/* Outputs that take part of what they are given: what they do not take stays in the input. */
CONTRACT(sendfile_stops_where_the_output_does) {
  enum { SIZE = 300000 };
  static unsigned char out[SIZE], bytes[SIZE];
  for (int i = 0; i < SIZE; i++) bytes[i] = i * 7 + i / 251;
  int in = filled("in", ""), p[2], done = 0;
  MUST(pwrite(in, bytes, SIZE, 0));
  MUST(pipe2(p, O_NONBLOCK));
  for (int n; (n = sendfile(p[1], in, 0, SIZE)) >= 0; done += n)
    if (n == 0) break;
  SAY("pipe took %d, in at %ld", done, (long)lseek(in, 0, SEEK_CUR));
  CHECK(sendfile(p[1], in, 0, 1));
  VALUE(read(p[0], out, 10000));
  VALUE(sendfile(p[1], in, 0, 8192));
  SAY("in at %ld", (long)lseek(in, 0, SEEK_CUR));
  VALUE(read(p[0], out + 10000, SIZE));
  SAY("same: %d", memcmp(out, bytes, 65536 - 4096) == 0);
  int file = filled("limited", "");
  struct rlimit limit = {100000, RLIM_INFINITY};
  signal(SIGXFSZ, SIG_IGN);
  MUST(setrlimit(RLIMIT_FSIZE, &limit));
  off_t at = 77;
  VALUE(sendfile(file, in, &at, SIZE));
  SAY("at %ld, size %ld", (long)at, (long)lseek(file, 0, SEEK_END));
  CHECK(sendfile(file, in, &at, SIZE));
  SAY("at %ld", (long)at);
  MUST(pread(file, out, SIZE, 0));
  SAY("same: %d", memcmp(out, bytes + 77, 100000) == 0);
}

CONTRACT(sendfile_to_the_file_itself) {
  enum { SIZE = 100000 };
  static unsigned char out[2 * SIZE], bytes[SIZE];
  for (int i = 0; i < SIZE; i++) bytes[i] = i * 7 + i / 251;
  int in = filled("in", ""), same = MUST(open("in", O_WRONLY));
  MUST(pwrite(in, bytes, SIZE, 0));
  MUST(lseek(same, SIZE, SEEK_SET));
  VALUE(sendfile(same, in, 0, SIZE));
  VALUE(pread(in, out, 2 * SIZE, 0));
  SAY("same: %d %d", memcmp(out, bytes, SIZE) == 0, memcmp(out + SIZE, bytes, SIZE) == 0);
}

/* Holes and the end of a file whose pages are not in order in memory. */
CONTRACT(sendfile_of_holes) {
  enum { SIZE = 1 << 20 };
  static unsigned char out[SIZE], bytes[SIZE];
  int in = filled("in", ""), to = filled("to", "");
  for (int at = SIZE - 5000; at > 0; at -= 70001) MUST(pwrite(in, memset(bytes + at, at, 5000), 5000, at));
  off_t at = 3;
  VALUE(sendfile(to, in, &at, SIZE));
  VALUE(pread(to, out, SIZE, 0));
  SAY("same: %d", memcmp(out, bytes + 3, SIZE - 3) == 0);
}

CONTRACT(copy_file_range_moves_both) {
  int in = filled("in", "0123456789"), out = filled("out", "abcdefghij");
  off_t from = 1, to = 4;
  VALUE(copy_file_range(in, &from, out, &to, 3, 0));
  SAY("from %ld to %ld", (long)from, (long)to);
  say_file(out);
  VALUE(copy_file_range(in, 0, out, 0, 2, 0));
  say_file(in);
  say_file(out);
  VALUE(copy_file_range(in, 0, out, &to, 100, 0));
  say_file(in);
  say_file(out);
  VALUE(copy_file_range(in, 0, out, 0, 100, 0));
  CHECK(copy_file_range(in, 0, out, 0, 1, 1));
  from = 0, to = 5;
  CHECK(copy_file_range(in, &from, in, &to, 6, 0));
  VALUE(copy_file_range(in, &from, in, &to, 5, 0));
  say_file(in);
  int r = MUST(open("in", O_RDONLY)), a = MUST(open("out", O_WRONLY | O_APPEND)), p[2];
  MUST(pipe(p));
  CHECK(copy_file_range(in, 0, r, 0, 1, 0));
  CHECK(copy_file_range(r, 0, a, 0, 1, 0));
  CHECK(copy_file_range(p[0], 0, out, 0, 1, 0));
  CHECK(copy_file_range(MUST(open(".", O_RDONLY)), 0, out, 0, 1, 0));
}

CONTRACT(fsync_kinds) {
  int fd = filled("f", "x"), p[2];
  MUST(pipe(p));
  CHECK(fsync(fd));
  CHECK(fdatasync(fd));
  CHECK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
  CHECK(sync_file_range(fd, 0, 1, 16));
  CHECK(sync_file_range(fd, -1, 1, 2));
  CHECK(sync_file_range(fd, 0, -1, 2));
  CHECK(fsync(MUST(open(".", O_RDONLY))));
  CHECK(fsync(MUST(open("f", O_RDONLY))));
  CHECK(fsync(p[0]));
  CHECK(fdatasync(p[0]));
  CHECK(sync_file_range(p[0], 0, 0, 2));
  CHECK(syncfs(fd));
  CHECK(syncfs(99));
}

CONTRACT(file_size_limit) {
  struct rlimit limit = {8, RLIM_INFINITY};
  int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
  signal(SIGXFSZ, SIG_IGN);
  MUST(setrlimit(RLIMIT_FSIZE, &limit));
  VALUE(write(fd, "0123456789", 10));
  VALUE(write(fd, "0123456789", 10));
  CHECK(ftruncate(fd, 9));
  CHECK(ftruncate(fd, 8));
  CHECK(fallocate(fd, 0, 0, 20));
  VALUE(pwrite(fd, "a", 1, 7));
  CHECK(pwrite(fd, "a", 1, 8));
  int status;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_DFL);
    write(fd, "x", 1);
    _exit(0);
  }
  waitpid(child, &status, 0);
  SAY("signal %d", WTERMSIG(status));
}

CONTRACT(write_clears_set_user_id) {
  struct stat st;
  int fd = filled("f", "x");
  if (geteuid() == 0) {
    fchown(fd, 1000, 1000);
    fchmod(fd, 06777);
    MUST(setegid(1000));
    MUST(seteuid(1000));
  } else {
    fchmod(fd, 06777);
  }
  fstat(fd, &st);
  SAY("mode %o", st.st_mode);
  write(fd, "x", 1);
  fstat(fd, &st);
  SAY("after a write %o", st.st_mode);
  CHECK(fchmod(fd, 06777));
  ftruncate(fd, 0);
  fstat(fd, &st);
  SAY("after a truncation %o", st.st_mode);
  CHECK(fchmod(fd, 06777));
  CHECK(fallocate(fd, 0, 0, 10));
  fstat(fd, &st);
  SAY("after an allocation %o", st.st_mode);
  CHECK(fchmod(fd, 02767));
  write(fd, "x", 1);
  fstat(fd, &st);
  SAY("locking bit after a write %o", st.st_mode);
}
