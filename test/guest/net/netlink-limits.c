/* What a netlink socket does with too much: a message beyond the send buffer, and answers that nobody reads. */
#include "../contract.h"
#include <sys/mman.h>
#include <sys/socket.h>

/* netlink(7), rtnetlink(7): not every C library has the kernel's headers. */
struct header { uint32_t length; uint16_t type, flags; uint32_t sequence, port; };
struct link { uint8_t family, pad; uint16_t type; int32_t index; uint32_t flags, change; };
enum { ROUTE = 0, GETLINK = 18, REQUEST = 1 };

static int open_route(void) { return MUST(socket(AF_NETLINK, SOCK_RAW, ROUTE)); }

static long ask(int s, int seq) {
  struct { struct header h; struct link l; } q = {
    { sizeof q, GETLINK, REQUEST, seq, 0 }, { .index = 1 },
  };
  return send(s, &q, sizeof q, 0);
}

CONTRACT(netlink_message_beyond_the_send_buffer) {
  int s = open_route();
  size_t size = 64 << 20;
  char *much = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(send(s, much, size, 0));
  CHECK(send(s, much, 1 << 20, 0));
  SAY("asked: %d", ask(s, 1) > 0);
}

CONTRACT(netlink_answers_that_nobody_reads) {
  int s = open_route(), sent = 0, got = 0;
  char buf[8192];
  for (int i = 1; i <= 5000; i++) sent += ask(s, i) > 0;
  SAY("sent: %d", sent);
  CHECK(recv(s, buf, sizeof buf, MSG_DONTWAIT));
  while (recv(s, buf, sizeof buf, MSG_DONTWAIT) > 0) got++;
  SAY("errno %d, some: %d, all: %d", errno, got > 0, got == 5000);
  SAY("asked again: %d", ask(s, 7) > 0);
  CHECK(recv(s, buf, sizeof buf, MSG_DONTWAIT));
  SAY("its answer: %d", ((struct header *)buf)->sequence == 7);
}
