/* How the end of a TCP connection shows: to sends, receives, poll and shutdown of the other side. */
#include "../contract.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static int ours, theirs;

static void make_connection(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  int listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(bind(listener, (void *)&address, sizeof address));
  MUST(listen(listener, 1));
  MUST(getsockname(listener, (void *)&address, &length));
  ours = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(connect(ours, (void *)&address, sizeof address));
  theirs = MUST(accept(listener, NULL, NULL));
  close(listener);
  signal(SIGPIPE, SIG_IGN);
}

static void settle(void) { usleep(20000); }

static void say_state(void) {
  struct pollfd p = {.fd = ours, .events = POLLIN | POLLOUT | POLLRDHUP};
  char buffer[100];
  int error = -1;
  socklen_t length = sizeof error;
  poll(&p, 1, 0);
  SAY("poll: %x", p.revents);
  SAY("name: %d", getpeername(ours, (void *)buffer, &(socklen_t){sizeof buffer}));
  VALUE(recv(ours, buffer, sizeof buffer, MSG_DONTWAIT));
  VALUE(send(ours, "x", 1, 0));
  settle();
  p.revents = 0;
  poll(&p, 1, 0);
  SAY("poll: %x", p.revents);
  VALUE(recv(ours, buffer, sizeof buffer, MSG_DONTWAIT));
  VALUE(send(ours, "x", 1, 0));
  VALUE(send(ours, "x", 1, 0));
  VALUE(recv(ours, buffer, sizeof buffer, MSG_DONTWAIT));
  getsockopt(ours, SOL_SOCKET, SO_ERROR, &error, &length);
  SAY("error %d", error);
  CHECK(shutdown(ours, SHUT_RDWR));
}

CONTRACT(a_peer_that_closed) {
  make_connection();
  MUST(send(theirs, "last", 4, 0));
  close(theirs);
  settle();
  say_state();
}

CONTRACT(a_peer_that_closed_with_bytes_unread) {
  make_connection();
  MUST(send(ours, "unread", 6, 0));
  settle();
  close(theirs);
  settle();
  say_state();
}

CONTRACT(a_peer_that_aborted) {
  make_connection();
  struct linger linger = {.l_onoff = 1};
  MUST(send(theirs, "last", 4, 0));
  MUST(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  close(theirs);
  settle();
  say_state();
}

CONTRACT(a_peer_that_lingers) {
  make_connection();
  struct linger linger = {.l_onoff = 1, .l_linger = 1};
  MUST(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  close(theirs);
  settle();
  say_state();
}

CONTRACT(a_peer_that_sends_no_more) {
  make_connection();
  MUST(shutdown(theirs, SHUT_WR));
  settle();
  say_state();
  settle();
  char buffer[100];
  VALUE(recv(theirs, buffer, sizeof buffer, MSG_DONTWAIT));
}

CONTRACT(a_peer_that_reads_no_more) {
  make_connection();
  MUST(shutdown(theirs, SHUT_RD));
  settle();
  say_state();
  settle();
  char buffer[100];
  VALUE(recv(theirs, buffer, sizeof buffer, MSG_DONTWAIT));
  VALUE(recv(theirs, buffer, sizeof buffer, MSG_DONTWAIT));
}
