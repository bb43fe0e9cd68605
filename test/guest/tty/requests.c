/* ioctl(2) requests of terminals. */
#include "../contract.h"
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* musl passes the request as an int: of requests from 0x80000000 on all upper bits are then set. */
CONTRACT(the_upper_half_of_a_request_is_ignored) {
  int master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  int number = -1;
  CHECK(syscall(SYS_ioctl, master, 0xffffffff80045430UL, &number));
  SAY("a number: %d", number >= 0);
  CHECK(syscall(SYS_ioctl, master, 0x1234567880045430UL, &number));
}
