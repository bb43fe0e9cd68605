/* splice(2), tee(2), vmsplice(2). */
#include "../contract.h"

#include <sys/socket.h>
#include <sys/uio.h>

static int filled(const char *text) {
  int fd = MUST(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
  MUST(pwrite(fd, text, strlen(text), 0));
  return fd;
}

static void say_rest(const char *what, int fd) {
  char text[64] = "";
  long n;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  n = read(fd, text, 63);
  if (n < 0) SAY("%s: errno %d", what, errno);
  else SAY("%s: %ld %s", what, n, text);
}

CONTRACT(splice_from_and_to_files) {
  int p[2], fd = filled("0123456789");
  MUST(pipe(p));
  off_t at = 2;
  VALUE(splice(fd, &at, p[1], 0, 4, 0));
  SAY("at %ld, file at %ld", (long)at, (long)lseek(fd, 0, SEEK_CUR));
  VALUE(splice(fd, 0, p[1], 0, 3, 0));
  SAY("file at %ld", (long)lseek(fd, 0, SEEK_CUR));
  int out = MUST(open("out", O_RDWR | O_CREAT, 0644));
  at = 1;
  VALUE(splice(p[0], 0, out, &at, 5, 0));
  SAY("at %ld, size %ld", (long)at, (long)lseek(out, 0, SEEK_END));
  say_rest("pipe", p[0]);
  lseek(fd, 0, SEEK_END);
  VALUE(splice(fd, 0, p[1], 0, 3, 0));
}

CONTRACT(splice_errors) {
  int p[2], fd = filled("0123456789"), out = MUST(open("out", O_RDWR | O_CREAT, 0644));
  off_t at = 0;
  MUST(pipe(p));
  CHECK(splice(fd, 0, out, 0, 3, 0));
  CHECK(splice(fd, 0, p[1], &at, 3, 0));
  CHECK(splice(p[0], &at, out, 0, 3, 0));
  CHECK(splice(fd, 0, p[0], 0, 3, 0));
  CHECK(splice(p[1], 0, out, 0, 3, 0));
  CHECK(splice(99, 0, p[1], 0, 3, 0));
  CHECK(splice(fd, 0, p[1], 0, 3, 128));
  CHECK(splice(fd, 0, p[1], 0, 0, 0));
  CHECK(splice(p[0], 0, p[1], 0, 3, 0));
  at = -1;
  CHECK(splice(fd, &at, p[1], 0, 3, 0));
  CHECK(splice(MUST(open(".", O_RDONLY)), 0, p[1], 0, 3, 0));
  CHECK(splice(p[0], 0, out, 0, 3, SPLICE_F_NONBLOCK));
  int append = MUST(open("out", O_WRONLY | O_APPEND));
  write(p[1], "x", 1);
  CHECK(splice(p[0], 0, append, 0, 3, 0));
  char byte;
  VALUE(read(p[0], &byte, 1));
  close(p[1]);
  VALUE(splice(p[0], 0, out, 0, 3, 0));
}

CONTRACT(splice_between_pipes) {
  int a[2], b[2];
  MUST(pipe(a));
  MUST(pipe(b));
  write(a[1], "hello", 5);
  write(a[1], " world", 6);
  VALUE(splice(a[0], 0, b[1], 0, 7, 0));
  say_rest("first", a[0]);
  say_rest("second", b[0]);
  CHECK(splice(a[0], 0, b[1], 0, 7, SPLICE_F_NONBLOCK));
  close(b[0]);
  signal(SIGPIPE, SIG_IGN);
  write(a[1], "x", 1);
  CHECK(splice(a[0], 0, b[1], 0, 7, 0));
  close(a[1]);
}

CONTRACT(splice_with_sockets) {
  int p[2], s[2];
  MUST(pipe(p));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  write(p[1], "hello", 5);
  VALUE(splice(p[0], 0, s[0], 0, 100, 0));
  VALUE(splice(s[1], 0, p[1], 0, 3, 0));
  say_rest("pipe", p[0]);
  say_rest("socket", s[1]);
  CHECK(splice(s[1], 0, p[1], 0, 3, SPLICE_F_NONBLOCK));
  close(s[0]);
  VALUE(splice(s[1], 0, p[1], 0, 3, 0));
}

CONTRACT(tee_copies_and_keeps) {
  int a[2], b[2];
  MUST(pipe(a));
  MUST(pipe(b));
  write(a[1], "hello", 5);
  write(a[1], " world", 6);
  VALUE(tee(a[0], b[1], 100, 0));
  VALUE(tee(a[0], b[1], 3, 0));
  say_rest("first", a[0]);
  say_rest("second", b[0]);
  CHECK(tee(a[0], b[1], 3, SPLICE_F_NONBLOCK));
  CHECK(tee(a[0], a[1], 3, 0));
  CHECK(tee(a[1], b[1], 3, 0));
  CHECK(tee(a[0], b[1], 0, 0));
  CHECK(tee(a[0], MUST(open("/dev/null", O_WRONLY)), 3, 0));
  CHECK(tee(a[0], b[1], 3, 64));
  close(a[1]);
  VALUE(tee(a[0], b[1], 3, 0));
}

CONTRACT(tee_into_a_full_pipe) {
  int a[2], b[2];
  char page[4096] = "x";
  MUST(pipe(a));
  MUST(pipe2(b, O_NONBLOCK));
  while (write(b[1], page, sizeof page) > 0) {}
  write(a[1], "hello", 5);
  CHECK(tee(a[0], b[1], 3, 0));
  read(b[0], page, sizeof page);
  VALUE(tee(a[0], b[1], 3, 0));
  close(b[0]);
  signal(SIGPIPE, SIG_IGN);
  CHECK(tee(a[0], b[1], 3, 0));
}

CONTRACT(vmsplice_both_ways) {
  int p[2];
  MUST(pipe(p));
  struct iovec v[2] = {{"hello", 5}, {" world", 6}};
  VALUE(vmsplice(p[1], v, 2, 0));
  char text[16] = "";
  struct iovec r = {text, 5};
  VALUE(vmsplice(p[0], &r, 1, 0));
  SAY("%s", text);
  say_rest("rest", p[0]);
  CHECK(vmsplice(p[0], &r, 1, SPLICE_F_NONBLOCK));
  CHECK(vmsplice(filled("x"), v, 1, 0));
  CHECK(vmsplice(99, v, 1, 0));
  VALUE(vmsplice(p[1], v, 0, 0));
}
