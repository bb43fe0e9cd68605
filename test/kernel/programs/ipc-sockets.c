/* Sockets: Unix stream, seqpacket and datagram, descriptors, loopback TCP and UDP. Output is compared. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char buf[1 << 20];

static void show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static int events_of(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static int option(int fd, int level, int name) {
  int v = -1;
  socklen_t n = sizeof v;
  if (getsockopt(fd, level, name, &v, &n) < 0) return -errno;
  return v;
}

static socklen_t unix_name(struct sockaddr_un *a, const char *name, int abstract) {
  memset(a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  strcpy(a->sun_path + abstract, name);
  return offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
}

static void show_name(const char *what, int (*get)(int, struct sockaddr *, socklen_t *), int fd) {
  struct sockaddr_un a;
  socklen_t n = sizeof a;
  memset(&a, 'z', sizeof a);
  int r = get(fd, (struct sockaddr *)&a, &n);
  printf("%s %d %s %d:", what, r, r < 0 ? strerror(errno) : "", n);
  for (int i = 0; i < (int)n - 2 && r == 0; i++) {
    char c = a.sun_path[i];
    putchar(c >= 32 && c < 127 ? c : '.');
  }
  printf("\n");
}

static void pairs(void) {
  int p[2];
  show("pair inet", socketpair(AF_INET, SOCK_STREAM, 0, p));
  show("bad family", socket(99, SOCK_STREAM, 0));
  show("bad type", socket(AF_UNIX, 9, 0));
  show("bad protocol", socket(AF_UNIX, SOCK_STREAM, 77));
  show("pair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
  struct stat st;
  fstat(p[0], &st);
  printf("mode %o\n", st.st_mode);
  printf("events %x %x\n", events_of(p[0]), events_of(p[1]));
  show("empty", read(p[0], buf, 10));
  show("write", write(p[0], "hello", 5));
  show("send", send(p[0], " world", 6, 0));
  int n;
  ioctl(p[1], FIONREAD, &n);
  printf("FIONREAD %d events %x\n", n, events_of(p[1]));
  show("peek", recv(p[1], buf, 3, MSG_PEEK));
  show("read", read(p[1], buf, 100));
  printf("%.11s\n", buf);
  show("oob", recv(p[1], buf, 3, MSG_OOB));
  printf("type %d domain %d protocol %d error %d accept %d\n", option(p[0], SOL_SOCKET, SO_TYPE), option(p[0], SOL_SOCKET, SO_DOMAIN),
         option(p[0], SOL_SOCKET, SO_PROTOCOL), option(p[0], SOL_SOCKET, SO_ERROR), option(p[0], SOL_SOCKET, SO_ACCEPTCONN));
  printf("tcp option on unix %d unknown %d\n", option(p[0], IPPROTO_TCP, TCP_NODELAY), option(p[0], SOL_SOCKET, 999));
  struct ucred c;
  socklen_t l = sizeof c;
  getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &c, &l);
  printf("peer %d %d %d\n", c.pid == getpid(), c.uid == getuid(), l);
  show_name("name", getsockname, p[0]);
  show_name("peer", getpeername, p[0]);
  show("lseek", lseek(p[0], 0, 0));
  show("shutdown", shutdown(p[0], SHUT_WR));
  printf("events %x %x\n", events_of(p[0]), events_of(p[1]));
  show("eof", read(p[1], buf, 10));
  show("back", write(p[1], "x", 1));
  signal(SIGPIPE, SIG_IGN);
  show("after shutdown", write(p[0], "x", 1));
  close(p[1]);
  printf("events %x\n", events_of(p[0]));
  show("rest", read(p[0], buf, 10));
  show("end", read(p[0], buf, 10));
  close(p[0]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  write(p[0], "unread", 6);
  close(p[1]);
  printf("events %x\n", events_of(p[0]));
  show("reset", read(p[0], buf, 10));
  show("then", read(p[0], buf, 10));
  show("write", write(p[0], "x", 1));
  close(p[0]);
  /* A large transfer between processes. */
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  if (fork() == 0) {
    close(p[0]);
    for (int i = 0; i < (int)sizeof buf; i++) buf[i] = i * 7 + i / 256;
    write(p[1], buf, sizeof buf);
    _exit(0);
  }
  close(p[1]);
  long total = 0, r, sum = 0;
  while ((r = read(p[0], buf, 30000)) > 0) {
    for (int i = 0; i < r; i++) sum += (unsigned char)buf[i] * ((total + i) % 17);
    total += r;
  }
  printf("transfer %ld %ld\n", total, sum);
  wait(0);
  close(p[0]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  if (fork() == 0) {
    for (int i = 0; i < 5; i++) write(p[1], "abc", 3), usleep(3000);
    _exit(0);
  }
  show("waitall", recv(p[0], buf, 14, MSG_WAITALL));
  wait(0);
  struct timeval tv = {0, 20000};
  setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  show("left", recv(p[0], buf, 14, 0));
  show("timeout", recv(p[0], buf, 14, 0));
  close(p[0]);
  close(p[1]);
}

static void packets(void) {
  int p[2];
  signal(SIGPIPE, SIG_IGN);
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p);
  write(p[0], "one", 3);
  write(p[0], "second", 6);
  write(p[0], "", 0);
  int n;
  ioctl(p[1], FIONREAD, &n);
  printf("seqpacket FIONREAD %d\n", n);
  show("first", read(p[1], buf, 100));
  show("cut", recv(p[1], buf, 2, MSG_TRUNC));
  show("too big", write(p[0], buf, sizeof buf));
  close(p[0]);
  show("empty", read(p[1], buf, 100));
  show("end", read(p[1], buf, 100));
  close(p[1]);
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
  int sent = 0;
  while (write(p[0], "12345", 5) == 5) sent++;
  printf("datagrams %d %s events %x\n", sent > 5, strerror(errno), events_of(p[0]));
  ioctl(p[1], FIONREAD, &n);
  printf("FIONREAD %d\n", n);
  show("one", read(p[1], buf, 3));
  while (read(p[1], buf, 100) > 0) {}
  close(p[1]);
  show("closed", write(p[0], "x", 1));
  show("again", write(p[0], "x", 1));
  close(p[0]);
}

static void names(void) {
  struct sockaddr_un a;
  char dir[] = "/tmp/kevlar-sock-XXXXXX", path[64];
  mkdtemp(dir);
  chdir(dir);
  socklen_t n = unix_name(&a, "server", 0);
  int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  printf("events fresh %x\n", events_of(s));
  show("listen unbound", listen(s, 5));
  show("accept unbound", accept(s, 0, 0));
  show("recv unconnected", recv(s, buf, 1, 0));
  show("send unconnected", send(s, buf, 1, 0));
  show("connect missing", connect(c, (void *)&a, n));
  show("bind", bind(s, (void *)&a, n));
  struct stat st;
  stat("server", &st);
  printf("mode %o\n", st.st_mode & S_IFMT);
  show("open", open("server", O_RDWR));
  show("bind again", bind(s, (void *)&a, n));
  show("bind taken", bind(c, (void *)&a, n));
  show("connect not listening", connect(c, (void *)&a, n));
  show("listen", listen(s, 1));
  show_name("server", getsockname, s);
  show("connect", connect(c, (void *)&a, n));
  show("connect again", connect(c, (void *)&a, n));
  printf("events %x %x\n", events_of(s), events_of(c));
  write(c, "early", 5);
  show_name("peer", getpeername, c);
  int d = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), e = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  show("connect second", connect(d, (void *)&a, n));
  show("connect third", connect(e, (void *)&a, n));
  struct sockaddr_un from;
  socklen_t fn = sizeof from;
  int x = accept4(s, (void *)&from, &fn, SOCK_CLOEXEC);
  printf("accepted %d name %d cloexec %d\n", x >= 0, fn, fcntl(x, F_GETFD));
  show("read", read(x, buf, 10));
  show_name("accepted", getsockname, x);
  show_name("its peer", getpeername, x);
  printf("accepting %d\n", option(s, SOL_SOCKET, SO_ACCEPTCONN));
  close(s);
  printf("events refused %x\n", events_of(d));
  show("refused read", read(d, buf, 10));
  show("after close", connect(e, (void *)&a, n));
  close(x);
  close(c);
  close(d);
  close(e);
  /* Abstract, and automatic. */
  n = unix_name(&a, "kevlar-abstract", 1);
  s = socket(AF_UNIX, SOCK_DGRAM, 0);
  c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  d = socket(AF_UNIX, SOCK_STREAM, 0);
  show("bind abstract", bind(s, (void *)&a, n));
  show_name("name", getsockname, s);
  show("taken", bind(c, (void *)&a, n));
  show("other type", connect(d, (void *)&a, n));
  show("nameless send", sendto(c, "hi", 2, 0, (void *)&a, n));
  fn = sizeof from;
  show("recvfrom", recvfrom(s, buf, 100, 0, (void *)&from, &fn));
  printf("from %d\n", fn);
  sa_family_t family = AF_UNIX;
  show("autobind", bind(c, (void *)&family, sizeof family));
  show("connect", connect(c, (void *)&a, n));
  send(c, "yo", 2, 0);
  fn = sizeof from;
  show("recvfrom", recvfrom(s, buf, 100, 0, (void *)&from, &fn));
  printf("from %d\n", fn);
  show("answer", sendto(s, "back", 4, 0, (void *)&from, fn));
  show("read", read(c, buf, 100));
  close(s);
  show("server gone", send(c, "x", 1, 0));
  show("long", bind(d, (void *)&a, 200));
  show("short", bind(d, (void *)&a, 1));
  a.sun_family = 5;
  show("family", bind(d, (void *)&a, n));
  unlink("server");
  chdir("/");
  rmdir(dir);
}

static long send_fds(int s, int count, int *fds, const char *text) {
  char control[CMSG_SPACE(10 * sizeof(int))] = {0};
  struct iovec v = {(void *)text, strlen(text)};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(c), fds, count * sizeof(int));
  return sendmsg(s, &m, 0);
}

static void receive_fds(int s, int size, int room, int flags) {
  char control[256] = {0};
  struct iovec v = {buf, size};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  long n = recvmsg(s, &m, flags);
  printf("recvmsg %ld flags %x control %d:", n, m.msg_flags, (int)m.msg_controllen);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    printf(" [%d %d %d]", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
    if (c->cmsg_type == SCM_RIGHTS) {
      int count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), fd;
      for (int i = 0; i < count; i++) {
        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
        printf(" cloexec %d wrote %d", fcntl(fd, F_GETFD), (int)write(fd, "P", 1));
        close(fd);
      }
    } else if (c->cmsg_type == SCM_CREDENTIALS) {
      struct ucred *u = (void *)CMSG_DATA(c);
      printf(" pid %d uid %d", u->pid == getpid(), u->uid == getuid());
    }
  }
  printf("\n");
}

static void control(void) {
  int p[2], q[2], bad = 99;
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  pipe(q);
  int two[2] = {q[1], q[1]};
  show("send fd", send_fds(p[0], 1, &q[1], "abc"));
  show("send bad", send_fds(p[0], 1, &bad, "abc"));
  receive_fds(p[1], 10, 256, 0);
  show("send two", send_fds(p[0], 2, two, "abc"));
  receive_fds(p[1], 10, CMSG_LEN(4), MSG_CMSG_CLOEXEC);
  show("send", send_fds(p[0], 1, two, "abc"));
  receive_fds(p[1], 10, 0, 0);
  /* Data before, with and behind descriptors. */
  write(p[0], "before", 6);
  send_fds(p[0], 1, two, "with");
  write(p[0], "behind", 6);
  receive_fds(p[1], 100, 256, 0);
  receive_fds(p[1], 100, 256, 0);
  send_fds(p[0], 1, two, "with");
  receive_fds(p[1], 2, 256, 0);
  receive_fds(p[1], 100, 256, 0);
  /* A plain read drops them; a pipe whose only writer is in flight ends when the socket is closed. */
  send_fds(p[0], 1, two, "x");
  read(p[1], buf, 10);
  send_fds(p[0], 1, two, "x");
  close(q[1]);
  fcntl(q[0], F_SETFL, O_NONBLOCK);
  while (read(q[0], buf, 100) > 0) {}
  show("in flight", read(q[0], buf, 10));
  int on = 1;
  setsockopt(p[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  write(p[1], "cred", 4);
  receive_fds(p[0], 10, 256, 0);
  write(p[1], "cred", 4);
  receive_fds(p[0], 10, 8, 0);
  close(p[0]);
  close(p[1]);
  show("dropped", read(q[0], buf, 10));
  close(q[0]);
}

static struct sockaddr_in inet(int port, uint32_t ip) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  a.sin_addr.s_addr = htonl(ip);
  return a;
}

static int port_of(int fd) {
  struct sockaddr_in6 a;
  socklen_t n = sizeof a;
  getsockname(fd, (void *)&a, &n);
  return ntohs(a.sin6_port);
}

static void tcp(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in a = inet(0, INADDR_LOOPBACK);
  printf("fresh %x\n", events_of(s));
  show("recv", recv(s, buf, 1, 0));
  show("bind", bind(s, (void *)&a, sizeof a));
  show("bind again", bind(s, (void *)&a, sizeof a));
  show("listen", listen(s, 5));
  int port = port_of(s);
  printf("port %d\n", port >= 1024);
  int t = socket(AF_INET, SOCK_STREAM, 0);
  a = inet(port, INADDR_LOOPBACK);
  show("in use", bind(t, (void *)&a, sizeof a));
  a = inet(port, INADDR_ANY);
  show("in use any", bind(t, (void *)&a, sizeof a));
  a = inet(0, 0x08080808);
  show("not ours", bind(t, (void *)&a, sizeof a));
  a = inet(port, INADDR_LOOPBACK);
  show("short", bind(t, (void *)&a, 8));
  show("connect", connect(t, (void *)&a, sizeof a));
  show("connect again", connect(t, (void *)&a, sizeof a));
  struct sockaddr_in from;
  socklen_t n = sizeof from;
  int x = accept(s, (void *)&from, &n);
  printf("from %x %d\n", ntohl(from.sin_addr.s_addr), ntohs(from.sin_port) == port_of(t));
  printf("events %x %x %x\n", events_of(s), events_of(t), events_of(x));
  setsockopt(t, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  printf("nodelay %d type %d protocol %d\n", option(t, IPPROTO_TCP, TCP_NODELAY), option(t, SOL_SOCKET, SO_TYPE), option(t, SOL_SOCKET, SO_PROTOCOL));
  write(t, "request", 7);
  show("request", read(x, buf, 100));
  write(x, "answer", 6);
  shutdown(x, SHUT_WR);
  usleep(100000);
  printf("events %x\n", events_of(t));
  show("answer", read(t, buf, 100));
  show("end", read(t, buf, 100));
  close(t);
  usleep(100000);
  show("end", read(x, buf, 100));
  close(x);
  close(s);
  t = socket(AF_INET, SOCK_STREAM, 0);
  show("refused", connect(t, (void *)&a, sizeof a));
  close(t);
  t = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  show("refused later", connect(t, (void *)&a, sizeof a));
  usleep(100000);
  printf("events %x error %d\n", events_of(t), option(t, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
  close(t);
  /* Both families. */
  s = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}, peer6;
  show("bind six", bind(s, (void *)&six, sizeof six));
  listen(s, 5);
  port = port_of(s);
  t = socket(AF_INET, SOCK_STREAM, 0);
  a = inet(port, INADDR_LOOPBACK);
  show("four to six", connect(t, (void *)&a, sizeof a));
  n = sizeof peer6;
  x = accept(s, (void *)&peer6, &n);
  char text[60];
  printf("mapped %s\n", inet_ntop(AF_INET6, &peer6.sin6_addr, text, sizeof text));
  close(x);
  close(t);
  close(s);
}

static void udp(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), t = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in a = inet(0, INADDR_LOOPBACK), from;
  socklen_t n = sizeof from;
  bind(s, (void *)&a, sizeof a);
  a = inet(port_of(s), INADDR_LOOPBACK);
  printf("events %x\n", events_of(t));
  show("send unconnected", send(t, "x", 1, 0));
  show("sendto", sendto(t, "hello", 5, 0, (void *)&a, sizeof a));
  show("empty", sendto(t, "", 0, 0, (void *)&a, sizeof a));
  show("recvfrom", recvfrom(s, buf, 3, MSG_TRUNC, (void *)&from, &n));
  printf("from %x %d %d\n", ntohl(from.sin_addr.s_addr), n, ntohs(from.sin_port) == port_of(t));
  show("empty", recv(s, buf, 100, 0));
  show("answer", sendto(s, "back", 4, 0, (void *)&from, n));
  show("answer", recv(t, buf, 100, 0));
  show("too big", sendto(t, buf, 70000, 0, (void *)&a, sizeof a));
  show("connect", connect(t, (void *)&a, sizeof a));
  show("send", send(t, "x", 1, 0));
  close(s);
  show("to nobody", send(t, "x", 1, 0));
  usleep(100000);
  printf("events %x\n", events_of(t));
  show("refused", send(t, "x", 1, 0));
  close(t);
}

int main(void) {
  pairs();
  packets();
  names();
  control();
  tcp();
  udp();
  return 0;
}
