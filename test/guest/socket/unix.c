/* unix(7): stream, datagram and seqpacket sockets, names, ancillary data. */
#include "../contract.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un address;
static socklen_t named(const char *name, int length) {
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name, length);
  return offsetof(struct sockaddr_un, sun_path) + length;
}
#define NAME(s) (struct sockaddr *)&address, named(s, sizeof(s) - 1)
#define NAME0(s) (struct sockaddr *)&address, named(s, sizeof(s))

static void say_name(const char *what, int (*get)(int, struct sockaddr *, socklen_t *), int fd) {
  struct sockaddr_un a;
  socklen_t length = sizeof a;
  memset(&a, 'z', sizeof a);
  if (get(fd, (void *)&a, &length) != 0) { SAY("%s: errno %d", what, errno); return; }
  printf("%s: family %d length %u ", what, a.sun_family, length);
  for (int i = 0; i < (int)length - 2 && i < 20; i++) putchar(a.sun_path[i] ? a.sun_path[i] : '@');
  SAY("");
}

static void say_text(int fd, int flags) {
  char text[64] = "";
  long n = recv(fd, text, 63, flags);
  if (n < 0) SAY("recv: errno %d", errno);
  else SAY("recv: %ld %s", n, text);
}

CONTRACT(unix_stream_life) {
  int l = MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  say_name("unnamed", getsockname, l);
  say_name("no peer", getpeername, c);
  CHECK(listen(l, 1));
  CHECK(connect(c, NAME0("s")));
  CHECK(bind(l, NAME0("s")));
  CHECK(bind(l, NAME0("t")));
  CHECK(connect(c, NAME0("s")));
  CHECK(accept(l, 0, 0));
  CHECK(listen(l, 1));
  CHECK(connect(c, NAME0("s")));
  CHECK(connect(c, NAME0("s")));
  VALUE(send(c, "early", 5, 0));
  int a = CHECK(accept(l, 0, 0));
  say_name("listener", getsockname, l);
  say_name("accepted", getsockname, a);
  say_name("accepted's peer", getpeername, a);
  say_name("client's peer", getpeername, c);
  say_text(a, 0);
  VALUE(send(a, "back", 4, 0));
  say_text(c, 0);
  close(l);
  VALUE(send(a, "still", 5, 0));
  CHECK(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), NAME0("s")));
  CHECK(bind(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), NAME0("s")));
  CHECK(unlink("s"));
  CHECK(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), NAME0("s")));
}

CONTRACT(unix_names) {
  struct stat st;
  int s = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(bind(s, NAME("plain")));
  say_name("not ended", getsockname, s);
  stat("plain", &st);
  SAY("mode %o", st.st_mode);
  s = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(bind(s, (struct sockaddr *)&address, (named("", 0), 2)));
  struct sockaddr_un a;
  socklen_t length = sizeof a;
  getsockname(s, (void *)&a, &length);
  SAY("chosen: length %u, first %d", length, a.sun_path[0]);
  s = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(bind(s, (struct sockaddr *)&address, 1));
  CHECK(bind(s, (struct sockaddr *)&address, 200));
  named("x", 2);
  address.sun_family = AF_INET;
  CHECK(bind(s, (struct sockaddr *)&address, 4));
  CHECK(bind(s, NAME0("none/x")));
  CHECK(bind(s, NAME0("plain")));
  CHECK(connect(s, NAME0("none")));
  CHECK(open("plain", O_RDWR));
  CHECK(mkdir("plain", 0755));
  close(MUST(open("file", O_CREAT | O_RDWR, 0644)));
  CHECK(connect(s, NAME0("file")));
  umask(0777);
  CHECK(bind(s, NAME0("closed")));
  stat("closed", &st);
  SAY("mode %o", st.st_mode);
}

CONTRACT(unix_abstract_names) {
  char name[40];
  int length = sprintf(name, "%ccontract-%d", 0, getpid());
  int a = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), b = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  socklen_t n = named(name, length);
  CHECK(bind(a, (void *)&address, n));
  CHECK(bind(b, (void *)&address, n));
  CHECK(connect(b, (void *)&address, n));
  VALUE(send(b, "hi", 2, 0));
  say_text(a, 0);
  CHECK(connect(b, (void *)&address, n + 1));
  close(a);
  CHECK(send(b, "hi", 2, 0));
  CHECK(bind(MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), (void *)&address, n));
}

CONTRACT(unix_datagrams) {
  int a = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), b = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  char text[64] = "";
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  MUST(bind(a, NAME0("a")));
  VALUE(sendto(b, "one", 3, 0, NAME0("a")));
  VALUE(sendto(b, "", 0, 0, NAME0("a")));
  MUST(bind(b, NAME0("b")));
  VALUE(sendto(b, "three", 5, 0, NAME0("a")));
  VALUE(recvfrom(a, text, 63, 0, (void *)&from, &length));
  SAY("from: length %u", length);
  length = sizeof from;
  VALUE(recvfrom(a, text, 63, 0, (void *)&from, &length));
  length = sizeof from;
  VALUE(recvfrom(a, text, 2, MSG_PEEK | MSG_TRUNC, (void *)&from, &length));
  SAY("from: length %u %s", length, from.sun_path);
  VALUE(recvfrom(a, text, 2, 0, 0, 0));
  say_text(a, MSG_DONTWAIT);
  CHECK(send(b, "x", 1, 0));
  CHECK(connect(b, NAME0("a")));
  VALUE(send(b, "x", 1, 0));
  /* One that has a peer hears only it. */
  int c = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  CHECK(sendto(c, "y", 1, 0, NAME0("b")));
  struct sockaddr none = {AF_UNSPEC};
  CHECK(connect(b, &none, sizeof none));
  VALUE(sendto(c, "y", 1, 0, NAME0("b")));
  say_text(b, 0);
  CHECK(listen(b, 1));
  CHECK(accept(b, 0, 0));
}

CONTRACT(unix_seqpacket) {
  int s[2];
  char text[8] = "";
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
  VALUE(send(s[0], "first", 5, 0));
  VALUE(send(s[0], "second", 6, 0));
  VALUE(recv(s[1], text, 3, 0));
  SAY("%s", text);
  struct iovec v = {text, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  VALUE(recvmsg(s[1], &m, 0));
  SAY("flags %x %.4s", m.msg_flags, text);
  say_text(s[1], MSG_DONTWAIT);
  VALUE(write(s[0], "", 0));
  say_text(s[1], MSG_DONTWAIT);
  close(s[0]);
  say_text(s[1], 0);
  signal(SIGPIPE, SIG_IGN);
  CHECK(send(s[1], "x", 1, 0));
}

CONTRACT(unix_shutdown) {
  int s[2];
  struct pollfd p;
  signal(SIGPIPE, SIG_IGN);
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  VALUE(send(s[0], "last", 4, 0));
  CHECK(shutdown(s[0], SHUT_WR));
  CHECK(send(s[0], "x", 1, 0));
  p = (struct pollfd){s[1], POLLIN | POLLOUT | POLLRDHUP};
  poll(&p, 1, 0);
  SAY("revents %x", p.revents);
  say_text(s[1], 0);
  say_text(s[1], 0);
  VALUE(send(s[1], "back", 4, 0));
  say_text(s[0], 0);
  CHECK(shutdown(s[0], SHUT_RD));
  say_text(s[0], 0);
  CHECK(send(s[1], "x", 1, 0));
  p = (struct pollfd){s[1], POLLIN | POLLOUT | POLLRDHUP};
  poll(&p, 1, 0);
  SAY("revents %x", p.revents);
  CHECK(shutdown(s[1], 7));
  CHECK(shutdown(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), SHUT_RD));
}

CONTRACT(unix_close_with_unread_bytes_resets) {
  int s[2];
  signal(SIGPIPE, SIG_IGN);
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  send(s[0], "unread", 6, 0);
  send(s[1], "queued", 6, 0);
  close(s[1]);
  say_text(s[0], 0);
  say_text(s[0], 0);
  say_text(s[0], 0);
  CHECK(send(s[0], "x", 1, 0));
  CHECK(send(s[0], "x", 1, MSG_NOSIGNAL));
}

static volatile sig_atomic_t pipes;
static void count(int sig) { pipes++; }

CONTRACT(unix_sigpipe) {
  int s[2];
  signal(SIGPIPE, count);
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  close(s[1]);
  CHECK(send(s[0], "x", 1, 0));
  SAY("signals %d", pipes);
  CHECK(send(s[0], "x", 1, MSG_NOSIGNAL));
  CHECK(write(s[0], "x", 1));
  SAY("signals %d", pipes);
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  close(s[1]);
  CHECK(send(s[0], "x", 1, 0));
  SAY("signals %d", pipes);
}

CONTRACT(unix_peek_and_waitall) {
  int s[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  send(s[0], "hello", 5, 0);
  send(s[0], "world", 5, 0);
  char text[16] = "";
  VALUE(recv(s[1], text, 7, MSG_PEEK));
  SAY("%s", text);
  VALUE(recv(s[1], text, 7, 0));
  SAY("%s", text);
  if (fork() == 0) { usleep(20000); send(s[0], "late", 4, 0); _exit(0); }
  memset(text, 0, sizeof text);
  VALUE(recv(s[1], text, 7, MSG_WAITALL));
  SAY("%s", text);
  int n;
  send(s[0], "abc", 3, 0);
  CHECK(ioctl(s[1], FIONREAD, &n));
  SAY("%d", n);
  say_text(s[1], MSG_OOB);
  say_text(s[1], MSG_DONTWAIT);
  say_text(s[1], MSG_DONTWAIT);
}

static void send_fd(int s, int fd, const char *text) {
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec v = {(char *)text, strlen(text)};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  VALUE(sendmsg(s, &m, 0));
}

static int receive_fd(int s, int room, int flags) {
  char control[256] = {0}, text[64] = "";
  struct iovec v = {text, 63};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  long n = recvmsg(s, &m, flags);
  if (n < 0) { SAY("recvmsg: errno %d", errno); return -1; }
  SAY("recvmsg: %ld %s, flags %x, control %ld", n, text, m.msg_flags, (long)m.msg_controllen);
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (!c) return -1;
  SAY("level %d type %d length %ld", c->cmsg_level, c->cmsg_type, (long)c->cmsg_len);
  int fd;
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return fd;
}

CONTRACT(unix_passes_descriptors) {
  int s[2], p[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  MUST(pipe(p));
  send_fd(s[0], p[1], "pipe");
  close(p[1]);
  int fd = receive_fd(s[1], CMSG_SPACE(sizeof(int)), 0);
  VALUE(write(fd, "x", 1));
  SAY("descriptor flags %d", fcntl(fd, F_GETFD));
  send_fd(s[0], p[0], "cloexec");
  fd = receive_fd(s[1], CMSG_SPACE(sizeof(int)), MSG_CMSG_CLOEXEC);
  SAY("descriptor flags %d", fcntl(fd, F_GETFD));
  char byte;
  VALUE(read(fd, &byte, 1));
  send_fd(s[0], p[0], "no room");
  receive_fd(s[1], 0, 0);
  send_fd(s[0], p[0], "peeked");
  fd = receive_fd(s[1], 64, MSG_PEEK);
  SAY("peeked: %d", fd >= 0 && fd != p[0]);
  receive_fd(s[1], 64, 0);
  send_fd(s[0], 99, "bad");
}

CONTRACT(unix_descriptors_separate_bytes) {
  int s[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  send(s[0], "before", 6, 0);
  send_fd(s[0], 0, "with");
  send(s[0], "after", 5, 0);
  receive_fd(s[1], 64, 0);
  receive_fd(s[1], 64, 0);
  receive_fd(s[1], 64, MSG_DONTWAIT);
  send_fd(s[0], s[0], "itself");
  close(s[0]);
  int fd = receive_fd(s[1], 64, 0);
  send(fd, "alive", 5, 0);
  say_text(s[1], 0);
}

CONTRACT(unix_credentials) {
  int s[2], on = 1;
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  pid_t child = fork();
  if (child == 0) { send(s[0], "hi", 2, 0); _exit(0); }
  waitpid(child, 0, 0);
  char control[64] = {0}, text[8];
  struct iovec v = {text, 8};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  VALUE(recvmsg(s[1], &m, 0));
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  struct { int pid, uid, gid; } who;
  memcpy(&who, CMSG_DATA(c), sizeof who);
  SAY("type %d length %ld: child %d user %d group %d", c->cmsg_type, (long)c->cmsg_len, who.pid == child,
      who.uid == (int)getuid(), who.gid == (int)getgid());
  socklen_t length = sizeof who;
  CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &who, &length));
  SAY("length %u, pid own %d", length, who.pid == getpid());
  c->cmsg_type = SCM_CREDENTIALS;
  m.msg_controllen = CMSG_SPACE(sizeof who);
  who.pid = getpid();
  memcpy(CMSG_DATA(c), &who, sizeof who);
  VALUE(sendmsg(s[0], &m, 0));
  int none = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  length = sizeof who;
  CHECK(getsockopt(none, SOL_SOCKET, SO_PEERCRED, &who, &length));
  SAY("nobody: %d %d %d", who.pid, who.uid, who.gid);
}

CONTRACT(unix_queue_limits) {
  int s[2], l = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(bind(l, NAME0("l")));
  MUST(listen(l, 0));
  int connected = 0, last = 0;
  for (int i = 0; i < 4; i++) {
    int c = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (connect(c, NAME0("l")) == 0) connected++;
    else last = errno;
  }
  SAY("connected %d, then errno %d", connected, last);
  MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s));
  int n = 0;
  while (n < 100000 && send(s[0], "x", 1, 0) == 1) n++;
  SAY("errno %d, some %d", errno, n > 5);
  struct pollfd p = {s[0], POLLOUT};
  VALUE(poll(&p, 1, 0));
  char byte;
  while (recv(s[1], &byte, 1, 0) == 1) {}
  VALUE(poll(&p, 1, 0));
  CHECK(send(s[0], "x", 1, 0));
}

CONTRACT(socketpair_forms) {
  int s[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
  SAY("%o %d", fcntl(s[0], F_GETFL), fcntl(s[1], F_GETFD));
  CHECK(socketpair(AF_INET, SOCK_STREAM, 0, s));
  CHECK(socketpair(AF_UNIX, SOCK_RAW, 0, s));
  CHECK(socketpair(AF_UNIX, 77, 0, s));
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 9, s));
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, 0));
  CHECK(socketpair(200, SOCK_STREAM, 0, s));
  MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
  say_name("pair", getsockname, s[0]);
  say_name("pair's peer", getpeername, s[0]);
  struct stat st;
  fstat(s[0], &st);
  SAY("type %o", st.st_mode & S_IFMT);
  char byte;
  CHECK(read(s[0], &byte, 1));
  CHECK(pread(s[0], &byte, 1, 0));
  CHECK(ftruncate(s[0], 0));
  CHECK(fsync(s[0]));
}

CONTRACT(socket_calls_on_other_files) {
  int p[2], v = 0;
  socklen_t n = sizeof v;
  MUST(pipe(p));
  CHECK(bind(p[0], NAME0("x")));
  CHECK(connect(p[0], NAME0("x")));
  CHECK(listen(p[0], 1));
  CHECK(accept(p[0], 0, 0));
  CHECK(send(p[1], "x", 1, 0));
  CHECK(recv(p[0], &v, 1, 0));
  CHECK(getsockopt(p[0], SOL_SOCKET, SO_TYPE, &v, &n));
  CHECK(setsockopt(p[0], SOL_SOCKET, SO_TYPE, &v, n));
  CHECK(shutdown(99, SHUT_RD));
  CHECK(getsockname(99, 0, 0));
}
