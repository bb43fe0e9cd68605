/* musl passes ioctl's request as an int: it arrives with its sign in the upper half. */
#include "../contract.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>

CONTRACT(openpty_opens_a_terminal) {
  int master, slave;
  struct winsize size = {.ws_row = 33, .ws_col = 77}, seen = {0};
  CHECK(openpty(&master, &slave, NULL, NULL, &size));
  CHECK(ioctl(slave, TIOCGWINSZ, &seen));
  SAY("%d x %d, a terminal: %d", seen.ws_row, seen.ws_col, isatty(slave));
}

CONTRACT(ioctl_requests_have_32_bits) {
  int number = -1, master = MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY));
  CHECK(syscall(SYS_ioctl, master, 0xffffffff80045430, &number));
  SAY("a number: %d", number >= 0);
  CHECK(syscall(SYS_ioctl, master, 0x1234567880045430, &number));
  CHECK(syscall(SYS_ioctl, master, 0xffffffff00000000, &number));
}
