/* ip(7), tcp(7), udp(7) on the loopback. */
#include "../contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

static struct sockaddr_in at(unsigned address, int port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
  return a;
}

static int port_of(int fd) {
  struct sockaddr_in6 a;
  socklen_t length = sizeof a;
  MUST(getsockname(fd, (void *)&a, &length));
  return ntohs(a.sin6_port);
}

static int bound(int type) {
  struct sockaddr_in a = at(INADDR_LOOPBACK, 0);
  int fd = MUST(socket(AF_INET, type, 0));
  MUST(bind(fd, (void *)&a, sizeof a));
  return fd;
}

static int listening(void) {
  int fd = bound(SOCK_STREAM);
  MUST(listen(fd, 5));
  return fd;
}

static int connected(int l) {
  struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));
  int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(connect(fd, (void *)&a, sizeof a));
  return fd;
}

static void pair(int *s) {
  int l = listening();
  s[0] = connected(l);
  s[1] = MUST(accept(l, 0, 0));
  close(l);
}

static int wait_for(int fd, int events) {
  struct pollfd p = {fd, events};
  poll(&p, 1, 2000);
  return p.revents;
}

static void say_text(int fd, int flags) {
  char text[64] = "";
  long n = recv(fd, text, 63, flags);
  if (n < 0) SAY("recv: errno %d", errno);
  else SAY("recv: %ld %s", n, text);
}

static int error_of(int fd) {
  int e = -1;
  socklen_t n = sizeof e;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
  return e;
}

CONTRACT(tcp_life) {
  int l = listening(), c = connected(l);
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  int s = MUST(accept4(l, (void *)&a, &n, SOCK_CLOEXEC | SOCK_NONBLOCK));
  SAY("length %u family %d loopback %d port %d", n, a.sin_family, a.sin_addr.s_addr == htonl(INADDR_LOOPBACK),
      ntohs(a.sin_port) == port_of(c));
  SAY("flags %o %d", fcntl(s, F_GETFL), fcntl(s, F_GETFD));
  SAY("same port: %d", port_of(s) == port_of(l));
  n = sizeof a;
  MUST(getpeername(c, (void *)&a, &n));
  SAY("peer's port: %d", ntohs(a.sin_port) == port_of(l));
  CHECK(connect(c, (void *)&a, sizeof a));
  say_text(s, 0);
  VALUE(send(c, "hello", 5, 0));
  SAY("revents %x", wait_for(s, POLLIN));
  say_text(s, 0);
  CHECK(shutdown(c, SHUT_WR));
  SAY("revents %x", wait_for(s, POLLIN | POLLRDHUP));
  say_text(s, 0);
  VALUE(send(s, "back", 4, 0));
  close(s);
  SAY("revents %x", wait_for(c, POLLIN | POLLRDHUP) & POLLIN);
  say_text(c, 0);
  say_text(c, 0);
}

CONTRACT(tcp_refused) {
  int l = bound(SOCK_STREAM), c = MUST(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));
  CHECK(connect(c, (void *)&a, sizeof a));
  listen(l, 1);
  CHECK(connect(c, (void *)&a, sizeof a));
  close(l);
  CHECK(getpeername(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&a, &(socklen_t){sizeof a}));
  signal(SIGPIPE, SIG_IGN);
  CHECK(send(MUST(socket(AF_INET, SOCK_STREAM, 0)), "x", 1, 0));
  CHECK(recv(MUST(socket(AF_INET, SOCK_STREAM, 0)), &a, 1, 0));
  a.sin_family = AF_UNIX;
  CHECK(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&a, sizeof a));
  CHECK(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&a, 3));
}

CONTRACT(tcp_nonblocking_connect) {
  int l = listening(), c = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));
  int r = connect(c, (void *)&a, sizeof a);
  SAY("now or later: %d", r == 0 || errno == EINPROGRESS);
  SAY("revents %x", wait_for(c, POLLOUT));
  SAY("error %d", error_of(c));
  close(l);
  c = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  r = connect(c, (void *)&a, sizeof a);
  if (r != 0 && errno == EINPROGRESS) {
    wait_for(c, POLLOUT);
    SAY("error %d", error_of(c));
  } else SAY("error %d", errno);
  SAY("then %d", error_of(c));
}

CONTRACT(tcp_reset_by_linger) {
  int s[2];
  struct linger linger = {1, 0};
  signal(SIGPIPE, SIG_IGN);
  pair(s);
  send(s[1], "lost", 4, 0);
  CHECK(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  close(s[0]);
  SAY("revents %x", wait_for(s[1], POLLIN | POLLOUT | POLLRDHUP));
  say_text(s[1], 0);
  say_text(s[1], 0);
  CHECK(send(s[1], "x", 1, 0));
}

CONTRACT(tcp_reset_by_unread_bytes) {
  int s[2];
  signal(SIGPIPE, SIG_IGN);
  pair(s);
  send(s[1], "unread", 6, 0);
  wait_for(s[0], POLLIN);
  close(s[0]);
  SAY("revents %x", wait_for(s[1], POLLIN | POLLOUT | POLLRDHUP));
  CHECK(send(s[1], "x", 1, 0));
  say_text(s[1], 0);
}

CONTRACT(tcp_write_after_the_peer_closed) {
  int s[2];
  signal(SIGPIPE, SIG_IGN);
  pair(s);
  close(s[0]);
  wait_for(s[1], POLLRDHUP);
  VALUE(send(s[1], "x", 1, 0));
  wait_for(s[1], POLLERR);
  CHECK(send(s[1], "x", 1, 0));
  say_text(s[1], 0);
}

CONTRACT(tcp_peek_waitall_and_urgent) {
  int s[2], n = 0;
  char text[16] = "";
  pair(s);
  send(s[0], "hello", 5, 0);
  wait_for(s[1], POLLIN);
  VALUE(recv(s[1], text, 15, MSG_PEEK));
  CHECK(ioctl(s[1], FIONREAD, &n));
  SAY("%d", n);
  if (fork() == 0) { usleep(20000); send(s[0], "world", 5, 0); _exit(0); }
  VALUE(recv(s[1], text, 10, MSG_WAITALL));
  SAY("%s", text);
  CHECK(recv(s[1], text, 1, MSG_OOB));
  say_text(s[1], MSG_DONTWAIT);
  send(s[0], "truncated", 9, 0);
  wait_for(s[1], POLLIN);
  VALUE(recv(s[1], 0, 4, MSG_TRUNC));
  say_text(s[1], 0);
}

CONTRACT(tcp_shutdown_both_ways) {
  int s[2];
  signal(SIGPIPE, SIG_IGN);
  pair(s);
  CHECK(shutdown(s[0], SHUT_RD));
  say_text(s[0], 0);
  CHECK(shutdown(s[0], SHUT_RDWR));
  CHECK(send(s[0], "x", 1, 0));
  SAY("revents %x", wait_for(s[0], POLLIN | POLLOUT | POLLRDHUP));
  wait_for(s[1], POLLRDHUP);
  say_text(s[1], 0);
  int fresh = MUST(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(shutdown(fresh, SHUT_RDWR));
  SAY("revents %x", wait_for(fresh, POLLIN | POLLOUT));
  int l = listening();
  SAY("revents %x", wait_for(s[1], POLLIN) & POLLIN);
  CHECK(shutdown(l, SHUT_RD));
  CHECK(accept(l, 0, 0));
}

CONTRACT(tcp_bind_conflicts) {
  int a = bound(SOCK_STREAM), on = 1;
  struct sockaddr_in where = at(INADDR_LOOPBACK, port_of(a));
  SAY("a port: %d", port_of(a) > 0);
  CHECK(bind(a, (void *)&where, sizeof where));
  int b = MUST(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(bind(b, (void *)&where, sizeof where));
  setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  CHECK(bind(b, (void *)&where, sizeof where));
  setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  CHECK(bind(b, (void *)&where, sizeof where));
  CHECK(listen(a, 1));
  CHECK(listen(b, 1));
  int any = MUST(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in all = at(INADDR_ANY, port_of(a));
  CHECK(bind(any, (void *)&all, sizeof all));
  struct sockaddr_in other = at(0x7f000002, port_of(a));
  CHECK(bind(any, (void *)&other, sizeof other));
  int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(bind(udp, (void *)&where, sizeof where));
  struct sockaddr_in foreign = at(0x08080808, 0);
  CHECK(bind(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&foreign, sizeof foreign));
  CHECK(bind(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&where, 8));
}

CONTRACT(tcp_listen_without_a_name) {
  int l = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  getsockname(l, (void *)&a, &n);
  SAY("port %d address %x length %u", ntohs(a.sin_port), a.sin_addr.s_addr, n);
  CHECK(listen(l, 1));
  SAY("a port: %d", port_of(l) > 0);
  CHECK(accept(l, 0, 0));
  CHECK(connect(l, (void *)&a, sizeof a));
  struct pollfd p = {l, POLLIN | POLLOUT};
  poll(&p, 1, 0);
  SAY("revents %x", p.revents);
  int v;
  n = sizeof v;
  getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &v, &n);
  SAY("accepts: %d", v);
  char text[8];
  CHECK(recv(l, text, 1, 0));
  n = 5;
  getsockname(l, (void *)text, &n);
  SAY("length told %u", n);
  CHECK(getsockname(l, 0, &n));
  CHECK(getsockname(l, (void *)text, 0));
}

CONTRACT(receive_timeouts) {
  int s[2];
  struct timeval t = {0, 30000}, got = {9, 9};
  socklen_t n = sizeof got;
  char byte;
  pair(s);
  CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
  CHECK(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &got, &n));
  SAY("set: %d", got.tv_sec == 0 && got.tv_usec >= 29000 && got.tv_usec <= 40000);
  CHECK(recv(s[0], &byte, 1, 0));
  t.tv_usec = 2000000;
  CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
  CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, 4));
  t.tv_usec = 30000;
  int u = bound(SOCK_DGRAM), l = listening();
  setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  CHECK(recv(u, &byte, 1, 0));
  CHECK(accept(l, 0, 0));
}

CONTRACT(udp_datagrams) {
  int a = bound(SOCK_DGRAM), b = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  struct sockaddr_in to = at(INADDR_LOOPBACK, port_of(a)), from;
  socklen_t n = sizeof from;
  char text[16] = "";
  VALUE(sendto(b, "one", 3, 0, (void *)&to, sizeof to));
  VALUE(sendto(b, "", 0, 0, (void *)&to, sizeof to));
  VALUE(sendto(b, "a long one", 10, 0, (void *)&to, sizeof to));
  wait_for(a, POLLIN);
  VALUE(recvfrom(a, text, 16, 0, (void *)&from, &n));
  SAY("length %u from its port %d", n, ntohs(from.sin_port) == port_of(b));
  VALUE(recv(a, text, 16, 0));
  VALUE(recv(a, text, 4, MSG_TRUNC | MSG_PEEK));
  int bytes;
  ioctl(a, FIONREAD, &bytes);
  SAY("%d", bytes);
  struct iovec v = {text, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  VALUE(recvmsg(a, &m, 0));
  SAY("flags %x", m.msg_flags);
  say_text(a, MSG_DONTWAIT);
  CHECK(send(b, "x", 1, 0));
  CHECK(listen(b, 1));
  static char big[70000];
  CHECK(sendto(b, big, sizeof big, 0, (void *)&to, sizeof to));
}

CONTRACT(udp_connected) {
  int a = bound(SOCK_DGRAM), b = bound(SOCK_DGRAM), c = bound(SOCK_DGRAM);
  struct sockaddr_in to = at(INADDR_LOOPBACK, port_of(a)), back = at(INADDR_LOOPBACK, port_of(b));
  CHECK(connect(b, (void *)&to, sizeof to));
  VALUE(send(b, "hi", 2, 0));
  sendto(c, "stray", 5, 0, (void *)&back, sizeof back);
  sendto(a, "heard", 5, 0, (void *)&back, sizeof back);
  wait_for(b, POLLIN);
  say_text(b, 0);
  say_text(b, MSG_DONTWAIT);
  close(a);
  VALUE(send(b, "x", 1, 0));
  SAY("revents %x", wait_for(b, POLLIN | POLLOUT) & (POLLERR | POLLOUT));
  say_text(b, MSG_DONTWAIT);
  say_text(b, MSG_DONTWAIT);
  struct sockaddr none = {AF_UNSPEC};
  CHECK(connect(b, &none, sizeof none));
  struct sockaddr_in peer;
  CHECK(getpeername(b, (void *)&peer, &(socklen_t){sizeof peer}));
  CHECK(send(b, "x", 1, 0));
}

/* What recvmsg tells of one datagram with `room` bytes for control messages. */
static void say_control(int fd, size_t room) {
  char text[8], control[64] __attribute__((aligned(8)));
  struct iovec v = {text, sizeof text};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  VALUE(recvmsg(fd, &m, 0));
  SAY("flags %x length %zu", m.msg_flags, m.msg_controllen);
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    int value = -2;
    memcpy(&value, CMSG_DATA(c), c->cmsg_len < CMSG_LEN(4) ? 0 : 4);
    SAY("  level %d type %d length %zu value %d", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len, value);
  }
}

static long send_with(int fd, struct sockaddr_in6 *to, int type, int value, size_t size) {
  char control[CMSG_SPACE(8)] __attribute__((aligned(8))) = {0};
  struct iovec v = {"x", 1};
  struct msghdr m = {to, sizeof *to, &v, 1, control, CMSG_SPACE(size), 0};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = IPPROTO_IPV6, c->cmsg_type = type, c->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(c), &value, 4);
  return sendmsg(fd, &m, 0);
}

/* Needs ::1. */
CONTRACT(udp6_hop_limit_and_class) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  int r = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), s = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), on = 7, v = -1;
  MUST(bind(r, (void *)&a, sizeof a));
  a.sin6_port = htons(port_of(r));
  VALUE(sendto(s, "x", 1, 0, (void *)&a, sizeof a));
  say_control(r, 64);
  CHECK(setsockopt(r, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on));
  CHECK(setsockopt(r, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on));
  CHECK(getsockopt(r, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &v, &(socklen_t){sizeof v}));
  SAY("%d", v);
  static const size_t rooms[] = {64, 48, 47, 44, 43, 40, 39, 24, 20, 19, 16, 15, 0};
  for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    sendto(s, "x", 1, 0, (void *)&a, sizeof a);
    say_control(r, rooms[i]);
  }
  static const int values[] = {1, 0, 255, 256, -1, -2};
  for (int i = 0; i < 6; i++) {
    if (VALUE(send_with(s, &a, IPV6_HOPLIMIT, values[i], 4)) == 1) say_control(r, 64);
    /* Which class a -1 is depends on Linux's version. */
    if (values[i] != -1 && VALUE(send_with(s, &a, IPV6_TCLASS, values[i], 4)) == 1) say_control(r, 64);
  }
  CHECK(send_with(s, &a, IPV6_TCLASS, 1, 8));
  v = 9;
  CHECK(setsockopt(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &v, sizeof v));
  CHECK(setsockopt(s, IPPROTO_IPV6, IPV6_TCLASS, &v, sizeof v));
  if (VALUE(send_with(s, &a, IPV6_HOPLIMIT, -1, 4)) == 1) say_control(r, 64);
}

/* Needs a kernel with UDP-Lite. */
CONTRACT(udp_lite) {
  int u = bound(SOCK_DGRAM), r = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)), v = -1;
  int s = MUST(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
  struct sockaddr_in to = at(INADDR_LOOPBACK, port_of(u));
  /* Ports are other ports. */
  CHECK(bind(r, (void *)&to, sizeof to));
  CHECK(bind(s, (void *)&to, sizeof to));
  CHECK(getsockopt(r, SOL_SOCKET, SO_PROTOCOL, &v, &(socklen_t){sizeof v}));
  SAY("protocol %d", v);
  CHECK(socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE));
  VALUE(sendto(s, "lite", 4, 0, (void *)&to, sizeof to));
  say_text(r, 0);
  say_text(u, MSG_DONTWAIT);
  enum { SEND_CSCOV = 10, RECV_CSCOV = 11 };
  CHECK(setsockopt(u, IPPROTO_UDPLITE, SEND_CSCOV, &v, sizeof v));
  CHECK(getsockopt(u, IPPROTO_UDPLITE, SEND_CSCOV, &v, &(socklen_t){sizeof v}));
  static const int sent[] = {0, 3, 8, 10, 12, 20, 70000, -1};
  for (int i = 0; i < 8; i++) {
    v = sent[i];
    CHECK(setsockopt(s, IPPROTO_UDPLITE, SEND_CSCOV, &v, sizeof v));
    getsockopt(s, IPPROTO_UDPLITE, SEND_CSCOV, &v, &(socklen_t){sizeof v});
    SAY("send coverage %d", v);
    VALUE(sendto(s, "lite", 4, 0, (void *)&to, sizeof to));
    say_text(r, MSG_DONTWAIT);
    if (i == 3) {
      v = 11;
      CHECK(setsockopt(r, IPPROTO_UDPLITE, RECV_CSCOV, &v, sizeof v));
      sendto(s, "lite", 4, 0, (void *)&to, sizeof to);
      say_text(r, MSG_DONTWAIT);
      v = 0;
      CHECK(setsockopt(r, IPPROTO_UDPLITE, RECV_CSCOV, &v, sizeof v));
      sendto(s, "lite", 4, 0, (void *)&to, sizeof to);
      say_text(r, MSG_DONTWAIT);
    }
  }
}

CONTRACT(many_messages_at_once) {
  int a = bound(SOCK_DGRAM), b = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  struct sockaddr_in to = at(INADDR_LOOPBACK, port_of(a));
  MUST(connect(b, (void *)&to, sizeof to));
  struct iovec v[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
  struct mmsghdr m[4] = {0};
  for (int i = 0; i < 3; i++) m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
  VALUE(sendmmsg(b, m, 3, 0));
  SAY("%u %u %u", m[0].msg_len, m[1].msg_len, m[2].msg_len);
  wait_for(a, POLLIN);
  char text[4][8] = {0};
  struct iovec w[4];
  for (int i = 0; i < 4; i++) {
    w[i] = (struct iovec){text[i], 2};
    m[i].msg_hdr.msg_iov = &w[i], m[i].msg_hdr.msg_iovlen = 1;
  }
  VALUE(recvmmsg(a, m, 4, MSG_DONTWAIT, 0));
  for (int i = 0; i < 3; i++) SAY("%s %u flags %x", text[i], m[i].msg_len, m[i].msg_hdr.msg_flags);
  VALUE(recvmmsg(a, m, 4, MSG_DONTWAIT, 0));
  send(b, "z", 1, 0);
  VALUE(recvmmsg(a, m, 4, MSG_WAITFORONE, 0));
  VALUE(sendmmsg(b, m, 0, 0));
}

CONTRACT(inet6_and_dual_stack) {
  /* Not every host has ::1; the mapped loopback is always there. */
  struct sockaddr_in6 a = {.sin6_family = AF_INET6}, b;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr);
  socklen_t n = sizeof b;
  int l = MUST(socket(AF_INET6, SOCK_STREAM, 0)), c = MUST(socket(AF_INET6, SOCK_STREAM, 0)), v = -1;
  MUST(bind(l, (void *)&a, sizeof a));
  MUST(listen(l, 1));
  a.sin6_port = htons(port_of(l));
  CHECK(connect(c, (void *)&a, sizeof a));
  int s = MUST(accept(l, (void *)&b, &n));
  SAY("length %u family %d loopback %d", n, b.sin6_family, memcmp(&b.sin6_addr, &a.sin6_addr, 16) == 0);
  int dual = MUST(socket(AF_INET6, SOCK_STREAM, 0));
  n = sizeof v;
  getsockopt(dual, IPPROTO_IPV6, IPV6_V6ONLY, &v, &n);
  SAY("v6only %d", v);
  a.sin6_addr = in6addr_any, a.sin6_port = 0;
  MUST(bind(dual, (void *)&a, sizeof a));
  MUST(listen(dual, 1));
  struct sockaddr_in four = at(INADDR_LOOPBACK, port_of(dual));
  int c4 = MUST(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(c4, (void *)&four, sizeof four));
  n = sizeof b;
  MUST(accept(dual, (void *)&b, &n));
  SAY("mapped %d", IN6_IS_ADDR_V4MAPPED(&b.sin6_addr));
  CHECK(bind(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&four, sizeof four));
  int only = MUST(socket(AF_INET6, SOCK_STREAM, 0));
  v = 1;
  CHECK(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &v, sizeof v));
  a.sin6_port = 0;
  MUST(bind(only, (void *)&a, sizeof a));
  MUST(listen(only, 1));
  four.sin_port = htons(port_of(only));
  CHECK(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void *)&four, sizeof four));
  CHECK(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &v, sizeof v));
  CHECK(connect(MUST(socket(AF_INET6, SOCK_STREAM, 0)), (void *)&four, sizeof four));
}

CONTRACT(option_defaults_and_forms) {
  static const struct { const char *name; int type, level, option; } options[] = {
    {"tcp type", SOCK_STREAM, SOL_SOCKET, SO_TYPE}, {"udp type", SOCK_DGRAM, SOL_SOCKET, SO_TYPE},
    {"domain", SOCK_STREAM, SOL_SOCKET, SO_DOMAIN}, {"tcp protocol", SOCK_STREAM, SOL_SOCKET, SO_PROTOCOL},
    {"udp protocol", SOCK_DGRAM, SOL_SOCKET, SO_PROTOCOL}, {"reuseaddr", SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR},
    {"reuseport", SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT}, {"keepalive", SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE},
    {"broadcast", SOCK_DGRAM, SOL_SOCKET, SO_BROADCAST}, {"oobinline", SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE},
    {"error", SOCK_STREAM, SOL_SOCKET, SO_ERROR}, {"acceptconn", SOCK_STREAM, SOL_SOCKET, SO_ACCEPTCONN},
    {"rcvlowat", SOCK_STREAM, SOL_SOCKET, SO_RCVLOWAT}, {"priority", SOCK_STREAM, SOL_SOCKET, SO_PRIORITY},
    {"nodelay", SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY}, {"cork", SOCK_STREAM, IPPROTO_TCP, TCP_CORK},
    {"ttl", SOCK_STREAM, IPPROTO_IP, IP_TTL}, {"tos", SOCK_STREAM, IPPROTO_IP, IP_TOS},
    {"udp nodelay", SOCK_DGRAM, IPPROTO_TCP, TCP_NODELAY}, {"unknown", SOCK_STREAM, SOL_SOCKET, 9999},
    {"unknown tcp", SOCK_STREAM, IPPROTO_TCP, 9999}, {"unknown level", SOCK_STREAM, 12345, 1},
  };
  for (unsigned i = 0; i < sizeof options / sizeof options[0]; i++) {
    int fd = MUST(socket(AF_INET, options[i].type, 0)), v = -1;
    socklen_t n = sizeof v;
    int r = getsockopt(fd, options[i].level, options[i].option, &v, &n);
    if (r != 0) SAY("%s: errno %d", options[i].name, errno);
    else SAY("%s: %d (%u)", options[i].name, v, n);
    close(fd);
  }
}

CONTRACT(option_setting) {
  int fd = MUST(socket(AF_INET, SOCK_STREAM, 0)), v = 5;
  socklen_t n = sizeof v;
  CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, n));
  getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, &n);
  SAY("%d", v);
  v = 7;
  CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, n));
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &n);
  SAY("%d", v);
  v = 8000;
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, n));
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &v, &n);
  SAY("%d", v);
  v = 1;
  CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &v, n));
  getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &v, &n);
  SAY("%d", v);
  char small[2] = {9, 9};
  n = 2;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, small, &n));
  SAY("%d %d (%u)", small[0], small[1], n);
  n = -1;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n));
  CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, 0, &(socklen_t){4}));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 0, 4));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 2));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_TYPE, &v, 4));
  CHECK(setsockopt(fd, SOL_SOCKET, SO_ERROR, &v, 4));
  CHECK(setsockopt(fd, SOL_SOCKET, 9999, &v, 4));
  struct linger l = {1, 5};
  CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  l.l_linger = 0, n = sizeof l;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
  SAY("%d %d", l.l_onoff, l.l_linger);
}

CONTRACT(socket_creation) {
  CHECK(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
  CHECK(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
  CHECK(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
  CHECK(socket(AF_INET, SOCK_SEQPACKET, 0));
  CHECK(socket(AF_INET, 99, 0));
  CHECK(socket(AF_INET, SOCK_STREAM, 300));
  CHECK(socket(255, SOCK_STREAM, 0));
  CHECK(socket(-1, SOCK_STREAM, 0));
  CHECK(socket(AF_INET, SOCK_STREAM | 0x10000, 0));
  SAY("%o", fcntl(MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)), F_GETFL));
  CHECK(syscall(SYS_accept4, listening(), 0, 0, 3));
}
