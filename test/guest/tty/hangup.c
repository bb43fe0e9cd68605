/* vhangup(2) and TIOCVHANGUP: who may, who hears of it, and what is left of the terminal. */
#include "../contract.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile int hups, conts;
static void count(int sig) { *(sig == SIGHUP ? &hups : &conts) += 1; }

static int master, slave;
static char name[64];

static void open_pair(void) {
  MUST(openpty(&master, &slave, name, NULL, NULL));
  MUST(fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
}

/* In a child: a session of its own, with the slave as its terminal. */
static void lead(void) {
  MUST(setsid());
  MUST(ioctl(slave, TIOCSCTTY, 0));
  signal(SIGHUP, count);
  signal(SIGCONT, count);
}

static void say_poll(const char *what, int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
  MUST(poll(&p, 1, 0));
  SAY("%s: events %x", what, p.revents);
}

static void say_read(const char *what, int fd) {
  char got[64];
  long n = read(fd, got, sizeof got);
  if (n < 0) SAY("%s: %s", what, contract_errno(errno));
  else SAY("%s: \"%.*s\"", what, (int)n, got);
}

static void say_what_is_left(void) {
  int pgrp, n;
  SAY("%d SIGHUP, %d SIGCONT", hups, conts);
  say_read("a read", slave);
  CHECK(write(slave, "x", 1));
  CHECK(tcgetpgrp(slave));
  CHECK(tcsetpgrp(slave, getpgrp()));
  CHECK(ioctl(slave, TIOCOUTQ, &n));
  CHECK(ioctl(slave, FIONREAD, &n));
  CHECK(ioctl(slave, TCFLSH, TCIFLUSH));
  CHECK(open("/dev/tty", O_RDWR));
  say_poll("the slave", slave);
}

static void wait_for(pid_t pid) {
  int status;
  MUST(waitpid(pid, &status, 0));
  say_status("the leader", status);
}

CONTRACT_AS_ROOT(vhangup_without_a_terminal) {
  pid_t pid = MUST(fork());
  if (pid == 0) {
    MUST(setsid());
    CHECK(vhangup());
    exit(0);
  }
  wait_for(pid);
}

CONTRACT_AS_ROOT(vhangup_needs_a_capability) {
  open_pair();
  MUST(setuid(1234));
  CHECK(vhangup());
  CHECK(ioctl(slave, TIOCVHANGUP));
}

CONTRACT_AS_ROOT(vhangup_ends_a_session_s_terminal) {
  open_pair();
  MUST(write(slave, "before", 6));
  usleep(20000);
  pid_t pid = MUST(fork());
  if (pid == 0) {
    lead();
    CHECK(vhangup());
    say_what_is_left();
    CHECK(vhangup());
    exit(0);
  }
  wait_for(pid);
  say_poll("the master", master);
  say_read("the master", master);
  CHECK(write(master, "y", 1));
}

CONTRACT_AS_ROOT(a_request_hangs_a_terminal_up) {
  open_pair();
  pid_t pid = MUST(fork());
  if (pid == 0) {
    lead();
    CHECK(ioctl(slave, TIOCVHANGUP));
    say_what_is_left();
    exit(0);
  }
  wait_for(pid);
}

CONTRACT_AS_ROOT(the_master_hangs_up_itself) {
  int n;
  open_pair();
  MUST(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
  CHECK(ioctl(master, TIOCVHANGUP));
  say_poll("the slave", slave);
  say_poll("the master", master);
  say_read("the slave", slave);
  say_read("the master", master);
  CHECK(write(slave, "x", 1));
  CHECK(write(master, "x", 1));
  CHECK(ioctl(master, TIOCGPTN, &n));
  CHECK(tcgetpgrp(slave));
  CHECK(open(name, O_RDWR | O_NOCTTY));
}

CONTRACT_AS_ROOT(a_terminal_can_be_opened_again) {
  open_pair();
  CHECK(ioctl(slave, TIOCVHANGUP));
  say_poll("the master", master);
  int again = MUST(open(name, O_RDWR | O_NOCTTY));
  say_poll("the master", master);
  CHECK(write(again, "text", 4));
  usleep(20000);
  say_read("the master", master);
  CHECK(write(master, "line\n", 5));
  usleep(20000);
  say_read("the new one", again);
  say_read("the old one", slave);
}

CONTRACT_AS_ROOT(a_hang_up_wakes_a_reader) {
  open_pair();
  pid_t pid = MUST(fork());
  if (pid == 0) {
    say_read("woken", slave);
    exit(0);
  }
  usleep(100000);
  MUST(ioctl(slave, TIOCVHANGUP));
  wait_for(pid);
}

CONTRACT_AS_ROOT(closing_the_master_hangs_up) {
  int ready[2];
  char c;
  open_pair();
  MUST(pipe(ready));
  pid_t pid = MUST(fork());
  if (pid == 0) {
    close(master);
    lead();
    MUST(write(ready[1], "r", 1));
    for (int i = 0; i < 1000 && hups == 0; i++) usleep(10000);
    say_what_is_left();
    exit(0);
  }
  MUST(read(ready[0], &c, 1));
  close(master);
  wait_for(pid);
}
