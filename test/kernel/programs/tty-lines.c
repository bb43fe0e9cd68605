/* The line discipline, seen through a pseudo-terminal: what is typed, echoed and read. Compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static struct termios initial;

static void print(const char *s, long n) {
  putchar('"');
  for (long i = 0; i < n; i++) {
    unsigned char c = s[i];
    if (c >= 32 && c < 127) putchar(c);
    else printf("\\x%02x", c);
  }
  putchar('"');
}

/* Bytes that come within a moment. */
static long get(int fd, char *to, long size) {
  long n = 0;
  struct pollfd p = {fd, POLLIN, 0};
  while (n < size && poll(&p, 1, 60) == 1 && (p.revents & POLLIN)) {
    long r = read(fd, to + n, size - n);
    if (r <= 0) break;
    n += r;
  }
  return n;
}

/* Types, then shows the echo, what can be read, and each read of `size` bytes. */
static void type_n(const char *text, long length, long size) {
  static char out[20000];
  write(master, text, length);
  /* A busy host passes it on when it comes to it, but at once if somebody looks. */
  poll(&(struct pollfd){slave, POLLIN, 0}, 1, 0);
  printf("type ");
  print(text, length > 60 ? 60 : length);
  long n = get(master, out, sizeof out);
  printf("\n  echo ");
  if (n > 200) printf("(%ld) ", n);
  print(out, n > 200 ? 200 : n);
  int ready = 0;
  ioctl(slave, FIONREAD, &ready);
  printf("\n  ready %d:", ready);
  fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
  for (int i = 0; i < 8; i++) {
    long r = read(slave, out, size);
    if (r < 0) break;
    printf(" %ld ", r);
    print(out, r > 100 ? 100 : r);
  }
  fcntl(slave, F_SETFL, O_RDWR);
  printf("\n");
  fflush(stdout);
}

static void type(const char *text) { type_n(text, strlen(text), 1000); }

static struct termios *with(int iflag, int noiflag, int lflag, int nolflag) {
  static struct termios t;
  t = initial;
  t.c_iflag = (t.c_iflag | iflag) & ~noiflag;
  t.c_lflag = (t.c_lflag | lflag) & ~nolflag;
  return &t;
}

static void set(const char *name, struct termios *t) {
  printf("-- %s: %d\n", name, tcsetattr(slave, TCSAFLUSH, t));
}

static void write_slave(const char *text) {
  char out[2000];
  write(slave, text, strlen(text));
  long n = get(master, out, sizeof out);
  printf("write ");
  print(text, strlen(text));
  printf(" -> ");
  print(out, n);
  printf("\n");
}

static void canonical(void) {
  type("hello\n");
  type("helli\177o\n");
  type("one two  \027three\n");
  type("foo_bar.baz\027\027x\n");
  type("gone\025kept\n");
  type("a\tb\tc\177\177\177\177d\n");
  type("\t\t\177\177x\n");
  type("ab\003cd\n");
  type("half");
  type("\004");
  type("line\nnext\nrest");
  type("\n");
  type("\004");
  type("\004\004x\n");
  type_n("abc\n", 4, 3);
  type_n("abc\004", 4, 3);
  type_n("abcdef\n", 7, 2);
  type("lit\026\003\026\177x\n");
  type("\026\n after\n");
  type("re\001\002p\022rint\n");
  type("cr\rnl\n");
  type_n("nul\0x\n", 6, 100);
  type("\001\033[A\n");
  type("\177\027\025\n");
  type("\001\002\177\177x\n");
  type("\303\251\177x\n");
  type("stop\023more\n");
  type("\021");
  type("quit\034x\n");
  type("sus\032p\n");
}

static void modes(void) {
  struct termios *t;
  set("no echo", with(0, 0, 0, ECHO));
  type("secret\n");
  type("se\177\025x\n");
  set("echonl", with(0, 0, ECHONL, ECHO));
  type("secret\n");
  set("no echoe", with(0, 0, 0, ECHOE));
  type("ab\177\025x\027\n");
  set("no echok", with(0, 0, 0, ECHOK));
  type("ab\025x\n");
  set("no echoke", with(0, 0, 0, ECHOKE));
  type("ab\025x\n");
  set("no echoctl", with(0, 0, 0, ECHOCTL));
  type("a\001\002b\177\177\177c\004\003\n");
  set("echoprt", with(0, 0, ECHOPRT, 0));
  type("abc\177\177de\027x\n");
  set("no iexten", with(0, 0, 0, IEXTEN));
  type("a b\027\026\022c\n");
  set("no isig", with(0, 0, 0, ISIG));
  type("a\003\034\032b\n");
  set("noflsh", with(0, 0, NOFLSH, 0));
  type("abc\003def\n");
  set("no icrnl", with(0, ICRNL, 0, 0));
  type("a\rb\n");
  set("igncr", with(IGNCR, 0, 0, 0));
  type("a\rb\n");
  set("inlcr", with(INLCR, ICRNL, 0, 0));
  type("a\rb\n");
  type("\004");
  set("istrip iuclc", with(ISTRIP | IUCLC, 0, 0, 0));
  type("ABC\341\n");
  set("iutf8", with(IUTF8, 0, 0, 0));
  type("a\303\251\342\202\254\177\177b\n");
  type("\303\251 \303\251\303\251\027x\n");
  set("no ixon", with(0, IXON, 0, 0));
  type("a\023b\021\n");
  set("ixany", with(IXANY, 0, 0, 0));
  type("a\023b");
  type("c\n");
  t = with(0, 0, 0, 0);
  t->c_cc[VEOL] = ';';
  t->c_cc[VEOL2] = '|';
  t->c_cc[VERASE] = 0;
  set("eol", t);
  type("a;b|c\177\n");
  t->c_cc[VEOL] = 0;
  t->c_cc[VEOF] = 'z';
  t->c_cc[VINTR] = 0;
  set("eof z", t);
  type_n("a\003b\0z", 5, 100);
}

static void raw(void) {
  struct termios t = initial;
  cfmakeraw(&t);
  set("raw", &t);
  type("a\003\r\n\177\004\032");
  t.c_lflag |= ECHO;
  set("raw echo", &t);
  type("a\003\r\n\t\177");
  t = initial;
  t.c_lflag &= ~ICANON;
  set("cbreak", &t);
  type("a\177\004\003b\r");
  t.c_lflag &= ~ECHO;
  t.c_cc[VMIN] = 3;
  set("vmin 3", &t);
  struct pollfd p = {slave, POLLIN, 0};
  write(master, "ab", 2);
  printf("poll 2 of 3: %d\n", poll(&p, 1, 15));
  write(master, "c", 1);
  printf("poll 3 of 3: %d\n", poll(&p, 1, 500));
  char buf[100];
  printf("read %ld\n", (long)read(slave, buf, 100));
  write(master, "xy", 2);
  printf("short read %ld\n", (long)read(slave, buf, 2));
  t.c_cc[VMIN] = 0;
  t.c_cc[VTIME] = 0;
  set("vmin 0", &t);
  printf("read nothing %ld\n", (long)read(slave, buf, 100));
  t.c_cc[VTIME] = 1;
  set("vtime 1", &t);
  printf("read nothing %ld\n", (long)read(slave, buf, 100));
  write(master, "q", 1);
  printf("read one %ld\n", (long)read(slave, buf, 100));
  t.c_cc[VMIN] = 5;
  set("vmin 5 vtime 1", &t);
  write(master, "qrs", 3);
  printf("read three %ld\n", (long)read(slave, buf, 100));
  /* Switching modes with data in the buffer. */
  t.c_cc[VMIN] = 1, t.c_cc[VTIME] = 0;
  set("cbreak again", &t);
  write(master, "left\nover", 9);
  usleep(10000);
  tcsetattr(slave, TCSANOW, &initial);
  type("");
  write(master, "typed", 5);
  usleep(10000);
  tcsetattr(slave, TCSANOW, &t);
  type("");
}

static void output(void) {
  struct termios t = initial;
  set("output", &t);
  write_slave("a\nb\tc\rd\be\001\n");
  t.c_oflag = 0;
  set("no opost", &t);
  write_slave("a\nb\tc");
  t.c_oflag = OPOST;
  set("no onlcr", &t);
  write_slave("a\nb");
  t.c_oflag = OPOST | OCRNL | ONLCR;
  set("ocrnl", &t);
  write_slave("a\rb\n");
  t.c_oflag = OPOST | ONOCR | ONLRET;
  set("onocr", &t);
  write_slave("\ra\rb\n\rc");
  t.c_oflag = OPOST | XTABS | OLCUC;
  set("xtabs olcuc", &t);
  write_slave("\rab\tcd\t\te\n");
}

static void long_lines(void) {
  static char text[6000];
  set("long", &initial);
  memset(text, 'x', sizeof text);
  text[5000] = '\n';
  type_n(text, 5001, 4095);
  struct termios t = initial;
  t.c_lflag &= ~(ICANON | ECHO);
  set("long raw", &t);
  type_n(text, 6000, 4096);
  tcflush(slave, TCIFLUSH);
  type("");
}

int main(void) {
  struct winsize ws;
  char name[100];
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  printf("locked %d %s\n", slave, strerror(errno));
  unlockpt(master);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  printf("isatty %d %d\n", isatty(master), isatty(slave));
  printf("same name %d\n", ttyname_r(slave, name, 100) == 0 && strcmp(name, ptsname(master)) == 0);
  tcgetattr(slave, &initial);
  printf("%o %o %o %o ", initial.c_iflag, initial.c_oflag, initial.c_cflag, initial.c_lflag);
  print((char *)initial.c_cc, 19);
  printf(" speed %d\n", cfgetospeed(&initial) == B38400);
  ioctl(slave, TIOCGWINSZ, &ws);
  printf("size %d %d\n", ws.ws_row, ws.ws_col);
  ws = (struct winsize){24, 80, 1, 2};
  ioctl(master, TIOCSWINSZ, &ws);
  ws = (struct winsize){0};
  ioctl(slave, TIOCGWINSZ, &ws);
  printf("size %d %d %d %d\n", ws.ws_row, ws.ws_col, ws.ws_xpixel, ws.ws_ypixel);
  canonical();
  modes();
  raw();
  output();
  long_lines();
  return 0;
}
